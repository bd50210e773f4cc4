#include "spares.h"

#include <stdbool.h>

#include "alloc.h"

/* Some processors copy at a twentieth of their speed between places that are 16
 * bytes and whole pages apart, which is how malloc lays out blocks of a power
 * of two: with the skew the next block begins a cache line off. */
enum {
    SKEW = 48,
    HELD_MOST = 1024 * 1024 /* by each loop */
};

struct bide__spare {
    struct bide__spare *next;
};

static size_t
size_of(unsigned i)
{
    size_t size = (size_t)BIDE__SPARE_ROOM << i;
    return i == 0 ? size : size + SKEW;
}

/* The smallest size that is not less than `n`, or BIDE__SPARE_SIZES. */
static unsigned
index_of(size_t n)
{
    unsigned i = 0;
    while (i < BIDE__SPARE_SIZES && size_of(i) < n)
        i++;
    return i;
}

static bool
is_kept(unsigned i, size_t size)
{
    return i < BIDE__SPARE_SIZES && size_of(i) == size;
}

size_t
bide__spares_size(size_t n)
{
    unsigned i = index_of(n);
    return i < BIDE__SPARE_SIZES ? size_of(i) : 0;
}

void *
bide__spares_take(bide__spares *spares, size_t size)
{
    unsigned i = index_of(size);
    struct bide__spare *first = is_kept(i, size) ? spares->first[i] : NULL;
    if (!first)
        return bide__realloc(NULL, size);
    spares->first[i] = first->next;
    spares->held -= size;
    return first;
}

void
bide__spares_give(bide__spares *spares, void *block, size_t size)
{
    unsigned i = index_of(size);
    if (!is_kept(i, size) || size > HELD_MOST - spares->held) {
        bide__free(block);
        return;
    }
    struct bide__spare *spare = block;
    spare->next = spares->first[i];
    spares->first[i] = spare;
    spares->held += size;
}

void
bide__spares_fini(bide__spares *spares)
{
    for (unsigned i = 0; i < BIDE__SPARE_SIZES; i++) {
        while (spares->first[i]) {
            struct bide__spare *next = spares->first[i]->next;
            bide__free(spares->first[i]);
            spares->first[i] = next;
        }
    }
    spares->held = 0;
}
