/* Blocks of memory that a loop keeps for buffers to come: messages come and go
 * by the thousand, of a few sizes. Malloc gives much of what is freed at once
 * back to the system, from where every page has to be had and cleared anew. */
#ifndef BIDE_SPARES_H
#define BIDE_SPARES_H

#include <stddef.h>

enum { BIDE__SPARE_SIZES = 8 };

typedef struct bide__spares {
    struct bide__spare *first[BIDE__SPARE_SIZES];
    size_t held; /* bytes */
} bide__spares;

enum { BIDE__SPARE_ROOM = 2048 /* the smallest of them */ };

/** The size of block to ask for when `n` bytes are needed; 0: for so many, none
 * is kept. */
size_t bide__spares_size(size_t n);

/** A block of such a size, or NULL: no memory. */
void *bide__spares_take(bide__spares *spares, size_t size);

/** Keeps a block, of any size, or frees it. */
void bide__spares_give(bide__spares *spares, void *block, size_t size);

void bide__spares_fini(bide__spares *spares);

#endif
