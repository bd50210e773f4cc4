/* What lies between a TLSStream and its transport: one TLS, or several on top
 * of one another. */
#include "tls_stream.h"

#include <limits.h>

enum { BLOCK = 16384, LINE = 64 };

bidepy_tls_layer *
bidepy_tls_layer_new(bidepy_state *st, const bidepy_tls_setup *setup)
{
    bidepy_tls_layer *layer = PyMem_Calloc(1, sizeof *layer);
    if (!layer) {
        PyErr_NoMemory();
        return NULL;
    }
    if (bidepy_tls_init(&layer->tls, st, setup) == 0)
        return layer;
    bidepy_tls_layers_free(layer);
    return NULL;
}

void
bidepy_tls_layers_free(bidepy_tls_layer *top)
{
    while (top) {
        bidepy_tls_layer *below = top->below;
        bidepy_tls_clear(&top->tls);
        PyMem_Free(top);
        top = below;
    }
}

/* -- from the transport --------------------------------------------------- */

static int
feed_end(bidepy_tls_stream *s, bidepy_tls *tls, bidepy_tls_pulled *out)
{
    size_t rest;
    const char *data = bide_stream_data(s->base.stream, &rest);
    if (s->eof_fed)
        return bidepy_tls_broken(s) ? -1 : 0;
    s->eof_fed = true;
    if (rest && bidepy_tls_feed(tls, data, rest) < 0)
        return -1;
    if (rest)
        bide_stream_consume(s->base.stream, rest);
    out->bytes = rest + 1;
    out->records = UINT_MAX;
    return bidepy_tls_feed_eof(tls);
}

static int
pull_transport(bidepy_tls_stream *s, bidepy_tls *tls, size_t most,
               bidepy_tls_pulled *out)
{
    size_t have;
    const char *data = bide_stream_data(s->base.stream, &have);
    out->bytes = bidepy_tls_split(data, have < most ? have : most, &out->need,
                                  &out->records);
    if (out->bytes == 0)
        return s->eof ? feed_end(s, tls, out) : 0;
    if (bidepy_tls_feed(tls, data, out->bytes) < 0)
        return -1;
    bide_stream_consume(s->base.stream, out->bytes);
    return 0;
}

static int pull(bidepy_tls_stream *s, bidepy_tls_layer *layer, size_t most,
                bidepy_tls_pulled *out);

/* From one TLS to the one above it. */
static int
pass_up(bidepy_tls *from, bidepy_tls *to, bidepy_tls_pulled *out)
{
    char block[BLOCK];
    int rc;
    out->bytes = 0;
    out->records = UINT_MAX;
    do {
        size_t got;
        rc = bidepy_tls_read(from, block, sizeof block, &got);
        if (got && bidepy_tls_feed(to, block, got) < 0)
            return -1;
        out->bytes += got;
    } while (rc == BIDEPY_TLS_DONE);
    if (rc == BIDEPY_TLS_END) {
        out->bytes++;
        return bidepy_tls_feed_eof(to);
    }
    return rc < 0 ? -1 : 0;
}

static int
pull(bidepy_tls_stream *s, bidepy_tls_layer *layer, size_t most,
     bidepy_tls_pulled *out)
{
    if (!layer->below)
        return pull_transport(s, &layer->tls, most, out);
    do {
        if (pull(s, layer->below, most, out) < 0)
            return -1;
        if (out->bytes == 0)
            return 0;
        if (pass_up(&layer->below->tls, &layer->tls, out) < 0)
            return -1;
    } while (out->bytes == 0);
    return 0;
}

int
bidepy_tls_pull(bidepy_tls_stream *s, size_t most, bidepy_tls_pulled *out)
{
    return pull(s, s->top, most, out);
}

/* -- to the transport ----------------------------------------------------- */

/* Steals `bytes`, ciphertext of the layer above `layer` (NULL: of the lowest);
 * may be NULL with an exception. */
static PyObject *
seal_below(bidepy_tls_layer *layer, PyObject *bytes)
{
    while (bytes && layer) {
        int rc =
            PyBytes_GET_SIZE(bytes) ? bidepy_tls_write(&layer->tls, bytes) : 0;
        Py_DECREF(bytes);
        bytes = rc < 0 ? NULL : bidepy_tls_output(&layer->tls);
        layer = layer->below;
    }
    return bytes;
}

PyObject *
bidepy_tls_seal_output(bidepy_tls_stream *s)
{
    return seal_below(s->top->below, bidepy_tls_output(&s->top->tls));
}

/* How much of the next `n` bytes makes a record. Full ones would lie whole
 * pages apart, and OpenSSL copies each to the same place: if that is slow from
 * there (see decision 0049) it were so for all of them. */
static size_t
record_of(size_t n)
{
    return n <= BLOCK ? n : BLOCK - LINE;
}

PyObject *
bidepy_tls_seal(bidepy_tls_stream *s, const char *data, size_t n)
{
    while (n > 0) {
        size_t size = record_of(n);
        if (bidepy_tls_write_from(&s->top->tls, data, size) < 0)
            return NULL;
        data += size;
        n -= size;
    }
    return bidepy_tls_seal_output(s);
}

int
bidepy_tls_flush(bidepy_tls_stream *s)
{
    PyObject *pending = PyErr_Occurred() ? bidepy_fetch() : NULL;
    PyObject *bytes = bidepy_tls_seal_output(s);
    if (bytes && PyBytes_GET_SIZE(bytes))
        bide_stream_write_nowait(s->base.stream, PyBytes_AS_STRING(bytes),
                                 (size_t)PyBytes_GET_SIZE(bytes));
    int rc = bytes ? 0 : -1;
    Py_XDECREF(bytes);
    if (pending) {
        PyErr_Clear();
        bidepy_reraise(pending);
        Py_DECREF(pending);
    }
    return rc;
}
