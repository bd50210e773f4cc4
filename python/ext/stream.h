/* stream.h - bide.Stream as its own files and those that make streams see it.
 */
#ifndef BIDEPY_STREAM_H
#define BIDEPY_STREAM_H

#include "bidepy.h"

/** What reading is for a kind of stream: its operations, and the bytes that are
 * there for them. */
typedef struct bidepy_reads {
    const bidepy_op_kind *some, *next, *exact, *peek, *until, *line, *next_line,
        *into;
    const char *(*data)(const bidepy_op *op, size_t *len);
    void (*consume)(const bidepy_op *op, size_t n);
} bidepy_reads;

typedef struct bidepy_stream {
    BIDEPY_HEAD
    bide_stream *stream;
    const bidepy_reads *reads;
    bool lost; /* an operation has failed of bide_stream_lost */
    PyObject *weakrefs;
} bidepy_stream;

/** The core's stream under an operation. */
static inline bide_stream *
bidepy_stream_under(const bidepy_op *op)
{
    return ((const bidepy_stream *)op->owner)->stream;
}

/** New Stream on `stream` (stolen, also on failure). */
PyObject *bidepy_stream_new(bidepy_state *st, bide_stream *stream);

/** Sets the exception for a status of a stream or listener (`what`: "stream",
 * "listener"). Returns NULL. */
PyObject *bidepy_stream_raise(bidepy_state *st, int status, const char *what);

/** The same for an operation of a stream, which remembers. */
PyObject *bidepy_stream_failed(bidepy_stream *self, int status);

/** The `fail` of a stream's operations. */
PyObject *bidepy_stream_fail(bidepy_op *op, int status);

/** _lost(stream, error): whether it is one of the stream's, and the peer's or
 * the network's doing. */
PyObject *bidepy_stream_is_lost(PyObject *module, PyObject *args);

/** 0 if this thread runs `loop`; else -1 with WrongRuntimeError. */
int bidepy_stream_check(bidepy_state *st, const bide_loop *loop,
                        const char *what);

/** New: (host, port), or the path of a Unix socket. */
PyObject *bidepy_stream_address(const bide_address *address);

/** Seconds of keepalive, or (idle, interval, count); `idle` is 0 for None. -1
 * with an exception. */
typedef struct bidepy_probes {
    unsigned idle, interval, count;
} bidepy_probes;

int bidepy_keepalive(PyObject *value, bidepy_probes *out);
int bidepy_keepalive_set(bide_stream *s, const bidepy_probes *p);

/** New operation on the buffer `op->arg`; its view lies in `op->word` from
 * bidepy_stream_view on, and goes with bidepy_stream_unview, the `release`. */
PyObject *bidepy_stream_buffered(PyObject *self, const bidepy_op_kind *kind,
                                 PyObject *buffer);
Py_buffer *bidepy_stream_view(bidepy_op *op, int flags);
void bidepy_stream_unview(bidepy_op *op);

/** The one optional argument of `sig`, a size of at least 1; 65536 without it.
 * -1 with an exception. */
int bidepy_stream_size(const bidepy_signature *sig, PyObject *const *args,
                       Py_ssize_t nargs, PyObject *kwnames, size_t *out);

/* What the operations of both kinds share: reads.c. */
extern const bidepy_reads bidepy_stream_reads;
PyObject *bidepy_exact_fail(bidepy_op *op, int status);
PyObject *bidepy_until_fail(bidepy_op *op, int status);
PyObject *bidepy_line_fail(bidepy_op *op, int status);
PyObject *bidepy_next_line_fail(bidepy_op *op, int status);
PyObject *bidepy_peek_finish(bidepy_op *op);
PyObject *bidepy_peek_fail(bidepy_op *op, int status);
/** The buffer of read_into(), not empty; NULL with an exception. */
Py_buffer *bidepy_into_view(bidepy_op *op);
PyObject *bidepy_into_finish(bidepy_op *op);

/* Methods: reads.c, writer.c. */
PyObject *bidepy_stream_read(PyObject *self, PyObject *const *args,
                             Py_ssize_t nargs, PyObject *kwnames);
PyObject *bidepy_stream_read_exact(PyObject *self, PyObject *n);
PyObject *bidepy_stream_read_until(PyObject *self, PyObject *const *args,
                                   Py_ssize_t nargs, PyObject *kwnames);
PyObject *bidepy_stream_read_line(PyObject *self, PyObject *const *args,
                                  Py_ssize_t nargs, PyObject *kwnames);
PyObject *bidepy_stream_read_into(PyObject *self, PyObject *buffer);
PyObject *bidepy_stream_anext(PyObject *self);
PyObject *bidepy_stream_write(PyObject *self, PyObject *data);
PyObject *bidepy_stream_shutdown(PyObject *self, PyObject *unused);
PyObject *bidepy_stream_peek(PyObject *self, PyObject *n);

/** New operation: the next line, for lines.c. */
PyObject *bidepy_stream_next_line(PyObject *self, size_t limit);

/* Methods: lines.c, vector.c (write_many), nowait.c. */
PyObject *bidepy_stream_lines(PyObject *self, PyObject *const *args,
                              Py_ssize_t nargs, PyObject *kwnames);
PyObject *bidepy_stream_write_many(PyObject *self, PyObject *buffers);
PyObject *bidepy_stream_try_read(PyObject *self, PyObject *const *args,
                                 Py_ssize_t nargs, PyObject *kwnames);
PyObject *bidepy_stream_try_write(PyObject *self, PyObject *data);
PyObject *bidepy_stream_write_nowait(PyObject *self, PyObject *data);
PyObject *bidepy_stream_drain(PyObject *self, PyObject *unused);
PyObject *bidepy_stream_set_limits(PyObject *self, PyObject *const *args,
                                   Py_ssize_t nargs, PyObject *kwnames);
PyObject *bidepy_stream_limits(PyObject *self, void *closure);
PyObject *bidepy_stream_unsent(PyObject *self, void *closure);
PyObject *bidepy_stream_buffered_bytes(PyObject *self, void *closure);

/* Of a terminal: stdio.c. */
PyObject *bidepy_stream_is_tty(PyObject *self, void *closure);
PyObject *bidepy_stream_tty_size(PyObject *self, void *closure);
PyObject *bidepy_stream_set_tty_size(PyObject *self, PyObject *const *args,
                                     Py_ssize_t nargs, PyObject *kwnames);
PyObject *bidepy_stream_set_raw(PyObject *self, PyObject *on);
extern const char bidepy_doc_set_tty_size[], bidepy_doc_set_raw[];

/* sendfile.c */
extern const char bidepy_doc_sendfile[];
PyObject *bidepy_stream_sendfile(PyObject *self, PyObject *const *args,
                                 Py_ssize_t nargs, PyObject *kwnames);

/* To TLS: tls_python.c */
PyObject *bidepy_stream_start_tls(PyObject *self, PyObject *args,
                                  PyObject *kwargs);
PyObject *bidepy_stream_tls(PyObject *self, void *closure);

#endif
