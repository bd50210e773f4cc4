/* Native tasks that await what is asyncio's: a future of asyncio's that comes
 * out of the coroutine parks the task until it is done.
 *
 * As in asyncio, cancelling the task cancels the future, and the task waits on
 * until that is done: what the future stands for may have to clean up. So the
 * wait is one that cancellation does not end, but is told of.
 *
 * Invariant: task->foreign is set iff the task is parked so; it is the
 * operation `parked` names, and holds the future. */
#include "bridge.h"

static const bidepy_op_kind future_kind = {
    .name = "asyncio future",
    .flags = BIDEPY_OP_QUIET,
};

static const bidepy_op_kind yield_kind = {
    .name = "a bare yield",
    .flags = BIDEPY_OP_QUIET,
};

/* -- the future is done ---------------------------------------------------- */

static PyObject *
on_done(PyObject *op, PyObject *future)
{
    (void)future;
    bide_unpark(&((bidepy_op *)op)->wait, 0);
    Py_RETURN_NONE;
}

static PyMethodDef on_done_def = {"bide_wakeup", on_done, METH_O, NULL};

/* Calls future.add_done_callback(callback, context=context). */
static int
add_callback(bidepy_task *task, bidepy_op *op, PyObject *future)
{
    bidepy_aio *aio = op->st->aio;
    PyObject *callback = PyCFunction_New(&on_done_def, (PyObject *)op);
    PyObject *names = callback ? PyTuple_Pack(1, aio->str.context) : NULL;
    PyObject *added = NULL;
    if (names) {
        PyObject *args[] = {future, callback,
                            task->context ? task->context : Py_None};
        added = PyObject_VectorcallMethod(aio->str.add_done_callback, args, 2,
                                          names);
    }
    Py_XDECREF(names);
    Py_XDECREF(callback);
    Py_XDECREF(added);
    return added ? 0 : -1;
}

/* -- cancellation ---------------------------------------------------------- */

