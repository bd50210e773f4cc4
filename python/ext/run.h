/* run.h - between the runtime's type and what runs it. */
#ifndef BIDEPY_RUN_H
#define BIDEPY_RUN_H

#include "bidepy.h"

/** Runs `coro` to its end, and the runtime to its own: the result, new. `grace`
 * is for blocking jobs, in ns. */
PyObject *bidepy_runtime_run(bidepy_runtime *self, PyObject *coro,
                             int64_t grace);

struct bidepy_loop;

/** New: a runtime with nothing in it, for an asyncio loop. */
bidepy_runtime *bidepy_runtime_plain(bidepy_state *st);

/** Runs the loop until bide_loop_stop, or an exception that ends it: -1.
 * `until` is the task that runs meanwhile; `ready`, if not NULL, is ended
 * first. */
int bidepy_runtime_serve(bidepy_runtime *self, bide_task *until,
                         bide_wait *ready);

/** Closes what is left in the runtime, and its core loop. */
void bidepy_runtime_shut(bidepy_runtime *self, struct bidepy_loop *aio);

#endif
