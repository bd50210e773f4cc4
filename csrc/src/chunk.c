#include "chunk.h"

#include "alloc.h"
#include "vector.h"
#include "list.h"

enum { ROOM = 16 * 1024 /* so that small writes share one */ };

typedef struct chunk {
    bide_wait wait;
    size_t room;
    char bytes[];
} chunk;

const bide_wait_kind bide__chunk_kind = {.verb = "write", .object = "Stream"};

static chunk *
new_chunk(size_t len)
{
    size_t room = len < ROOM ? ROOM : len;
    if (room > SIZE_MAX / 2)
        return NULL;
    chunk *c = bide__realloc(NULL, sizeof *c + room);
    if (!c)
        return NULL;
    bide_wait_init(&c->wait, NULL);
    c->wait.kind = &bide__chunk_kind;
    bide__write_run(&c->wait, c->bytes, 0);
    c->room = room;
    return c;
}

static void
fill(chunk *c, const bide_wait *w)
{
    size_t left = bide__write_left(w);
    bide__write_copy(w, c->bytes + c->wait.u.io.len, left);
    c->wait.u.io.len += left;
}

/* The last of the queue, if it is a chunk with room for `len` bytes. */
static chunk *
last_chunk(const bide_link *queue, size_t len)
{
    if (bide__list_empty(queue))
        return NULL;
    bide_wait *w = bide__of(queue->prev, bide_wait, link);
    chunk *c = bide__of(w, chunk, wait);
    return bide__is_chunk(w) && c->room - w->u.io.len >= len ? c : NULL;
}

int
bide__chunk_append(bide_link *queue, const bide_wait *w)
{
    size_t left = bide__write_left(w);
    chunk *c = last_chunk(queue, left);
    if (!c) {
        c = new_chunk(left);
        if (!c)
            return BIDE_ENOMEMORY;
        bide__list_append(queue, &c->wait.link);
    }
    fill(c, w);
    return 0;
}

int
bide__chunk_prepend(bide_link *queue, const bide_wait *w)
{
    chunk *c = new_chunk(bide__write_left(w));
    if (!c)
        return BIDE_ENOMEMORY;
    fill(c, w);
    bide__list_append(queue->next, &c->wait.link);
    return 0;
}

void
bide__chunk_free(bide_wait *w)
{
    bide__free(bide__of(w, chunk, wait));
}
