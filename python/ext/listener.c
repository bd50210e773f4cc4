/* bide.Listener: accepts connections. */
#include "listener.h"
#include "stream.h"

typedef struct listener {
    BIDEPY_HEAD
    bide_listener *listener;
    bide_shortage shortage; /* as __anext__() sees it */
    PyObject *weakrefs;
} listener;

static bide_listener *
core(const void *self)
{
    return ((const listener *)self)->listener;
}

/* -- life ----------------------------------------------------------------- */

PyObject *
bidepy_listener_new(bidepy_state *st, bide_listener *l)
{
    listener *self = bidepy_alloc(st, st->type.listener, NULL);
    if (!self) {
        bide_listener_unref(l);
        return NULL;
    }
    self->listener = l;
    self->shortage = (bide_shortage){0};
    self->weakrefs = NULL;
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

static int
listener_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static void
listener_dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    if (((listener *)self)->weakrefs)
        PyObject_ClearWeakRefs(self);
    bide_listener_unref(core(self));
    bidepy_free(self, NULL);
}

/* -- accept --------------------------------------------------------------- */

static int
accept_start(bidepy_op *op)
{
    return bide_listener_accept(core(op->owner), &op->wait);
}

static PyObject *
accept_finish(bidepy_op *op)
{
    return bidepy_stream_new(op->st, op->wait.value.as.ptr);
}

static PyObject *
accept_fail(bidepy_op *op, int status)
{
    return bidepy_stream_raise(op->st, status, "listener");
}

static const bidepy_op_kind accept_kind = {
    .name = "Listener.accept()",
    .start = accept_start,
    .finish = accept_finish,
    .fail = accept_fail,
};

static PyObject *
listener_accept(PyObject *self, PyObject *unused)
{
    (void)unused;
    return (PyObject *)bidepy_op_new(bidepy_of(self), &accept_kind, self);
}

/* -- async for, which outlasts a shortage of descriptors ------------------ */

/* The report of an error that does not end the loop over `self`. */
static void
tell(PyObject *self, int error)
{
    bidepy_stream_raise(bidepy_of(self), error, "listener");
    PyObject *exc = bidepy_fetch();
    bidepy_report(exc, "in accepting connections, which goes on", self);
    Py_DECREF(exc);
}

/* Waits until it is time to try again, unless that would not help. */
static int
pause_after(bidepy_op *op, int error)
{
    bool worth_telling;
    listener *self = (listener *)op->owner;
    int64_t when =
        bide_shortage_retry(&self->shortage, bide_listener_loop(self->listener),
                            error, &worth_telling);
    if (worth_telling)
        tell(op->owner, error);
    if (when == 0)
        return error;
    op->word.size = true;
    return bide_sleep_until(&op->wait, when);
}

/* The steps, `word` tells which: accept, and the pause after a shortage. */
static int
next_take(bidepy_op *op)
{
    if (op->wait.state != BIDE_WAIT_FIRED)
        return BIDE_PARKED;
    int status = bide_wait_take(&op->wait);
    if (op->word.size && status == 0) {
        op->word.size = false;
        status = accept_start(op);
    } else if (!op->word.size && status < 0) {
        status = pause_after(op, status);
    }
    return status == BIDE_PARKED ? BIDEPY_OP_AGAIN : status;
}

static void
next_drop(bidepy_op *op)
{
    bide_wait_drop(&op->wait);
}

static PyObject *
next_finish(bidepy_op *op)
{
    bide_shortage_over(&((listener *)op->owner)->shortage);
    return accept_finish(op);
}

static PyObject *
next_fail(bidepy_op *op, int status)
{
    if (status != BIDE_ECLOSED)
        return accept_fail(op, status);
    PyErr_SetNone(PyExc_StopAsyncIteration);
    return NULL;
}

static const bidepy_op_kind next_kind = {
    .name = "Listener.__anext__()",
    .start = accept_start,
    .finish = next_finish,
    .fail = next_fail,
    .flags = BIDEPY_OP_NO_RACE,
    .take = next_take,
    .drop = next_drop,
};

