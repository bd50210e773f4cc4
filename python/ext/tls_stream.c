/* bide.TLSStream: a Stream whose bytes go through TLS. Its life, its handshake
 * and its end. */
#include "tls_stream.h"

#include <errno.h>

static bidepy_tls_stream *
of(PyObject *self)
{
    return (bidepy_tls_stream *)self;
}

/* -- life ----------------------------------------------------------------- */

static void
free_parts(bidepy_tls_stream *s)
{
    bidepy_tls_layers_free(s->top);
    bide_event_unref(s->turned);
    bide_semaphore_unref(s->turn);
    bide_stream_unref(s->base.stream);
    Py_CLEAR(s->block);
    Py_CLEAR(s->error);
}

/* New, without layers and transport. */
static bidepy_tls_stream *
new_stream(bidepy_state *st)
{
    bidepy_tls_stream *s = bidepy_alloc(st, st->type.tls_stream, NULL);
    if (!s)
        return NULL;
    memset((char *)s + sizeof(bidepy_object), 0,
           sizeof *s - sizeof(bidepy_object));
    s->base.reads = &bidepy_tls_reads;
    bide_site nowhere = {NULL, 0};
    if (bide_event_new("TLS handshake", nowhere, &s->turned) ||
        bide_semaphore_new(1, true, "TLS writers", nowhere, &s->turn)) {
        free_parts(s);
        bidepy_free(s, NULL);
        PyErr_NoMemory();
        return NULL;
    }
    PyObject_GC_Track(s);
    return s;
}

static int
tls_traverse(PyObject *self, visitproc visit, void *arg)
{
    bidepy_tls_stream *s = of(self);
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(s->error);
    for (bidepy_tls_layer *l = s->top; l; l = l->below) {
        int rc = bidepy_tls_traverse(&l->tls, visit, arg);
        if (rc)
            return rc;
    }
    return 0;
}

/* Nobody will use it again: only its references go. */
static int
tls_clear(PyObject *self)
{
    bidepy_tls_stream *s = of(self);
    s->shaken = false;
    Py_CLEAR(s->error);
    for (bidepy_tls_layer *l = s->top; l; l = l->below)
        bidepy_tls_clear(&l->tls);
    return 0;
}

static void
tls_dealloc(PyObject *self)
{
    if (of(self)->base.stream && PyObject_CallFinalizerFromDealloc(self) < 0)
        return;
    PyObject_GC_UnTrack(self);
    if (of(self)->base.weakrefs)
        PyObject_ClearWeakRefs(self);
    free_parts(of(self));
    bidepy_free(self, NULL);
}

/* -- what operations share ------------------------------------------------ */

int
bidepy_tls_broken(bidepy_tls_stream *s)
{
    if (s->error)
        bidepy_reraise(s->error);
    else
        PyErr_SetString(PyExc_ConnectionResetError,
                        "the peer ended the connection within TLS");
    return BIDE_EHOST;
}

int
bidepy_tls_await(bidepy_tls_stream *s, bidepy_op *op, size_t need)
{
    bide_wait_init(&op->wait, op->wait.task);
    int rc = bide_stream_read_exact(s->base.stream, need, &op->wait);
    if (rc != BIDE_EEOF)
        return rc;
    s->eof = true;
    return 0;
}

int
bidepy_tls_taken(bidepy_op *op)
{
    bidepy_tls_stream *s = bidepy_tls_stream_of(op);
    if (op->wait.state != BIDE_WAIT_FIRED)
        return BIDE_PARKED;
    int rc = bide_wait_take(&op->wait);
    if (rc != BIDE_EEOF)
        return rc;
    s->eof = true;
    return 0;
}

void
bidepy_tls_leave(bidepy_op *op)
{
    bidepy_tls_stream *s = bidepy_tls_stream_of(op);
    if (s->shaker != op)
        return;
    s->shaker = NULL;
    bide_event_set(s->turned);
    bide_event_clear(s->turned);
}

