/* bide.Channel: values between tasks, and between tasks and threads.
 *
 * A value in the channel is one reference, owned by the core. A value on its
 * way in is owned by the wait of its send operation (and not visited: to the
 * collector it is held from outside) until the core has taken it. */
#include "channel.h"

/* How many values recv_many() has room for when none is there yet. */
enum { BATCH = 1024 };

static bide_channel *
core(const void *self)
{
    return ((const bidepy_channel *)self)->channel;
}

/* -- life ----------------------------------------------------------------- */

static PyObject *
make(PyTypeObject *type, size_t capacity, PyObject *name)
{
    bidepy_channel *self = bidepy_primitive_new(type, sizeof *self, name);
    if (!self)
        return NULL;
    const bidepy_label *label = &self->label;
    int rc = capacity ? bide_channel_new(capacity, label->cname, label->site,
                                         &self->channel)
                      : bide_channel_new_unbounded(label->cname, label->site,
                                                   &self->channel);
    return bidepy_primitive_made(self, rc);
}

static int
parse_capacity(PyObject *value, size_t *out)
{
    if (bidepy_size(value, "capacity", 1, out) == 0)
        return 0;
    if (PyErr_ExceptionMatches(PyExc_ValueError))
        PyErr_Format(PyExc_ValueError,
                     "capacity must be at least 1, got %S; "
                     "Channel.unbounded() has no limit",
                     value);
    return -1;
}

static PyObject *
channel_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"capacity", "name", NULL};
    static const bidepy_signature sig = {"Channel", names, 1, 1};
    PyObject *given[2];
    size_t capacity;
    if (bidepy_parse_tuple(&sig, args, kwargs, given) < 0 ||
        parse_capacity(given[0], &capacity) < 0)
        return NULL;
    return make(type, capacity, given[1]);
}

static PyObject *
channel_unbounded(PyObject *type, PyObject *const *args, Py_ssize_t nargs,
                  PyObject *kwnames)
{
    static const char *const names[] = {"name", NULL};
    static const bidepy_signature sig = {"unbounded", names, 0, 0};
    PyObject *given[1];
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0)
        return NULL;
    return make((PyTypeObject *)type, 0, given[0]);
}

static int
channel_clear(PyObject *self)
{
    bide_value v;
    while (core(self) && bide_channel_try_recv(core(self), &v) == 0)
        Py_DECREF(bidepy_object_of(v));
    return 0;
}

static void
channel_dealloc(PyObject *self)
{
    bidepy_primitive_clear(self);
    Py_TRASHCAN_BEGIN(self, channel_dealloc);
    channel_clear(self);
    bide_channel_unref(core(self));
    bidepy_primitive_free(self);
    Py_TRASHCAN_END;
}

struct visitor {
    visitproc visit;
    void *arg;
};

static int
visit_value(bide_value v, void *arg)
{
    const struct visitor *visitor = arg;
    return visitor->visit(bidepy_object_of(v), visitor->arg);
}

static int
channel_traverse(PyObject *self, visitproc visit, void *arg)
{
    struct visitor visitor = {visit, arg};
    Py_VISIT(Py_TYPE(self));
    return bide_channel_visit(core(self), visit_value, &visitor);
}

/* -- errors --------------------------------------------------------------- */

PyObject *
bidepy_channel_raise(bidepy_channel *self, int status, const char *method)
{
    if (status == BIDE_EHOST)
        return NULL;
    PyObject *title = bidepy_primitive_title(self);
    if (!title)
        return NULL;
    if (status == BIDE_ECLOSED)
        bidepy_raise(self->st, status, "%U is closed", title);
    else if (status == BIDE_EWOULDBLOCK)
        bidepy_raise(self->st, status, "%U is empty", title);
    else if (status == BIDE_ETIMEDOUT)
        bidepy_raise(self->st, status, "%s timed out on %U", method, title);
    else if (status == BIDE_EWRONGLOOP)
        bidepy_raise(self->st, status,
                     "tasks of another runtime use %U: a channel joins tasks "
                     "of one runtime and threads; here use its try_ methods",
                     title);
    else
        bidepy_raise(self->st, status, NULL);
    Py_DECREF(title);
    return NULL;
}

