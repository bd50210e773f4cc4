/* What is awaited of asyncio's streams: a small coroutine in C.
 *
 * Invariants
 * - `inner` is what it waits in: of a reader's future while WAITING, when the
 *   reader's `_waiter` is that future or None; asyncio's coroutine while LENT.
 * - It runs once, as a coroutine does, and tells when it never ran. */
#include "../errors.h"
#include "../stop.h"
#include "streams.h"

/* -- waiting for data, as StreamReader._wait_for_data does ----------------- */

static PyObject *
iterator_of(PyObject *awaitable)
{
    const PyAsyncMethods *async = Py_TYPE(awaitable)->tp_as_async;
    if (PyCoro_CheckExact(awaitable))
        return Py_NewRef(awaitable);
    if (async && async->am_await)
        return async->am_await(awaitable);
    PyErr_Format(PyExc_TypeError, "%.100s object can't be awaited",
                 Py_TYPE(awaitable)->tp_name);
    return NULL;
}

static int
check_alone(bidepy_stream_call *c)
{
    PyObject *waiter = bidepy_net_get(c->subject, c->st->net->str._waiter);
    bool alone = waiter == Py_None;
    Py_XDECREF(waiter);
    if (!waiter || alone)
        return waiter ? 0 : -1;
    PyObject *by = c->argument && PyUnicode_Check(c->argument)
                       ? Py_NewRef(c->argument)
                       : PyUnicode_FromString(c->kind->method);
    if (by)
        PyErr_Format(PyExc_RuntimeError,
                     "%U() called while another coroutine is already waiting "
                     "for incoming data",
                     by);
    Py_XDECREF(by);
    return -1;
}

/* To wait while the transport is paused would be to wait forever. */
static int
resume_reading(bidepy_stream_call *c)
{
    bidepy_net *net = c->st->net;
    int paused = bidepy_net_flag(c->subject, net->str._paused);
    if (paused <= 0)
        return paused;
    PyObject *transport = NULL;
    int rc = bidepy_net_set(c->subject, net->str._paused, Py_False);
    if (rc == 0)
        transport = bidepy_net_get(c->subject, net->str._transport);
    rc = transport ? bidepy_net_tell(transport, net->str.resume_reading, NULL)
                   : -1;
    Py_XDECREF(transport);
    return rc;
}

static int
begin_wait(bidepy_stream_call *c)
{
    bidepy_net *net = c->st->net;
    if (check_alone(c) || resume_reading(c))
        return -1;
    PyObject *loop = bidepy_net_get(c->subject, net->str._loop);
    PyObject *future =
        loop ? bidepy_net_ask(loop, net->str.create_future, NULL) : NULL;
    Py_XDECREF(loop);
    c->inner = future ? iterator_of(future) : NULL;
    int rc =
        c->inner ? bidepy_net_set(c->subject, net->str._waiter, future) : -1;
    Py_XDECREF(future);
    if (rc)
        Py_CLEAR(c->inner);
    else
        c->phase = WAITING;
    return rc;
}

/* An exception that is set stays. */
static int
end_wait(bidepy_stream_call *c)
{
    bool waited = c->phase == WAITING;
    Py_CLEAR(c->inner);
    c->phase = AWAKE;
    if (!waited || !c->st->net)
        return 0;
    PyObject *exc = PyErr_Occurred() ? bidepy_fetch() : NULL;
    int rc = bidepy_net_set(c->subject, c->st->net->str._waiter, Py_None);
    if (exc) {
        PyErr_Clear();
        bidepy_reraise(exc);
        Py_DECREF(exc);
    }
    return rc;
}

/* -- running -------------------------------------------------------------- */

PyObject *
bidepy_stream_stock(PyObject *subject, const char *method)
{
    PyTypeObject *type = Py_TYPE(subject);
    const bidepy_net *net =
        bidepy_of_module(PyType_GetModuleByDef(type, &bidepy_module))->net;
    PyObject *base = PyType_IsSubtype(type, net->type.stream_reader)
                         ? net->stream_reader_base
                     : PyType_IsSubtype(type, net->type.stream_writer)
                         ? net->stream_writer_base
                         : net->stream_protocol_base;
    return PyObject_GetAttrString(base, method);
}

