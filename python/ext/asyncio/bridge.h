/* bridge.h - native tasks and asyncio's, seen from each other. */
#ifndef BIDEPY_BRIDGE_H
#define BIDEPY_BRIDGE_H

#include "aio.h"

/* -- native tasks that await what is asyncio's (foreign.c) ----------------- */

/** `yielded` (borrowed) came out of the coroutine of `task`, and no operation
 * of ours made it. 1: an asyncio future, or None: `task` waits until it is
 * done. 0: neither. -1 with an exception. */
int bidepy_foreign_wait(bidepy_task *task, PyObject *yielded);

/** The wait is over, or its task is. */
void bidepy_foreign_end(bidepy_task *task);

/* -- native tasks as asyncio sees them (view.c) -----------------------------
 */

/** asyncio asks which task of `loop` runs: if a native one does, asyncio gets
 * to see it until the end of its step. */
void bidepy_view_show(bidepy_loop *loop);
void bidepy_view_hide(bidepy_runtime *runtime);

/** The native task has ended; its view learns how. */
void bidepy_view_settle(bidepy_task *task);

/** asyncio's cancel(): the wait of `task`, or its next step, ends with one
 * CancelledError. */
int bidepy_task_cancel_once(bidepy_task *task, PyObject *message);

/** The same to the future that `op` stands for: 1, 0 if that is done or there
 * is none, -1 with an exception. */
int bidepy_cancel_foreign(bidepy_op *op, PyObject *message);

/** The CancelledError that is due, which is due no more. New. */
PyObject *bidepy_task_take_cancel(bidepy_task *task);

/* -- tasks of asyncio that await what is ours (proxy.c) ---------------------
 */

/** The stand-in of an asyncio task in the core: a task driven by asyncio. It is
 * at the same time the future that asyncio's task waits for. */
typedef struct bidepy_proxy {
    bidepy_task base;
    PyObject *callback; /* to be called when the wait is over */
    PyObject *callback_context;
    PyObject *message; /* of a cancel() */
    PyObject *task;    /* borrowed: it holds us; NULL once finished */
    bidepy_link held;  /* in loop->waiting, with a reference */
    bool cancelled, finished, told;
} bidepy_proxy;

/** Ends the stand-ins that are left: the loop is being closed. */
void bidepy_proxies_finish(bidepy_loop *loop);

/* -- blocks of ours in tasks of asyncio's (blocks.c) ------------------------
 */

/** bide_task.struck of a stand-in. */
void bidepy_proxy_struck(bide_task *t);

/** What bidepy_leave keeps of an entry that is gone. */
typedef struct bidepy_left {
    bool sent;
    long requests;
} bidepy_left;

/** Around bide_scope_enter. 0, or -1 with an exception. */
int bidepy_block_prepare(bidepy_entry *e, bidepy_task *task);
void bidepy_block_entered(bidepy_task *task);

/** After bide_scope_leave, which said `rc`: `rc`, 0 when the cancellation goes
 * on, or BIDE_EHOST with an exception. */
int bidepy_block_left(bidepy_task *task, const bidepy_left *left, int rc);

#endif
