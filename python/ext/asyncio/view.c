/* Native tasks as asyncio sees them: what asyncio.current_task() gives in one.
 *
 * asyncio looks the running loop up in a dictionary, so it asks for the loop's
 * hash: only then is the view of the native task put there, and taken out at
 * the end of the step. Tasks that nobody asks for pay nothing.
 *
 * A view's cancel() is asyncio's: it ends one wait. Cancellation of bide's
 * scopes holds on; that is Task.cancel() of the native task. */
#include "bridge.h"

/* -- showing --------------------------------------------------------------- */

static PyObject *
view_of(bidepy_loop *loop, bidepy_task *task)
{
    if (!task->view)
        task->view = PyObject_CallMethod(loop->st->aio->helpers, "view", "OO",
                                         (PyObject *)loop, (PyObject *)task);
    return task->view;
}

static int
call_tasks(bidepy_loop *loop, const char *function, PyObject *view)
{
    PyObject *done = PyObject_CallMethod(loop->st->aio->tasks, function, "OO",
                                         (PyObject *)loop, view);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

void
bidepy_view_show(bidepy_loop *loop)
{
    bidepy_runtime *runtime = loop->runtime;
    bide_task *t = bide_task_current();
    if (runtime->shown || !t || t->resume != bidepy_task_resume ||
        runtime->aio != loop)
        return;
    bidepy_task *task = bidepy_task_of(t);
    PyObject *error = PyErr_Occurred() ? bidepy_fetch() : NULL;
    runtime->shown = task;
    PyObject *view = view_of(loop, task);
    if (!view || call_tasks(loop, "_enter_task", view)) {
        /* An eager task of asyncio's runs inside the native one. */
        runtime->shown = NULL;
        PyErr_Clear();
    }
    if (error) {
        bidepy_reraise(error);
        Py_DECREF(error);
    }
}

void
bidepy_view_hide(bidepy_runtime *runtime)
{
    bidepy_task *task = runtime->shown;
    PyObject *error = PyErr_Occurred() ? bidepy_fetch() : NULL;
    if (call_tasks(runtime->aio, "_leave_task", task->view))
        PyErr_WriteUnraisable((PyObject *)task);
    runtime->shown = NULL;
    if (error) {
        bidepy_reraise(error);
        Py_DECREF(error);
    }
}

void
bidepy_view_settle(bidepy_task *task)
{
    PyObject *view = task->view;
    task->view = NULL;
    static const char *const words[] = {"", "done", "failed", "cancelled"};
    PyObject *done = PyObject_CallMethod(view, "_settle", "sO",
                                         words[task->outcome], task->result);
    if (!done)
        PyErr_WriteUnraisable((PyObject *)task);
    Py_XDECREF(done);
    Py_DECREF(view);
}

bidepy_task *
bidepy_task_seen(bidepy_task *self)
{
    bidepy_task *proxy = bidepy_proxy_here(self->st);
    if (!proxy)
        PyErr_Clear();
    return proxy ? proxy : self;
}

/* -- cancelling once --------------------------------------------------------
 */

int
bidepy_cancel_foreign(bidepy_op *op, PyObject *message)
{
    bidepy_aio *aio = op->st->aio;
    if (!op->owner)
        return 0;
    PyObject *took = PyObject_CallMethodOneArg(op->owner, aio->str.cancel,
                                               message ? message : Py_None);
    int yes = took ? PyObject_IsTrue(took) : -1;
    Py_XDECREF(took);
    return yes;
}

int
bidepy_task_cancel_once(bidepy_task *task, PyObject *message)
{
    if (bidepy_op_interrupt(task->parked, message))
        return 0;
    int taken =
        task->foreign ? bidepy_cancel_foreign(task->foreign, message) : 0;
    if (taken)
        return taken < 0 ? -1 : 0;
    Py_XSETREF(task->cancel_message, Py_XNewRef(message));
    task->cancel_due = true;
    if (!task->foreign)
        bide_task_interrupt(&task->task);
    return 0;
}

PyObject *
bidepy_task_take_cancel(bidepy_task *task)
{
    PyObject *message = task->cancel_message;
    task->cancel_message = NULL;
    task->cancel_due = false;
    PyObject *exc =
        message && message != Py_None
            ? PyObject_CallOneArg(task->st->exc.cancelled_base, message)
            : PyObject_CallNoArgs(task->st->exc.cancelled_base);
    Py_XDECREF(message);
    return exc;
}

/* -- for the view's class ---------------------------------------------------
 */

static bidepy_task *
native(PyObject *module, PyObject *task)
{
    if (Py_IS_TYPE(task, bidepy_of_module(module)->type.task))
        return (bidepy_task *)task;
    PyErr_Format(PyExc_TypeError, "a bide.Task is needed, not %.100s",
                 Py_TYPE(task)->tp_name);
    return NULL;
}

static PyObject *
cancel_once(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    bidepy_task *task = nargs > 1 ? native(module, args[0]) : NULL;
    if (!task) {
        if (nargs <= 1)
            PyErr_SetString(PyExc_TypeError, "a task and a message are needed");
        return NULL;
    }
    if (task->outcome != BIDEPY_PENDING)
        Py_RETURN_NONE;
    if (bidepy_task_cancel_once(task, args[1] == Py_None ? NULL : args[1]))
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *
forget_cancel(PyObject *module, PyObject *task)
{
    bidepy_task *self = native(module, task);
    if (!self)
        return NULL;
    self->cancel_due = false;
    Py_CLEAR(self->cancel_message);
    Py_RETURN_NONE;
}

static PyObject *
cancel_due(PyObject *module, PyObject *task)
{
    bidepy_task *self = native(module, task);
    return self ? PyBool_FromLong(self->cancel_due) : NULL;
}

PyMethodDef bidepy_view_functions[] = {
    {"_cancel_once", BIDEPY_METHOD(cancel_once), METH_FASTCALL, NULL},
    {"_forget_cancel", forget_cancel, METH_O, NULL},
    {"_cancel_due", cancel_due, METH_O, NULL},
    {NULL, NULL, 0, NULL}};
