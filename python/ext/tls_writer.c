/* The writing half of bide.TLSStream.
 *
 * A writer has its turn until all its ciphertext is with the transport. Of a
 * long message a piece at a time is encrypted, so that no step is long and no
 * more than a piece waits for the system. */
#include "tls_stream.h"

#include <errno.h>

enum { PIECE = 256 * 1024 };

/* A write under way; of a shutdown, `view` is empty. */
typedef struct sending {
    Py_buffer view;
    size_t done;      /* encrypted */
    PyObject *cipher; /* what is being sent of that */
    bool asked, turn; /* for the turn; has it */
} sending;

static sending *
sending_of(const bidepy_op *op)
{
    return op->word.ptr;
}

/* -- steps ---------------------------------------------------------------- */

static int
take_turn(bidepy_tls_stream *s, bidepy_op *op)
{
    sending *g = sending_of(op);
    if (g->turn)
        return 0;
    int rc = bide_semaphore_acquire(s->turn, 1, &op->wait);
    g->asked = rc == BIDE_PARKED;
    g->turn = rc == 0;
    return rc;
}

/* Steals `cipher`; NULL: an exception is set. */
static int
send_cipher(bidepy_tls_stream *s, bidepy_op *op, PyObject *cipher)
{
    sending *g = sending_of(op);
    if (!cipher)
        return BIDE_EHOST;
    g->cipher = cipher;
    op->wait.u.io.done = 0;
    int rc = bide_stream_write(s->base.stream, PyBytes_AS_STRING(cipher),
                               (size_t)PyBytes_GET_SIZE(cipher), &op->wait);
    if (rc == 0)
        Py_CLEAR(g->cipher);
    return rc;
}

static PyObject *
seal_piece(bidepy_tls_stream *s, sending *g)
{
    size_t left = (size_t)g->view.len - g->done;
    size_t n = left < PIECE ? left : PIECE;
    const char *data = (const char *)g->view.buf + g->done;
    g->done += n;
    return bidepy_tls_seal(s, data, n);
}

/* Before anything is encrypted: later it has to be sent. */
static int
refused(bidepy_tls_stream *s, const bidepy_op *op)
{
    if (bide_stream_closed(s->base.stream))
        return BIDE_ECLOSED;
    if (s->ended)
        return -EPIPE;
    return bide_scope_cancelled(op->wait.task->scope) ? BIDE_ECANCELED : 0;
}

/* Up to where a write may begin. */
static int
enter(bidepy_tls_stream *s, bidepy_op *op)
{
    int rc = refused(s, op);
    if (rc == 0)
        rc = bidepy_tls_ready(s, op);
    return rc ? rc : take_turn(s, op);
}

static int
go_on(bidepy_op *op)
{
    bidepy_tls_stream *s = bidepy_tls_stream_of(op);
    sending *g = sending_of(op);
    int rc = g->turn ? 0 : enter(s, op);
    while (rc == 0 && g->done < (size_t)g->view.len) {
        rc = refused(s, op);
        if (rc == 0)
            rc = send_cipher(s, op, seal_piece(s, g));
    }
    return rc;
}

static int
take(bidepy_op *op, int (*step)(bidepy_op *op))
{
    sending *g = sending_of(op);
    int rc = bidepy_tls_taken(op);
    if (rc)
        return rc;
    if (g->asked)
        g->turn = true;
    g->asked = false;
    Py_CLEAR(g->cipher);
    rc = step(op);
    return rc == BIDE_PARKED ? BIDEPY_OP_AGAIN : rc;
}

/* -- ends ----------------------------------------------------------------- */

static void
send_in_background(bidepy_tls_stream *s, PyObject *cipher)
{
    if (cipher)
        bide_stream_write_nowait(s->base.stream, PyBytes_AS_STRING(cipher),
                                 (size_t)PyBytes_GET_SIZE(cipher));
}

/* A write that ended early: what was encrypted goes out, and the rest of a
 * message that has begun. */
