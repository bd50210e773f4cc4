/* An elastic pool of threads: started on demand up to a cap, ended after idle
 * time. Jobs run in the order of submission.
 *
 * Invariants
 * - `lock` guards everything; a job's `state` moves QUEUED -> RUNNING -> gone,
 *   or QUEUED -> CANCELLED, only under it.
 * - The pool outlives its threads: each holds a reference. */
#ifndef BIDE_POOL_H
#define BIDE_POOL_H

#include <uv.h>

#include "bide.h"
#include "list.h"

enum { BIDE__JOB_QUEUED = 1, BIDE__JOB_RUNNING, BIDE__JOB_CANCELLED };

typedef struct bide__pool bide__pool;

typedef struct bide__pool_options {
    unsigned threads;   /* at most */
    int64_t keep_alive; /* ns */
    void *(*thread_begin)(void *ctx);
    void (*thread_end)(void *ctx, void *state);
    void *ctx;
    /** On the pool's thread after `run`; the job may be gone on return. */
    void (*ran)(bide_job *j);
} bide__pool_options;

int bide__pool_new(const bide__pool_options *o, bide__pool **out);

/** Queues `j`; `alone`: on a new thread of its own, not counted in the cap. */
int bide__pool_submit(bide__pool *p, bide_job *j, bool alone);

/** Takes a queued job off. False: it runs or has run. */
bool bide__pool_take_back(bide__pool *p, bide_job *j);

/** The oldest queued job, taken off, or NULL. */
bide_job *bide__pool_pop(bide__pool *p);

/** Ends the threads: true when all ended within `grace` ns. Otherwise `stuck`
 * is called for each running job, and the threads are cut loose. Releases the
 * pool. The queue must be empty. */
bool bide__pool_close(bide__pool *p, int64_t grace,
                      void (*stuck)(void *arg, const bide_job *j), void *arg);

size_t bide__pool_threads(bide__pool *p);

/** Visits the jobs that run and those that are queued, under the lock. */
void bide__pool_each(bide__pool *p,
                     void (*visit)(void *arg, const bide_job *j, bool running),
                     void *arg);

#endif
