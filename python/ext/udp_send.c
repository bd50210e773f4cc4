/* The sending half of bide.UdpSocket. */
#include "udp.h"

/* New: the bytes of a datagram, copied unless they are bytes already. */
static PyObject *
to_bytes(PyObject *data)
{
    if (PyBytes_CheckExact(data))
        return Py_NewRef(data);
    if (PyObject_CheckBuffer(data))
        return PyBytes_FromObject(data);
    PyErr_Format(PyExc_TypeError,
                 "data must be bytes or another buffer, not %.100s%s",
                 Py_TYPE(data)->tp_name,
                 PyUnicode_Check(data) ? "; encode it first" : "");
    return NULL;
}

/* -- one datagram --------------------------------------------------------- */

/* `op->arg` is the bytes, `op->word` the address, (host, port), or NULL. */
static int
start(bidepy_op *op)
{
    bide_sockaddr to;
    PyObject *address = op->word.ptr;
    if (address &&
        bidepy_udp_address((bidepy_udp *)op->owner, address, &to) < 0)
        return BIDE_EHOST;
    return bide_udp_send(bidepy_udp_under(op), PyBytes_AS_STRING(op->arg),
                         (size_t)PyBytes_GET_SIZE(op->arg),
                         address ? &to : NULL, &op->wait);
}

static void
release(bidepy_op *op)
{
    PyObject *address = op->word.ptr;
    op->word.ptr = NULL;
    Py_XDECREF(address);
}

static const bidepy_op_kind send_kind = {
    .name = "UdpSocket.send()",
    .start = start,
    .fail = bidepy_udp_fail,
    .release = release,
};
static const bidepy_op_kind to_kind = {
    .name = "UdpSocket.send_to()",
    .start = start,
    .fail = bidepy_udp_fail,
    .release = release,
};

static PyObject *
new_op(PyObject *self, const bidepy_op_kind *kind, PyObject *data,
       PyObject *address)
{
    PyObject *bytes = to_bytes(data);
    bidepy_op *op = bytes ? bidepy_op_new(bidepy_of(self), kind, self) : NULL;
    if (!op) {
        Py_XDECREF(bytes);
        return NULL;
    }
    op->arg = bytes;
    op->word.ptr = Py_XNewRef(address);
    return (PyObject *)op;
}

/* The arguments of send_to: -1 with an exception. */
static int
parse_to(const char *function, PyObject *const *args, Py_ssize_t nargs,
         PyObject *kwnames, PyObject **given)
{
    static const char *const names[] = {"data", "address", NULL};
    const bidepy_signature sig = {function, names, 2, 2};
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0)
        return -1;
    if (PyTuple_Check(given[1]) && PyTuple_GET_SIZE(given[1]) == 2)
        return 0;
    PyErr_Format(PyExc_TypeError,
                 "address must be a tuple of host and port, not %R", given[1]);
    return -1;
}

PyObject *
bidepy_udp_send(PyObject *self, PyObject *data)
{
    return new_op(self, &send_kind, data, NULL);
}

PyObject *
bidepy_udp_send_to(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                   PyObject *kwnames)
{
    PyObject *given[2];
    if (parse_to("send_to", args, nargs, kwnames, given) < 0)
        return NULL;
    return new_op(self, &to_kind, given[0], given[1]);
}

/* -- without waiting ------------------------------------------------------ */

static PyObject *
send_now(PyObject *self, PyObject *data, const bide_sockaddr *to)
{
    bidepy_udp *u = (bidepy_udp *)self;
    Py_buffer view;
    size_t sent;
    if (!PyObject_CheckBuffer(data))
        return to_bytes(data); /* raises */
    if (bidepy_udp_check(self) < 0 ||
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0)
        return NULL;
    bide_message message = {view.buf, (size_t)view.len, to};
    int rc = bide_udp_try_send(u->udp, &message, 1, &sent);
    PyBuffer_Release(&view);
    if (rc < 0)
        return bidepy_udp_raise(u->st, rc, "UdpSocket.try_send()");
    Py_RETURN_NONE;
}

PyObject *
bidepy_udp_try_send(PyObject *self, PyObject *data)
{
    return send_now(self, data, NULL);
}

