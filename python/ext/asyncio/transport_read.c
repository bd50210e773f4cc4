/* Reading: one read for each event, as asyncio does, so that a transport with
 * much to read leaves the others their turn. */
#include "ssl.h"
#include "streams.h"
#include "transport.h"

#include <errno.h>
#include <sys/socket.h>

/* The most that one read takes: what is longer would not stay in the cache
 * until the protocol has seen it. */
enum { MOST = BIDEPY_NET_SCRATCH / 2 };

int
bidepy_transport_start_reading(bidepy_transport *t)
{
    Py_XSETREF(t->read_context, PyContext_CopyCurrent());
    if (!t->read_context)
        return -1;
    t->started = true;
    return bidepy_transport_want(t);
}

/* -- from the system ------------------------------------------------------ */

static ssize_t
read_some(const bidepy_transport *t, char *to, size_t most)
{
    ssize_t n;
    do
        n = recv(t->fd, to, most, 0);
    while (n < 0 && errno == EINTR);
    return n;
}

/* An error, unless there was nothing to read after all. */
static int
read_failed(bidepy_transport *t)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return 0;
    PyErr_SetFromErrno(PyExc_OSError);
    return bidepy_transport_fatal(t, "Fatal read error on socket transport");
}

/* By way of memory at hand: bytes of the most that can come would be mapped,
 * cut and unmapped by the system each time, at ten times the cost of a copy. */
static ssize_t
read_bytes(bidepy_transport *t, PyObject **out)
{
    char *scratch = bidepy_net_scratch(bidepy_transport_net(t));
    ssize_t n = scratch ? read_some(t, scratch, MOST) : -2;
    *out = n > 0 ? PyBytes_FromStringAndSize(scratch, n) : NULL;
    return n > 0 && !*out ? -2 : n;
}

/* -- to the protocol ------------------------------------------------------ */

static int
on_eof(bidepy_transport *t)
{
    bidepy_net *net = bidepy_transport_net(t);
    if (bidepy_net_debug(net, t->loop, "%r received EOF", (PyObject *)t))
        return -1;
    PyObject *keep = bidepy_net_ask(t->protocol, net->str.eof_received, NULL);
    int open = keep ? PyObject_IsTrue(keep) : -1;
    Py_XDECREF(keep);
    if (open < 0)
        return bidepy_transport_fatal(
            t, "Fatal error: protocol.eof_received() call failed.");
    if (!open)
        return bidepy_transport_close(t);
    t->started = false;
    return t->closing ? 0 : bidepy_transport_want(t);
}

static int
read_data(bidepy_transport *t)
{
    PyObject *data;
    ssize_t n = read_bytes(t, &data);
    if (n == -2)
        return bidepy_transport_fatal(t,
                                      "Fatal read error on socket transport");
    if (n < 0)
        return read_failed(t);
    if (n == 0)
        return on_eof(t);
    int rc = bidepy_net_tell(t->protocol,
                             bidepy_transport_net(t)->str.data_received, data);
    Py_DECREF(data);
    if (rc == 0)
        return 0;
    return bidepy_transport_fatal(
        t, "Fatal error: protocol.data_received() call failed.");
}

/* New: the protocol's buffer, not empty, with its memory in `view`. */
static PyObject *
get_buffer(bidepy_transport *t, Py_buffer *view)
{
    PyObject *hint = PyLong_FromLong(-1);
    PyObject *buffer =
        hint ? bidepy_net_ask(t->protocol,
                              bidepy_transport_net(t)->str.get_buffer, hint)
             : NULL;
    Py_XDECREF(hint);
    if (buffer && PyObject_GetBuffer(buffer, view, PyBUF_WRITABLE) == 0) {
        if (view->len)
            return buffer;
        PyBuffer_Release(view);
        PyErr_SetString(PyExc_RuntimeError,
                        "get_buffer() returned an empty buffer");
    }
    Py_XDECREF(buffer);
    return NULL;
}

static int
read_into_buffer(bidepy_transport *t)
{
    Py_buffer view;
    PyObject *buffer = get_buffer(t, &view);
    if (!buffer)
        return bidepy_transport_fatal(
            t, "Fatal error: protocol.get_buffer() call failed.");
    ssize_t n = read_some(t, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    Py_DECREF(buffer);
    if (n < 0)
        return read_failed(t);
    if (n == 0)
        return on_eof(t);
    PyObject *count = PyLong_FromSsize_t(n);
    int rc = count
                 ? bidepy_net_tell(t->protocol,
                                   bidepy_transport_net(t)->str.buffer_updated,
                                   count)
                 : -1;
    Py_XDECREF(count);
    if (rc == 0)
        return 0;
    return bidepy_transport_fatal(
        t, "Fatal error: protocol.buffer_updated() call failed.");
}

/* Straight to bide's own SSLProtocol. */
static int
read_ciphertext(bidepy_transport *t)
{
    char *scratch = bidepy_net_scratch(bidepy_transport_net(t));
    ssize_t n = scratch ? read_some(t, scratch, MOST) : -2;
    if (n == -2)
        return bidepy_transport_fatal(t,
                                      "Fatal read error on socket transport");
    if (n < 0)
        return read_failed(t);
    if (n == 0)
        return on_eof(t);
    bidepy_ssl_base *p = (bidepy_ssl_base *)Py_NewRef(t->protocol);
    int rc = bidepy_ssl_need(p);
    if (rc == 0)
        rc = bidepy_ssl_received(p, scratch, (size_t)n);
    Py_DECREF(p);
    if (rc == 0)
        return 0;
    return bidepy_transport_fatal(
        t, "Fatal error: protocol.buffer_updated() call failed.");
}

/* Straight to the buffer of asyncio's StreamReader. */
static int
read_stream(bidepy_transport *t)
{
    bidepy_net *net = bidepy_transport_net(t);
    char *scratch = bidepy_net_scratch(net);
    ssize_t n = scratch ? read_some(t, scratch, MOST) : -2;
    if (n == -2)
        return bidepy_transport_fatal(t,
                                      "Fatal read error on socket transport");
    if (n < 0)
        return read_failed(t);
    if (n == 0)
        return on_eof(t);
    PyObject *protocol = Py_NewRef(t->protocol);
    int rc = bidepy_stream_received(net, protocol, scratch, (size_t)n);
    Py_DECREF(protocol);
    if (rc == 0)
        return 0;
    return bidepy_transport_fatal(
        t, "Fatal error: protocol.data_received() call failed.");
}

int
bidepy_transport_readable(bidepy_transport *t)
{
    if (t->secured)
        return read_ciphertext(t);
    if (Py_IS_TYPE(t->protocol, bidepy_transport_net(t)->type.stream_protocol))
        return read_stream(t);
    return t->buffered ? read_into_buffer(t) : read_data(t);
}
