#include "buffer.h"

#include <string.h>

#include "alloc.h"

enum { FIRST_ROOM = 512 };

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

/* The room for `n` bytes: at least twice of any room that is less. */
static size_t
room_for(size_t n)
{
    size_t room = n > FIRST_ROOM ? bide__spares_size(n) : FIRST_ROOM;
    if (room)
        return room;
    room = FIRST_ROOM;
    while (room < n)
        room *= 2;
    return room;
}

/* Moves what there is into a block of `room` bytes. */
static int
move(bide__buffer *b, size_t room, bide__spares *spares)
{
    size_t len = bide__buffer_len(b);
    char *bytes = bide__spares_take(spares, room);
    if (!bytes)
        return BIDE_ENOMEMORY;
    if (len)
        memcpy(bytes, b->bytes + b->head, len);
    bide__spares_give(spares, b->bytes, b->room);
    *b = (bide__buffer){bytes, 0, len, room};
    return 0;
}

int
bide__buffer_reserve(bide__buffer *b, size_t n, bide__spares *spares)
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
    return move(b, room_for(len + n), spares);
}

int
bide__buffer_append(bide__buffer *b, const char *data, size_t n,
                    bide__spares *spares)
{
    int rc = bide__buffer_reserve(b, n, spares);
    if (rc)
        return rc;
    memcpy(b->bytes + b->tail, data, n);
    b->tail += n;
    return 0;
}

void
bide__buffer_consume(bide__buffer *b, size_t n, bide__spares *spares)
{
    if (n < bide__buffer_len(b)) {
        b->head += n;
        return;
    }
    bide__spares_give(spares, b->bytes, b->room);
    *b = (bide__buffer){NULL, 0, 0, 0};
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
