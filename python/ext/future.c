/* bide.Future: a result that is settled once, from any thread.
 *
 * The core's future holds one reference to the result, the exception or the
 * reason; this object takes it out as it dies. */
#include "bidepy.h"

/* -- making and settling -------------------------------------------------- */

bidepy_future *
bidepy_future_new(bidepy_state *st, PyObject *name)
{
    bidepy_future *self = bidepy_alloc(st, st->type.future, &st->future_pool);
    if (!self)
        return NULL;
    size_t head = offsetof(bidepy_future, future);
    memset((char *)self + head, 0, sizeof *self - head);
    PyObject_GC_Track(self);
    if (bide_future_new(&self->future)) {
        PyErr_NoMemory();
        Py_DECREF(self);
        return NULL;
    }
    if (name && bidepy_label_set(&self->label, name)) {
        Py_DECREF(self);
        return NULL;
    }
    return self;
}

int
bidepy_future_settle(bidepy_future *self, int status, PyObject *value)
{
    Py_XINCREF(value);
    int rc = bide_future_settle(self->future, status, bidepy_value(value));
    if (rc)
        Py_XDECREF(value);
    else if (status == BIDE_EHOST)
        self->traceback = PyException_GetTraceback(value);
    return rc;
}

static const char *const names[] = {"name", NULL};
static const bidepy_signature sig = {"Future", names, 0, 0};

PyObject *
bidepy_future_vectorcall(PyObject *type, PyObject *const *args, size_t nargsf,
                         PyObject *kwnames)
{
    PyObject *in[1];
    if (bidepy_parse(&sig, args, PyVectorcall_NARGS(nargsf), kwnames, in))
        return NULL;
    return (PyObject *)bidepy_future_new(bidepy_of_type((PyTypeObject *)type),
                                         in[0]);
}

static PyObject *
future_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *in[1];
    if (bidepy_parse_tuple(&sig, args, kwargs, in))
        return NULL;
    return (PyObject *)bidepy_future_new(bidepy_of_type(type), in[0]);
}

/* Returns None, or raises for a future that was settled before. */
static PyObject *
settled(bidepy_future *self, int rc, const char *method)
{
    if (rc == 0)
        Py_RETURN_NONE;
    return bidepy_raise(self->st, rc, "%s(): the future is already settled",
                        method);
}

PyDoc_STRVAR(
    set_result_doc,
    "set_result($self, result, /)\n--\n\n"
    "Settle the future; those who await it wake in order. Any thread.\n"
    "InvalidStateError when it is settled already.");

static PyObject *
set_result(PyObject *future, PyObject *result)
{
    bidepy_future *self = (bidepy_future *)future;
    return settled(self, bidepy_future_settle(self, 0, result), "set_result");
}

/* New: an instance, from a class or an instance. */
static PyObject *
instance_of(PyObject *exc)
{
    if (PyExceptionClass_Check(exc))
        exc = PyObject_CallNoArgs(exc);
    else
        Py_INCREF(exc);
    if (!exc)
        return NULL;
    if (!PyExceptionInstance_Check(exc))
        PyErr_Format(PyExc_TypeError,
                     "set_exception() needs an exception, not %.100s",
                     Py_TYPE(exc)->tp_name);
    else if (PyErr_GivenExceptionMatches(exc, PyExc_StopIteration))
        PyErr_SetString(PyExc_TypeError,
                        "StopIteration cannot be raised by await; use another "
                        "exception");
    else
        return exc;
    Py_DECREF(exc);
    return NULL;
}

PyDoc_STRVAR(set_exception_doc,
             "set_exception($self, exception, /)\n--\n\n"
             "Settle the future with an exception (class or instance), which\n"
             "those who await it get. Any thread.");

static PyObject *
set_exception(PyObject *future, PyObject *exc)
{
    bidepy_future *self = (bidepy_future *)future;
    exc = instance_of(exc);
    if (!exc)
        return NULL;
    int rc = bidepy_future_settle(self, BIDE_EHOST, exc);
    Py_DECREF(exc);
    return settled(self, rc, "set_exception");
}

