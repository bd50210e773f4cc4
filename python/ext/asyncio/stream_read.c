/* asyncio's streams: data comes in, and is read. Each method does what
 * asyncio's does, in its order; see streams.h. */
#include "streams.h"

static PyObject *
none_if(int rc)
{
    if (rc)
        return NULL;
    Py_RETURN_NONE;
}

/* New: an attribute that is a bytearray. */
static PyObject *
buffer_of(PyObject *reader, const bidepy_net *net)
{
    PyObject *buffer = bidepy_net_get(reader, net->str._buffer);
    if (!buffer || PyByteArray_Check(buffer))
        return buffer;
    Py_DECREF(buffer);
    PyErr_SetString(PyExc_TypeError, "the reader's _buffer is no bytearray");
    return NULL;
}

static int
limit_of(PyObject *reader, const bidepy_net *net, Py_ssize_t *out)
{
    PyObject *limit = bidepy_net_get(reader, net->str._limit);
    *out = limit ? PyNumber_AsSsize_t(limit, NULL) : -1;
    Py_XDECREF(limit);
    return PyErr_Occurred() ? -1 : 0;
}

/* -- data comes in -------------------------------------------------------- */

/* The waiter may have been cancelled: that is no error. */
static int
settle(PyObject *waiter, const bidepy_net *net, PyObject *invalid)
{
    if (bidepy_net_tell(waiter, net->str.set_result, Py_None) == 0)
        return 0;
    if (!PyErr_ExceptionMatches(invalid))
        return -1;
    PyObject *exc = bidepy_fetch();
    PyObject *gone = bidepy_net_ask(waiter, net->str.cancelled, NULL);
    int cancelled = gone ? PyObject_IsTrue(gone) : -1;
    Py_XDECREF(gone);
    if (cancelled == 0)
        bidepy_reraise(exc);
    Py_DECREF(exc);
    return cancelled > 0 ? 0 : -1;
}

static int
wake_reader(PyObject *reader, const bidepy_net *net)
{
    PyObject *waiter = bidepy_net_get(reader, net->str._waiter);
    int rc = waiter ? 0 : -1;
    if (waiter && waiter != Py_None) {
        rc = bidepy_net_set(reader, net->str._waiter, Py_None);
        if (rc == 0)
            rc = settle(waiter, net, net->invalid_state);
    }
    Py_XDECREF(waiter);
    return rc;
}

static int
pause_transport(PyObject *reader, PyObject *transport, const bidepy_net *net)
{
    if (bidepy_net_tell(transport, net->str.pause_reading, NULL) == 0)
        return bidepy_net_set(reader, net->str._paused, Py_True);
    if (!PyErr_ExceptionMatches(PyExc_NotImplementedError))
        return -1;
    PyErr_Clear(); /* it cannot be paused: all data is kept */
    return bidepy_net_set(reader, net->str._transport, Py_None);
}

static int
pause_if_full(PyObject *reader, const bidepy_net *net, Py_ssize_t size)
{
    Py_ssize_t limit;
    if (limit_of(reader, net, &limit))
        return -1;
    if (size / 2 < limit || size <= 2 * limit)
        return 0;
    int paused = bidepy_net_flag(reader, net->str._paused);
    if (paused)
        return paused < 0 ? -1 : 0;
    PyObject *transport = bidepy_net_get(reader, net->str._transport);
    int rc = transport ? 0 : -1;
    if (transport && transport != Py_None)
        rc = pause_transport(reader, transport, net);
    Py_XDECREF(transport);
    return rc;
}

static int
extend(PyObject *buffer, const char *data, size_t n)
{
    Py_ssize_t size = PyByteArray_GET_SIZE(buffer);
    if (PyByteArray_Resize(buffer, size + (Py_ssize_t)n))
        return -1;
    memcpy(PyByteArray_AS_STRING(buffer) + size, data, n);
    return 0;
}