/* -- the handshake -------------------------------------------------------- */

/* The lowest layer that is not through its handshake is the top one: those
 * below were streams before. */
static int
shake_once(bidepy_tls_stream *s, bidepy_op *op)
{
    bidepy_tls_pulled pulled = {0};
    int rc = bidepy_tls_handshake(&s->top->tls);
    if (rc < 0)
        s->error = bidepy_fetch();
    if (bidepy_tls_flush(s) < 0)
        return BIDE_EHOST;
    if (rc < 0 || rc == BIDEPY_TLS_END)
        return bidepy_tls_broken(s);
    if (rc == BIDEPY_TLS_DONE) {
        s->shaken = true;
        return bidepy_tls_drain(s) < 0 ? BIDE_EHOST : 0;
    }
    if (bidepy_tls_pull(s, SIZE_MAX, &pulled) < 0)
        return BIDE_EHOST;
    return pulled.bytes ? 0 : bidepy_tls_await(s, op, pulled.need);
}

int
bidepy_tls_shake(bidepy_tls_stream *s, bidepy_op *op)
{
    int rc = 0;
    if (!s->top || !s->top->tls.object)
        return BIDE_ECLOSED;
    while (rc == 0 && !s->shaken) {
        if (s->error)
            return bidepy_tls_broken(s);
        if (s->shaker && s->shaker != op) {
            bide_wait_init(&op->wait, op->wait.task);
            return bide_event_wait(s->turned, &op->wait);
        }
        s->shaker = op;
        rc = shake_once(s, op);
    }
    if (s->shaken)
        bidepy_tls_leave(op);
    return rc;
}

static int
shake_start(bidepy_op *op)
{
    bidepy_tls_stream *s = bidepy_tls_stream_of(op);
    if (bide_stream_closed(s->base.stream))
        return BIDE_ECLOSED;
    if (bide_scope_cancelled(op->wait.task->scope))
        return BIDE_ECANCELED;
    return bidepy_tls_ready(s, op);
}

static int
shake_take(bidepy_op *op)
{
    int rc = bidepy_tls_taken(op);
    if (rc)
        return rc;
    rc = bidepy_tls_ready(bidepy_tls_stream_of(op), op);
    return rc == BIDE_PARKED ? BIDEPY_OP_AGAIN : rc;
}

static const bidepy_op_kind shake_kind = {
    .name = "TLSStream.handshake()",
    .start = shake_start,
    .fail = bidepy_stream_fail,
    .release = bidepy_tls_leave,
    .flags = BIDEPY_OP_NO_RACE,
    .take = shake_take,
};

static PyObject *
tls_handshake(PyObject *self, PyObject *unused)
{
    (void)unused;
    return (PyObject *)bidepy_op_new(bidepy_of(self), &shake_kind, self);
}

/* -- the end -------------------------------------------------------------- */

/* A last word, if it can be said without waiting. */
static void
say_goodbye(bidepy_tls_stream *s)
{
    if (!s->shaken || s->ended || s->error)
        return;
    s->ended = true;
    PyObject *pending = PyErr_Occurred() ? bidepy_fetch() : NULL;
    bidepy_tls_end(&s->top->tls);
    PyErr_Clear();
    bidepy_tls_flush(s);
    PyErr_Clear();
    if (pending)
        bidepy_reraise(pending);
    Py_XDECREF(pending);
}

static int
close_now(PyObject *self)
{
    bide_stream *under = of(self)->base.stream;
    if (bide_stream_closed(under))
        return 0;
    if (bidepy_stream_check(bidepy_of(self), bide_stream_loop(under),
                            "stream") < 0)
        return -1;
    say_goodbye(of(self));
    bide_stream_close(under);
    return 0;
}

