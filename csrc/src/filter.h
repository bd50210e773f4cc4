/* The seam between a stream's operations and what carries its bytes: libuv for
 * most, another stream below for one with TLS.
 *
 * - A stream with a `filter` has no libuv handle; the filter stands in for the
 *   calls its reader and writer make, and calls bide__reader_pushed,
 *   bide__writer_ready and the like when something has come of them.
 * - A stream with a `tap` carries another one: what it receives goes there and
 *   not into its buffer, and it is told when what was written has left. */
#ifndef BIDE_FILTER_H
#define BIDE_FILTER_H

#include <uv.h>

#include "bide.h"

typedef struct bide__filter {
    int (*start)(bide_stream *s); /* as uv_read_start */
    void (*stop)(bide_stream *s);
    /** As uv_try_write: the bytes taken, UV_EAGAIN, or an error. After the
     * second, bide__writer_ready follows when it is worth trying again. */
    int (*write)(bide_stream *s, const uv_buf_t *bufs, unsigned count);
    /** Ends the sending half: 0, UV_EAGAIN as above, or an error. */
    int (*end)(bide_stream *s);
    /** Of one that has no stream below: its descriptor. */
    int (*fd)(const bide_stream *s);
    /** The stream closes; its waits are still there. */
    void (*close)(bide_stream *s);
} bide__filter;

typedef struct bide__tap {
    void (*received)(struct bide__tap *tap, const char *data, size_t n);
    void (*ended)(struct bide__tap *tap, int status); /* BIDE_EEOF, an error */
    /** Fewer bytes are unsent than were, or none can be sent any more. */
    void (*drained)(struct bide__tap *tap, int status);
} bide__tap;

#endif