PyDoc_STRVAR(
    cancel_doc,
    "cancel($self, reason=None, /)\n--\n\n"
    "Settle the future with Cancelled(reason), which those who await\n"
    "it get. Work of spawn_blocking() is taken off its queue; started\n"
    "work is told through its token, and its result is dropped. False\n"
    "when the future is settled already. Any thread.");

static PyObject *
cancel(PyObject *future, PyObject *const *args, Py_ssize_t nargs)
{
    bidepy_future *self = (bidepy_future *)future;
    if (nargs > 1) {
        PyErr_SetString(PyExc_TypeError,
                        "cancel() takes at most 1 argument: the reason");
        return NULL;
    }
    if (self->on_cancel && !self->on_cancel(self))
        Py_RETURN_FALSE;
    PyObject *reason = nargs && args[0] != Py_None ? args[0] : NULL;
    int rc = bidepy_future_settle(self, BIDE_ECANCELED, reason);
    return PyBool_FromLong(rc == 0);
}

/* -- looking -------------------------------------------------------------- */

/* New: what a settled future gives; or NULL with its exception. */
static PyObject *
outcome(bidepy_future *self, int status, PyObject *value)
{
    self->looked = true;
    if (status == 0)
        return Py_NewRef(value);
    if (status == BIDE_ECANCELED) {
        if (value)
            PyErr_SetObject(self->st->exc.cancelled, value);
        else
            PyErr_SetNone(self->st->exc.cancelled);
        return NULL;
    }
    if (status != BIDE_EHOST)
        return bidepy_raise(self->st, status, NULL);
    PyException_SetTraceback(value,
                             self->traceback ? self->traceback : Py_None);
    return bidepy_reraise(value);
}

/* Status and value (borrowed); -1 with InvalidStateError while pending. */
static int
peek(bidepy_future *self, int *status, PyObject **value)
{
    bide_value v;
    if (bide_future_peek(self->future, status, &v)) {
        bidepy_raise(self->st, BIDE_ESETTLED,
                     "the future is not settled; await it");
        return -1;
    }
    *value = bidepy_object_of(v);
    return 0;
}

static PyObject *
result(PyObject *future, PyObject *unused)
{
    (void)unused;
    bidepy_future *self = (bidepy_future *)future;
    int status;
    PyObject *value;
    return peek(self, &status, &value) ? NULL : outcome(self, status, value);
}

static PyObject *
exception(PyObject *future, PyObject *unused)
{
    (void)unused;
    bidepy_future *self = (bidepy_future *)future;
    int status;
    PyObject *value;
    if (peek(self, &status, &value))
        return NULL;
    self->looked = true;
    if (status == BIDE_ECANCELED)
        return outcome(self, status, value);
    return Py_NewRef(status == BIDE_EHOST ? value : Py_None);
}

static PyObject *
done(PyObject *future, PyObject *unused)
{
    (void)unused;
    bide_future *f = ((bidepy_future *)future)->future;
    return PyBool_FromLong(bide_future_peek(f, NULL, NULL) == 0);
}

static PyObject *
cancelled(PyObject *future, PyObject *unused)
{
    (void)unused;
    int status = 0;
    bide_future_peek(((bidepy_future *)future)->future, &status, NULL);
    return PyBool_FromLong(status == BIDE_ECANCELED);
}

/* -- waiting -------------------------------------------------------------- */

static int
start_wait(bidepy_op *op)
{
    return bide_future_wait(((bidepy_future *)op->owner)->future, &op->wait);
}

static PyObject *
finish_wait(bidepy_op *op)
{
    return result(op->owner, NULL);
}

static const bidepy_op_kind wait_kind = {
    .name = "Future",
    .start = start_wait,
    .finish = finish_wait,
    .flags = BIDEPY_OP_QUIET,
};

static PyObject *
future_await(PyObject *self)
{
    return (PyObject *)bidepy_op_new(bidepy_of(self), &wait_kind, self);
}

