#include "tcp.h"

#include "stream.h"
#include "stream_state.h"

int
bide__tcp_new(bide_loop *l, bide_stream **out)
{
    bide_stream *s = bide__stream_new(l);
    if (!s)
        return BIDE_ENOMEMORY;
    int rc = uv_tcp_init(&l->uv, &s->uv.tcp);
    if (rc) {
        bide_stream_unref(s);
        return rc;
    }
    bide__stream_open(s);
    *out = s;
    return 0;
}

/* Small messages go out at once: a task that writes and then waits for the
 * answer must not wait for the peer's delayed acknowledgement. */
int
bide__tcp_adopt(bide_loop *l, int fd, bide_stream **out)
{
    int rc = bide__tcp_new(l, out);
    if (rc)
        return rc;
    rc = uv_tcp_open(&(*out)->uv.tcp, fd);
    if (rc)
        bide_stream_unref(*out);
    else
        uv_tcp_nodelay(&(*out)->uv.tcp, 1);
    return rc;
}

void
bide__tcp_undo(bide_wait *w)
{
    bide_stream_unref(w->value.as.ptr);
    w->value = BIDE_NO_VALUE;
}

/* -- tuning --------------------------------------------------------------- */

static int
refused(const bide_stream *s)
{
    if (s->base.closed)
        return BIDE_ECLOSED;
    s = bide__stream_bottom(s);
    return s->uv.handle.type == UV_TCP ? 0 : BIDE_EINVALID;
}

static uv_tcp_t *
handle(const bide_stream *s)
{
    return (uv_tcp_t *)&bide__stream_bottom(s)->uv.tcp;
}

int
bide_tcp_nodelay(bide_stream *s, bool on)
{
    int rc = refused(s);
    return rc ? rc : uv_tcp_nodelay(handle(s), on);
}

int
bide_tcp_keepalive(bide_stream *s, bool on, unsigned delay)
{
    int rc = refused(s);
    if (rc)
        return rc;
    if (on && delay == 0)
        return BIDE_EINVALID;
    return uv_tcp_keepalive(handle(s), on, delay);
}
