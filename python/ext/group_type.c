/* bide.TaskGroup. */
#include "group.h"

/* -- leaving -------------------------------------------------------------- */

static int
start_exit(bidepy_op *op)
{
    bidepy_group *self = (bidepy_group *)op->owner;
    if (op->arg)
        bidepy_group_cancel(self, self->st->sibling_failed);
    return bidepy_group_join(self, op);
}

/* An interruption of the program is not wrapped. */
static bool
is_interruption(PyObject *exc)
{
    return PyErr_GivenExceptionMatches(exc, PyExc_KeyboardInterrupt) ||
           PyErr_GivenExceptionMatches(exc, PyExc_SystemExit);
}

static PyObject *
raise_errors(bidepy_group *self)
{
    PyObject *error =
        PyObject_CallFunction(PyExc_BaseExceptionGroup, "sO",
                              "unhandled errors in a TaskGroup", self->errors);
    if (!error)
        return NULL;
    Py_CLEAR(self->errors);
    PyException_SetCause(error, NULL);
    PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_DECREF(error);
    return NULL;
}

/* Adds the body's own exception to those of the tasks. */
static int
add_error(bidepy_group *self, PyObject *exc)
{
    if (!self->errors)
        self->errors = PyList_New(0);
    return self->errors ? PyList_Append(self->errors, exc) : -1;
}

static PyObject *
finish_exit(bidepy_op *op)
{
    bidepy_group *self = (bidepy_group *)op->owner;
    PyObject *exc = op->arg;
    int rc = bidepy_group_close(self);
    if (rc == BIDE_EHOST)
        return NULL;
    if (exc && is_interruption(exc))
        Py_RETURN_FALSE;
    bool cancelled = exc && bidepy_is_cancelled(self->st, exc);
    if (exc && !cancelled && add_error(self, exc) < 0)
        return NULL;
    if (self->errors)
        return raise_errors(self);
    if (bidepy_group_passes_interrupt(self))
        return NULL;
    if (cancelled)
        return PyBool_FromLong(self->cancel_called && rc != 0);
    if (!exc && bidepy_group_passes_cancel(self, op))
        return NULL;
    Py_RETURN_NONE;
}

static void
release_exit(bidepy_op *op)
{
    bidepy_group *self = (bidepy_group *)op->owner;
    if (self->phase == BIDEPY_GROUP_OVER)
        return;
    if (bidepy_group_close(self) == BIDE_EHOST)
        PyErr_Clear();
}

static const bidepy_op_kind exit_kind = {
    .name = "TaskGroup",
    .start = start_exit,
    .finish = finish_exit,
    .release = release_exit,
    .interrupt = bidepy_group_interrupt,
    .flags = BIDEPY_OP_NO_RACE,
};

/* The coroutine is being closed: there is no waiting any more. */
static PyObject *
give_up(bidepy_group *self)
{
    bidepy_group_cancel(self, NULL);
    if (bidepy_group_close(self) == BIDE_EHOST)
        return NULL;
    return bidepy_done(self->st);
}

static PyObject *
group_aexit(PyObject *group, PyObject *const *args, Py_ssize_t nargs)
{
    bidepy_group *self = (bidepy_group *)group;
    PyObject *exc = nargs > 1 && args[1] != Py_None ? args[1] : NULL;
    if (self->phase != BIDEPY_GROUP_OPEN) {
        PyErr_SetString(PyExc_RuntimeError,
                        "this TaskGroup is left without being entered");
        return NULL;
    }
    if (exc && PyErr_GivenExceptionMatches(exc, PyExc_GeneratorExit))
        return give_up(self);
    bidepy_op *op = bidepy_op_new(self->st, &exit_kind, group);
    if (op)
        op->arg = Py_XNewRef(exc);
    return (PyObject *)op;
}

static PyObject *
group_aenter(PyObject *group, PyObject *unused)
{
    (void)unused;
    bidepy_group *self = (bidepy_group *)group;
    bidepy_task *task = bidepy_task_here(self->st);
    if (!task)
        return bidepy_raise_no_task(self->st, "TaskGroup");
    if (bidepy_group_open(self, task))
        return NULL;
    return bidepy_ready(self->st, group);
}

/* -- methods -------------------------------------------------------------- */

/* 0 when tasks may be started and cancelled here; else -1. */
static int
check_open(bidepy_group *self, const char *method)
{
    if (self->phase != BIDEPY_GROUP_OPEN || !self->body.task) {
        PyErr_Format(PyExc_RuntimeError,
                     "TaskGroup.%s(): the block %s; use it inside `async with "
                     "TaskGroup() as tg`",
                     method,
                     self->phase == BIDEPY_GROUP_NEW ? "has not begun"
                                                     : "is over");
        return -1;
    }
    if (self->runtime->loop == bide_loop_current())
        return 0;
    bidepy_raise(self->st, BIDE_EWRONGLOOP,
                 "TaskGroup.%s() is for the thread that runs the group",
                 method);
    return -1;
}

PyDoc_STRVAR(spawn_doc,
             "spawn($self, coro, /, *, name=None, token=None, context=None,\n"
             "      background=False)\n--\n\n"
             "Start a task that the group's block waits for. Arguments as for\n"
             "bide.spawn(); one of the background is not waited for, but "
             "cancelled when\n"
             "all others have ended. RuntimeError when the block is over.");

