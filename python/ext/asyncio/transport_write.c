/* Writing: what is written goes out at once, or behind the callback that writes
 * it (transport_cork.c); what the system does not take is queued and goes out,
 * many pieces in one call, whenever there is room.
 *
 * send() and recv() take a shorter way through the system than write() and
 * read(). */
#include "transport.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PIECES = 64,    /* of the queue, in one call */
    LOST_WRITES = 5 /* asyncio.constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES */
};

static const char write_error[] = "Fatal write error on socket transport";

/* -- flow control --------------------------------------------------------- */

static int
tell_protocol(bidepy_transport *t, bool pause)
{
    bidepy_net *net = bidepy_transport_net(t);
    t->protocol_paused = pause;
    PyObject *name = pause ? net->str.pause_writing : net->str.resume_writing;
    if (bidepy_net_tell(t->protocol, name, NULL) == 0)
        return 0;
    if (bidepy_net_is_fatal())
        return -1;
    return bidepy_net_report(net, t->loop,
                             pause ? "protocol.pause_writing() failed"
                                   : "protocol.resume_writing() failed",
                             (PyObject *)t, t->protocol);
}

int
bidepy_transport_maybe_pause(bidepy_transport *t)
{
    if (t->queue.size <= t->high || t->protocol_paused || !t->protocol)
        return 0;
    return tell_protocol(t, true);
}

static int
maybe_resume(bidepy_transport *t)
{
    if (!t->protocol_paused || t->queue.size > t->low)
        return 0;
    return tell_protocol(t, false);
}

/* New: `value`, or what stands for it if it is not given. */
static PyObject *
limit_of(PyObject *value, const char *name, PyObject *(*other)(PyObject *),
         PyObject *of)
{
    if (!value || value == Py_None)
        return other(of);
    if (PyLong_Check(value) || PyFloat_Check(value))
        return Py_NewRef(value);
    return PyErr_Format(PyExc_TypeError,
                        "%s must be a number or None, not %.100s", name,
                        bidepy_net_type_name(value));
}

static PyObject *
high_for(PyObject *low)
{
    PyObject *n = PyLong_FromLong(low && low != Py_None ? 4 : 64 * 1024);
    if (!n || !low || low == Py_None)
        return n;
    PyObject *high = PyNumber_Multiply(n, low);
    Py_DECREF(n);
    return high;
}

static PyObject *
low_for(PyObject *high)
{
    PyObject *n = PyLong_FromLong(4);
    PyObject *low = n ? PyNumber_FloorDivide(high, n) : NULL;
    Py_XDECREF(n);
    return low;
}

/* 1: they are as they have to be; 0; -1. */
static int
in_order(PyObject *high, PyObject *low)
{
    PyObject *zero = PyLong_FromLong(0);
    int rc = zero ? PyObject_RichCompareBool(high, low, Py_GE) : -1;
    if (rc > 0)
        rc = PyObject_RichCompareBool(low, zero, Py_GE);
    Py_XDECREF(zero);
    return rc;
}

/* As many whole bytes, of a number that is not negative; -1. */
static Py_ssize_t
bytes_of(PyObject *limit)
{
    PyObject *whole = PyNumber_Long(limit);
    Py_ssize_t n = whole ? PyNumber_AsSsize_t(whole, NULL) : -1;
    Py_XDECREF(whole);
    return n;
}

static int
take_limits(bidepy_transport *t, PyObject *high, PyObject *low)
{
    int fit = in_order(high, low);
    if (fit <= 0) {
        if (fit == 0)
            PyErr_Format(PyExc_ValueError,
                         "high (%R) must be >= low (%R) must be >= 0", high,
                         low);
        return -1;
    }
    Py_ssize_t top = bytes_of(high), bottom = top < 0 ? -1 : bytes_of(low);
    if (bottom < 0)
        return -1;
    t->high = (size_t)top;
    t->low = (size_t)bottom;
    return 0;
}

int
bidepy_transport_set_limits(bidepy_transport *t, PyObject *high, PyObject *low)
{
    PyObject *top = limit_of(high, "high", high_for, low);
    PyObject *bottom = top ? limit_of(low, "low", low_for, top) : NULL;
    int rc = bottom ? take_limits(t, top, bottom) : -1;
    Py_XDECREF(bottom);
    Py_XDECREF(top);
    return rc;
}

