/* Blocks of bide's (timeouts, shields, tokens, groups) in tasks of asyncio's.
 *
 * A block is a scope of the task's stand-in. What the task waits for in the
 * core the scope ends by itself; for what is asyncio's, which the core does not
 * see, the task is sent one cancel(), as asyncio.timeout() does it, and the
 * block that the cancellation belongs to takes it back with uncancel() at its
 * edge.
 *
 * Invariants
 * - One cancel() is sent for a block, and noted in it (`sent`): for the
 * outermost cancelled one, where the cancellation ends.
 * - It is sent by a callback, `told` while that is on its way, since Python
 * code must not run in the midst of a cancellation.
 * - A block does not end a cancellation if the task has more requests than when
 *   it began (`requests`): those are somebody else's. */
#include "bridge.h"

static bidepy_proxy *
proxy_of(bidepy_task *task)
{
    return (bidepy_proxy *)task;
}

/* -- sending -------------------------------------------------------------- */

/* The block at whose edge the cancellation of the innermost one ends. */
static bidepy_entry *
outermost_cancelled(bidepy_task *task)
{
    bidepy_entry *e = task->entered;
    if (!e || !bide_scope_cancelled(&e->scope))
        return NULL;
    while (e->outer && bide_scope_cancelled(&e->outer->scope))
        e = e->outer;
    return e;
}

static int
send_cancel(bidepy_proxy *self)
{
    bidepy_entry *e = outermost_cancelled(&self->base);
    if (!e || e->sent)
        return 0;
    e->sent = true;
    bide_scope *cause = bide_scope_cause(&e->scope);
    PyObject *reason = cause ? bidepy_object_of(cause->reason) : NULL;
    PyObject *done =
        reason ? PyObject_CallMethodOneArg(
                     self->task, self->base.st->aio->str.cancel, reason)
               : PyObject_CallMethodNoArgs(self->task,
                                           self->base.st->aio->str.cancel);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

/* A task whose operation is granted gets it first. One that waits in the core
 * has heard of it there, or is shielded. */
static PyObject *
deliver(PyObject *task, PyObject *unused)
{
    (void)unused;
    PyObject *proxy = PyObject_GetAttrString(task, "_bide_proxy");
    if (!proxy)
        return NULL;
    bidepy_proxy *self = (bidepy_proxy *)proxy;
    self->told = false;
    int rc = 0;
    if (self->base.task.state == BIDE_TASK_READY)
        bidepy_proxy_struck(&self->base.task);
    else if (!self->base.parked)
        rc = send_cancel(self);
    Py_DECREF(proxy);
    if (rc)
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef deliver_def = {"bide_cancel_task", deliver, METH_NOARGS,
                                  NULL};

/* The task may be on its way out already, and close its coroutine. */
void
bidepy_proxy_struck(bide_task *t)
{
    bidepy_proxy *self = proxy_of(bidepy_task_of(t));
    bidepy_loop *loop = self->base.runtime->aio;
    if (self->told || !self->task || !loop || Py_REFCNT(self->task) <= 0)
        return;
    PyObject *error = PyErr_Occurred() ? bidepy_fetch() : NULL;
    PyObject *callback = PyCFunction_New(&deliver_def, self->task);
    if (callback && bidepy_loop_call(loop, callback, NULL, 0, NULL) == 0)
        self->told = true;
    else
        PyErr_WriteUnraisable((PyObject *)self);
    Py_XDECREF(callback);
    if (error)
        bidepy_reraise(error);
    Py_XDECREF(error);
}

static void
look_again(bidepy_task *task)
{
    bidepy_entry *e = outermost_cancelled(task);
    if (e && !e->sent)
        bidepy_proxy_struck(&task->task);
}

/* -- the edges ------------------------------------------------------------ */

/* How many requests to cancel the task has; -1 with an exception. */
static long
requests_of(bidepy_task *task, const char *method)
{
    PyObject *count = PyObject_CallMethod(proxy_of(task)->task, method, NULL);
    long requests = count ? PyLong_AsLong(count) : -1;
    Py_XDECREF(count);
    return requests;
}

int
bidepy_block_prepare(bidepy_entry *e, bidepy_task *task)
{
    e->requests = requests_of(task, "cancelling");
    return e->requests < 0 ? -1 : 0;
}

void
bidepy_block_entered(bidepy_task *task)
{
    look_again(task);
}

int
bidepy_block_left(bidepy_task *task, const bidepy_left *left, int rc)
{
    look_again(task);
    if (!rc && !left->sent)
        return 0;
    long now = requests_of(task, left->sent ? "uncancel" : "cancelling");
    if (now < 0)
        return BIDE_EHOST;
    return now > left->requests ? 0 : rc;
}
