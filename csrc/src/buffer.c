#include "buffer.h"

#include <string.h>

#include "alloc.h"

enum {
    FIRST_ROOM = 512,
    LARGE = 4096,
    SKEW = 48,
    SPARES_MOST = 256 /* half a MiB for each loop */
};

struct bide__spare {
    struct bide__spare *next;
};

/* -- spares --------------------------------------------------------------- */

void
bide__spares_fini(bide__spares *spares)
{
    while (spares->first) {
        struct bide__spare *next = spares->first->next;
        bide__free(spares->first);
        spares->first = next;
    }
    spares->count = 0;
}

void *
bide__spares_take(bide__spares *spares)
{
    struct bide__spare *first = spares->first;
    if (!first)
        return bide__realloc(NULL, BIDE__SPARE_ROOM);
    spares->first = first->next;
    spares->count--;
    return first;
}

void
bide__spares_give(bide__spares *spares, void *block)
{
    if (spares->count >= SPARES_MOST) {
        bide__free(block);
        return;
    }
    struct bide__spare *spare = block;
    spare->next = spares->first;
    spares->first = spare;
    spares->count++;
}

/* Gives a buffer without memory a block that can become a spare. */
static int
take_spare(bide__buffer *b, bide__spares *spares)
{
    b->bytes = bide__spares_take(spares);
    if (!b->bytes)
        return BIDE_ENOMEMORY;
    b->room = BIDE__SPARE_ROOM;
    return 0;
}

/* Frees the memory of a buffer whose bytes are all consumed. */
static void
give_spare(bide__buffer *b, bide__spares *spares)
{
    if (b->room == BIDE__SPARE_ROOM) {
        bide__spares_give(spares, b->bytes);
        b->bytes = NULL;
    }
    bide__buffer_fini(b);
}

/* -- buffers -------------------------------------------------------------- */

void
bide__buffer_fini(bide__buffer *b)
{
    bide__free(b->bytes);
    *b = (bide__buffer){NULL, 0, 0, 0};
}

/* Moving costs no more than what has been consumed since the last move. */
static void
compact(bide__buffer *b)
{
    memmove(b->bytes, b->bytes + b->head, bide__buffer_len(b));
    b->tail -= b->head;
    b->head = 0;
}

/* Of at least `n` bytes, at least twice of what it is. Some processors copy at
 * a twentieth of their speed between places that are 16 bytes and whole pages
 * apart, which is how malloc lays out blocks of a power of two: with the skew
 * the next block begins a cache line off. */
static size_t
next_room(const bide__buffer *b, size_t n)
{
    size_t room = b->room ? b->room : FIRST_ROOM;
    while (room < n)
        room *= 2;
    return room < LARGE || room % LARGE ? room : room + SKEW;
}

int
bide__buffer_reserve(bide__buffer *b, size_t n)
{
    size_t len = bide__buffer_len(b);
    if (b->room - b->tail >= n)
        return 0;
    if (n > SIZE_MAX / 4 - len)
        return BIDE_ENOMEMORY;
    if (b->room - len >= n && b->head >= len) {
        compact(b);
        return 0;
    }
    size_t room = next_room(b, len + n);
    char *bytes = bide__realloc(NULL, room);
    if (!bytes)
        return BIDE_ENOMEMORY;
    if (len)
        memcpy(bytes, b->bytes + b->head, len);
    bide__free(b->bytes);
    *b = (bide__buffer){bytes, 0, len, room};
    return 0;
}

int
bide__buffer_append(bide__buffer *b, const char *data, size_t n,
                    bide__spares *spares)
{
    bool fits = n <= BIDE__SPARE_ROOM && n > FIRST_ROOM;
    int rc = b->room == 0 && fits ? take_spare(b, spares)
                                  : bide__buffer_reserve(b, n);
    if (rc)
        return rc;
    memcpy(b->bytes + b->tail, data, n);
    b->tail += n;
    return 0;
}

void
bide__buffer_consume(bide__buffer *b, size_t n, bide__spares *spares)
{
    if (n < bide__buffer_len(b))
        b->head += n;
    else
        give_spare(b, spares);
}

size_t
bide__buffer_find(const bide__buffer *b, size_t from, size_t limit,
                  const char *sep, size_t seplen)
{
    size_t len = bide__buffer_len(b);
    size_t end = limit < len ? limit : len;
    if (end < seplen)
        return SIZE_MAX;
    const char *base = b->bytes + b->head;
    const char *at = base + from, *last = base + (end - seplen);
    while (at <= last) {
        at = memchr(at, sep[0], (size_t)(last - at) + 1);
        if (!at)
            break;
        if (memcmp(at, sep, seplen) == 0)
            return (size_t)(at - base);
        at++;
    }
    return SIZE_MAX;
}
