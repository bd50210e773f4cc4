/* Reading: one read for each event, as asyncio does, so that a transport with
 * much to read leaves the others their turn. */
#include "ssl.h"
#include "streams.h"
#include "transport.h"

#include <errno.h>
#include <sys/socket.h>

/* The most that one read takes by way of the scratch: what is longer would not
 * stay in the cache until the protocol has seen it. From LONG on the next read
 * is expected to be long as well. */
enum { MOST = BIDEPY_NET_SCRATCH / 2, LONG = 32 * 1024 };

/* Of a read: an exception is set. Otherwise less than 0 is an errno. */
enum { RAISED = -100000 };

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
    return n < 0 ? -errno : n;
}

static ssize_t
read_scratch(const bidepy_transport *t, char **out)
{
    *out = bidepy_net_scratch(bidepy_transport_net(t));
    return *out ? read_some(t, *out, MOST) : RAISED;
}

/* Into the object, which is cut to what came. */
static ssize_t
read_in_place(const bidepy_transport *t, PyObject **out)
{
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, BIDEPY_NET_SCRATCH);
    if (!bytes)
        return RAISED;
    ssize_t n = read_some(t, PyBytes_AS_STRING(bytes), BIDEPY_NET_SCRATCH);
    if (n <= 0)
        Py_CLEAR(bytes);
    else if (n < BIDEPY_NET_SCRATCH && _PyBytes_Resize(&bytes, n))
        return RAISED;
    *out = bytes;
    return n;
}

static ssize_t
read_copied(const bidepy_transport *t, PyObject **out)
{
    char *scratch;
    ssize_t n = read_scratch(t, &scratch);
    if (n <= 0)
        return n;
    *out = PyBytes_FromStringAndSize(scratch, n);
    return *out ? n : RAISED;
}

/* New, if more than 0 are read. Taking memory for the most that can come, and
 * giving back the most of it, costs more than a copy of what is short. */
static ssize_t
read_bytes(bidepy_transport *t, PyObject **out)
{
    ssize_t n = t->much ? read_in_place(t, out) : read_copied(t, out);
    t->much = n >= LONG;
    return n;
}

/* -- to the protocol ------------------------------------------------------ */

#define CALL_FAILED(name) "Fatal error: protocol." name "() call failed."

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
        return bidepy_transport_fatal(t, CALL_FAILED("eof_received"));
    if (!open)
        return bidepy_transport_close(t);
    t->started = false;
    return t->closing ? 0 : bidepy_transport_want(t);
}

/* A read gave no bytes but `n`: the end, an error, or nothing after all. */
static int
on_no_bytes(bidepy_transport *t, ssize_t n)
{
    if (n == 0)
        return on_eof(t);
    if (n == -EAGAIN || n == -EWOULDBLOCK)
        return 0;
    if (n != RAISED) {
        errno = (int)-n;
        PyErr_SetFromErrno(PyExc_OSError);
    }
    return bidepy_transport_fatal(t, "Fatal read error on socket transport");
}

/* The protocol has been told, which gave `rc`. */
static int
told(bidepy_transport *t, int rc, const char *message)
{
    return rc == 0 ? 0 : bidepy_transport_fatal(t, message);
}

static int
read_data(bidepy_transport *t)
{
    PyObject *data;
    ssize_t n = read_bytes(t, &data);
    if (n <= 0)
        return on_no_bytes(t, n);
    int rc = bidepy_net_tell(t->protocol,
                             bidepy_transport_net(t)->str.data_received, data);
    Py_DECREF(data);
    return told(t, rc, CALL_FAILED("data_received"));
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
        return bidepy_transport_fatal(t, CALL_FAILED("get_buffer"));
    ssize_t n = read_some(t, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    Py_DECREF(buffer);
    if (n <= 0)
        return on_no_bytes(t, n);
    PyObject *count = PyLong_FromSsize_t(n);
    int rc = count
                 ? bidepy_net_tell(t->protocol,
                                   bidepy_transport_net(t)->str.buffer_updated,
                                   count)
                 : -1;
    Py_XDECREF(count);
    return told(t, rc, CALL_FAILED("buffer_updated"));
}

/* Straight to bide's own SSLProtocol. */
static int
read_ciphertext(bidepy_transport *t)
{
    char *scratch;
    ssize_t n = read_scratch(t, &scratch);
    if (n <= 0)
        return on_no_bytes(t, n);
    bidepy_ssl_base *p = (bidepy_ssl_base *)Py_NewRef(t->protocol);
    int rc = bidepy_ssl_need(p);
    if (rc == 0)
        rc = bidepy_ssl_received(p, scratch, (size_t)n);
    Py_DECREF(p);
    return told(t, rc, CALL_FAILED("buffer_updated"));
}

/* Straight to the buffer of asyncio's StreamReader. */
static int
read_stream(bidepy_transport *t)
{
    char *scratch;
    ssize_t n = read_scratch(t, &scratch);
    if (n <= 0)
        return on_no_bytes(t, n);
    PyObject *protocol = Py_NewRef(t->protocol);
    int rc = bidepy_stream_received(bidepy_transport_net(t), protocol, scratch,
                                    (size_t)n);
    Py_DECREF(protocol);
    return told(t, rc, CALL_FAILED("data_received"));
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
