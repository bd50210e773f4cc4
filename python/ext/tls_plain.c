/* The plaintext of a TLSStream.
 *
 * Records that are whole are decrypted at once, all of them, into a bytes
 * object of the stream's. A read that takes all there is gets that very object;
 * one of an exact size has it made to measure, so that what it reads is never
 * copied. */
#include "tls_stream.h"

#include <limits.h>
#include <string.h>

enum {
    PULL_MIN = 32768, /* more than one record, of any size */
    RECORD = 16384,
    OVERHEAD = 13,         /* of a record at least: header and tag */
    AHEAD = 1024 * 1024,   /* room made for what has not come yet, at most */
    WORTH_TELLING = 16384, /* the transport, that much is to come */
};

/* -- plaintext kept ------------------------------------------------------- */

void
bidepy_tls_consume(bidepy_tls_stream *s, size_t n)
{
    s->head += n;
    if (s->head < s->tail)
        return;
    s->head = s->tail = 0;
    Py_CLEAR(s->block);
}

/* All there is, which needs no copy. */
static PyObject *
take_block(bidepy_tls_stream *s)
{
    PyObject *block = s->block;
    size_t n = s->tail;
    s->block = NULL;
    s->head = s->tail = 0;
    if (n == (size_t)PyBytes_GET_SIZE(block) ||
        _PyBytes_Resize(&block, (Py_ssize_t)n) == 0)
        return block;
    s->error = bidepy_fetch(); /* its bytes are lost */
    bidepy_tls_broken(s);
    return NULL;
}

PyObject *
bidepy_tls_take(bidepy_tls_stream *s, size_t n)
{
    if (n == 0)
        return PyBytes_FromStringAndSize(NULL, 0);
    if (s->head == 0 && n == s->tail)
        return take_block(s);
    PyObject *bytes =
        PyBytes_FromStringAndSize(bidepy_tls_front(s), (Py_ssize_t)n);
    if (bytes)
        bidepy_tls_consume(s, n);
    return bytes;
}

/* How large a block has to be that takes `n` bytes more, if `want` are to be
 * in it in the end; with what is overestimated of those to come. */
static size_t
room_for(const bidepy_tls_stream *s, size_t n, size_t want)
{
    size_t room = bidepy_tls_buffered(s) + n;
    size_t ahead = want < AHEAD ? want + want / 64 : AHEAD;
    if (s->block && room < 2 * (size_t)PyBytes_GET_SIZE(s->block))
        room = 2 * (size_t)PyBytes_GET_SIZE(s->block);
    return room > ahead ? room : ahead;
}

/* Room for `n` bytes behind the last. */
static int
reserve(bidepy_tls_stream *s, size_t n, size_t want)
{
    size_t have = bidepy_tls_buffered(s);
    if (s->block && (size_t)PyBytes_GET_SIZE(s->block) - s->tail >= n)
        return 0;
    PyObject *block =
        PyBytes_FromStringAndSize(NULL, (Py_ssize_t)room_for(s, n, want));
    if (!block)
        return -1;
    if (have)
        memcpy(PyBytes_AS_STRING(block), bidepy_tls_front(s), have);
    Py_XSETREF(s->block, block);
    s->head = 0;
    s->tail = have;
    return 0;
}

/* -- decrypting ----------------------------------------------------------- */

/* What the engine answered after `got` bytes. Those come first; an error is
 * kept for the read that finds nothing else. */
static int
note(bidepy_tls_stream *s, int rc)
{
    if (rc == BIDEPY_TLS_DONE)
        return 0;
    if (rc == BIDEPY_TLS_END)
        s->peer_ended = true;
    if (rc < 0)
        s->error = bidepy_fetch();
    return bidepy_tls_flush(s);
}

static int
decrypt(bidepy_tls_stream *s, const bidepy_tls_pulled *pulled, size_t want)
{
    size_t got, most = pulled->bytes - (size_t)OVERHEAD * pulled->records;
    if (pulled->bytes <= (size_t)OVERHEAD * pulled->records)
        most = 1; /* nothing but an end or an error can come of it */
    if (reserve(s, most, want) < 0)
        return -1;
    int rc = bidepy_tls_read_some(&s->top->tls,
                                  PyBytes_AS_STRING(s->block) + s->tail, most,
                                  pulled->records, &got);
    s->tail += got;
    if (!bidepy_tls_buffered(s))
        bidepy_tls_consume(s, 0);
    return note(s, rc);
}

int
bidepy_tls_drain(bidepy_tls_stream *s)
{
    int rc;
    do {
        size_t got;
        if (reserve(s, RECORD, 0) < 0)
            return -1;
        rc = bidepy_tls_read(
            &s->top->tls, PyBytes_AS_STRING(s->block) + s->tail, RECORD, &got);
        s->tail += got;
    } while (rc == BIDEPY_TLS_DONE);
    if (!bidepy_tls_buffered(s))
        bidepy_tls_consume(s, 0);
    return note(s, rc);
}

/* Waits for a record, the first of many if much is wanted still. */
static int
await_record(bidepy_tls_stream *s, bidepy_op *op, size_t need, size_t want)
{
    size_t have = bidepy_tls_buffered(s);
    if (want > have && want - have >= WORTH_TELLING)
        bide_stream_expect(s->base.stream, want - have + (want - have) / 64);
    return bidepy_tls_await(s, op, need);
}

int
bidepy_tls_fill(bidepy_tls_stream *s, bidepy_op *op, size_t most, size_t want)
{
    bidepy_tls_pulled pulled = {0};
    if (bidepy_tls_pull(s, most > PULL_MIN ? most : PULL_MIN, &pulled) < 0)
        return BIDE_EHOST;
    if (pulled.bytes == 0)
        return await_record(s, op, pulled.need, want);
    if (pulled.records == UINT_MAX)
        return bidepy_tls_drain(s) < 0 ? BIDE_EHOST : 0;
    return decrypt(s, &pulled, want) < 0 ? BIDE_EHOST : 0;
}
