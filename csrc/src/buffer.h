/* Bytes that have arrived and nobody has taken: one run of memory, taken from
 * the front and added to at the end. An empty buffer holds no memory, so that
 * an idle connection costs none: what it had goes to the loop's spares, from
 * where the next message gets it without a way through malloc and free. */
#ifndef BIDE_BUFFER_H
#define BIDE_BUFFER_H

#include "bide.h"
#include "spares.h"

typedef struct bide__buffer {
    char *bytes;
    size_t head, tail, room;
} bide__buffer;

static inline size_t
bide__buffer_len(const bide__buffer *b)
{
    return b->tail - b->head;
}

/** Makes room for `n` more bytes behind the last. BIDE_ENOMEMORY. */
int bide__buffer_reserve(bide__buffer *b, size_t n, bide__spares *spares);

int bide__buffer_append(bide__buffer *b, const char *data, size_t n,
                        bide__spares *spares);

/** Drops up to `n` bytes from the front. */
void bide__buffer_consume(bide__buffer *b, size_t n, bide__spares *spares);

/** Where the first `sep` at or after `from` begins within the first `limit`
 * bytes, or SIZE_MAX. Offsets count from the front. */
size_t bide__buffer_find(const bide__buffer *b, size_t from, size_t limit,
                         const char *sep, size_t seplen);

void bide__buffer_fini(bide__buffer *b);

#endif