/* -- to the system -------------------------------------------------------- */

static ssize_t
send_one(const bidepy_transport *t, const char *data, size_t n)
{
    ssize_t sent;
    do
        sent = send(t->fd, data, n, 0);
    while (sent < 0 && errno == EINTR);
    return sent;
}

static ssize_t
send_many(const bidepy_transport *t, const struct iovec *pieces, int n)
{
    ssize_t sent;
    do
        sent = writev(t->fd, pieces, n);
    while (sent < 0 && errno == EINTR);
    return sent;
}

static bool
is_full(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK;
}

/* From the front of the queue, once: how much the system took; -1: an error of
 * the system's in errno. */
static ssize_t
send_queue(bidepy_transport *t)
{
    struct iovec pieces[PIECES];
    int n = bidepy_sendq_peek(&t->queue, pieces, PIECES);
    ssize_t sent = n == 1 ? send_one(t, pieces->iov_base, pieces->iov_len)
                          : send_many(t, pieces, n);
    if (sent < 0)
        return is_full() ? 0 : -1;
    bidepy_sendq_drop(&t->queue, (size_t)sent);
    return sent;
}

static int
shut_down(bidepy_transport *t)
{
    PyObject *how = PyLong_FromLong(SHUT_WR);
    int rc = how ? bidepy_net_tell(t->sock,
                                   bidepy_transport_net(t)->str.shutdown, how)
                 : -1;
    Py_XDECREF(how);
    return rc;
}

/* -- the queue goes out --------------------------------------------------- */

static int
queue_failed(bidepy_transport *t)
{
    bidepy_net *net = bidepy_transport_net(t);
    PyErr_SetFromErrno(PyExc_OSError);
    PyObject *exc = bidepy_fetch(), *waiter = Py_XNewRef(t->empty_waiter);
    bidepy_sendq_clear(&t->queue);
    bidepy_reraise(exc);
    int rc = bidepy_transport_fatal(t, write_error);
    if (rc == 0 && waiter)
        rc = bidepy_net_tell(waiter, net->str.set_exception, exc);
    Py_XDECREF(waiter);
    Py_DECREF(exc);
    return rc;
}

static int
queue_is_out(bidepy_transport *t)
{
    bidepy_net *net = bidepy_transport_net(t);
    if (bidepy_transport_want(t))
        return -1;
    Py_CLEAR(t->write_context);
    if (t->empty_waiter &&
        bidepy_net_tell(t->empty_waiter, net->str.set_result, Py_None))
        return -1;
    if (t->closing)
        return bidepy_transport_lost(t, Py_None);
    return t->eof ? shut_down(t) : 0;
}

/* The protocol may write more as it is told to go on: what it corks so goes out
 * behind this callback, and then queue_is_out() sees to the rest. */
static int
after_sending(bidepy_transport *t)
{
    if (maybe_resume(t))
        return -1;
    if (t->queue.count || t->conn_lost || !t->loop)
        return 0;
    return queue_is_out(t);
}

int
bidepy_transport_writable(bidepy_transport *t)
{
    return send_queue(t) < 0 ? queue_failed(t) : after_sending(t);
}

/* -- writing -------------------------------------------------------------- */

/* 1: go on; 0: there is nothing to do; -1: an exception. */
static int
may_write(bidepy_transport *t, const char *verb)
{
    if (t->eof)
        PyErr_Format(PyExc_RuntimeError, "Cannot call %s() after write_eof()",
                     verb);
    else if (t->empty_waiter)
        PyErr_Format(PyExc_RuntimeError,
                     "unable to %s; sendfile is in progress", verb);
    else
        return 1;
    return -1;
}

/* The connection is gone: silent, but for those who go on and on. */
static int
write_in_vain(bidepy_transport *t)
{
    if (t->conn_lost++ < LOST_WRITES)
        return 0;
    return bidepy_net_warn(bidepy_transport_net(t),
                           "socket.send() raised exception.");
}

static int
begin_queue(bidepy_transport *t)
{
    Py_XSETREF(t->write_context, PyContext_CopyCurrent());
    if (!t->write_context)
        return -1;
    return bidepy_transport_want(t);
}

static int
queue_rest(bidepy_transport *t, PyObject *data, const Py_buffer *view,
           size_t from)
{
    if (bidepy_sendq_push(&t->queue, data, view, from) || begin_queue(t))
        return -1;
    return bidepy_transport_maybe_pause(t);
}