static int
feed(PyObject *reader, const bidepy_net *net, const char *data, size_t n)
{
    PyObject *buffer = buffer_of(reader, net);
    if (!buffer)
        return -1;
    int rc = extend(buffer, data, n);
    if (rc == 0)
        rc = wake_reader(reader, net);
    if (rc == 0)
        rc = pause_if_full(reader, net, PyByteArray_GET_SIZE(buffer));
    Py_DECREF(buffer);
    return rc;
}

static PyObject *
stock_call(PyObject *self, const char *name, PyObject *argument)
{
    PyObject *method = bidepy_stream_stock(self, name);
    PyObject *args[] = {self, argument};
    PyObject *result =
        method ? PyObject_Vectorcall(method, args, 2, NULL) : NULL;
    Py_XDECREF(method);
    return result;
}

static PyObject *
feed_data(PyObject *self, PyObject *data)
{
    bidepy_state *st = bidepy_stream_state(self);
    int ended = st ? bidepy_net_flag(self, st->net->str._eof) : -1;
    if (ended < 0)
        return NULL;
    if (ended || !PyBytes_CheckExact(data) || PyBytes_GET_SIZE(data) == 0)
        return stock_call(self, "feed_data", data);
    return none_if(feed(self, st->net, PyBytes_AS_STRING(data),
                        (size_t)PyBytes_GET_SIZE(data)));
}

static PyObject *
reader_feed_data(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                 PyObject *kwnames)
{
    static const char *const names[] = {"data", NULL};
    static const bidepy_signature sig = {"feed_data", names, 1, 1};
    PyObject *data = bidepy_parse_one(&sig, args, nargs, kwnames);
    return data ? feed_data(self, data) : NULL;
}

/* New: the reader, or None. */
static PyObject *
reader_of(PyObject *protocol, const bidepy_net *net)
{
    PyObject *ref = bidepy_net_get(protocol, net->str._stream_reader_wr);
    if (!ref || ref == Py_None)
        return ref;
    PyObject *reader = PyObject_CallNoArgs(ref);
    Py_DECREF(ref);
    return reader;
}

static PyObject *
data_received(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
              PyObject *kwnames)
{
    static const char *const names[] = {"data", NULL};
    static const bidepy_signature sig = {"data_received", names, 1, 1};
    PyObject *data = bidepy_parse_one(&sig, args, nargs, kwnames);
    bidepy_state *st = data ? bidepy_stream_state(self) : NULL;
    PyObject *reader = st ? reader_of(self, st->net) : NULL;
    if (!reader || reader == Py_None)
        return reader;
    PyObject *result =
        Py_IS_TYPE(reader, st->net->type.stream_reader)
            ? feed_data(reader, data)
            : bidepy_net_ask(reader, st->net->str.feed_data, data);
    Py_DECREF(reader);
    return result;
}

static int
receive_bytes(bidepy_net *net, PyObject *protocol, const char *data, size_t n)
{
    PyObject *bytes = PyBytes_FromStringAndSize(data, (Py_ssize_t)n);
    int rc =
        bytes ? bidepy_net_tell(protocol, net->str.data_received, bytes) : -1;
    Py_XDECREF(bytes);
    return rc;
}

int
bidepy_stream_received(bidepy_net *net, PyObject *protocol, const char *data,
                       size_t n)
{
    PyObject *reader = reader_of(protocol, net);
    int ended = reader ? 1 : -1;
    if (reader && Py_IS_TYPE(reader, net->type.stream_reader))
        ended = bidepy_net_flag(reader, net->str._eof);
    int rc = ended == 0   ? feed(reader, net, data, n)
             : ended == 1 ? receive_bytes(net, protocol, data, n)
                          : -1;
    Py_XDECREF(reader);
    return rc;
}

/* -- reading -------------------------------------------------------------- */

/* New: the reader's exception, raised; 0, or -1. */
static int
check_exception(PyObject *reader, const bidepy_net *net)
{
    PyObject *exc = bidepy_net_get(reader, net->str._exception);
    int rc = exc == Py_None ? 0 : -1;
    if (exc && rc)
        bidepy_reraise(exc);
    Py_XDECREF(exc);
    return rc;
}

