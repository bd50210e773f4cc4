/* bide.Stream: a connected byte stream. */
#include "stream.h"

static bide_stream *
core(const void *self)
{
    return ((const bidepy_stream *)self)->stream;
}

/* -- life ----------------------------------------------------------------- */

PyObject *
bidepy_stream_new(bidepy_state *st, bide_stream *s)
{
    bidepy_stream *self = bidepy_alloc(st, st->type.stream, NULL);
    if (!self) {
        bide_stream_unref(s);
        return NULL;
    }
    self->stream = s;
    self->reads = &bidepy_stream_reads;
    self->lost = false;
    self->weakrefs = NULL;
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

static int
stream_traverse(PyObject *self, visitproc visit, void *arg)
{
    (void)arg;
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static void
stream_finalize(PyObject *self)
{
    if (bide_stream_closed(core(self)) || bidepy_of(self)->closing)
        return;
    PyObject *error = PyErr_Occurred() ? bidepy_fetch() : NULL;
    if (PyErr_ResourceWarning(self, 1, "unclosed %R", self) < 0)
        PyErr_WriteUnraisable(self);
    /* Whoever records the warning keeps the stream. */
    if (bide_stream_loop(core(self)) == bide_loop_current())
        bide_stream_close(core(self));
    if (error) {
        bidepy_reraise(error);
        Py_DECREF(error);
    }
}

static void
stream_dealloc(PyObject *self)
{
    if (PyObject_CallFinalizerFromDealloc(self) < 0)
        return;
    PyObject_GC_UnTrack(self);
    if (((bidepy_stream *)self)->weakrefs)
        PyObject_ClearWeakRefs(self);
    bide_stream_unref(core(self));
    bidepy_free(self, NULL);
}

/* -- closing -------------------------------------------------------------- */

static int
close_now(PyObject *self)
{
    bide_stream *s = core(self);
    if (bide_stream_closed(s))
        return 0;
    if (bidepy_stream_check(bidepy_of(self), bide_stream_loop(s), "stream") < 0)
        return -1;
    bide_stream_close(s);
    return 0;
}

static PyObject *
stream_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (close_now(self) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *
stream_abort(PyObject *self, PyObject *unused)
{
    (void)unused;
    bide_stream *s = core(self);
    if (bide_stream_closed(s))
        Py_RETURN_NONE;
    if (bidepy_stream_check(bidepy_of(self), bide_stream_loop(s), "stream") < 0)
        return NULL;
    bide_stream_abort(s);
    Py_RETURN_NONE;
}

static PyObject *
stream_aclose(PyObject *self, PyObject *unused)
{
    (void)unused;
    return close_now(self) < 0 ? NULL : bidepy_done(bidepy_of(self));
}

static PyObject *
stream_aenter(PyObject *self, PyObject *unused)
{
    (void)unused;
    return bidepy_ready(bidepy_of(self), self);
}

static PyObject *
stream_aexit(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    (void)args;
    (void)nargs;
    return stream_aclose(self, NULL);
}

/* -- addresses and tuning ------------------------------------------------- */

PyObject *
bidepy_stream_address(const bide_address *address)
{
    if (address->family == BIDE_UNIX)
        return PyUnicode_DecodeFSDefault(address->host);
    return Py_BuildValue("(si)", address->host, address->port);
}

static PyObject *
stream_address(PyObject *self, void *closure)
{
    bide_address address;
    int rc = closure ? bide_stream_peer(core(self), &address)
                     : bide_stream_local(core(self), &address);
    if (rc < 0)
        return bidepy_stream_raise(bidepy_of(self), rc, "stream");
    return bidepy_stream_address(&address);
}

static PyObject *
stream_closed(PyObject *self, void *closure)
{
    (void)closure;
    return PyBool_FromLong(bide_stream_closed(core(self)));
}

static PyObject *
stream_fileno(PyObject *self, PyObject *unused)
{
    (void)unused;
    int fd = bide_stream_fd(core(self));
    if (fd < 0)
        return bidepy_stream_raise(bidepy_of(self), fd, "stream");
    return PyLong_FromLong(fd);
}

static PyObject *
stream_set_nodelay(PyObject *self, PyObject *value)
{
    int on = PyObject_IsTrue(value);
    if (on < 0 ||
        bidepy_stream_check(bidepy_of(self), bide_stream_loop(core(self)),
                            "stream") < 0)
        return NULL;
    int rc = bide_tcp_nodelay(core(self), on);
    if (rc < 0)
        return bidepy_stream_raise(bidepy_of(self), rc, "stream");
    Py_RETURN_NONE;
}

static int
parse_probe(PyObject *value, const char *name, unsigned *out)
{
    size_t n;
    if (bidepy_size(value, name, 1, &n) < 0)
        return -1;
    if (n > 32767) {
        PyErr_Format(PyExc_ValueError, "%s must be at most 32767, got %zu",
                     name, n);
        return -1;
    }
    *out = (unsigned)n;
    return 0;
}

int
bidepy_keepalive(PyObject *value, bidepy_probes *out)
{
    *out = (bidepy_probes){0};
    if (!value || value == Py_None)
        return 0;
    if (!PyTuple_Check(value))
        return parse_probe(value, "keepalive", &out->idle);
    if (PyTuple_GET_SIZE(value) != 3) {
        PyErr_Format(PyExc_ValueError,
                     "keepalive must be seconds, or a tuple of idle, interval "
                     "and count, got %R",
                     value);
        return -1;
    }
    if (parse_probe(PyTuple_GET_ITEM(value, 0), "keepalive", &out->idle) < 0 ||
        parse_probe(PyTuple_GET_ITEM(value, 1), "interval", &out->interval) <
            0 ||
        parse_probe(PyTuple_GET_ITEM(value, 2), "count", &out->count) < 0)
        return -1;
    return 0;
}

int
bidepy_keepalive_set(bide_stream *s, const bidepy_probes *p)
{
    int rc = bide_tcp_keepalive(s, p->idle != 0, p->idle);
    if (rc == 0 && p->idle)
        rc = bide_tcp_keepalive_probes(s, p->interval, p->count);
    return rc;
}

static PyObject *
stream_set_keepalive(PyObject *self, PyObject *value)
{
    bidepy_probes probes;
    if (bidepy_keepalive(value, &probes) < 0 ||
        bidepy_stream_check(bidepy_of(self), bide_stream_loop(core(self)),
                            "stream") < 0)
        return NULL;
    int rc = bidepy_keepalive_set(core(self), &probes);
    if (rc < 0)
        return bidepy_stream_raise(bidepy_of(self), rc, "stream");
    Py_RETURN_NONE;
}

static PyObject *
stream_repr(PyObject *self)
{
    bide_address here, peer;
    bide_stream *s = core(self);
    if (bide_stream_closed(s))
        return PyUnicode_FromString("<Stream closed>");
    if (bide_stream_local(s, &here) < 0 || bide_stream_peer(s, &peer) < 0)
        return PyUnicode_FromFormat("<Stream over descriptor %d>",
                                    bide_stream_fd(s));
    if (here.family == BIDE_UNIX && (*here.host || *peer.host))
        return PyUnicode_FromFormat("<Stream %s %s>", *peer.host ? "to" : "of",
                                    *peer.host ? peer.host : here.host);
    if (here.family == BIDE_UNIX)
        return PyUnicode_FromFormat("<Stream over descriptor %d>",
                                    bide_stream_fd(s));
    return PyUnicode_FromFormat("<Stream %s:%d to %s:%d>", here.host, here.port,
                                peer.host, peer.port);
}

/* -- the type ------------------------------------------------------------- */

PyDoc_STRVAR(doc_read,
             "read($self, /, max=65536)\n--\n\n"
             "Wait for data and give what is there, 1 to `max` bytes; b\"\" "
             "when the peer has\nended its side. A cancelled read loses "
             "nothing.");
PyDoc_STRVAR(doc_read_exact,
             "read_exact($self, n, /)\n--\n\n"
             "Exactly `n` bytes. asyncio.IncompleteReadError when the peer "
             "ends before: its\n`partial` is what came, which also stays in "
             "the stream for another read.");
PyDoc_STRVAR(doc_read_until,
             "read_until($self, /, separator, limit=65536)\n--\n\n"
             "The bytes up to and including `separator` (1 to 64 bytes). "
             "LimitOverrunError when\nthe first `limit` bytes do not hold it, "
             "IncompleteReadError when the peer ends\nbefore; nothing is lost "
             "by either.");
PyDoc_STRVAR(doc_read_line,
             "read_line($self, /, limit=65536)\n--\n\n"
             "read_until(b\"\\n\"), but at the end of the stream what is left, "
             "b\"\" if nothing.");
PyDoc_STRVAR(doc_read_into,
             "read_into($self, buffer, /)\n--\n\n"
             "Read into a writable buffer; gives the number of bytes, 0 when "
             "the peer has\nended its side.");
PyDoc_STRVAR(doc_write,
             "write($self, data, /)\n--\n\n"
             "Write all of `data` (bytes or another buffer), waiting while the "
             "peer is slow.\nWrites of several tasks are not mixed. A write "
             "cancelled after it began is sent to\nits end in the background, "
             "so that the stream stays in step.");
PyDoc_STRVAR(doc_peek,
             "peek($self, n, /)\n--\n\n"
             "The next `n` bytes, fewer if the stream ends before; they stay "
             "in the stream.");
PyDoc_STRVAR(doc_lines,
             "lines($self, /, limit=65536)\n--\n\n"
             "An async iterator over the lines, each with its b\"\\n\" but "
             "perhaps the last.\nLimitOverrunError when a line is longer than "
             "`limit`; nothing is lost by it.");
PyDoc_STRVAR(doc_try_read,
             "try_read($self, /, max=65536)\n--\n\n"
             "read() without waiting: WouldBlockError when nothing is there.");
PyDoc_STRVAR(doc_write_many,
             "write_many($self, buffers, /)\n--\n\n"
             "Write all of several buffers, as one write() and without joining "
             "them.");
PyDoc_STRVAR(doc_try_write,
             "try_write($self, data, /)\n--\n\n"
             "Write what the system takes now; gives the number of bytes, at "
             "least 1 unless\n`data` is empty. WouldBlockError when it is full "
             "or other writes wait.");
PyDoc_STRVAR(doc_write_nowait,
             "write_nowait($self, data, /)\n--\n\n"
             "Take all of `data` without waiting: what the system does not "
             "take now is copied\nand sent in the background, in order with "
             "other writes. Await drain() now and then,\nor a slow peer makes "
             "the memory grow.");
PyDoc_STRVAR(doc_drain,
             "drain($self, /)\n--\n\n"
             "Wait, if more than the limit `write_high` is unsent, until "
             "`write_low` or less is.");
PyDoc_STRVAR(
    doc_set_limits,
    "set_limits($self, /, *, read_high=None, read_low=None, write_high=None,\n"
    "           write_low=None)\n--\n\n"
    "Set marks, in bytes; those not given stay. While no task reads, the loop "
    "reads on until\n`read_high` bytes are buffered (262144) and again from "
    "`read_low` (65536) on. drain()\nwaits from more than `write_high` "
    "unsent bytes (65536) until `write_low` (16384).");
PyDoc_STRVAR(doc_shutdown,
             "shutdown($self, /)\n--\n\n"
             "End the sending side once all writes are out; the peer reads "
             "b\"\". Reading\ngoes on.");
PyDoc_STRVAR(
    doc_start_tls,
    "start_tls($self, /, ssl=None, *, server_side=False, "
    "server_hostname=None,\n"
    "          session=None, handshake_timeout=60.0)\n--\n\n"
    "Go on in TLS on this connection, with what is buffered; gives a "
    "TLSStream, "
    "and this\nStream is closed by it. A coroutine: see connect_tls() for the "
    "arguments and errors.\nA failed or cancelled handshake closes the "
    "connection.");
PyDoc_STRVAR(doc_close, "close($self, /)\n--\n\n"
                        "Close at once; waits on the stream end with "
                        "StreamClosedError. Closing twice is fine.");
PyDoc_STRVAR(doc_aclose, "aclose($self, /)\n--\n\n"
                         "close(), to be awaited.");
PyDoc_STRVAR(doc_fileno, "fileno($self, /)\n--\n\n"
                         "The descriptor, which stays the stream's.");
PyDoc_STRVAR(doc_set_nodelay,
             "set_nodelay($self, on, /)\n--\n\n"
             "Whether small writes go out at once (TCP_NODELAY); on by "
             "default.");
PyDoc_STRVAR(doc_set_keepalive,
             "set_keepalive($self, seconds, /)\n--\n\n"
             "Probe an idle peer after that many seconds (int, at least 1), or "
             "as (idle, interval,\ncount) says: `count` probes without an "
             "answer, `interval` seconds apart, end the\nconnection "
             "(TimeoutError). None: never.");
PyDoc_STRVAR(doc_stream,
             "A connected byte stream, from connect_tcp(), connect_unix(), "
             "socketpair(),\nopen_fd() or a Listener.\n\n"
             "    async with stream:                # closed at the end\n"
             "        async for chunk in stream: ...\n\n"
             "One task reads at a time (BusyError); writes of several tasks "
             "queue.");

static PyMethodDef methods[] = {
    {"read", (PyCFunction)(void (*)(void))bidepy_stream_read,
     METH_FASTCALL | METH_KEYWORDS, doc_read},
    {"read_exact", bidepy_stream_read_exact, METH_O, doc_read_exact},
    {"read_until", (PyCFunction)(void (*)(void))bidepy_stream_read_until,
     METH_FASTCALL | METH_KEYWORDS, doc_read_until},
    {"read_line", (PyCFunction)(void (*)(void))bidepy_stream_read_line,
     METH_FASTCALL | METH_KEYWORDS, doc_read_line},
    {"read_into", bidepy_stream_read_into, METH_O, doc_read_into},
    {"peek", bidepy_stream_peek, METH_O, doc_peek},
    {"lines", (PyCFunction)(void (*)(void))bidepy_stream_lines,
     METH_FASTCALL | METH_KEYWORDS, doc_lines},
    {"try_read", (PyCFunction)(void (*)(void))bidepy_stream_try_read,
     METH_FASTCALL | METH_KEYWORDS, doc_try_read},
    {"write", bidepy_stream_write, METH_O, doc_write},
    {"write_many", bidepy_stream_write_many, METH_O, doc_write_many},
    {"sendfile", BIDEPY_METHOD(bidepy_stream_sendfile),
     METH_FASTCALL | METH_KEYWORDS, bidepy_doc_sendfile},
    {"try_write", bidepy_stream_try_write, METH_O, doc_try_write},
    {"write_nowait", bidepy_stream_write_nowait, METH_O, doc_write_nowait},
    {"drain", bidepy_stream_drain, METH_NOARGS, doc_drain},
    {"set_limits", (PyCFunction)(void (*)(void))bidepy_stream_set_limits,
     METH_FASTCALL | METH_KEYWORDS, doc_set_limits},
    {"shutdown", bidepy_stream_shutdown, METH_NOARGS, doc_shutdown},
    {"start_tls", BIDEPY_METHOD(bidepy_stream_start_tls),
     METH_VARARGS | METH_KEYWORDS, doc_start_tls},
    {"close", stream_close, METH_NOARGS, doc_close},
    {"abort", stream_abort, METH_NOARGS,
     "abort($self, /)\n--\n\n"
     "Close at once; of TCP, what is not sent is dropped and the peer sees a "
     "reset."},
    {"aclose", stream_aclose, METH_NOARGS, doc_aclose},
    {"fileno", stream_fileno, METH_NOARGS, doc_fileno},
    {"set_nodelay", stream_set_nodelay, METH_O, doc_set_nodelay},
    {"set_keepalive", stream_set_keepalive, METH_O, doc_set_keepalive},
    {"set_tty_size", BIDEPY_METHOD(bidepy_stream_set_tty_size),
     METH_FASTCALL | METH_KEYWORDS, bidepy_doc_set_tty_size},
    {"set_raw", bidepy_stream_set_raw, METH_O, bidepy_doc_set_raw},
    {"__aenter__", stream_aenter, METH_NOARGS, NULL},
    {"__aexit__", (PyCFunction)(void (*)(void))stream_aexit, METH_FASTCALL,
     NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(bidepy_stream, weakrefs),
     READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static char peer[] = "peer";

static PyGetSetDef getters[] = {
    {"address", stream_address, NULL,
     "Our end: (host, port), or the path of a Unix socket, '' if it has none.",
     NULL},
    {"peer_address", stream_address, NULL,
     "The peer's end: (host, port), or the path of a Unix socket, '' if it has "
     "none.",
     peer},
    {"closed", stream_closed, NULL, "Whether our end is closed (bool).", NULL},
    {"buffered", bidepy_stream_buffered_bytes, NULL,
     "Bytes that have been received and not read (int).", NULL},
    {"unsent", bidepy_stream_unsent, NULL,
     "Bytes of write_nowait() and of cancelled writes that are not sent (int).",
     NULL},
    {"limits", bidepy_stream_limits, NULL,
     "The marks of set_limits() (dict of str to int).", NULL},
    {"is_tty", bidepy_stream_is_tty, NULL, "Whether it is a terminal (bool).",
     NULL},
    {"tty_size", bidepy_stream_tty_size, NULL,
     "(rows, columns) of a terminal's window; a change is a SIGWINCH.", NULL},
    {"tls", bidepy_stream_tls, NULL,
     "What TLS has agreed on (TLSInfo); None: there is no TLS.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)doc_stream},
    {Py_tp_dealloc, stream_dealloc},
    {Py_tp_finalize, stream_finalize},
    {Py_tp_traverse, stream_traverse},
    {Py_tp_repr, stream_repr},
    {Py_am_aiter, PyObject_SelfIter},
    {Py_am_anext, bidepy_stream_anext},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {Py_tp_getset, getters},
    {0, NULL},
};

PyType_Spec bidepy_stream_spec = {
    .name = "bide.Stream",
    .basicsize = sizeof(bidepy_stream),
    .flags = BIDEPY_TYPE_FLAGS | Py_TPFLAGS_BASETYPE,
    .slots = slots,
};