PyObject *
bidepy_udp_try_send_to(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                       PyObject *kwnames)
{
    PyObject *given[2];
    bide_sockaddr to;
    if (parse_to("try_send_to", args, nargs, kwnames, given) < 0 ||
        bidepy_udp_address((bidepy_udp *)self, given[1], &to) < 0)
        return NULL;
    return send_now(self, given[0], &to);
}

/* -- many ----------------------------------------------------------------- */

/* The messages of an operation; their bytes are kept by `op->arg`, a tuple. */
typedef struct batch {
    size_t count;
    bide_sockaddr *to; /* behind the messages */
    bide_message messages[];
} batch;

static void
release_many(bidepy_op *op)
{
    PyMem_Free(op->word.ptr);
    op->word.ptr = NULL;
}

static int
many_start(bidepy_op *op)
{
    const batch *b = op->word.ptr;
    return bide_udp_send_many(bidepy_udp_under(op), b->messages, b->count,
                              &op->wait);
}

static PyObject *
many_fail(bidepy_op *op, int status)
{
    const batch *b = op->word.ptr;
    size_t sent = op->wait.u.io.done;
    if (status == BIDE_ECLOSED || status == BIDE_EWRONGLOOP || !sent)
        return bidepy_udp_fail(op, status);
    return bidepy_raise(op->st, status,
                        "%s, after %zu of %zu datagrams had gone",
                        op->kind->name, sent, b->count);
}

static const bidepy_op_kind many_kind = {
    .name = "UdpSocket.send_many()",
    .start = many_start,
    .fail = many_fail,
    .release = release_many,
};

/* Message `i` of `item`: data, or (data, address). Puts new bytes into `kept`.
 */
static int
read_message(bidepy_udp *self, PyObject *item, PyObject *kept, Py_ssize_t i,
             batch *b)
{
    bide_message *m = &b->messages[i];
    bool pair = PyTuple_Check(item) && PyTuple_GET_SIZE(item) == 2;
    PyObject *bytes = to_bytes(pair ? PyTuple_GET_ITEM(item, 0) : item);
    if (!bytes)
        return -1;
    PyTuple_SET_ITEM(kept, i, bytes);
    m->data = PyBytes_AS_STRING(bytes);
    m->len = (size_t)PyBytes_GET_SIZE(bytes);
    m->to = NULL;
    if (!pair)
        return 0;
    m->to = &b->to[i];
    return bidepy_udp_address(self, PyTuple_GET_ITEM(item, 1), &b->to[i]);
}

static int
read_messages(PyObject *self, PyObject *items, PyObject *kept, batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        if (read_message((bidepy_udp *)self,
                         PySequence_Fast_GET_ITEM(items, (Py_ssize_t)i), kept,
                         (Py_ssize_t)i, b) < 0)
            return -1;
    return 0;
}

/* New operation over `items`, a list or tuple. */
static PyObject *
new_many(PyObject *self, PyObject *items)
{
    size_t n = (size_t)PySequence_Fast_GET_SIZE(items);
    batch *b = PyMem_Malloc(sizeof *b +
                            n * (sizeof(bide_message) + sizeof(bide_sockaddr)));
    if (!b)
        return PyErr_NoMemory();
    b->count = n;
    b->to = (bide_sockaddr *)(void *)&b->messages[n];
    PyObject *kept = PyTuple_New((Py_ssize_t)n);
    bidepy_op *op = NULL;
    if (kept && read_messages(self, items, kept, b) == 0)
        op = bidepy_op_new(bidepy_of(self), &many_kind, self);
    if (!op) {
        Py_XDECREF(kept);
        PyMem_Free(b);
        return NULL;
    }
    op->arg = kept;
    op->word.ptr = b;
    return (PyObject *)op;
}

PyObject *
bidepy_udp_send_many(PyObject *self, PyObject *messages)
{
    if (PyObject_CheckBuffer(messages)) {
        PyErr_SetString(PyExc_TypeError,
                        "messages must be a sequence of datagrams or of "
                        "(datagram, address); one alone is for send()");
        return NULL;
    }
    PyObject *items =
        PySequence_Fast(messages, "messages must be a sequence of datagrams or "
                                  "of (datagram, address)");
    if (!items)
        return NULL;
    PyObject *op = new_many(self, items);
    Py_DECREF(items);
    return op;
}