/* Blocks without the GIL. In the main thread a signal handler may want to run,
 * so the wait is cut into slices. BIDE_EHOST: a handler raised. */
static int
wait_blocking(bidepy_future *self, int64_t timeout)
{
    const int64_t slice = 100 * INT64_C(1000000);
    int rc;
    do {
        int64_t turn = timeout < slice ? timeout : slice;
        Py_BEGIN_ALLOW_THREADS rc =
            bide_future_wait_blocking(self->future, turn);
        Py_END_ALLOW_THREADS if (PyErr_CheckSignals()) return BIDE_EHOST;
        if (timeout != BIDE_FOREVER)
            timeout -= turn;
    } while (rc == BIDE_ETIMEDOUT && timeout > 0);
    return rc;
}

PyDoc_STRVAR(result_blocking_doc,
             "result_blocking($self, timeout=None)\n--\n\n"
             "Block this thread until the future is settled and give its\n"
             "result or raise its exception. TimeoutError after `timeout`\n"
             "seconds. For threads that run no bide.run().");

static PyObject *
result_blocking(PyObject *future, PyObject *const *args, Py_ssize_t nargs,
                PyObject *kwnames)
{
    static const char *const wait_names[] = {"timeout", NULL};
    static const bidepy_signature wait_sig = {"result_blocking", wait_names, 0,
                                              1};
    bidepy_future *self = (bidepy_future *)future;
    PyObject *in[1];
    int64_t timeout;
    if (bidepy_parse(&wait_sig, args, nargs, kwnames, in) ||
        bidepy_duration(in[0], "timeout", &timeout))
        return NULL;
    int rc = 0;
    if (bide_future_peek(self->future, NULL, NULL))
        rc = wait_blocking(self, timeout);
    if (rc == BIDE_EDEADLOCK)
        return bidepy_raise(self->st, rc,
                            "result_blocking() on the thread of a runtime "
                            "would stop it: await the future");
    if (rc == BIDE_ETIMEDOUT)
        return bidepy_raise(self->st, rc, "the future was not settled in time");
    return rc ? bidepy_raise(self->st, rc, NULL) : result(future, NULL);
}

/* -- the type ------------------------------------------------------------- */

static PyObject *
get_name(PyObject *future, void *unused)
{
    (void)unused;
    return bidepy_label_name(&((bidepy_future *)future)->label);
}

static PyObject *
future_repr(PyObject *future)
{
    bidepy_future *self = (bidepy_future *)future;
    int status = BIDE_EWOULDBLOCK;
    bide_future_peek(self->future, &status, NULL);
    const char *state = status == 0                  ? "done"
                        : status == BIDE_EWOULDBLOCK ? "pending"
                        : status == BIDE_ECANCELED   ? "cancelled"
                                                     : "failed";
    return bidepy_label_repr(&self->label, future, state);
}

static int
future_traverse(PyObject *future, visitproc visit, void *arg)
{
    bidepy_future *self = (bidepy_future *)future;
    Py_VISIT(Py_TYPE(future));
    Py_VISIT(self->traceback);
    bide_value v;
    if (self->future && bide_future_peek(self->future, NULL, &v) == 0)
        Py_VISIT(bidepy_object_of(v));
    return 0;
}

/* A result cannot be taken back from the core while the future lives, so a
 * cycle is broken by making the future another one: settled, with nothing. */
static int
future_clear(PyObject *future)
{
    bidepy_future *self = (bidepy_future *)future;
    bide_future *empty;
    bide_value v;
    Py_CLEAR(self->traceback);
    if (!self->future || bide_future_peek(self->future, NULL, &v) ||
        bide_future_new(&empty))
        return 0;
    bide_future_settle(empty, BIDE_ECANCELED, BIDE_NO_VALUE);
    bide_future_unref(self->future);
    self->future = empty;
    self->looked = true;
    Py_XDECREF(bidepy_object_of(v));
    return 0;
}

