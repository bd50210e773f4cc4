#include "stream.h"

#include "mended.h"
#include "reader.h"
#include "socket.h"
#include "stream_state.h"
#include "writer.h"

static void
on_closed(uv_handle_t *handle)
{
    bide_stream *s = bide__stream_of((uv_stream_t *)handle);
    bide__writer_fini(s);
    bide__endpoint_gone(&s->base);
}

static void
shut(bide__endpoint *e)
{
    bide_stream *s = bide__of(e, bide_stream, base);
    if (s->raw)
        bide__mended_cook(s->raw);
    if (s->filter)
        s->filter->close(s);
    bide__reader_close(s);
    bide__writer_close(s);
    if (!s->filter) {
        uv_close(&s->uv.handle, on_closed);
        if (s->shared)
            bide__mended_leave();
        return;
    }
    bide__writer_fini(s);
    bide__endpoint_gone(&s->base);
}

/* Bytes that were granted and never taken. */
static void
fini(bide__endpoint *e)
{
    bide__buffer_fini(&bide__of(e, bide_stream, base)->in);
}

bide_stream *
bide__stream_new(bide_loop *l)
{
    return bide__stream_new_sized(l, sizeof(bide_stream));
}

bide_stream *
bide__stream_new_sized(bide_loop *l, size_t size)
{
    bide_stream *s = bide__endpoint_new(size, l, shut);
    if (!s)
        return NULL;
    s->base.fini = fini;
    bide__list_init(&s->writers);
    bide__list_init(&s->drainers);
    s->limits = (bide_stream_limits){.read_high = 256 * 1024,
                                     .read_low = 64 * 1024,
                                     .write_high = 64 * 1024,
                                     .write_low = 16 * 1024};
    return s;
}

int
bide_stream_new_closed(bide_loop *l, bide_stream **out)
{
    *out = bide__stream_new(l);
    return *out ? 0 : BIDE_ENOMEMORY;
}

void
bide__stream_open(bide_stream *s)
{
    bide__endpoint_open(&s->base);
}

bide_stream *
bide_stream_ref(bide_stream *s)
{
    bide__object_ref(&s->base.object);
    return s;
}

void
bide_stream_unref(bide_stream *s)
{
    if (s)
        bide__endpoint_unref(&s->base);
}

void
bide_stream_close(bide_stream *s)
{
    bide__endpoint_close(&s->base);
}

bool
bide_stream_closed(const bide_stream *s)
{
    return s->base.closed;
}

bool
bide_stream_lost(const bide_stream *s, int status)
{
    switch (status) {
    case UV_EPIPE:
        return !s->ended;
    case UV_ECONNRESET:
    case UV_ECONNABORTED:
    case UV_ETIMEDOUT:
    case UV_EHOSTUNREACH:
    case UV_ENETUNREACH:
    case UV_ENETDOWN:
    case BIDE_ETLS:
    case BIDE_ETRUNCATED:
        return true;
    default:
        return false;
    }
}

bide_loop *
bide_stream_loop(const bide_stream *s)
{
    return s->base.object.loop;
}

int
bide_stream_fd(const bide_stream *s)
{
    uv_os_fd_t fd;
    if (s->base.closed)
        return BIDE_ECLOSED;
    s = bide__stream_bottom(s);
    if (s->filter)
        return s->filter->fd(s);
    int rc = uv_fileno(&s->uv.handle, &fd);
    return rc ? rc : (int)fd;
}

static int
name(const bide_stream *s, bide_address *out,
     int (*ask)(int fd, bide__sockaddr *a))
{
    bide__sockaddr a;
    int fd = bide_stream_fd(s);
    int rc = fd < 0 ? fd : ask(fd, &a);
    return rc ? rc : bide__address_text(&a, out);
}

int
bide_stream_local(const bide_stream *s, bide_address *out)
{
    return name(s, out, bide__socket_name);
}

int
bide_stream_peer(const bide_stream *s, bide_address *out)
{
    return name(s, out, bide__socket_peer);
}
