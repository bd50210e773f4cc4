/* What a stream is made of; reader, writer and stream each work on their part.
 * Nothing here knows which kind of libuv stream it is: the module that makes a
 * stream (tcp, pipe) initialises the union's member.
 *
 * Invariants
 * - libuv reads on while nobody waits, up to a high-water mark: stopping and
 *   starting around each read costs two system calls.
 * - `read_end` is what the reader meets behind the bytes in `in`.
 * - `sending` is set iff the writers' queue is not empty or a request of libuv
 *   is under way; while it is NULL a write goes straight to the system. */
#ifndef BIDE_STREAM_STATE_H
#define BIDE_STREAM_STATE_H

#include "buffer.h"
#include "endpoint.h"
#include "filter.h"

struct bide__sending;

struct bide_stream {
    bide__endpoint base;
    bide_link queued; /* in a listener, until accepted */

    bide__buffer in;
    bide_wait *reader;
    size_t expected;    /* bytes that are on their way, while it waits */
    bide_task *granted; /* has bytes it did not consume yet; compared only */
    int read_end;       /* 0, BIDE_EEOF or an error */
    bool reading;
    size_t ample; /* room for the next read: a copy is worth saving; or 0 */

    bool terminal;     /* whose last user's going is the end, not an error */
    bool shared;       /* its file is another's, too: see mended.h */
    unsigned char raw; /* its slot there, or 0 */

    bool ended;      /* our half is shut down */
    int write_error; /* of every write from now on */
    bide_link writers;
    struct bide__sending *sending;
    size_t backlog, in_piece; /* bytes not sent that no task waits for: in
                                 chunks, and in libuv's hands */
    bide_link drainers;
    bide_stream_limits limits;

    const bide__filter *filter; /* NULL: `uv` carries the bytes */
    bide_stream *under;         /* of the filter, counted */
    bide__tap *tap;

    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
};

/** The stream with the libuv handle. */
static inline const bide_stream *
bide__stream_bottom(const bide_stream *s)
{
    while (s->under)
        s = s->under;
    return s;
}

static inline bide_stream *
bide__stream_of(uv_stream_t *uv)
{
    return bide__of(uv, bide_stream, uv);
}

#endif
