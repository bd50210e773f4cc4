/* What compilers can be told about the code. */
#ifndef BIDE_COMPILER_H
#define BIDE_COMPILER_H

#if defined(__GNUC__)
#define bide__unlikely(x) __builtin_expect(!!(x), 0)
/** Of a function that is the seldom half of another: kept out of it, it costs
 * that one no registers. */
#define bide__apart __attribute__((noinline))
#else
#define bide__unlikely(x) (x)
#define bide__apart
#endif

#endif