static int
resume_if_low(PyObject *reader, const bidepy_net *net, Py_ssize_t size)
{
    Py_ssize_t limit;
    int paused = bidepy_net_flag(reader, net->str._paused);
    if (paused <= 0)
        return paused;
    if (limit_of(reader, net, &limit))
        return -1;
    if (size > limit)
        return 0;
    PyObject *transport = NULL;
    if (bidepy_net_set(reader, net->str._paused, Py_False) == 0)
        transport = bidepy_net_get(reader, net->str._transport);
    int rc = transport
                 ? bidepy_net_tell(transport, net->str.resume_reading, NULL)
                 : -1;
    Py_XDECREF(transport);
    return rc;
}

/* New: the first `n` bytes, or all there are, which leave the buffer. */
static PyObject *
take(PyObject *reader, const bidepy_net *net, PyObject *buffer, Py_ssize_t n)
{
    Py_ssize_t size = PyByteArray_GET_SIZE(buffer);
    n = n < size ? n : size;
    PyObject *data =
        PyBytes_FromStringAndSize(PyByteArray_AS_STRING(buffer), n);
    int rc = data ? 0 : -1;
    if (rc == 0 && n)
        rc = n == size ? PyByteArray_Resize(buffer, 0)
                       : PySequence_DelSlice(buffer, 0, n);
    if (rc == 0)
        rc = resume_if_low(reader, net, size - n);
    if (rc)
        Py_CLEAR(data);
    return data;
}

static bidepy_stream_step
ready(PyObject **result, PyObject *value)
{
    *result = value;
    return value ? BIDEPY_STREAM_READY : BIDEPY_STREAM_ERROR;
}

/* What read() and readexactly() see to first. */
static bidepy_stream_step
begin_read(bidepy_stream_call *c, PyObject **result)
{
    if (c->n < 0)
        return BIDEPY_STREAM_LEND;
    if (check_exception(c->subject, c->st->net))
        return BIDEPY_STREAM_ERROR;
    if (c->n == 0)
        return ready(result, PyBytes_FromStringAndSize(NULL, 0));
    return BIDEPY_STREAM_WAIT;
}

static bidepy_stream_step
wait_unless_ended(bidepy_stream_call *c)
{
    int ended = bidepy_net_flag(c->subject, c->st->net->str._eof);
    if (ended)
        return ended < 0 ? BIDEPY_STREAM_ERROR : BIDEPY_STREAM_READY;
    return BIDEPY_STREAM_WAIT;
}

static bidepy_stream_step
read_step(bidepy_stream_call *c, PyObject **result)
{
    bidepy_net *net = c->st->net;
    bidepy_stream_step how;
    if (c->phase == NEW && (how = begin_read(c, result)) != BIDEPY_STREAM_WAIT)
        return how;
    PyObject *buffer = buffer_of(c->subject, net);
    if (!buffer)
        return BIDEPY_STREAM_ERROR;
    how = BIDEPY_STREAM_READY;
    if (c->phase == NEW && PyByteArray_GET_SIZE(buffer) == 0)
        how = wait_unless_ended(c);
    if (how == BIDEPY_STREAM_READY)
        how = ready(result, take(c->subject, net, buffer, c->n));
    Py_DECREF(buffer);
    return how;
}

static bidepy_stream_step
incomplete(bidepy_stream_call *c, PyObject *buffer)
{
    PyObject *part = PyBytes_FromStringAndSize(PyByteArray_AS_STRING(buffer),
                                               PyByteArray_GET_SIZE(buffer));
    if (part && PyByteArray_Resize(buffer, 0) == 0) {
        PyObject *exc =
            PyObject_CallFunction(c->st->exc.incomplete_read, "On", part, c->n);
        if (exc)
            bidepy_reraise(exc);
        Py_XDECREF(exc);
    }
    Py_XDECREF(part);
    return BIDEPY_STREAM_ERROR;
}

