/* job.h - a Lua function at work in another thread, with a lua_State of its
 * own.
 *
 * The job's memory is shared by its handle and by the pool, and ends with the
 * later of the two. `message` goes over with the call and comes back with the
 * outcome; the future, once settled, says that the other thread is done with
 * all of it.                                                                 */
#ifndef BIDELUA_JOB_H
#define BIDELUA_JOB_H

#include "bidelua.h"
#include "pack.h"

#include <stdatomic.h>

typedef struct bidelua_job {
    bide_job core;
    atomic_uint refs;
    bidelua_packed *message;
    bide_future *ended;
    bide_token *token; /* what bide.cancelled() looks at over there */
    const char *what;  /* "bide.spawn_blocking": begins the errors */
    bidelua_state *S;  /* where it was started; for its loop's thread */
    bool failed;       /* the outcome is an error */
    bool cancelled;    /* it never ran, or ended with its cancellation */
    bool forsaken;     /* the handle is gone and had not been looked at */
    char name[80];
} bidelua_job;

/* Any thread. */
void bidelua_job_unref(bidelua_job *j);

/* Runs the call and leaves the outcome. On the worker's thread. */
void bidelua_worker_run(bidelua_job *j);

/* For bide_host.thread_end: closes the thread's lua_State, if it has one. */
void bidelua_worker_end(void *ctx, void *state);

/* Whether this thread is running a job. */
bool bidelua_worker_here(void);

/* Whether the job of this thread was cancelled; false if there is none. */
bool bidelua_worker_cancelled(void);

/* Raises the cancellation of this thread's job. */
int bidelua_worker_raise_cancelled(lua_State *L, bidelua_state *S);

/* Cancels the jobs of a run that is about to end, so that threads blocked in a
 * channel come back. */
void bidelua_jobs_cancel(bidelua_runtime *rt);

#endif
