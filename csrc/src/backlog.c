/* Writing without waiting: what the system does not take at once is kept and
 * goes out in the background. */
#include "chunk.h"
#include "vector.h"
#include "stream_state.h"
#include "writer.h"

static bool
abort_drain(bide_wait *w, bool forced)
{
    (void)forced;
    bide__io_leave(w);
    return true;
}

static const bide_wait_kind drain_kind = {
    .verb = "drain",
    .object = "Stream",
    .label = bide__object_label,
    .abort = abort_drain,
};

static int
refused(const bide_stream *s)
{
    return s->base.closed ? BIDE_ECLOSED : s->write_error;
}

int
bide_stream_try_write(bide_stream *s, const bide_buffer *list, size_t count,
                      size_t *done)
{
    bide_wait w = {.kind = NULL};
    *done = 0;
    int rc = refused(s);
    if (rc == 0)
        rc = bide__write_list(&w, list, count);
    if (rc)
        return rc;
    if (!s->sending)
        rc = bide__writer_take(s, &w);
    *done = w.u.io.done;
    if (*done)
        return 0; /* an error after that is the next one's */
    return rc || !w.u.io.len ? rc : BIDE_EWOULDBLOCK;
}

/* Puts what `w` has left behind what is queued. */
static int
enqueue(bide_stream *s, const bide_wait *w)
{
    bool idle = !s->sending;
    int rc = bide__writer_need(s);
    if (rc == 0)
        rc = bide__chunk_append(&s->writers, w);
    if (rc == 0)
        s->backlog += bide__write_left(w);
    if (idle && rc == 0)
        bide__writer_pump(s);
    else if (idle)
        bide__writer_settle(s);
    return rc;
}

int
bide_stream_write_nowait(bide_stream *s, const char *data, size_t len)
{
    bide_wait w = {.kind = NULL};
    int rc = refused(s);
    if (rc)
        return rc;
    bide__write_run(&w, data, len);
    if (!s->sending)
        rc = bide__writer_take(s, &w);
    if (rc == 0 && bide__write_left(&w))
        rc = enqueue(s, &w);
    if (rc && w.u.io.done) /* a part is out: the stream is out of step */
        s->write_error = UV_EPIPE;
    return rc;
}

size_t
bide_stream_unsent(const bide_stream *s)
{
    size_t below = s->under ? bide_stream_unsent(s->under) : 0;
    return s->backlog + s->in_piece + below;
}

int
bide_stream_drain(bide_stream *s, bide_wait *w)
{
    int rc = bide__endpoint_enter(&s->base, w->task);
    if (bide__unlikely(rc))
        return rc;
    if (s->write_error && !s->ended)
        return s->write_error;
    if (bide_stream_unsent(s) <= s->limits.write_high)
        return bide__wait_done(w, &drain_kind, s);
    return bide__io_park(w, &drain_kind, s, &s->drainers);
}

/* -- limits --------------------------------------------------------------- */

void
bide_stream_get_limits(const bide_stream *s, bide_stream_limits *out)
{
    *out = s->limits;
}

int
bide_stream_set_limits(bide_stream *s, const bide_stream_limits *l)
{
    if (l->read_high == 0 || l->read_low > l->read_high ||
        l->write_low > l->write_high)
        return BIDE_EINVALID;
    if (s->base.closed)
        return BIDE_ECLOSED;
    s->limits = *l;
    if (bide_stream_unsent(s) <= l->write_low)
        bide__io_fire_all(&s->drainers, 0);
    return 0;
}