static int
lend(bidepy_stream_call *c)
{
    PyObject *method = bidepy_stream_stock(c->subject, c->kind->method);
    PyObject *args[] = {c->subject, c->argument};
    PyObject *coro =
        method ? PyObject_Vectorcall(method, args, c->argument ? 2 : 1, NULL)
               : NULL;
    Py_XDECREF(method);
    c->inner = coro ? iterator_of(coro) : NULL;
    Py_XDECREF(coro);
    if (!c->inner)
        return -1;
    c->phase = LENT;
    return 0;
}

static PySendResult
over(bidepy_stream_call *c, PySendResult how)
{
    c->phase = OVER;
    return how;
}

/* Until there is a result or an inner wait; PYGEN_NEXT: go on with that. */
static PySendResult
step(bidepy_stream_call *c, PyObject **result)
{
    switch (c->kind->step(c, result)) {
    case BIDEPY_STREAM_READY:
        return over(c, PYGEN_RETURN);
    case BIDEPY_STREAM_WAIT:
        return begin_wait(c) ? over(c, PYGEN_ERROR) : PYGEN_NEXT;
    case BIDEPY_STREAM_LEND:
        return lend(c) ? over(c, PYGEN_ERROR) : PYGEN_NEXT;
    default:
        return over(c, PYGEN_ERROR);
    }
}

static PySendResult
call_send(PyObject *self, PyObject *value, PyObject **result)
{
    bidepy_stream_call *c = (bidepy_stream_call *)self;
    *result = NULL;
    if (c->phase == OVER) {
        PyErr_SetString(PyExc_RuntimeError,
                        "cannot reuse already awaited coroutine");
        return PYGEN_ERROR;
    }
    if (!c->st->net) {
        bidepy_no_object(NULL); /* the module is gone */
        return PYGEN_ERROR;
    }
    for (;;) {
        if (!c->inner) {
            PySendResult rc = step(c, result);
            if (rc != PYGEN_NEXT)
                return rc;
        }
        PySendResult rc = PyIter_Send(c->inner, value, result);
        if (rc == PYGEN_NEXT)
            return rc;
        bool lent = c->phase == LENT;
        if (end_wait(c))
            rc = PYGEN_ERROR;
        if (lent || rc == PYGEN_ERROR)
            return over(c, rc);
        Py_CLEAR(*result);
        value = Py_None;
    }
}

static PyObject *
call_next(PyObject *self)
{
    PyObject *result;
    PySendResult rc = call_send(self, Py_None, &result);
    if (rc == PYGEN_RETURN)
        return bidepy_stop(((bidepy_stream_call *)self)->st, self, result);
    return rc == PYGEN_NEXT ? result : NULL;
}

static PyObject *
call_send_method(PyObject *self, PyObject *value)
{
    PyObject *result;
    PySendResult rc = call_send(self, value, &result);
    if (rc == PYGEN_RETURN)
        return bidepy_stop_plain(result);
    return rc == PYGEN_NEXT ? result : NULL;
}

/* -- being ended ---------------------------------------------------------- */

static PyObject *
raise_thrown(PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *value = nargs > 1 && args[1] != Py_None ? args[1] : NULL;
    if (PyExceptionInstance_Check(args[0]))
        return bidepy_reraise(args[0]);
    if (value && PyExceptionInstance_Check(value))
        return bidepy_reraise(value);
    if (PyExceptionClass_Check(args[0]))
        PyErr_SetObject(args[0], value);
    else
        PyErr_SetString(PyExc_TypeError,
                        "throw() needs an exception class or instance");
    return NULL;
}

static PyObject *
call_throw(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    bidepy_stream_call *c = (bidepy_stream_call *)self;
    PyObject *result = NULL;
    if (nargs < 1 || nargs > 3) {
        PyErr_SetString(PyExc_TypeError, "throw() takes 1 to 3 arguments");
        return NULL;
    }
    if (c->inner) {
        PyObject *method = PyObject_GetAttrString(c->inner, "throw");
        result = method ? PyObject_Vectorcall(method, args, (size_t)nargs, NULL)
                        : NULL;
        Py_XDECREF(method);
        if (result)
            return result;
        end_wait(c);
    } else {
        raise_thrown(args, nargs);
    }
    c->phase = OVER;
    return NULL;
}