static void
finish_sending(bidepy_tls_stream *s, bidepy_op *op)
{
    sending *g = sending_of(op);
    PyObject *pending = PyErr_Occurred() ? bidepy_fetch() : NULL;
    if (g->cipher && op->wait.u.io.done == 0)
        send_in_background(s, g->cipher);
    bool open = !bide_stream_closed(s->base.stream) && s->top;
    while (open && g->done && g->done < (size_t)g->view.len) {
        PyObject *cipher = seal_piece(s, g);
        open = cipher != NULL;
        send_in_background(s, cipher);
        Py_XDECREF(cipher);
    }
    PyErr_Clear();
    if (pending)
        bidepy_reraise(pending);
    Py_XDECREF(pending);
}

static void
release(bidepy_op *op)
{
    bidepy_tls_stream *s = bidepy_tls_stream_of(op);
    sending *g = sending_of(op);
    if (!g)
        return;
    if (g->cipher || g->done < (size_t)g->view.len)
        finish_sending(s, op);
    Py_CLEAR(g->cipher);
    if (g->turn)
        bide_semaphore_release(s->turn, 1);
    bidepy_tls_leave(op);
    if (g->view.obj)
        PyBuffer_Release(&g->view);
    op->word.ptr = NULL;
    PyMem_Free(g);
}

static sending *
new_sending(bidepy_op *op)
{
    sending *g = PyMem_Calloc(1, sizeof *g);
    if (!g)
        PyErr_NoMemory();
    op->word.ptr = g;
    return g;
}

/* -- write ---------------------------------------------------------------- */

static int
write_start(bidepy_op *op)
{
    sending *g = new_sending(op);
    if (!g || PyObject_GetBuffer(op->arg, &g->view, PyBUF_SIMPLE) < 0)
        return BIDE_EHOST;
    return go_on(op);
}

static int
write_take(bidepy_op *op)
{
    return take(op, go_on);
}

static const bidepy_op_kind write_kind = {
    .name = "TLSStream.write()",
    .start = write_start,
    .fail = bidepy_stream_fail,
    .release = release,
    .flags = BIDEPY_OP_NO_RACE,
    .take = write_take,
};

PyObject *
bidepy_tls_stream_write(PyObject *self, PyObject *data)
{
    if (PyObject_CheckBuffer(data))
        return bidepy_stream_buffered(self, &write_kind, data);
    PyErr_Format(PyExc_TypeError,
                 "data must be bytes or another buffer, not %.100s%s",
                 Py_TYPE(data)->tp_name,
                 PyUnicode_Check(data) ? "; encode it first" : "");
    return NULL;
}

/* -- shutdown ------------------------------------------------------------- */

/* The close_notify follows what was written before. */
static int
end_step(bidepy_op *op)
{
    bidepy_tls_stream *s = bidepy_tls_stream_of(op);
    if (s->ended && !sending_of(op)->cipher)
        return bide_stream_closed(s->base.stream) ? BIDE_ECLOSED : 0;
    int rc = enter(s, op);
    if (rc)
        return rc;
    s->ended = true;
    if (bidepy_tls_end(&s->top->tls) < 0) {
        bidepy_tls_flush(s);
        return BIDE_EHOST;
    }
    return send_cipher(s, op, bidepy_tls_seal_output(s));
}

static int
shutdown_start(bidepy_op *op)
{
    return new_sending(op) ? end_step(op) : BIDE_EHOST;
}

static int
shutdown_take(bidepy_op *op)
{
    return take(op, end_step);
}

static const bidepy_op_kind shutdown_kind = {
    .name = "TLSStream.shutdown()",
    .start = shutdown_start,
    .fail = bidepy_stream_fail,
    .release = release,
    .flags = BIDEPY_OP_NO_RACE,
    .take = shutdown_take,
};

PyObject *
bidepy_tls_stream_shutdown(PyObject *self, PyObject *unused)
{
    (void)unused;
    return (PyObject *)bidepy_op_new(bidepy_of(self), &shutdown_kind, self);
}