static PyObject *
op_fail(bidepy_op *op, int status)
{
    return bidepy_channel_raise((bidepy_channel *)op->owner, status,
                                op->kind->name);
}

/* -- send ----------------------------------------------------------------- */

/* `word.integer` of a send: whether the core has the value. */
enum { OURS, SENT };

static int
send_start(bidepy_op *op)
{
    op->wait.value = bidepy_value(op->arg);
    op->word.integer = OURS;
    op->arg = NULL;
    return bide_channel_send(core(op->owner), &op->wait);
}

static PyObject *
send_finish(bidepy_op *op)
{
    op->word.integer = SENT;
    Py_RETURN_NONE;
}

static void
send_drop(bidepy_op *op)
{
    if (op->wait.state == BIDE_WAIT_FIRED && op->wait.status == 0)
        op->word.integer = SENT;
    bide_wait_drop(&op->wait);
}

static void
send_release(bidepy_op *op)
{
    if (op->word.integer == OURS)
        Py_DECREF(bidepy_object_of(op->wait.value));
}

static const bidepy_op_kind send_kind = {
    .name = "Channel.send()",
    .start = send_start,
    .finish = send_finish,
    .fail = op_fail,
    .release = send_release,
    .drop = send_drop,
};

static PyObject *
channel_send(PyObject *self, PyObject *value)
{
    bidepy_op *op = bidepy_op_new(bidepy_of(self), &send_kind, self);
    if (op)
        op->arg = Py_NewRef(value);
    return (PyObject *)op;
}

static PyObject *
channel_try_send(PyObject *self, PyObject *value)
{
    Py_INCREF(value);
    int rc = bide_channel_try_send(core(self), bidepy_value(value));
    if (rc == 0)
        Py_RETURN_TRUE;
    Py_DECREF(value);
    if (rc == BIDE_EWOULDBLOCK)
        Py_RETURN_FALSE;
    return bidepy_channel_raise((bidepy_channel *)self, rc, "try_send()");
}

/* -- recv ----------------------------------------------------------------- */

static int
recv_start(bidepy_op *op)
{
    return bide_channel_recv(core(op->owner), &op->wait);
}

static PyObject *
recv_finish(bidepy_op *op)
{
    return bidepy_object_of(op->wait.value);
}

static const bidepy_op_kind recv_kind = {
    .name = "Channel.recv()",
    .start = recv_start,
    .finish = recv_finish,
    .fail = op_fail,
};

static PyObject *
channel_recv(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    (void)args;
    return bidepy_no_arguments("recv", nargs)
               ? NULL
               : (PyObject *)bidepy_op_new(bidepy_of(self), &recv_kind, self);
}

static PyObject *
next_fail(bidepy_op *op, int status)
{
    if (status != BIDE_ECLOSED)
        return op_fail(op, status);
    PyErr_SetNone(PyExc_StopAsyncIteration);
    return NULL;
}

static const bidepy_op_kind next_kind = {
    .name = "Channel.__anext__()",
    .start = recv_start,
    .finish = recv_finish,
    .fail = next_fail,
};

static PyObject *
channel_anext(PyObject *self)
{
    return (PyObject *)bidepy_op_new(bidepy_of(self), &next_kind, self);
}

static PyObject *
channel_try_recv(PyObject *self, PyObject *unused)
{
    (void)unused;
    bide_value v;
    int rc = bide_channel_try_recv(core(self), &v);
    if (rc == 0)
        return bidepy_object_of(v);
    return bidepy_channel_raise((bidepy_channel *)self, rc, "try_recv()");
}

/* -- recv_many ------------------------------------------------------------ */