static PyObject *
call_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    bidepy_stream_call *c = (bidepy_stream_call *)self;
    PyObject *done =
        c->inner ? PyObject_CallMethod(c->inner, "close", NULL) : NULL;
    int rc = c->inner && !done ? -1 : 0;
    Py_XDECREF(done);
    if (end_wait(c))
        rc = -1;
    c->phase = OVER;
    if (rc)
        return NULL;
    Py_RETURN_NONE;
}

/* -- the type ------------------------------------------------------------- */

PyObject *
bidepy_stream_call_new(bidepy_state *st, const bidepy_stream_kind *kind,
                       PyObject *subject, PyObject *argument, Py_ssize_t n)
{
    bidepy_stream_call *c =
        bidepy_alloc(st, st->type.stream_call, &st->stream_call_pool);
    if (!c)
        return NULL;
    c->kind = kind;
    c->subject = Py_NewRef(subject);
    c->argument = Py_XNewRef(argument);
    c->inner = NULL;
    c->n = n;
    c->phase = NEW;
    PyObject_GC_Track(c);
    return (PyObject *)c;
}

static int
call_traverse(PyObject *self, visitproc visit, void *arg)
{
    bidepy_stream_call *c = (bidepy_stream_call *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(c->subject);
    Py_VISIT(c->argument);
    Py_VISIT(c->inner);
    return 0;
}

static int
call_clear(PyObject *self)
{
    bidepy_stream_call *c = (bidepy_stream_call *)self;
    if (c->phase != OVER && end_wait(c))
        PyErr_WriteUnraisable(c->subject);
    c->phase = OVER;
    return 0;
}

/* As a coroutine that is dropped. */
static void
end_early(bidepy_stream_call *c)
{
    PyObject *exc = PyErr_Occurred() ? bidepy_fetch() : NULL;
    int rc = 0;
    if (c->phase == NEW) {
        rc =
            PyErr_WarnFormat(PyExc_RuntimeWarning, 1,
                             "coroutine '%s' was never awaited", c->kind->name);
    } else {
        PyObject *done = call_close((PyObject *)c, NULL);
        rc = done ? 0 : -1;
        Py_XDECREF(done);
    }
    if (rc)
        PyErr_WriteUnraisable(c->subject);
    if (exc) {
        bidepy_reraise(exc);
        Py_DECREF(exc);
    }
}

static void
call_dealloc(PyObject *self)
{
    bidepy_stream_call *c = (bidepy_stream_call *)self;
    PyObject_GC_UnTrack(self);
    if (c->phase != OVER && !c->st->closing)
        end_early(c);
    Py_CLEAR(c->inner);
    Py_CLEAR(c->subject);
    Py_CLEAR(c->argument);
    bidepy_stop_forget(c->st);
    bidepy_free(c, &c->st->stream_call_pool);
}

static PyObject *
call_name(PyObject *self, void *qualified)
{
    const bidepy_stream_kind *kind = ((bidepy_stream_call *)self)->kind;
    return PyUnicode_FromString(qualified ? kind->name : kind->method);
}

static PyObject *
call_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<coroutine %s at %p>",
                                ((bidepy_stream_call *)self)->kind->name, self);
}

static PyMethodDef call_methods[] = {
    {"send", call_send_method, METH_O, NULL},
    {"throw", BIDEPY_METHOD(call_throw), METH_FASTCALL, NULL},
    {"close", call_close, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL}};

static PyGetSetDef call_getset[] = {
    {"__name__", call_name, NULL, NULL, NULL},
    {"__qualname__", call_name, NULL, NULL, (void *)1},
    {NULL, NULL, NULL, NULL, NULL}};

static PyType_Slot call_slots[] = {
    {Py_tp_doc, "What a method of asyncio's streams returns to be awaited."},
    {Py_tp_dealloc, call_dealloc},
    {Py_tp_traverse, call_traverse},
    {Py_tp_clear, call_clear},
    {Py_tp_repr, call_repr},
    {Py_tp_methods, call_methods},
    {Py_tp_getset, call_getset},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, call_next},
    {Py_am_await, PyObject_SelfIter},
    {Py_am_send, call_send},
    {0, NULL}};

PyType_Spec bidepy_stream_call_spec = {
    .name = "bide._core.StreamCall",
    .basicsize = sizeof(bidepy_stream_call),
    .flags = BIDEPY_TYPE_FLAGS,
    .slots = call_slots,
};
