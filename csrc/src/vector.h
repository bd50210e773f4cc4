/* Where the bytes of a write lie: in one run of memory, or in a list of
 * buffers. Of its wait, u.io.data is that memory, or the list if `aux` is not
 * 0; u.io.len is the number of bytes in all, and u.io.done are out. */
#ifndef BIDE_VECTOR_H
#define BIDE_VECTOR_H

#include <uv.h>

#include "bide.h"

enum { BIDE__VECTOR = 64 /* buffers of one system call */ };

static inline void
bide__write_run(bide_wait *w, const char *data, size_t len)
{
    w->u.io.data = data;
    w->u.io.len = len;
    w->u.io.done = 0;
    w->aux = 0;
}

/** BIDE_EINVALID: the list is of more bytes than can be. */
int bide__write_list(bide_wait *w, const bide_buffer *list, size_t count);

static inline size_t
bide__write_left(const bide_wait *w)
{
    return w->u.io.len - w->u.io.done;
}

/** Of a write that is not complete: what is left, or the first of it; the
 * number of buffers. */
unsigned bide__write_slice(const bide_wait *w, uv_buf_t out[BIDE__VECTOR]);

/** Copies the first `n` bytes of what is left. */
void bide__write_copy(const bide_wait *w, char *to, size_t n);

#endif