static PyObject *
group_spawn(PyObject *group, PyObject *const *args, Py_ssize_t nargs,
            PyObject *kwnames)
{
    static const char *const names[] = {"coro",    "name",       "token",
                                        "context", "background", NULL};
    static const bidepy_signature sig = {"spawn", names, 1, 1};
    bidepy_group *self = (bidepy_group *)group;
    PyObject *in[5];
    bidepy_spawn how = {.coro = NULL};
    if (bidepy_parse(&sig, args, nargs, kwnames, in) ||
        bidepy_flag(in[4], &how.background) || check_open(self, "spawn"))
        return NULL;
    PyObject *coro = bidepy_iterator(in[0], "TaskGroup.spawn()");
    if (!coro)
        return NULL;
    how.coro = coro;
    how.name = in[1];
    how.token = in[2];
    how.context = in[3];
    bidepy_task *task = bidepy_group_spawn(self, &how);
    Py_DECREF(coro);
    return (PyObject *)task;
}

PyDoc_STRVAR(cancel_doc,
             "cancel($self, reason=None, /)\n--\n\n"
             "Cancel the tasks of the group and the rest of its block, which\n"
             "then ends without an error.");

static PyObject *
group_cancel(PyObject *group, PyObject *const *args, Py_ssize_t nargs)
{
    bidepy_group *self = (bidepy_group *)group;
    if (nargs > 1) {
        PyErr_SetString(PyExc_TypeError,
                        "cancel() takes at most 1 argument: the reason");
        return NULL;
    }
    if (check_open(self, "cancel"))
        return NULL;
    self->cancel_called = true;
    bidepy_group_cancel(self, nargs && args[0] != Py_None ? args[0] : NULL);
    Py_RETURN_NONE;
}

/* -- the type ------------------------------------------------------------- */

static PyObject *
group_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    if (PyTuple_GET_SIZE(args) || (kwargs && PyDict_GET_SIZE(kwargs))) {
        PyErr_SetString(PyExc_TypeError, "TaskGroup() takes no arguments");
        return NULL;
    }
    return (PyObject *)bidepy_group_new(bidepy_of_type(type),
                                        BIDEPY_ALL_ERRORS);
}

static PyObject *
group_repr(PyObject *group)
{
    static const char *const phases[] = {"new", "open", "over"};
    bidepy_group *self = (bidepy_group *)group;
    return PyUnicode_FromFormat("<TaskGroup at %p %s tasks=%zu>", self,
                                phases[self->phase], self->active);
}

static int
group_traverse(PyObject *group, visitproc visit, void *arg)
{
    bidepy_group *self = (bidepy_group *)group;
    Py_VISIT(Py_TYPE(group));
    Py_VISIT(self->runtime);
    Py_VISIT(self->errors);
    Py_VISIT(self->first);
    Py_VISIT(self->reason);
    Py_VISIT(self->message);
    return 0;
}

static int
group_clear(PyObject *group)
{
    bidepy_group *self = (bidepy_group *)group;
    Py_CLEAR(self->errors);
    Py_CLEAR(self->first);
    return 0;
}

static void
group_dealloc(PyObject *group)
{
    bidepy_group *self = (bidepy_group *)group;
    PyObject_GC_UnTrack(group);
    Py_XDECREF(self->runtime);
    Py_XDECREF(self->errors);
    Py_XDECREF(self->first);
    Py_XDECREF(self->reason);
    Py_XDECREF(self->message);
    bidepy_free(self, NULL);
}

static PyMethodDef group_methods[] = {
    {"__aenter__", group_aenter, METH_NOARGS, NULL},
    {"__aexit__", BIDEPY_METHOD(group_aexit), METH_FASTCALL, NULL},
    {"spawn", BIDEPY_METHOD(group_spawn), METH_FASTCALL | METH_KEYWORDS,
     spawn_doc},
    {"create_task", BIDEPY_METHOD(group_spawn), METH_FASTCALL | METH_KEYWORDS,
     "create_task($self, coro, /, *, name=None, token=None, context=None,\n"
     "            background=False)\n--\n\nasyncio's name for spawn()."},
    {"cancel", BIDEPY_METHOD(group_cancel), METH_FASTCALL, cancel_doc},
    {NULL, NULL, 0, NULL}};

PyDoc_STRVAR(
    group_doc,
    "TaskGroup()\n--\n\n"
    "Tasks that end with a block: `async with TaskGroup() as tg:` waits for\n"
    "all tasks of tg.spawn() at its end.\n\n"
    "The first error, of a task or of the block itself, cancels the others;\n"
    "when all have ended the errors are raised as an ExceptionGroup.");

static PyType_Slot group_slots[] = {
    {Py_tp_doc, (void *)group_doc}, {Py_tp_new, group_new},
    {Py_tp_dealloc, group_dealloc}, {Py_tp_traverse, group_traverse},
    {Py_tp_clear, group_clear},     {Py_tp_repr, group_repr},
    {Py_tp_methods, group_methods}, {0, NULL}};

PyType_Spec bidepy_group_spec = {
    .name = "bide.TaskGroup",
    .basicsize = sizeof(bidepy_group),
    .flags = BIDEPY_CALLABLE_TYPE_FLAGS,
    .slots = group_slots,
};