/* `word`: the limit before it starts, then the room for the values. */
static int
many_start(bidepy_op *op)
{
    bide_channel *ch = core(op->owner);
    size_t limit = op->word.size, there = bide_channel_len(ch);
    op->word.ptr = NULL;
    if (there < BATCH)
        there = BATCH;
    if (limit > there)
        limit = there;
    bide_value *room = PyMem_Malloc(limit * sizeof *room);
    if (!room)
        return BIDE_ENOMEMORY;
    op->word.ptr = room;
    return bide_channel_recv_many(ch, &op->wait, room, limit);
}

static PyObject *
many_finish(bidepy_op *op)
{
    const bide_value *values = op->word.ptr;
    size_t n = op->wait.u.many.count;
    PyObject *list = PyList_New((Py_ssize_t)n);
    for (size_t i = 0; i < n; i++) {
        PyObject *value = bidepy_object_of(values[i]);
        if (list)
            PyList_SET_ITEM(list, (Py_ssize_t)i, value);
        else
            Py_DECREF(value);
    }
    return list;
}

static void
many_release(bidepy_op *op)
{
    PyMem_Free(op->word.ptr);
}

static const bidepy_op_kind many_kind = {
    .name = "Channel.recv_many()",
    .start = many_start,
    .finish = many_finish,
    .fail = op_fail,
    .release = many_release,
};

static PyObject *
channel_recv_many(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                  PyObject *kwnames)
{
    static const char *const names[] = {"limit", NULL};
    static const bidepy_signature sig = {"recv_many", names, 1, 1};
    PyObject *given[1];
    size_t limit;
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        bidepy_size(given[0], "limit", 1, &limit) < 0)
        return NULL;
    return bidepy_op_new_sized(self, &many_kind, limit);
}

/* -- the rest ------------------------------------------------------------- */

static PyObject *
channel_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    bide_channel_close(core(self));
    Py_RETURN_NONE;
}

static Py_ssize_t
channel_len(PyObject *self)
{
    return (Py_ssize_t)bide_channel_len(core(self));
}

static PyObject *
channel_closed(PyObject *self, void *closure)
{
    (void)closure;
    return PyBool_FromLong(bide_channel_closed(core(self)));
}

static PyObject *
channel_capacity(PyObject *self, void *closure)
{
    (void)closure;
    size_t n = bide_channel_capacity(core(self));
    if (n == SIZE_MAX)
        Py_RETURN_NONE;
    return PyLong_FromSize_t(n);
}

static PyObject *
channel_repr(PyObject *self)
{
    const bide_channel *ch = core(self);
    size_t capacity = bide_channel_capacity(ch);
    const char *closed = bide_channel_closed(ch) ? ", closed" : "";
    char detail[80];
    if (capacity == SIZE_MAX)
        PyOS_snprintf(detail, sizeof detail, "%zu inside, unbounded%s",
                      bide_channel_len(ch), closed);
    else
        PyOS_snprintf(detail, sizeof detail, "%zu of %zu%s",
                      bide_channel_len(ch), capacity, closed);
    return bidepy_label_repr(&((bidepy_channel *)self)->label, self, detail);
}

/* -- the type ------------------------------------------------------------- */

PyDoc_STRVAR(doc_unbounded,
             "unbounded($type, /, *, name=None)\n--\n\n"
             "A channel without a limit but memory: a sender never waits.");
PyDoc_STRVAR(doc_send,
             "send($self, value, /)\n--\n\n"
             "Put `value` in, waiting while the channel is full; first come, "
             "first served.\nClosedError: closed before the value got in. A "
             "cancelled send put nothing in.");
PyDoc_STRVAR(doc_try_send,
             "try_send($self, value, /)\n--\n\n"
             "Put `value` in unless that needs a wait: True, else False.\n"
             "ClosedError. Any thread.");
PyDoc_STRVAR(doc_recv, "recv($self, /)\n--\n\n"
                       "The oldest value, waiting while there is none. "
                       "ClosedError: closed and empty.\nA cancelled recv loses "
                       "nothing: the next receiver gets the value.");
PyDoc_STRVAR(doc_try_recv,
             "try_recv($self, /)\n--\n\n"
             "The oldest value. WouldBlockError: there is none. ClosedError: "
             "closed and empty.\nAny thread.");
