/* bide.Task, bide.spawn, bide.current_task. */
#include "bidepy.h"
#include "sync.h"

/* -- awaiting a task ------------------------------------------------------ */

static int
start_join(bidepy_op *op)
{
    bidepy_task *task = (bidepy_task *)op->owner;
    int rc = bide_task_join(&task->task, &op->wait);
    /* One that ended in an earlier run has its result all the same. */
    if (rc == BIDE_EWRONGLOOP && task->outcome != BIDEPY_PENDING)
        return 0;
    return rc;
}

static PyObject *
outcome(bidepy_task *self)
{
    bidepy_task_look(self);
    if (self->outcome == BIDEPY_RESULT)
        return Py_NewRef(self->result);
    PyException_SetTraceback(self->result,
                             self->traceback ? self->traceback : Py_None);
    return bidepy_reraise(self->result);
}

static PyObject *
finish_join(bidepy_op *op)
{
    return outcome((bidepy_task *)op->owner);
}

static PyObject *
fail_join(bidepy_op *op, int status)
{
    PyObject *name = bidepy_task_name((bidepy_task *)op->owner);
    if (!name)
        return NULL;
    if (status == BIDE_EDEADLOCK)
        return bidepy_raise_deadlock(op);
    return bidepy_raise(op->st, status, "await task %R: %s", name,
                        bide_strerror(status));
}

static const bidepy_op_kind join_kind = {
    .name = "Task",
    .start = start_join,
    .finish = finish_join,
    .fail = fail_join,
    .flags = BIDEPY_OP_QUIET,
};

static PyObject *
task_await(PyObject *self)
{
    return (PyObject *)bidepy_op_new(bidepy_of(self), &join_kind, self);
}

/* -- names ---------------------------------------------------------------- */

PyObject *
bidepy_task_name(bidepy_task *self)
{
    if (self->name)
        return self->name;
    PyObject *name =
        PyUnicode_FromFormat("task-%llu", (unsigned long long)self->task.id);
    const char *cname = name ? PyUnicode_AsUTF8(name) : NULL;
    if (!cname) {
        Py_XDECREF(name);
        return NULL;
    }
    self->name = name;
    self->task.name = cname;
    return name;
}

static PyObject *
get_name(PyObject *self, void *unused)
{
    (void)unused;
    return Py_XNewRef(bidepy_task_name((bidepy_task *)self));
}

static int
set_name(PyObject *task, PyObject *name, void *unused)
{
    (void)unused;
    bidepy_task *self = (bidepy_task *)task;
    if (!name || !PyUnicode_Check(name)) {
        PyErr_SetString(PyExc_TypeError, "Task.name must be a str");
        return -1;
    }
    const char *cname = PyUnicode_AsUTF8(name);
    if (!cname)
        return -1;
    self->task.name = cname;
    Py_XSETREF(self->name, Py_NewRef(name));
    return 0;
}

/* -- methods -------------------------------------------------------------- */

PyDoc_STRVAR(cancel_doc,
             "cancel($self, reason=None, /)\n--\n\n"
             "Cancel the task: its waits end with Cancelled(reason) until it\n"
             "ends. One that has not started never runs. True; False when the\n"
             "task is done or was cancelled before.");

static PyObject *
task_cancel(PyObject *task, PyObject *const *args, Py_ssize_t nargs)
{
    bidepy_task *self = (bidepy_task *)task;
    if (nargs > 1) {
        PyErr_SetString(PyExc_TypeError,
                        "cancel() takes at most 1 argument: the reason");
        return NULL;
    }
    if (self->outcome != BIDEPY_PENDING ||
        (self->task.base.flags & BIDE_SCOPE_CANCELLED))
        Py_RETURN_FALSE;
    if (self->task.loop != bide_loop_current())
        return bidepy_raise(self->st, BIDE_EWRONGLOOP,
                            "Task.cancel() is for the thread that runs the "
                            "task; from others cancel a CancelToken that was "
                            "given to spawn()");
    if (nargs && args[0] != Py_None)
        self->reason = Py_NewRef(args[0]);
    bide_task_cancel(&self->task, bidepy_value(self->reason));
    Py_RETURN_TRUE;
}

static PyObject *
task_done(PyObject *task, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(((bidepy_task *)task)->outcome != BIDEPY_PENDING);
}

static PyObject *
task_cancelled(PyObject *task, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(((bidepy_task *)task)->outcome == BIDEPY_CANCELLED);
}

static int
check_done(bidepy_task *self)
{
    if (self->outcome != BIDEPY_PENDING)
        return 0;
    PyObject *name = bidepy_task_name(self);
    if (name)
        PyErr_Format(self->st->exc.invalid_state,
                     "task %R is not done; await it", name);
    return -1;
}

static PyObject *
task_result(PyObject *task, PyObject *unused)
{
    (void)unused;
    bidepy_task *self = (bidepy_task *)task;
    return check_done(self) ? NULL : outcome(self);
}

