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

enum {
    BIDE__BUCKETS = 168,
    BIDE__STATS_COST = 8 /* of noting a value, about, ns */
};

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

    /* Which turns are measured: see sampling.c. */
    bool exact;       /* this one, with all of its steps */
    bool alone;       /* nothing but tasks has run since the last one */
    int64_t began;    /* this one, or the first since a look at the clock */
    unsigned steps;   /* since then */
    unsigned weight;  /* for how many values of its kind one stands */
    uint64_t unseen;  /* steps of other turns for which none has stood yet */
    int64_t look;     /* how long a look at the clock takes, ns */
    int64_t cost;     /* of measuring a step but for what is noted */
    int64_t credit;   /* how long measuring may still take */
    int64_t usual;    /* a step's time in the last turn that was not exact */
    int64_t ended_at; /* the last turn */
} bide__stats;

/** Makes the first turns exact; the memory is zeroed. */
void bide__stats_init(bide__stats *s);

/** Adds to a counter that one thread writes and others read. */
static inline void
bide__stats_count(atomic_uint_fast64_t *to, uint64_t n)
{
    atomic_store_explicit(to,
                          atomic_load_explicit(to, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

/** Notes `value` (below 0: 0) in histogram `which`, as often as the weight of
 * this turn says. Loop's thread. */
void bide__stats_note(bide__stats *s, int which, int64_t value);

/** The same, as often as `weight` says, that of an earlier turn. */
void bide__stats_note_as(bide__stats *s, int which, int64_t value,
                         unsigned weight);

/** The same, once. */
void bide__stats_note_one(bide__stats *s, int which, int64_t value);

/** Notes one step of this turn, which is exact. */
void bide__stats_note_step(bide__stats *s, int64_t value);

/** Whether the turn, with those before it, was too short for a look at the
 * clock. */
bool bide__stats_may_go_on(const bide__stats *s);

/** Ends the turn, or turns, since `began`, and decides about the next one. */
void bide__stats_end_turn(bide__stats *s, int64_t now);

/** The least value that lies above bucket `i`. */
uint64_t bide__stats_above(int i);

/** Whether BIDE_STATS in the environment turns statistics on. */
bool bide__stats_wanted(void);

#endif
