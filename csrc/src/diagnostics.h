/* Whether the core keeps what only explains: who holds what and since when, who
 * waits since when, how many steps there were.
 *
 * It always does, but for one build (BIDE_DIAGNOSTICS=OFF) that exists to be
 * measured beside the usual one. That one finds no deadlock. */
#ifndef BIDE_DIAGNOSTICS_H
#define BIDE_DIAGNOSTICS_H

#ifndef BIDE_DIAGNOSTICS
#define BIDE_DIAGNOSTICS 1
#endif

enum { BIDE__DIAGNOSTICS = BIDE_DIAGNOSTICS };

#endif
