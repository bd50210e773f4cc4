/* The plaintext of a TLSStream.
 *
 * Records that are whole are decrypted at once, all of them. A read() that
 * finds nothing buffered gets them in one bytes object, decrypted in place;
 * otherwise plaintext waits in the stream's `bytes` until it is enough. */
#include "tls_stream.h"

#include <limits.h>
#include <string.h>

enum {
    PULL_MIN = 32768, /* more than one record, of any size */
    RECORD = 16384,
    FIRST_ROOM = 4096
};

/* -- plaintext kept ------------------------------------------------------- */

void
bidepy_tls_consume(bidepy_tls_stream *s, size_t n)
{
    s->head += n;
    if (s->head < s->tail)
        return;
    s->head = s->tail = s->room = 0;
    PyMem_Free(s->bytes);
    s->bytes = NULL;
}

/* Room for `n` bytes behind the last. */
static int
reserve(bidepy_tls_stream *s, size_t n)
{
    size_t have = bidepy_tls_buffered(s);
    if (s->room - s->tail >= n)
        return 0;
    if (s->head)
        memmove(s->bytes, s->bytes + s->head, have);
    s->head = 0;
    s->tail = have;
    if (s->room - s->tail >= n)
        return 0;
    size_t room = s->room ? s->room * 2 : FIRST_ROOM;
    while (room - have < n)
        room *= 2;
    char *bytes = PyMem_Realloc(s->bytes, room);
    if (!bytes) {
        PyErr_NoMemory();
        return -1;
    }
    s->bytes = bytes;
    s->room = room;
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

/* Straight into the object that a read gives. */
static int
decrypt_chunk(bidepy_tls_stream *s, const bidepy_tls_pulled *pulled)
{
    size_t got;
    PyObject *chunk =
        PyBytes_FromStringAndSize(NULL, (Py_ssize_t)pulled->bytes);
    if (!chunk)
        return -1;
    int rc = bidepy_tls_read_some(&s->top->tls, PyBytes_AS_STRING(chunk),
                                  pulled->bytes, pulled->records, &got);
    if (got == 0)
        Py_CLEAR(chunk);
    else if (got < pulled->bytes && _PyBytes_Resize(&chunk, (Py_ssize_t)got))
        return -1;
    s->chunk = chunk;
    return note(s, rc);
}

static int
decrypt(bidepy_tls_stream *s, const bidepy_tls_pulled *pulled)
{
    size_t got;
    if (reserve(s, pulled->bytes) < 0)
        return -1;
    int rc = bidepy_tls_read_some(&s->top->tls, s->bytes + s->tail,
                                  pulled->bytes, pulled->records, &got);
    s->tail += got;
    return note(s, rc);
}

int
bidepy_tls_drain(bidepy_tls_stream *s)
{
    int rc;
    do {
        size_t got;
        if (reserve(s, RECORD) < 0)
            return -1;
        rc = bidepy_tls_read(&s->top->tls, s->bytes + s->tail, RECORD, &got);
        s->tail += got;
    } while (rc == BIDEPY_TLS_DONE);
    if (!bidepy_tls_buffered(s))
        bidepy_tls_consume(s, 0);
    return note(s, rc);
}

/* More plaintext, unless the transport has to be waited for: 0, BIDE_PARKED or
 * an error. */
int
bidepy_tls_fill(bidepy_tls_stream *s, bidepy_op *op, size_t most, bool whole)
{
    bidepy_tls_pulled pulled = {0};
    if (bidepy_tls_pull(s, most > PULL_MIN ? most : PULL_MIN, &pulled) < 0)
        return BIDE_EHOST;
    if (pulled.bytes == 0)
        return bidepy_tls_await(s, op, pulled.need);
    if (pulled.records == UINT_MAX)
        return bidepy_tls_drain(s) < 0 ? BIDE_EHOST : 0;
    whole = whole && pulled.bytes <= most;
    int rc = whole ? decrypt_chunk(s, &pulled) : decrypt(s, &pulled);
    return rc < 0 ? BIDE_EHOST : 0;
}
