/* The deadlines of a loop: a 4-ary heap whose entries carry their keys, so that
 * ordering touches no timer. Equal deadlines expire in the order of arming. */
#ifndef BIDE_TIMER_H
#define BIDE_TIMER_H

#include "bide.h"

struct bide__timer_entry {
    int64_t deadline;
    uint64_t order;
    bide_timer *timer;
};

typedef struct bide__timers {
    struct bide__timer_entry *heap;
    size_t count, room;
    uint64_t order;
} bide__timers;

int bide__timers_add(bide__timers *ts, bide_timer *t, int64_t deadline);
void bide__timers_remove(bide__timers *ts, bide_timer *t);

/** The earliest deadline, or BIDE_FOREVER. */
static inline int64_t
bide__timers_next(const bide__timers *ts)
{
    return ts->count ? ts->heap[0].deadline : BIDE_FOREVER;
}

/** Fires every timer whose deadline is not after `now` and that was armed
 * before the call. */
void bide__timers_expire(bide__timers *ts, int64_t now);

/** Disarms all timers and frees the heap. */
void bide__timers_fini(bide__timers *ts);

#endif