static PyObject *
listener_anext(PyObject *self)
{
    return (PyObject *)bidepy_op_new(bidepy_of(self), &next_kind, self);
}

/* -- serve ---------------------------------------------------------------- */

static int
check_limit(PyObject *limit)
{
    size_t n;
    return limit == Py_None ? 0 : bidepy_size(limit, "limit", 1, &n);
}

static int
check_drain(PyObject *drain)
{
    int64_t ns;
    return drain == Py_None ? 0 : bidepy_duration(drain, "drain", &ns);
}

static int
check_handler(PyObject *handler)
{
    if (PyCallable_Check(handler))
        return 0;
    PyErr_Format(PyExc_TypeError,
                 "handler must be an async function of one stream, not %.100s",
                 Py_TYPE(handler)->tp_name);
    return -1;
}

static PyObject *
listener_serve(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
               PyObject *kwnames)
{
    static const char *const names[] = {"handler", "limit",   "token",
                                        "drain",   "signals", NULL};
    static const bidepy_signature sig = {"serve", names, 1, 1};
    PyObject *given[5];
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0)
        return NULL;
    PyObject *limit = given[1] ? given[1] : Py_None;
    PyObject *token = given[2] ? given[2] : Py_None;
    PyObject *drain = given[3] ? given[3] : Py_None;
    if (check_handler(given[0]) < 0 || check_limit(limit) < 0 ||
        check_drain(drain) < 0)
        return NULL;
    PyObject *helpers = PyImport_ImportModule("bide._helpers");
    if (!helpers)
        return NULL;
    PyObject *coro =
        PyObject_CallMethod(helpers, "serve", "OOOOOO", self, given[0], limit,
                            token, drain, given[4] ? given[4] : Py_None);
    Py_DECREF(helpers);
    return coro;
}

PyObject *
bidepy_listener_report(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *error, *object;
    const char *message;
    if (!PyArg_ParseTuple(args, "OsO:_report", &error, &message, &object))
        return NULL;
    bidepy_report(error, message, object);
    Py_RETURN_NONE;
}

/* -- the rest ------------------------------------------------------------- */

static int
close_now(PyObject *self)
{
    bide_listener *l = core(self);
    if (bide_listener_closed(l))
        return 0;
    if (bidepy_stream_check(bidepy_of(self), bide_listener_loop(l),
                            "listener") < 0)
        return -1;
    bide_listener_close(l);
    return 0;
}