int
bidepy_transport_uncork(bidepy_transport *t)
{
    if (!t->corked)
        return 0;
    t->corked = false;
    if (send_queue(t) < 0)
        return queue_failed(t);
    if (t->queue.count == 0)
        return queue_is_out(t);
    return begin_queue(t) ? -1 : bidepy_transport_maybe_pause(t);
}

/* What has been queued waits for the end of the callback, if it may. */
static int
send_soon(bidepy_transport *t)
{
    bidepy_transport_cork(t);
    return bidepy_transport_may_cork(t, 0) ? 0 : bidepy_transport_uncork(t);
}

static int
write_now(bidepy_transport *t, PyObject *data, const Py_buffer *view)
{
    ssize_t sent = send_one(t, view->buf, (size_t)view->len);
    if (sent == view->len)
        return 0;
    if (sent < 0 && !is_full()) {
        PyErr_SetFromErrno(PyExc_OSError);
        return bidepy_transport_fatal(t, write_error);
    }
    return queue_rest(t, data, view, sent < 0 ? 0 : (size_t)sent);
}

/* Only bytes are worth it: the memory of others would have to be copied. */
static int
write_view(bidepy_transport *t, PyObject *data, const Py_buffer *view)
{
    if (view->len == 0)
        return 0;
    if (t->conn_lost)
        return write_in_vain(t);
    bool queued = t->queue.count != 0, waits = queued && !t->corked;
    assert(queued || !t->corked);
    if (!queued && (!PyBytes_CheckExact(data) ||
                    !bidepy_transport_may_cork(t, (size_t)view->len)))
        return write_now(t, data, view);
    if (bidepy_sendq_push(&t->queue, data, view, 0))
        return -1;
    return waits ? bidepy_transport_maybe_pause(t) : send_soon(t);
}

static int
check_data(PyObject *data)
{
    if (PyBytes_Check(data) || PyByteArray_Check(data) ||
        PyMemoryView_Check(data))
        return 0;
    PyErr_Format(PyExc_TypeError,
                 "data argument must be a bytes-like object, not '%.200s'",
                 bidepy_net_type_name(data));
    return -1;
}

int
bidepy_transport_write(bidepy_transport *t, PyObject *data)
{
    Py_buffer view;
    if (check_data(data) || may_write(t, "write") < 0 ||
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE))
        return -1;
    int rc = write_view(t, data, &view);
    PyBuffer_Release(&view);
    return rc;
}

/* All of them or, with an exception, none. */
static int
push_all(bidepy_sendq *q, PyObject *const *items, Py_ssize_t n)
{
    size_t before = q->count;
    for (Py_ssize_t i = 0; i < n; i++) {
        Py_buffer view;
        int rc = PyObject_GetBuffer(items[i], &view, PyBUF_SIMPLE);
        if (rc == 0) {
            rc = view.len ? bidepy_sendq_push(q, items[i], &view, 0) : 0;
            PyBuffer_Release(&view);
        }
        if (rc) {
            bidepy_sendq_cut(q, before);
            return -1;
        }
    }
    return 0;
}

static int
write_list(bidepy_transport *t, PyObject *const *items, Py_ssize_t n)
{
    bool waits = t->queue.count && !t->corked;
    if (push_all(&t->queue, items, n))
        return -1;
    if (t->queue.count == 0)
        return 0;
    return waits ? bidepy_transport_maybe_pause(t) : send_soon(t);
}

int
bidepy_transport_writelines(bidepy_transport *t, PyObject *list)
{
    if (may_write(t, "writelines") < 0)
        return -1;
    PyObject *items = PySequence_Fast(
        list, "writelines() needs an iterable of bytes-like objects");
    if (!items)
        return -1;
    int rc = t->conn_lost ? write_in_vain(t)
                          : write_list(t, PySequence_Fast_ITEMS(items),
                                       PySequence_Fast_GET_SIZE(items));
    Py_DECREF(items);
    return rc;
}

int
bidepy_transport_write_eof(bidepy_transport *t)
{
    if (t->closing || t->eof)
        return 0;
    if (bidepy_transport_uncork(t))
        return -1;
    t->eof = true;
    return t->queue.count ? 0 : shut_down(t);
}
