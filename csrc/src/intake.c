#include "intake.h"

#include "alloc.h"
#include "stream_state.h"

enum {
    SCRATCH = 64 * 1024,      /* of the loop: for reads into no buffer */
    IN_PLACE = 16 * 1024,     /* from here on, room is worth more than a copy */
    AMPLE_MOST = 256 * 1024,  /* of the blocks that a loop keeps */
    PLENTY = 128 * 1024,      /* for one task, in a poll */
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

/* A stream with much to come gets room of its own: what is read there is not
 * copied. */
void
bide__intake_room(bide_stream *s, uv_buf_t *buf)
{
    bide_loop *l = s->base.object.loop;
    bide__intake_expect(s);
    if (s->ample && s->in.room == 0)
        bide__buffer_reserve(&s->in, s->ample, &l->spares);
    size_t room = s->in.room - s->in.tail;
    if (room >= IN_PLACE) {
        room = room < ROOM_MOST ? room : ROOM_MOST;
        *buf = uv_buf_init(s->in.bytes + s->in.tail, (unsigned)room);
        return;
    }
    char *to = scratch(l);
    *buf = uv_buf_init(to, to ? SCRATCH : 0);
}

/* The room for the next read, of a stream that has `len` bytes now: for as
 * many, with one to spare, or for twice as many if there may have been more. */
static size_t
ample(size_t len, bool filled)
{
    if (len < IN_PLACE)
        return 0;
    size_t n = filled ? 2 * len : len + 1;
    if (n > AMPLE_MOST)
        return AMPLE_MOST;
    return n > SCRATCH ? n : SCRATCH;
}

int
bide__intake_keep(bide_stream *s, const uv_buf_t *buf, size_t n)
{
    bide_loop *l = s->base.object.loop;
    int rc = 0;
    if (buf->base == l->scratch)
        rc = bide__buffer_append(&s->in, buf->base, n, &l->spares);
    else
        s->in.tail += n;
    s->ample = ample(bide__buffer_len(&s->in), n == buf->len);
    return rc;
}

void
bide__intake_none(bide_stream *s)
{
    if (bide__buffer_len(&s->in) == 0)
        bide__buffer_consume(&s->in, 0, &s->base.object.loop->spares);
}

/* What was granted is taken before the next poll. */
static bool
has_plenty(const bide_stream *s)
{
    return s->granted && bide__buffer_len(&s->in) >= PLENTY;
}

/* Each poll looks at all streams that are left once more, so that a few
 * messages of a large size are not enough: 500 streams would be looked at for
 * each. */
static bool
is_full(const bide_loop *l)
{
    return l->inflow >= INFLOW_MOST ||
           (l->inflow >= ENOUGH && l->inflow_reads >= ENOUGH_READS);
}

bool
bide__intake_left(const bide_stream *s)
{
    return is_full(s->base.object.loop) || has_plenty(s);
}
