#include "intake.h"

#include "alloc.h"
#include "stream_state.h"

enum {
    SCRATCH = 64 * 1024,      /* of the loop: for reads into no buffer */
    IN_PLACE = 16 * 1024,     /* from here on, room is worth more than a copy */
    ROOM_MOST = 1024 * 1024,  /* made ahead of what arrives */
    ENOUGH = 256 * 1024,      /* of all streams, in a poll, */
    ENOUGH_READS = 12,        /* by so many reads */
    INFLOW_MOST = 768 * 1024, /* else */
    LINE = 64,                /* of the processor's cache */
    PAGE = 4096
};

/* With a byte to spare: a read that fills its buffer makes libuv try again.
 * Without memory the bytes come by way of the scratch. */
void
bide__intake_expect(bide_stream *s)
{
    size_t have = bide__buffer_len(&s->in);
    size_t n = s->expected > have ? s->expected - have : 0;
    if (n >= IN_PLACE)
        bide__buffer_reserve(&s->in, (n < ROOM_MOST ? n : ROOM_MOST) + 1,
                             &s->base.object.loop->spares);
}

/* At the begin of a cache line, and not of a page: processors of some make copy
 * at a twentieth of their speed to where malloc puts large blocks, 16 bytes
 * into a page, from the begin of another. */
static char *
scratch(bide_loop *l)
{
    if (l->scratch)
        return l->scratch;
    char *block = bide__realloc(NULL, SCRATCH + 2 * LINE);
    if (!block)
        return NULL;
    uintptr_t at = ((uintptr_t)block + LINE - 1) / LINE * LINE;
    if (at % PAGE == 0)
        at += LINE;
    l->scratch_block = block;
    l->scratch = block + (at - (uintptr_t)block);
    return l->scratch;
}

/* A stream with much to come gets room of its own: read there, and save the
 * copy. */
void
bide__intake_room(bide_stream *s, uv_buf_t *buf)
{
    bide_loop *l = s->base.object.loop;
    bide__intake_expect(s);
    if (s->much && s->in.room == 0)
        bide__buffer_reserve(&s->in, SCRATCH, &l->spares);
    size_t room = s->in.room - s->in.tail;
    if (room >= IN_PLACE) {
        room = room < ROOM_MOST ? room : ROOM_MOST;
        *buf = uv_buf_init(s->in.bytes + s->in.tail, (unsigned)room);
        return;
    }
    char *to = scratch(l);
    *buf = uv_buf_init(to, to ? SCRATCH : 0);
}

int
bide__intake_keep(bide_stream *s, const uv_buf_t *buf, size_t n)
{
    bide_loop *l = s->base.object.loop;
    s->much = n >= IN_PLACE;
    if (buf->base == l->scratch)
        return bide__buffer_append(&s->in, buf->base, n, &l->spares);
    s->in.tail += n;
    return 0;
}

void
bide__intake_none(bide_stream *s)
{
    if (bide__buffer_len(&s->in) == 0)
        bide__buffer_consume(&s->in, 0, &s->base.object.loop->spares);
}

/* Each poll looks at all streams that are left once more, so that a few
 * messages of a large size are not enough: 500 streams would be looked at for
 * each. */
bool
bide__intake_full(const bide_loop *l)
{
    return l->inflow >= INFLOW_MOST ||
           (l->inflow >= ENOUGH && l->inflow_reads >= ENOUGH_READS);
}