PyDoc_STRVAR(doc_recv_many,
             "recv_many($self, /, limit)\n--\n\n"
             "Wait for a value, then take all that are there, `limit` at most "
             "(a list, not\nempty). ClosedError: closed and empty. A cancelled "
             "wait took nothing.");
PyDoc_STRVAR(doc_send_blocking,
             "send_blocking($self, /, value, timeout=None)\n--\n\n"
             "send() for threads: blocks this thread up to `timeout` seconds "
             "(None: for ever).\nTimeoutError, ClosedError; DeadlockError on "
             "the thread of a runtime.");
PyDoc_STRVAR(doc_recv_blocking,
             "recv_blocking($self, /, timeout=None)\n--\n\n"
             "recv() for threads: blocks this thread up to `timeout` seconds "
             "(None: for ever).\nTimeoutError, ClosedError; DeadlockError on "
             "the thread of a runtime.");
PyDoc_STRVAR(doc_iter,
             "iter_blocking($self, /)\n--\n\n"
             "An iterator for threads, until it is closed and empty.");
PyDoc_STRVAR(doc_close,
             "close($self, /)\n--\n\n"
             "No more sends: waiting senders get ClosedError and keep their "
             "values, receivers\ntake what is there, then get ClosedError. Any "
             "thread; closing twice is fine.");
PyDoc_STRVAR(doc_channel,
             "Channel(capacity, *, name=None)\n--\n\n"
             "A queue of at most `capacity` values (at least 1) between tasks "
             "of one runtime and\nany threads.\n\n"
             "    await channel.send(value)\n"
             "    async for value in channel: ...   # until it is closed");

static PyMethodDef methods[] = {
    {"unbounded", (PyCFunction)(void (*)(void))channel_unbounded,
     METH_FASTCALL | METH_KEYWORDS | METH_CLASS, doc_unbounded},
    {"send", channel_send, METH_O, doc_send},
    {"try_send", channel_try_send, METH_O, doc_try_send},
    {"recv", BIDEPY_METHOD(channel_recv), METH_FASTCALL, doc_recv},
    {"try_recv", channel_try_recv, METH_NOARGS, doc_try_recv},
    {"recv_many", (PyCFunction)(void (*)(void))channel_recv_many,
     METH_FASTCALL | METH_KEYWORDS, doc_recv_many},
    {"send_blocking", (PyCFunction)(void (*)(void))bidepy_channel_send_blocking,
     METH_FASTCALL | METH_KEYWORDS, doc_send_blocking},
    {"recv_blocking", (PyCFunction)(void (*)(void))bidepy_channel_recv_blocking,
     METH_FASTCALL | METH_KEYWORDS, doc_recv_blocking},
    {"iter_blocking", bidepy_channel_iter_blocking, METH_NOARGS, doc_iter},
    {"close", channel_close, METH_NOARGS, doc_close},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS,
     "Channel[T]: a channel of T, for type checkers."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getters[] = {
    {"closed", channel_closed, NULL, "Whether close() was called.", NULL},
    {"capacity", channel_capacity, NULL,
     "How many values it holds at most (int); None: unbounded.", NULL},
    BIDEPY_PRIMITIVE_NAME,
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)doc_channel},
    {Py_tp_new, channel_new},
    {Py_tp_dealloc, channel_dealloc},
    {Py_tp_traverse, channel_traverse},
    {Py_tp_clear, channel_clear},
    {Py_tp_repr, channel_repr},
    {Py_am_aiter, PyObject_SelfIter},
    {Py_am_anext, channel_anext},
    {Py_sq_length, channel_len},
    {Py_tp_methods, methods},
    {Py_tp_members, bidepy_primitive_members},
    {Py_tp_getset, getters},
    {0, NULL},
};

PyType_Spec bidepy_channel_spec = {
    .name = "bide.Channel",
    .basicsize = sizeof(bidepy_channel),
    .flags = BIDEPY_CALLABLE_TYPE_FLAGS,
    .slots = slots,
};