static PyObject *
task_exception(PyObject *task, PyObject *unused)
{
    (void)unused;
    bidepy_task *self = (bidepy_task *)task;
    if (check_done(self))
        return NULL;
    bidepy_task_look(self);
    if (self->outcome == BIDEPY_CANCELLED)
        return outcome(self);
    return Py_NewRef(self->outcome == BIDEPY_FAILED ? self->result : Py_None);
}

static PyObject *
task_get_coro(PyObject *task, PyObject *unused)
{
    (void)unused;
    PyObject *coro = ((bidepy_task *)task)->coro;
    return Py_NewRef(coro ? coro : Py_None);
}

static const char *
state_of(const bidepy_task *self)
{
    static const char *const ended[] = {"", "done", "failed", "cancelled"};
    if (self->outcome != BIDEPY_PENDING)
        return ended[self->outcome];
    if (!self->started)
        return "not started";
    return self->parked ? "waiting" : "running";
}

static PyObject *
task_repr(PyObject *task)
{
    bidepy_task *self = (bidepy_task *)task;
    PyObject *name = bidepy_task_name(self);
    if (!name)
        return NULL;
    PyObject *where = bidepy_task_where(self);
    if (!where)
        return NULL;
    PyObject *text =
        PyUnicode_FromFormat("<Task %R %s%s%s%s%U>", name, state_of(self),
                             self->parked ? " for " : "",
                             self->parked ? self->parked->kind->name : "",
                             PyUnicode_GET_LENGTH(where) ? " at " : "", where);
    Py_DECREF(where);
    return text;
}

/* -- the type ------------------------------------------------------------- */

static int
task_traverse(PyObject *task, visitproc visit, void *arg)
{
    bidepy_task *self = (bidepy_task *)task;
    Py_VISIT(Py_TYPE(task));
    Py_VISIT(self->runtime);
    Py_VISIT(self->coro);
    Py_VISIT(self->context);
    Py_VISIT(self->result);
    Py_VISIT(self->traceback);
    Py_VISIT(self->reason);
    Py_VISIT(self->token);
    Py_VISIT((PyObject *)self->group);
    return 0;
}

static int
task_clear(PyObject *task)
{
    bidepy_task *self = (bidepy_task *)task;
    if (self->outcome == BIDEPY_PENDING)
        return 0; /* the loop's */
    Py_CLEAR(self->result);
    Py_CLEAR(self->traceback);
    Py_CLEAR(self->reason);
    return 0;
}

static void
report_failure(bidepy_task *self)
{
    PyObject *name = bidepy_task_name(self);
    PyObject *text =
        name ? PyUnicode_FromFormat("in task %R, whose failure nobody looked "
                                    "at (await it, or call exception())",
                                    name)
             : NULL;
    const char *message = text ? PyUnicode_AsUTF8(text) : NULL;
    if (!message)
        PyErr_Clear();
    bidepy_report(self->result, message ? message : "in a task", NULL);
    Py_XDECREF(text);
}

void
bidepy_task_report(bidepy_task *self)
{
    if (self->outcome != BIDEPY_FAILED || self->looked || !self->result)
        return;
    bidepy_task_look(self);
    if (!self->st->closing)
        report_failure(self);
}

static void
task_finalize(PyObject *task)
{
    PyObject *pending = PyErr_Occurred() ? bidepy_fetch() : NULL;
    bidepy_task_report((bidepy_task *)task);
    if (pending) {
        bidepy_reraise(pending);
        Py_DECREF(pending);
    }
}

static void
task_dealloc(PyObject *task)
{
    bidepy_task *self = (bidepy_task *)task;
    if (self->outcome == BIDEPY_FAILED && !self->looked) {
        if (PyObject_CallFinalizerFromDealloc(task))
            return;
    }
    PyObject_GC_UnTrack(task);
    Py_TRASHCAN_BEGIN(task, task_dealloc);
    if (self->weakrefs)
        PyObject_ClearWeakRefs(task);
    Py_XDECREF(self->coro);
    Py_XDECREF(self->context);
    Py_XDECREF(self->result);
    Py_XDECREF(self->traceback);
    Py_XDECREF(self->name);
    Py_XDECREF(self->reason);
    Py_XDECREF(self->token);
    Py_XDECREF(self->file);
    Py_XDECREF((PyObject *)self->group);
    bidepy_runtime *runtime = self->runtime;
    /* A finalizer runs once per memory: no second life after it. */
    bidepy_free(self,
                PyObject_GC_IsFinalized(task) ? NULL : &self->st->task_pool);
    Py_DECREF(runtime);
    Py_TRASHCAN_END;
}

