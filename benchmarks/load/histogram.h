/* histogram.h - latencies in log-linear buckets: 64 per power of two, so that
 * a quantile is right to 1.6 % whatever its size. */
#ifndef LOAD_HISTOGRAM_H
#define LOAD_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_SUB = 64, HISTOGRAM_BUCKETS = 64 * HISTOGRAM_SUB };

typedef struct histogram {
    uint64_t count, max;
    uint64_t bucket[HISTOGRAM_BUCKETS];
} histogram;

static inline unsigned
histogram_index(uint64_t value)
{
    if (value < HISTOGRAM_SUB)
        return (unsigned)value;
    unsigned shift = 57u - (unsigned)__builtin_clzll(value);
    return (shift + 1) * HISTOGRAM_SUB +
           (unsigned)((value >> shift) - HISTOGRAM_SUB);
}

/** The middle of the values that fall into bucket `index`. */
static inline double
histogram_value(unsigned index)
{
    if (index < HISTOGRAM_SUB)
        return index;
    unsigned shift = index / HISTOGRAM_SUB - 1;
    double low = (double)(HISTOGRAM_SUB + index % HISTOGRAM_SUB);
    return (low + 0.5) * (double)(UINT64_C(1) << shift);
}

static inline void
histogram_add(histogram *h, uint64_t value)
{
    h->count++;
    h->bucket[histogram_index(value)]++;
    if (value > h->max)
        h->max = value;
}

/** The value that a share `q` of all values does not exceed. */
static inline double
histogram_quantile(const histogram *h, double q)
{
    uint64_t seen = 0, wanted = (uint64_t)(q * (double)h->count);
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen > wanted)
            return histogram_value(i);
    }
    return (double)h->max;
}

#endif
