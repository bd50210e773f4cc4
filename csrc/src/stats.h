/* What a loop measures of itself once it is told to: histograms.
 *
 * Values fall into buckets as in HdrHistogram: a power of two each, divided
 * into four, so that a bucket is at most a quarter as wide as its values are
 * large. A histogram of times covers 1 ns to more than an hour in 168 buckets.
 *
 * Invariant: the loop's thread alone writes; any thread reads, at any moment,
 * without a lock. How many values there are is the sum of the buckets, so that
 * the two agree. */
#ifndef BIDE_STATS_H
#define BIDE_STATS_H

#include <stdatomic.h>

#include "bide.h"

enum { BIDE__BUCKETS = 168 };

typedef struct bide__histogram {
    atomic_uint_fast64_t sum, max;
    atomic_uint_fast64_t buckets[BIDE__BUCKETS];
} bide__histogram;

enum {
    BIDE__STATS_STEP, /* times in ns */
    BIDE__STATS_DELAY,
    BIDE__STATS_LOCK_WAIT,
    BIDE__STATS_LOCK_HOLD,
    BIDE__STATS_POOL_QUEUE,
    BIDE__STATS_DEPTH, /* values in a channel */
    BIDE__STATS_COUNT
};

typedef struct bide__stats {
    bide__histogram histograms[BIDE__STATS_COUNT];
    atomic_uint_fast64_t locks_taken;
    bide_task *running; /* whose step it is, until it ends or the task does */
    int64_t polled_at;  /* the end of the last poll with nothing ready */
} bide__stats;

/** Notes `value` (below 0: 0) in histogram `which`. Loop's thread. */
void bide__stats_note(bide__stats *s, int which, int64_t value);

/** The least value that lies above bucket `i`. */
uint64_t bide__stats_above(int i);

/** Whether BIDE_STATS in the environment turns statistics on. */
bool bide__stats_wanted(void);

#endif
