/* Of bide.TLSStream: reading and writing without waiting, and several buffers
 * at once. */
#include "tls_stream.h"

#include <errno.h>
#include <string.h>

enum { CHUNK = 65536, RECORD = 16384 };

static bidepy_tls_stream *
of(PyObject *self)
{
    return (bidepy_tls_stream *)self;
}

static int
check(PyObject *self)
{
    bide_stream *under = of(self)->base.stream;
    if (bidepy_stream_check(bidepy_of(self), bide_stream_loop(under),
                            "stream") < 0)
        return -1;
    if (!bide_stream_closed(under))
        return 0;
    bidepy_stream_raise(bidepy_of(self), BIDE_ECLOSED, "stream");
    return -1;
}

/* -- reading -------------------------------------------------------------- */

/* Plaintext, if it can be had without waiting. */
static int
look(bidepy_tls_stream *s)
{
    bidepy_tls_pulled pulled = {0};
    size_t n;
    if (bidepy_tls_buffered(s) || s->peer_ended || s->error || !s->shaken)
        return 0;
    bide_stream_try_read(s->base.stream, CHUNK, &n);
    if (bidepy_tls_pull(s, CHUNK, &pulled) < 0)
        return -1;
    return pulled.bytes ? bidepy_tls_drain(s) : 0;
}

PyObject *
bidepy_tls_stream_try_read(PyObject *self, PyObject *const *args,
                           Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"max", NULL};
    static const bidepy_signature sig = {"try_read", names, 0, 1};
    bidepy_tls_stream *s = of(self);
    size_t max;
    if (bidepy_stream_size(&sig, args, nargs, kwnames, &max) < 0 ||
        check(self) < 0)
        return NULL;
    if (s->reader)
        return bidepy_stream_raise(s->base.st, BIDE_EBUSY, "stream");
    if (look(s) < 0)
        return NULL;
    size_t n = bidepy_tls_buffered(s);
    if (n == 0 && s->error) {
        bidepy_tls_broken(s);
        return NULL;
    }
    if (n == 0 && !s->peer_ended)
        return bidepy_raise(s->base.st, BIDE_EWOULDBLOCK,
                            "TLSStream.try_read(): nothing is there yet");
    return bidepy_tls_take(s, n < max ? n : max);
}

PyObject *
bidepy_tls_stream_buffered(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(bidepy_tls_buffered(of(self)));
}

/* -- writing -------------------------------------------------------------- */

/* Whether a write may be put in now: 0, or -1 with an exception. */
static int
may_write(PyObject *self, const char *method)
{
    bidepy_tls_stream *s = of(self);
    if (check(self) < 0)
        return -1;
    if (s->ended) {
        bidepy_stream_raise(s->base.st, -EPIPE, "stream");
        return -1;
    }
    if (s->shaken && bide_semaphore_permits(s->turn))
        return 0;
    bidepy_raise(s->base.st, BIDE_EWOULDBLOCK, "TLSStream.%s(): %s", method,
                 s->shaken ? "another task is writing"
                           : "await handshake() first");
    return -1;
}

static int
view_of(PyObject *data, Py_buffer *view)
{
    if (PyObject_CheckBuffer(data))
        return PyObject_GetBuffer(data, view, PyBUF_SIMPLE);
    PyErr_Format(PyExc_TypeError,
                 "data must be bytes or another buffer, not %.100s%s",
                 Py_TYPE(data)->tp_name,
                 PyUnicode_Check(data) ? "; encode it first" : "");
    return -1;
}

/* Encrypts and hands over the first `n` bytes of the view. */
static int
put(bidepy_tls_stream *s, const Py_buffer *view, size_t n)
{
    PyObject *cipher = n ? bidepy_tls_seal(s, view->buf, n) : NULL;
    if (!cipher)
        return n ? -1 : 0;
    int rc = bide_stream_write_nowait(s->base.stream, PyBytes_AS_STRING(cipher),
                                      (size_t)PyBytes_GET_SIZE(cipher));
    Py_DECREF(cipher);
    if (rc == 0)
        return 0;
    bidepy_stream_failed(&s->base, rc);
    return -1;
}

PyObject *
bidepy_tls_stream_try_write(PyObject *self, PyObject *data)
{
    bidepy_tls_stream *s = of(self);
    Py_buffer view;
    if (may_write(self, "try_write") < 0)
        return NULL;
    if (bide_stream_unsent(s->base.stream))
        return bidepy_raise(
            s->base.st, BIDE_EWOULDBLOCK,
            "TLSStream.try_write(): the system takes no more now");
    if (view_of(data, &view) < 0)
        return NULL;
    size_t n = (size_t)view.len < RECORD ? (size_t)view.len : RECORD;
    int rc = put(s, &view, n);
    PyBuffer_Release(&view);
    return rc < 0 ? NULL : PyLong_FromSize_t(n);
}

PyObject *
bidepy_tls_stream_write_nowait(PyObject *self, PyObject *data)
{
    Py_buffer view;
    if (may_write(self, "write_nowait") < 0 || view_of(data, &view) < 0)
        return NULL;
    int rc = put(of(self), &view, (size_t)view.len);
    PyBuffer_Release(&view);
    if (rc < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* Encrypting copies in any case: one run of bytes makes the fewest records. */
PyObject *
bidepy_tls_stream_write_many(PyObject *self, PyObject *buffers)
{
    PyObject *empty = PyBytes_FromStringAndSize(NULL, 0);
    PyObject *joined =
        empty ? PyObject_CallMethod(empty, "join", "O", buffers) : NULL;
    Py_XDECREF(empty);
    PyObject *op = joined ? bidepy_tls_stream_write(self, joined) : NULL;
    Py_XDECREF(joined);
    return op;
}
