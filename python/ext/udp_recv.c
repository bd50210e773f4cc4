/* The receiving half of bide.UdpSocket. */
#include "udp.h"

enum { MOST = 65535, MANY = 64 };

/* -- one datagram --------------------------------------------------------- */

/* New: the bytes. */
static PyObject *
bytes_of(const bide_datagram *d)
{
    return PyBytes_FromStringAndSize(d->data, (Py_ssize_t)d->len);
}

/* New: (bytes, (host, port)). */
static PyObject *
pair_of(bidepy_udp *self, const bide_datagram *d)
{
    PyObject *bytes = bytes_of(d);
    PyObject *from = bytes ? bidepy_udp_tuple(self, &d->from) : NULL;
    PyObject *pair = from ? PyTuple_New(2) : NULL;
    if (!pair) {
        Py_XDECREF(bytes);
        Py_XDECREF(from);
        return NULL;
    }
    PyTuple_SET_ITEM(pair, 0, bytes);
    PyTuple_SET_ITEM(pair, 1, from);
    return pair;
}

static int
start(bidepy_op *op)
{
    return bide_udp_recv(bidepy_udp_under(op), op->word.size, &op->wait);
}

static PyObject *
finish(bidepy_op *op)
{
    bide_datagram *d = op->wait.value.as.ptr;
    PyObject *bytes = bytes_of(d);
    bide_udp_free(bidepy_udp_under(op), d);
    return bytes;
}

static PyObject *
from_finish(bidepy_op *op)
{
    bide_datagram *d = op->wait.value.as.ptr;
    PyObject *pair = pair_of((bidepy_udp *)op->owner, d);
    bide_udp_free(bidepy_udp_under(op), d);
    return pair;
}

/* The end of the loop is the close. */
static PyObject *
next_fail(bidepy_op *op, int status)
{
    if (status != BIDE_ECLOSED)
        return bidepy_udp_fail(op, status);
    PyErr_SetNone(PyExc_StopAsyncIteration);
    return NULL;
}

static const bidepy_op_kind recv_kind = {
    .name = "UdpSocket.recv()",
    .start = start,
    .finish = finish,
    .fail = bidepy_udp_fail,
    .flags = BIDEPY_OP_LEAF,
};
static const bidepy_op_kind from_kind = {
    .name = "UdpSocket.recv_from()",
    .start = start,
    .finish = from_finish,
    .fail = bidepy_udp_fail,
    .flags = BIDEPY_OP_LEAF,
};
static const bidepy_op_kind next_kind = {
    .name = "UdpSocket.__anext__()",
    .start = start,
    .finish = from_finish,
    .fail = next_fail,
    .flags = BIDEPY_OP_LEAF,
};

static int
parse_max(const char *function, PyObject *const *args, Py_ssize_t nargs,
          PyObject *kwnames, size_t *max)
{
    static const char *const names[] = {"max", NULL};
    const bidepy_signature sig = {function, names, 0, 1};
    PyObject *given[1];
    *max = MOST;
    if (nargs == 0 && !kwnames)
        return 0;
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        (given[0] && bidepy_size(given[0], "max", 1, max) < 0))
        return -1;
    if (*max > MOST)
        *max = MOST;
    return 0;
}

PyObject *
bidepy_udp_recv(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                PyObject *kwnames)
{
    size_t max;
    if (parse_max("recv", args, nargs, kwnames, &max) < 0)
        return NULL;
    return bidepy_op_new_sized(self, &recv_kind, max);
}

PyObject *
bidepy_udp_recv_from(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                     PyObject *kwnames)
{
    size_t max;
    if (parse_max("recv_from", args, nargs, kwnames, &max) < 0)
        return NULL;
    return bidepy_op_new_sized(self, &from_kind, max);
}

PyObject *
bidepy_udp_anext(PyObject *self)
{
    return bidepy_op_new_sized(self, &next_kind, MOST);
}

/* -- without waiting ------------------------------------------------------ */

static PyObject *
receive_now(PyObject *self, size_t max, bool from)
{
    bidepy_udp *u = (bidepy_udp *)self;
    bide_datagram *d;
    if (bidepy_udp_check(self) < 0)
        return NULL;
    int rc = bide_udp_try_recv(u->udp, max, &d);
    if (rc < 0)
        return bidepy_udp_raise(u->st, rc, "UdpSocket.try_recv()");
    PyObject *result = from ? pair_of(u, d) : bytes_of(d);
    bide_udp_free(u->udp, d);
    return result;
}

PyObject *
bidepy_udp_try_recv(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                    PyObject *kwnames)
{
    size_t max;
    if (parse_max("try_recv", args, nargs, kwnames, &max) < 0)
        return NULL;
    return receive_now(self, max, false);
}

PyObject *
bidepy_udp_try_recv_from(PyObject *self, PyObject *const *args,
                         Py_ssize_t nargs, PyObject *kwnames)
{
    size_t max;
    if (parse_max("try_recv_from", args, nargs, kwnames, &max) < 0)
        return NULL;
    return receive_now(self, max, true);
}

/* -- many ----------------------------------------------------------------- */

static int
many_start(bidepy_op *op)
{
    return bide_udp_recv_many(bidepy_udp_under(op), op->word.size, &op->wait);
}

static PyObject *
many_finish(bidepy_op *op)
{
    bide_datagram *chain = op->wait.value.as.ptr;
    PyObject *list = PyList_New((Py_ssize_t)op->wait.u.many.count);
    Py_ssize_t i = 0;
    for (bide_datagram *d = chain; list && d; d = d->next) {
        PyObject *pair = pair_of((bidepy_udp *)op->owner, d);
        if (pair)
            PyList_SET_ITEM(list, i++, pair);
        else
            Py_CLEAR(list);
    }
    bide_udp_free(bidepy_udp_under(op), chain);
    return list;
}

static const bidepy_op_kind many_kind = {
    .name = "UdpSocket.recv_many()",
    .start = many_start,
    .finish = many_finish,
    .fail = bidepy_udp_fail,
    .flags = BIDEPY_OP_LEAF,
};

PyObject *
bidepy_udp_recv_many(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                     PyObject *kwnames)
{
    static const char *const names[] = {"limit", NULL};
    static const bidepy_signature sig = {"recv_many", names, 0, 1};
    PyObject *given[1];
    size_t limit = MANY;
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        (given[0] && bidepy_size(given[0], "limit", 1, &limit) < 0))
        return NULL;
    return bidepy_op_new_sized(self, &many_kind, limit);
}