static PyObject *
listener_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (close_now(self) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *
listener_aclose(PyObject *self, PyObject *unused)
{
    (void)unused;
    return close_now(self) < 0 ? NULL : bidepy_done(bidepy_of(self));
}

static PyObject *
listener_aenter(PyObject *self, PyObject *unused)
{
    (void)unused;
    return bidepy_ready(bidepy_of(self), self);
}

static PyObject *
listener_aexit(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    (void)args;
    (void)nargs;
    return listener_aclose(self, NULL);
}

static PyObject *
listener_address(PyObject *self, void *closure)
{
    bide_address address;
    int rc = bide_listener_address(core(self), &address);
    if (rc < 0)
        return bidepy_stream_raise(bidepy_of(self), rc, "listener");
    if (!closure)
        return bidepy_stream_address(&address);
    if (address.family == BIDE_UNIX)
        return bidepy_raise(bidepy_of(self), BIDE_EINVALID,
                            "a Unix socket has no port; see Listener.address");
    return PyLong_FromLong(address.port);
}

static PyObject *
listener_closed(PyObject *self, void *closure)
{
    (void)closure;
    return PyBool_FromLong(bide_listener_closed(core(self)));
}

static PyObject *
listener_repr(PyObject *self)
{
    bide_address address;
    if (bide_listener_address(core(self), &address) < 0)
        return PyUnicode_FromString("<Listener closed>");
    if (address.family == BIDE_UNIX)
        return PyUnicode_FromFormat("<Listener on %s>", address.host);
    return PyUnicode_FromFormat("<Listener on %s:%d>", address.host,
                                address.port);
}

PyDoc_STRVAR(doc_accept,
             "accept($self, /)\n--\n\n"
             "Wait for a connection; gives a Stream. Several tasks may accept. "
             "OSError when the\nsystem cannot accept one now (such as EMFILE: "
             "too many open files): the listener\ngoes on. A cancelled accept "
             "loses no connection.");
PyDoc_STRVAR(
    doc_serve,
    "serve($self, /, handler, *, limit=None, token=None, drain=None,\n"
    "      signals=())\n--\n\n"
    "Accept connections and run `handler(stream)`, an async function, in a "
    "task for each;\nthe stream is closed at its end.\n\n"
    "An error of a handler is reported and ends that connection only; not "
    "reported is\nwhat the peer or the network did to the connection, such as "
    "a ConnectionResetError.\nserve() goes on until the listener is closed, "
    "short of descriptors too, and then until\nthe handlers are done; when it "
    "is cancelled, they are. `limit`: how many connections are "
    "served at a time; more wait in the\nsystem's queue. `token`: a "
    "CancelToken that ends serve() and the handlers quietly.\n\n"
    "`signals`: such as (signal.SIGINT, signal.SIGTERM). The first of them "
    "that comes closes\nthe listener; another one cancels the handlers that "
    "are left. `drain`: how many seconds\nhandlers get to end once the "
    "listener is closed, by a signal or otherwise; then they\nare cancelled. "
    "None: as long as they take. serve() returns normally after both.");
PyDoc_STRVAR(doc_close, "close($self, /)\n--\n\n"
                        "Stop listening, at once; accepts end with "
                        "StreamClosedError. Closing twice is fine.");
PyDoc_STRVAR(doc_aclose, "aclose($self, /)\n--\n\n"
                         "close(), to be awaited.");
PyDoc_STRVAR(doc_listener,
             "A listening socket, from listen_tcp() or listen_unix().\n\n"
             "    async with listener:              # closed at the end\n"
             "        await listener.serve(handler) # a task per connection\n\n"
             "or: async for stream in listener. Both go on while the system is "
             "short of descriptors\nor memory, which is reported once, to "
             "sys.unraisablehook.");

static PyMethodDef methods[] = {
    {"accept", listener_accept, METH_NOARGS, doc_accept},
    {"serve", (PyCFunction)(void (*)(void))listener_serve,
     METH_FASTCALL | METH_KEYWORDS, doc_serve},
    {"close", listener_close, METH_NOARGS, doc_close},
    {"aclose", listener_aclose, METH_NOARGS, doc_aclose},
    {"__aenter__", listener_aenter, METH_NOARGS, NULL},
    {"__aexit__", (PyCFunction)(void (*)(void))listener_aexit, METH_FASTCALL,
     NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(listener, weakrefs), READONLY,
     NULL},
    {NULL, 0, 0, 0, NULL},
};

static char port_only[] = "port";

static PyGetSetDef getters[] = {
    {"address", listener_address, NULL,
     "Where it listens: (host, port), or the path of a Unix socket.", NULL},
    {"port", listener_address, NULL,
     "The port it listens on (int); ValueError for a Unix socket.", port_only},
    {"closed", listener_closed, NULL, "Whether it is closed (bool).", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)doc_listener},
    {Py_tp_dealloc, listener_dealloc},
    {Py_tp_traverse, listener_traverse},
    {Py_tp_repr, listener_repr},
    {Py_am_aiter, PyObject_SelfIter},
    {Py_am_anext, listener_anext},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {Py_tp_getset, getters},
    {0, NULL},
};

PyType_Spec bidepy_listener_spec = {
    .name = "bide.Listener",
    .basicsize = sizeof(listener),
    .flags = BIDEPY_TYPE_FLAGS,
    .slots = slots,
};
