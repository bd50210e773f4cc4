/* tls_stream.h - bide.TLSStream, a Stream whose bytes go through TLS, as its
 * own files see it.
 *
 * Invariants
 * - The transport's bytes are taken by one task at a time: the one that makes
 *   the handshake (`shaker`), after it the one that reads (`reader`).
 * - What has been fed to an engine has been read from it before anybody waits:
 *   plaintext nobody asked for yet lies in `block`, ciphertext in the
 *   transport's buffer.
 * - What an engine has encrypted is sent, whatever becomes of the operation:
 *   the peer could not read what follows without it. */
#ifndef BIDEPY_TLS_STREAM_H
#define BIDEPY_TLS_STREAM_H

#include "stream.h"
#include "tls_engine.h"

/** One TLS of a stack; the lowest is on the transport. */
typedef struct bidepy_tls_layer {
    bidepy_tls tls;
    struct bidepy_tls_layer *below;
} bidepy_tls_layer;

typedef struct bidepy_tls_stream {
    bidepy_stream base; /* of the transport */
    bidepy_tls_layer *top;
    PyObject *error; /* why nothing can be read any more */
    bidepy_op *reader, *shaker;
    bide_event *turned;   /* set for a moment when `shaker` leaves */
    bide_semaphore *turn; /* to write */
    PyObject *block;      /* bytes, for nobody else: plaintext from `head` */
    size_t head, tail;    /* to `tail` of it; NULL when there is none */
    bool shaken;          /* the handshake is done */
    bool peer_ended;      /* close_notify came */
    bool ended;           /* ours is sent */
    bool eof, eof_fed;
} bidepy_tls_stream;

static inline bidepy_tls_stream *
bidepy_tls_stream_of(const bidepy_op *op)
{
    return (bidepy_tls_stream *)op->owner;
}

static inline size_t
bidepy_tls_buffered(const bidepy_tls_stream *s)
{
    return s->tail - s->head;
}

/** The first byte of plaintext; only if there is one. */
static inline char *
bidepy_tls_front(const bidepy_tls_stream *s)
{
    return PyBytes_AS_STRING(s->block) + s->head;
}

/* -- layers (tls_layer.c) ------------------------------------------------- */

bidepy_tls_layer *bidepy_tls_layer_new(bidepy_state *st,
                                       const bidepy_tls_setup *setup);
void bidepy_tls_layers_free(bidepy_tls_layer *top);

/** What a pull brought to the top engine. */
typedef struct bidepy_tls_pulled {
    size_t bytes, need; /* fed; or 0, and what the transport must have */
    unsigned records;   /* of them, UINT_MAX: unknown */
} bidepy_tls_pulled;

/** Feeds the top engine what the transport has, `most` bytes or so: 0 or -1.
 * After the end of the transport it tells the engine so, once. */
int bidepy_tls_pull(bidepy_tls_stream *s, size_t most, bidepy_tls_pulled *out);

/** New bytes for the transport: `n` bytes at `data`, through all layers from
 * the top down. */
PyObject *bidepy_tls_seal(bidepy_tls_stream *s, const char *data, size_t n);
/** The same of what the top engine has to say by itself; may be b"". */
PyObject *bidepy_tls_seal_output(bidepy_tls_stream *s);

/** Sends that in the background. -1 with an exception; errors of the transport
 * are left to the next write. Keeps an exception that is set. */
int bidepy_tls_flush(bidepy_tls_stream *s);

/* -- plaintext (tls_plain.c) ---------------------------------------------- */

/** Decrypts all that has been fed: 0 or -1. */
int bidepy_tls_drain(bidepy_tls_stream *s);

/** Brings more plaintext, from `most` bytes of ciphertext or so, unless the
 * transport has to be waited for: 0, BIDE_PARKED or an error. `want`: how much
 * is to be buffered in the end, 0 if that is not known. */
int bidepy_tls_fill(bidepy_tls_stream *s, bidepy_op *op, size_t most,
                    size_t want);

/** New bytes: the first `n`, which are no longer buffered. */
PyObject *bidepy_tls_take(bidepy_tls_stream *s, size_t n);

/** Drops `n` bytes from the front. */
void bidepy_tls_consume(bidepy_tls_stream *s, size_t n);

/* -- operations (tls_stream.c) -------------------------------------------- */

/** Goes on with the handshake for `op`: 0 done, BIDE_PARKED, or an error. */
int bidepy_tls_shake(bidepy_tls_stream *s, bidepy_op *op);

static inline int
bidepy_tls_ready(bidepy_tls_stream *s, bidepy_op *op)
{
    return s->shaken ? 0 : bidepy_tls_shake(s, op);
}

/** Waits for `need` bytes of the transport: 0, BIDE_PARKED or an error. */
int bidepy_tls_await(bidepy_tls_stream *s, bidepy_op *op, size_t need);

/** The status of the wait under `op`, which may have been for the transport:
 * its end is no error here. BIDE_PARKED: the wait goes on. */
int bidepy_tls_taken(bidepy_op *op);

/** `op` is over: lets others make the handshake. */
void bidepy_tls_leave(bidepy_op *op);

/** Raises what ended the reading. Returns BIDE_EHOST. */
int bidepy_tls_broken(bidepy_tls_stream *s);

extern const bidepy_reads bidepy_tls_reads; /* tls_reader.c */

/* Methods: tls_writer.c, tls_nowait.c, tls_python.c. */
PyObject *bidepy_tls_stream_sendfile(PyObject *self, PyObject *args,
                                     PyObject *kwargs);
PyObject *bidepy_tls_stream_try_read(PyObject *self, PyObject *const *args,
                                     Py_ssize_t nargs, PyObject *kwnames);
PyObject *bidepy_tls_stream_write_many(PyObject *self, PyObject *buffers);
PyObject *bidepy_tls_stream_try_write(PyObject *self, PyObject *data);
PyObject *bidepy_tls_stream_write_nowait(PyObject *self, PyObject *data);
PyObject *bidepy_tls_stream_buffered(PyObject *self, void *closure);
PyObject *bidepy_tls_stream_write(PyObject *self, PyObject *data);
PyObject *bidepy_tls_stream_shutdown(PyObject *self, PyObject *unused);

#endif