static PyObject *
cancel_future(PyObject *op, PyObject *unused)
{
    (void)unused;
    bidepy_op *self = (bidepy_op *)op;
    if (self->phase != BIDEPY_OP_PARKED)
        Py_RETURN_NONE;
    bide_scope *cause = bide_scope_cause(self->wait.task->scope);
    PyObject *reason = cause ? bidepy_object_of(cause->reason) : NULL;
    if (bidepy_cancel_foreign(self, reason) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef cancel_def = {"bide_cancel", cancel_future, METH_NOARGS,
                                 NULL};

/* asyncio's own code goes on waiting when it is cancelled, where others have to
 * end first: TaskGroup, Condition.wait(). It would go around without a rest
 * until they have, so after some waits that were ended at once each lasts
 * longer. */
enum { PROMPT_ENDINGS = 16, MOST_ENDINGS = PROMPT_ENDINGS + 6 };

static void
count_ending(bidepy_task *task)
{
    if (!bide_scope_cancelled(task->task.scope))
        task->endings = 0;
    else if (task->endings < MOST_ENDINGS)
        task->endings++;
}

static int
cancel_soon(bidepy_task *task, PyObject *cancel)
{
    bidepy_loop *loop = task->runtime->aio;
    if (task->endings <= PROMPT_ENDINGS)
        return bidepy_loop_call(loop, cancel, NULL, 0, NULL);
    int64_t delay = INT64_C(1000000) << (task->endings - PROMPT_ENDINGS);
    return bidepy_loop_call_after(loop, delay, cancel);
}

/* In the midst of a cancellation: no Python code may run. */
static void
on_cancelled(bide_wait *w)
{
    bidepy_op *op = bidepy_container(w, bidepy_op, wait);
    bidepy_task *task = bidepy_task_of(w->task);
    if (op->seen || !task->runtime->aio)
        return;
    op->seen = true;
    PyObject *cancel = PyCFunction_New(&cancel_def, (PyObject *)op);
    if (!cancel || cancel_soon(task, cancel))
        PyErr_WriteUnraisable((PyObject *)op);
    Py_XDECREF(cancel);
}

/* -- waiting --------------------------------------------------------------- */

static bidepy_op *
new_wait(bidepy_task *task, const bidepy_op_kind *kind, PyObject *future)
{
    bidepy_op *op = bidepy_op_new(task->st, kind, future);
    if (!op)
        return NULL;
    bide_wait_init(&op->wait, &task->task);
    op->phase = BIDEPY_OP_PARKED;
    task->foreign = op;
    task->parked = op;
    return op;
}

static void
raise_due(bidepy_task *task)
{
    PyObject *exc = bidepy_task_take_cancel(task);
    if (exc)
        bidepy_reraise(exc);
    Py_XDECREF(exc);
}

/* As asyncio.sleep(0) does. Under a cancelled scope it ends at once. */
static int
give_way(bidepy_task *task)
{
    bidepy_op *op = new_wait(task, &yield_kind, NULL);
    if (!op)
        return -1;
    int rc = task->cancel_due ? BIDE_ECANCELED : bide_yield(&op->wait);
    if (rc == BIDE_PARKED)
        return 1;
    bidepy_foreign_end(task);
    if (task->cancel_due)
        raise_due(task);
    else if (rc == BIDE_ECANCELED)
        bidepy_raise_cancelled(task->st, &task->task);
    else
        bidepy_raise(task->st, rc, NULL);
    return -1;
}

static int
refuse_loop(bidepy_task *task, PyObject *future)
{
    PyObject *name = bidepy_task_name(task);
    PyErr_Format(PyExc_RuntimeError,
                 "task %R awaited %R, which is attached to a different loop",
                 name ? name : Py_None, future);
    return -1;
}

/* Whether `future` is one of `loop`; -1 with an exception. */
static int
is_of(PyObject *future, bidepy_loop *loop)
{
    PyObject *its = PyObject_CallMethod(future, "get_loop", NULL);
    Py_XDECREF(its);
    return its ? its == (PyObject *)loop : -1;
}

/* asyncio's cancel() came before the wait: it goes to the future, with its
 * message. One that is done refuses, so the step throws it. */
static int
pass_on(bidepy_task *task)
{
    if (!task->cancel_due)
        return 0;
    int taken = bidepy_cancel_foreign(task->foreign, task->cancel_message);
    if (taken > 0) {
        task->cancel_due = false;
        Py_CLEAR(task->cancel_message);
    }
    return taken < 0 ? -1 : 0;
}

static int
refuse_itself(bidepy_task *task, PyObject *future)
{
    if (future != task->view)
        return 0;
    PyErr_Format(PyExc_RuntimeError, "Task cannot await on itself: %R", future);
    return -1;
}

static int
wait_for(bidepy_task *task, PyObject *future)
{
    bidepy_aio *aio = task->st->aio;
    int ours = is_of(future, task->runtime->aio);
    if (ours <= 0)
        return ours ? -1 : refuse_loop(task, future);
    if (refuse_itself(task, future))
        return -1;
    if (PyObject_SetAttr(future, aio->str._asyncio_future_blocking, Py_False))
        return -1;
    bidepy_op *op = new_wait(task, &future_kind, future);
    if (!op)
        return -1;
    count_ending(task);
    bide_park_lasting(&op->wait, on_cancelled);
    if (add_callback(task, op, future) == 0 && pass_on(task) == 0)
        return 1;
    bide_wait_drop(&op->wait);
    bidepy_foreign_end(task);
    return -1;
}

int
bidepy_foreign_wait(bidepy_task *task, PyObject *yielded)
{
    bidepy_aio *aio = task->st->aio;
    if (yielded == Py_None)
        return give_way(task);
    if (!aio || !task->runtime->aio)
        return 0;
    PyObject *blocking =
        PyObject_GetAttr(yielded, aio->str._asyncio_future_blocking);
    if (!blocking) {
        PyErr_Clear();
        return 0;
    }
    bool is_future = blocking == Py_True;
    Py_DECREF(blocking);
    return is_future ? wait_for(task, yielded) : 0;
}

void
bidepy_foreign_end(bidepy_task *task)
{
    bidepy_op *op = task->foreign;
    task->foreign = NULL;
    if (task->parked == op)
        task->parked = NULL;
    op->phase = BIDEPY_OP_OVER;
    Py_DECREF((PyObject *)op);
}
