/* What the watchdog keeps of one loop, inside the loop.
 *
 * Invariants
 * - The members up to `tokens` are the watchdog's: its mutex guards them.
 *   `thread` lives while `running`.
 * - `lock` guards what is about late traces. */
#ifndef BIDE_WATCHED_H
#define BIDE_WATCHED_H

#include <pthread.h>
#include <stdatomic.h>

#include "bide.h"
#include "lock.h"
#include "thread_time.h"

struct bide__delivery;
struct bide__sight;

typedef struct bide__watched {
    bide_link link; /* in the watchdog's list: from the first run to close */
    bide_watchdog how;
    bool running;
    pthread_t thread;
    long tid;
    uint64_t beat;     /* resumes and polls when it last looked */
    bide__spell spell; /* since these have not changed */
    int64_t lasted;    /* of it, what counts */
    int64_t next;      /* report when it has lasted that long */
    unsigned nth;      /* reports of this block so far */
    unsigned missed;   /* reports left out since the last one */
    double tokens;     /* reports that may be made now */

    /* A trace that comes late: see bide_loop_trace. */
    bide__lock lock;
    bool owed;
    struct bide__sight *collecting; /* waits a moment for it */
    struct bide__delivery *last;    /* not delivered yet */

    atomic_bool idle; /* in a poll that may block, or not running */
    atomic_uint_fast64_t blocks;
} bide__watched;

#endif