static PyMethodDef task_methods[] = {
    {"cancel", BIDEPY_METHOD(task_cancel), METH_FASTCALL, cancel_doc},
    {"done", task_done, METH_NOARGS,
     "done($self, /)\n--\n\nWhether the task has ended."},
    {"cancelled", task_cancelled, METH_NOARGS,
     "cancelled($self, /)\n--\n\nWhether the task ended with Cancelled."},
    {"result", task_result, METH_NOARGS,
     "result($self, /)\n--\n\nThe result of a task that is done, or its "
     "exception raised.\nInvalidStateError while it runs: await it instead."},
    {"exception", task_exception, METH_NOARGS,
     "exception($self, /)\n--\n\nThe exception of a task that is done, or "
     "None.\nRaises Cancelled if it was cancelled, InvalidStateError while it "
     "runs."},
    {"get_coro", task_get_coro, METH_NOARGS,
     "get_coro($self, /)\n--\n\nThe coroutine, or None when it has ended."},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS,
     "Task[int] is the type of tasks that give an int."},
    {NULL, NULL, 0, NULL}};

static PyGetSetDef task_getset[] = {
    {"name", get_name, set_name, "The task's name, for reports.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyMemberDef task_members[] = {{"__weaklistoffset__", T_PYSSIZET,
                                      offsetof(bidepy_task, weakrefs), READONLY,
                                      NULL},
                                     {NULL, 0, 0, 0, NULL}};

PyDoc_STRVAR(task_doc,
             "A coroutine that runs beside others; made by spawn().\n\n"
             "Awaiting it gives the coroutine's result or raises its\n"
             "exception. Cancelling the one that awaits does not cancel the\n"
             "task. A failure nobody looks at is reported.");

static PyType_Slot task_slots[] = {{Py_tp_doc, (void *)task_doc},
                                   {Py_tp_dealloc, task_dealloc},
                                   {Py_tp_finalize, task_finalize},
                                   {Py_tp_traverse, task_traverse},
                                   {Py_tp_clear, task_clear},
                                   {Py_tp_repr, task_repr},
                                   {Py_tp_methods, task_methods},
                                   {Py_tp_getset, task_getset},
                                   {Py_tp_members, task_members},
                                   {Py_am_await, task_await},
                                   {0, NULL}};

PyType_Spec bidepy_task_spec = {
    .name = "bide.Task",
    .basicsize = sizeof(bidepy_task),
    .flags = BIDEPY_TYPE_FLAGS,
    .slots = task_slots,
};

/* -- functions ------------------------------------------------------------ */

PyDoc_STRVAR(
    spawn_doc,
    "spawn($module, coro, /, *, name=None, token=None, context=None,\n"
    "      background=False)\n--\n\n"
    "Start a task beside the others of the running runtime.\n\n"
    "coro        a coroutine or another awaitable\n"
    "name        str, for reports\n"
    "token       a CancelToken that cancels the task\n"
    "context     the contextvars.Context to run in; a copy of the current one\n"
    "background  nobody depends on what it does: when all others wait, and "
    "not\n"
    "            for time or I/O, that is a deadlock, whatever this one waits "
    "for\n\n"
    "The task is cancelled when bide.run() ends; prefer TaskGroup.spawn() for\n"
    "work that has to end before. NoRuntimeError outside bide.run().");

static PyObject *
spawn(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
      PyObject *kwnames)
{
    static const char *const names[] = {"coro",    "name",       "token",
                                        "context", "background", NULL};
    static const bidepy_signature sig = {"spawn", names, 1, 1};
    PyObject *in[5];
    bidepy_spawn how = {.coro = NULL};
    if (bidepy_parse(&sig, args, nargs, kwnames, in) ||
        bidepy_flag(in[4], &how.background))
        return NULL;
    bidepy_state *st = bidepy_of_module(module);
    bidepy_runtime *runtime = bidepy_runtime_here(st, "bide.spawn()");
    if (!runtime)
        return NULL;
    PyObject *coro = bidepy_iterator(in[0], "spawn()");
    if (!coro)
        return NULL;
    how.coro = coro;
    how.name = in[1];
    how.token = in[2];
    how.context = in[3];
    bidepy_task *task = bidepy_task_spawn(runtime, &how);
    Py_DECREF(coro);
    return (PyObject *)task;
}

PyDoc_STRVAR(current_task_doc,
             "current_task($module, /)\n--\n\n"
             "The task that runs now, or None outside of any.");

static PyObject *
current_task(PyObject *module, PyObject *unused)
{
    (void)unused;
    bidepy_task *task = bidepy_task_here(bidepy_of_module(module));
    bool native = task && !bidepy_is_proxy(task);
    return Py_NewRef(native ? (PyObject *)task : Py_None);
}

PyMethodDef bidepy_task_functions[] = {
    {"spawn", BIDEPY_METHOD(spawn), METH_FASTCALL | METH_KEYWORDS, spawn_doc},
    {"current_task", current_task, METH_NOARGS, current_task_doc},
    {NULL, NULL, 0, NULL}};
