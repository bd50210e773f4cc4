#include "tcp.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

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

int
bide__tcp_accepted(bide_loop *l, int fd, bide_stream **out)
{
    int rc = bide__tcp_new(l, out);
    if (rc)
        return rc;
    rc = uv_tcp_open(&(*out)->uv.tcp, fd);
    if (rc)
        bide_stream_unref(*out);
    return rc;
}

/* Small messages go out at once: a task that writes and then waits for the
 * answer must not wait for the peer's delayed acknowledgement. */
int
bide__tcp_adopt(bide_loop *l, int fd, bide_stream **out)
{
    int rc = bide__tcp_accepted(l, fd, out);
    if (rc == 0)
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

#if defined(TCP_KEEPINTVL) && defined(TCP_KEEPCNT)
static int
set_probes(int fd, int name, unsigned value)
{
    int n = (int)value;
    if (n == 0)
        return 0;
    return setsockopt(fd, IPPROTO_TCP, name, &n, sizeof n) ? -errno : 0;
}

int
bide_tcp_keepalive_probes(bide_stream *s, unsigned interval, unsigned count)
{
    int rc = refused(s);
    if (rc == 0)
        rc = set_probes(bide_stream_fd(s), TCP_KEEPINTVL, interval);
    return rc ? rc : set_probes(bide_stream_fd(s), TCP_KEEPCNT, count);
}
#else
int
bide_tcp_keepalive_probes(bide_stream *s, unsigned interval, unsigned count)
{
    int rc = refused(s);
    return rc || (!interval && !count) ? rc : UV_ENOTSUP;
}
#endif

void
bide_stream_abort(bide_stream *s)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    if (refused(s) == 0)
        (void)setsockopt(bide_stream_fd(s), SOL_SOCKET, SO_LINGER, &hard,
                         sizeof hard);
    bide_stream_close(s);
}