static bidepy_stream_step
readexactly_step(bidepy_stream_call *c, PyObject **result)
{
    bidepy_net *net = c->st->net;
    bidepy_stream_step how;
    if (c->phase == NEW && (how = begin_read(c, result)) != BIDEPY_STREAM_WAIT)
        return how;
    PyObject *buffer = buffer_of(c->subject, net);
    if (!buffer)
        return BIDEPY_STREAM_ERROR;
    if (PyByteArray_GET_SIZE(buffer) >= c->n)
        how = ready(result, take(c->subject, net, buffer, c->n));
    else if ((how = wait_unless_ended(c)) == BIDEPY_STREAM_READY)
        how = incomplete(c, buffer);
    Py_DECREF(buffer);
    return how;
}

static bidepy_stream_step
wait_step(bidepy_stream_call *c, PyObject **result)
{
    return c->phase == NEW ? BIDEPY_STREAM_WAIT
                           : ready(result, Py_NewRef(Py_None));
}

static const bidepy_stream_kind read_kind = {"StreamReader.read", "read",
                                             read_step};
static const bidepy_stream_kind readexactly_kind = {
    "StreamReader.readexactly", "readexactly", readexactly_step};
static const bidepy_stream_kind wait_kind = {"StreamReader._wait_for_data",
                                             "_wait_for_data", wait_step};

/* An `n` that is no small int is for asyncio's method to judge. */
static PyObject *
new_read(PyObject *self, const bidepy_stream_kind *kind, PyObject *n)
{
    bidepy_state *st = bidepy_stream_state(self);
    int overflow = 0;
    long size = -1;
    if (!st)
        return NULL;
    if (n && PyLong_CheckExact(n))
        size = PyLong_AsLongAndOverflow(n, &overflow);
    return bidepy_stream_call_new(st, kind, self, n, overflow ? -1 : size);
}

static PyObject *
reader_read(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
            PyObject *kwnames)
{
    static const char *const names[] = {"n", NULL};
    static const bidepy_signature sig = {"read", names, 0, 1};
    PyObject *in[1];
    if (bidepy_parse(&sig, args, nargs, kwnames, in))
        return NULL;
    return new_read(self, &read_kind, in[0]);
}

static PyObject *
reader_readexactly(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                   PyObject *kwnames)
{
    static const char *const names[] = {"n", NULL};
    static const bidepy_signature sig = {"readexactly", names, 1, 1};
    PyObject *in[1];
    if (bidepy_parse(&sig, args, nargs, kwnames, in))
        return NULL;
    return new_read(self, &readexactly_kind, in[0]);
}

static PyObject *
wait_for_data(PyObject *self, PyObject *function)
{
    bidepy_state *st = bidepy_stream_state(self);
    return st ? bidepy_stream_call_new(st, &wait_kind, self, function, 0)
              : NULL;
}

/* -- the methods ----------------------------------------------------------- */

#define KEYWORDS (METH_FASTCALL | METH_KEYWORDS)

PyMethodDef bidepy_stream_reader_methods[] = {
    {"feed_data", BIDEPY_METHOD(reader_feed_data), KEYWORDS,
     "feed_data($self, data)\n--\n\nAppend to what is to be read."},
    {"read", BIDEPY_METHOD(reader_read), KEYWORDS,
     "read($self, n=-1)\n--\n\nRead up to `n` bytes, or all until EOF."},
    {"readexactly", BIDEPY_METHOD(reader_readexactly), KEYWORDS,
     "readexactly($self, n)\n--\n\nRead `n` bytes, or raise "
     "IncompleteReadError."},
    {"_wait_for_data", wait_for_data, METH_O, NULL},
    {NULL, NULL, 0, NULL}};

PyMethodDef bidepy_stream_protocol_methods[] = {
    {"data_received", BIDEPY_METHOD(data_received), KEYWORDS,
     "data_received($self, data)\n--\n\nFeed the reader."},
    {NULL, NULL, 0, NULL}};
