#include "stats.h"

#include <stdlib.h>
#include <string.h>

enum { SUB_BITS = 2, SUB = 1 << SUB_BITS };

static unsigned
log2_of(uint64_t v)
{
#if defined(__GNUC__)
    return 63U - (unsigned)__builtin_clzll(v);
#else
    unsigned n = 0;
    while (v >>= 1)
        n++;
    return n;
#endif
}

/* Below 2 * SUB each value has a bucket of its own. */
static unsigned
bucket_of(uint64_t v)
{
    if (v < SUB)
        return (unsigned)v;
    unsigned shift = log2_of(v) - SUB_BITS;
    unsigned i = shift * SUB + (unsigned)(v >> shift);
    return i < BIDE__BUCKETS ? i : BIDE__BUCKETS - 1;
}

uint64_t
bide__stats_above(int i)
{
    uint64_t next = (uint64_t)i + 1;
    if (next < 2 * SUB)
        return next;
    return (next % SUB + SUB) << (next / SUB - 1);
}

static inline void
note(bide__histogram *h, int64_t value, unsigned times)
{
    uint64_t v = value > 0 ? (uint64_t)value : 0;
    bide__stats_count(&h->buckets[bucket_of(v)], times);
    bide__stats_count(&h->sum, v * times);
    if (v > atomic_load_explicit(&h->max, memory_order_relaxed))
        atomic_store_explicit(&h->max, v, memory_order_relaxed);
}

void
bide__stats_note_as(bide__stats *s, int which, int64_t value, unsigned weight)
{
    note(&s->histograms[which], value, weight);
    s->credit -= BIDE__STATS_COST;
}

void
bide__stats_note(bide__stats *s, int which, int64_t value)
{
    bide__stats_note_as(s, which, value, s->weight);
}

void
bide__stats_note_one(bide__stats *s, int which, int64_t value)
{
    note(&s->histograms[which], value, 1);
}

bool
bide__stats_wanted(void)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
    const char *value = getenv("BIDE_STATS");
    return value && *value && strcmp(value, "0") != 0;
}