static PyObject *
tls_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (close_now(self) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *
tls_aclose(PyObject *self, PyObject *unused)
{
    (void)unused;
    return close_now(self) < 0 ? NULL : bidepy_done(bidepy_of(self));
}

static PyObject *
tls_aexit(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    (void)args;
    (void)nargs;
    return tls_aclose(self, NULL);
}

/* -- from a stream to one with TLS ---------------------------------------- */

static int
check_free(PyObject *stream)
{
    bidepy_state *st = bidepy_of(stream);
    bide_stream *under = ((bidepy_stream *)stream)->stream;
    if (bide_stream_closed(under)) {
        bidepy_stream_raise(st, BIDE_ECLOSED, "stream");
        return -1;
    }
    if (bidepy_stream_check(st, bide_stream_loop(under), "stream") < 0)
        return -1;
    if (!Py_IS_TYPE(stream, st->type.tls_stream) || of(stream)->shaken)
        return 0;
    PyErr_SetString(PyExc_ValueError,
                    "stream is a TLSStream before its handshake: await its "
                    "handshake() first");
    return -1;
}

/* The transport, with the layers on it and what they have decrypted, moves
 * from `stream`, which is then closed. */
static int
move(PyObject *stream, bidepy_tls_stream *to)
{
    bide_stream *closed, **under = &((bidepy_stream *)stream)->stream;
    if (bide_stream_new_closed(bide_stream_loop(*under), &closed)) {
        PyErr_NoMemory();
        return -1;
    }
    to->base.stream = *under;
    *under = closed;
    if (!Py_IS_TYPE(stream, to->base.st->type.tls_stream))
        return 0;
    bidepy_tls_stream *from = of(stream);
    to->top->below = from->top;
    from->top = NULL;
    from->shaken = false;
    return bidepy_tls_buffered(from)
               ? bidepy_tls_feed(&to->top->tls, bidepy_tls_front(from),
                                 bidepy_tls_buffered(from))
               : 0;
}

/* _wrap_tls(stream, context, server_side, server_hostname, session) */
static PyObject *
wrap_tls(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    bidepy_state *st = bidepy_of_module(module);
    if (nargs != 5 || !PyObject_TypeCheck(args[0], st->type.stream)) {
        PyErr_SetString(PyExc_TypeError,
                        "a Stream and four options are wanted");
        return NULL;
    }
    bidepy_tls_setup setup = {.context = args[1],
                              .server_side = args[2] == Py_True,
                              .server_hostname = args[3],
                              .session = args[4]};
    if (check_free(args[0]) < 0)
        return NULL;
    bidepy_tls_stream *s = new_stream(st);
    if (!s)
        return NULL;
    s->top = bidepy_tls_layer_new(st, &setup);
    if (s->top && move(args[0], s) == 0)
        return (PyObject *)s;
    Py_DECREF(s);
    return NULL;
}

/* -- the type ------------------------------------------------------------- */

static PyObject *
tls_repr(PyObject *self)
{
    bidepy_tls_stream *s = of(self);
    bide_address peer;
    const char *what = s->shaken ? "" : " before the handshake";
    if (bide_stream_closed(s->base.stream))
        return PyUnicode_FromString("<TLSStream closed>");
    if (bide_stream_peer(s->base.stream, &peer) < 0 || !*peer.host)
        return PyUnicode_FromFormat("<TLSStream over descriptor %d%s>",
                                    bide_stream_fd(s->base.stream), what);
    return PyUnicode_FromFormat("<TLSStream to %s:%d%s>", peer.host, peer.port,
                                what);
}

PyDoc_STRVAR(doc_handshake,
             "handshake($self, /)\n--\n\n"
             "Make the TLS handshake, unless it is made. Reading and writing "
             "do so by themselves;\nconnect_tls(), start_tls() and serve() "
             "have done it. A cancelled handshake can be\nawaited again. "
             "ssl.SSLError when it fails, such as SSLCertVerificationError.");
PyDoc_STRVAR(doc_shutdown,
             "shutdown($self, /)\n--\n\n"
             "End the sending side once all writes are out: the peer is told "
             "(close_notify) and\nreads b\"\". Reading goes on.");
PyDoc_STRVAR(doc_close,
             "close($self, /)\n--\n\n"
             "Close at once, without waiting for the peer; it is told "
             "(close_notify) if that does\nnot have to wait. Waits on the "
             "stream end with StreamClosedError.");
PyDoc_STRVAR(doc_sendfile,
             "sendfile($self, /, file, offset=0, count=None)\n--\n\n"
             "As Stream.sendfile(), but a coroutine that reads and writes 256 "
             "KiB at a time: other\ntasks' writes may come in between, and a "
             "cancelled one ends between two pieces.");
PyDoc_STRVAR(doc_try_write,
             "try_write($self, data, /)\n--\n\n"
             "As Stream.try_write(): at most 16 KiB, and WouldBlockError "
             "before the handshake, too.");
PyDoc_STRVAR(doc_write_nowait,
             "write_nowait($self, data, /)\n--\n\n"
             "As Stream.write_nowait(), but WouldBlockError before the "
             "handshake and while another\ntask's write() is under way.");
PyDoc_STRVAR(doc_tls_stream,
             "A Stream whose bytes go through TLS, from connect_tls(), "
             "listen_tls() or\nStream.start_tls(). What a Stream can it can. "
             "A peer that ends the connection\nwithout ending TLS before is an "
             "ssl.SSLEOFError: something may be missing.");

static PyMethodDef methods[] = {
    {"write", bidepy_tls_stream_write, METH_O,
     "write($self, data, /)\n--\n\nAs Stream.write()."},
    {"try_read", BIDEPY_METHOD(bidepy_tls_stream_try_read),
     METH_FASTCALL | METH_KEYWORDS,
     "try_read($self, /, max=65536)\n--\n\nAs Stream.try_read()."},
    {"write_many", bidepy_tls_stream_write_many, METH_O,
     "write_many($self, buffers, /)\n--\n\n"
     "As Stream.write_many(); the buffers share records."},
    {"sendfile", BIDEPY_METHOD(bidepy_tls_stream_sendfile),
     METH_VARARGS | METH_KEYWORDS, doc_sendfile},
    {"try_write", bidepy_tls_stream_try_write, METH_O, doc_try_write},
    {"write_nowait", bidepy_tls_stream_write_nowait, METH_O, doc_write_nowait},
    {"shutdown", bidepy_tls_stream_shutdown, METH_NOARGS, doc_shutdown},
    {"handshake", tls_handshake, METH_NOARGS, doc_handshake},
    {"close", tls_close, METH_NOARGS, doc_close},
    {"aclose", tls_aclose, METH_NOARGS,
     "aclose($self, /)\n--\n\nclose(), to be awaited."},
    {"__aexit__", BIDEPY_METHOD(tls_aexit), METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getters[] = {
    {"buffered", bidepy_tls_stream_buffered, NULL,
     "Bytes that have been decrypted and not read (int).", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)doc_tls_stream},
    {Py_tp_dealloc, tls_dealloc},
    {Py_tp_traverse, tls_traverse},
    {Py_tp_clear, tls_clear},
    {Py_tp_repr, tls_repr},
    {Py_tp_methods, methods},
    {Py_tp_getset, getters},
    {0, NULL},
};

PyType_Spec bidepy_tls_stream_spec = {
    .name = "bide.TLSStream",
    .basicsize = sizeof(bidepy_tls_stream),
    .flags = BIDEPY_TYPE_FLAGS,
    .slots = slots,
};

PyMethodDef bidepy_tls_functions[] = {
    {"_wrap_tls", BIDEPY_METHOD(wrap_tls), METH_FASTCALL,
     "_wrap_tls(stream, context, server_side, server_hostname, session)"},
    {NULL, NULL, 0, NULL},
};