static bool
is_unseen_failure(bidepy_future *self, PyObject **exc)
{
    int status;
    bide_value v;
    if (self->looked || !self->future || self->st->closing ||
        bide_future_peek(self->future, &status, &v) || status != BIDE_EHOST)
        return false;
    *exc = bidepy_object_of(v);
    return true;
}

static void
future_finalize(PyObject *future)
{
    bidepy_future *self = (bidepy_future *)future;
    PyObject *exc;
    if (!is_unseen_failure(self, &exc))
        return;
    self->looked = true;
    bidepy_report(exc, "in a future, whose exception nobody looked at",
                  self->label.name);
}

static void
future_dealloc(PyObject *future)
{
    bidepy_future *self = (bidepy_future *)future;
    PyObject *exc;
    bide_value v;
    if (is_unseen_failure(self, &exc) &&
        PyObject_CallFinalizerFromDealloc(future))
        return;
    PyObject_GC_UnTrack(future);
    Py_TRASHCAN_BEGIN(future, future_dealloc);
    if (self->weakrefs)
        PyObject_ClearWeakRefs(future);
    if (self->on_drop)
        self->on_drop(self);
    if (self->future && bide_future_peek(self->future, NULL, &v) == 0)
        Py_XDECREF(bidepy_object_of(v));
    bide_future_unref(self->future);
    Py_XDECREF(self->traceback);
    bidepy_label_clear(&self->label);
    bidepy_free(self, PyObject_GC_IsFinalized(future) ? NULL
                                                      : &self->st->future_pool);
    Py_TRASHCAN_END;
}

static PyMethodDef future_methods[] = {
    {"set_result", set_result, METH_O, set_result_doc},
    {"set_exception", set_exception, METH_O, set_exception_doc},
    {"cancel", BIDEPY_METHOD(cancel), METH_FASTCALL, cancel_doc},
    {"done", done, METH_NOARGS,
     "done($self, /)\n--\n\nWhether the future is settled. Any thread."},
    {"cancelled", cancelled, METH_NOARGS,
     "cancelled($self, /)\n--\n\nWhether the future was cancelled. Any "
     "thread."},
    {"result", result, METH_NOARGS,
     "result($self, /)\n--\n\nThe result, or the exception raised.\n"
     "InvalidStateError while the future is not settled. Any thread."},
    {"exception", exception, METH_NOARGS,
     "exception($self, /)\n--\n\nThe exception, or None. Raises Cancelled if "
     "cancelled,\nInvalidStateError while not settled. Any thread."},
    {"result_blocking", BIDEPY_METHOD(result_blocking),
     METH_FASTCALL | METH_KEYWORDS, result_blocking_doc},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS,
     "Future[int] is the type of futures that give an int."},
    {NULL, NULL, 0, NULL}};

static PyGetSetDef future_getset[] = {
    {"name", get_name, NULL, "The name given for reports, or None.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyMemberDef future_members[] = {{"__weaklistoffset__", T_PYSSIZET,
                                        offsetof(bidepy_future, weakrefs),
                                        READONLY, NULL},
                                       {NULL, 0, 0, 0, NULL}};

PyDoc_STRVAR(future_doc,
             "Future(*, name=None)\n--\n\n"
             "A result to come. Tasks await it, threads call\n"
             "result_blocking(); it is settled once, from any thread.");

static PyType_Slot future_slots[] = {
    {Py_tp_doc, (void *)future_doc},   {Py_tp_new, future_new},
    {Py_tp_dealloc, future_dealloc},   {Py_tp_finalize, future_finalize},
    {Py_tp_traverse, future_traverse}, {Py_tp_clear, future_clear},
    {Py_tp_repr, future_repr},         {Py_tp_methods, future_methods},
    {Py_tp_getset, future_getset},     {Py_tp_members, future_members},
    {Py_am_await, future_await},       {0, NULL}};

PyType_Spec bidepy_future_spec = {
    .name = "bide.Future",
    .basicsize = sizeof(bidepy_future),
    .flags = BIDEPY_CALLABLE_TYPE_FLAGS,
    .slots = future_slots,
};
