/* A listener accepts by itself, not through uv_listen: out of descriptors,
 * libuv closes the connections that wait, without a word, and can spin in its
 * callback for as long as the shortage lasts. Here one acceptor is told and the
 * connections stay in the system's queue.
 *
 * Invariants
 * - Connections are queued only while no task waits for one.
 * - It polls while a task waits or the queue has not reached its limit; after
 *   an error nobody could be told, only from the next accept on. */
#include "listener.h"

#include "socket.h"
#include "stream_state.h"
#include "tcp.h"

enum { QUEUE_MAX = 128 };

struct bide_listener {
    bide__endpoint base;
    int fd;
    bide__adopt adopt;
    bide__wrap wrap; /* `make` may be NULL */
    bide__unix_file file;
    bool polling;
    bide_link acceptors; /* waits */
    bide_link queue;     /* streams, each with our reference */
    size_t queued;
    uv_poll_t poll;
};

static bool abort_accept(bide_wait *w, bool forced);
static void undo_accept(bide_wait *w);

static const bide_wait_kind kind = {
    .verb = "accept",
    .object = "Listener",
    .label = bide__object_label,
    .abort = abort_accept,
    .undo = undo_accept,
};

/* -- accepting ------------------------------------------------------------ */

static void
pause_polling(bide_listener *l)
{
    if (l->polling)
        uv_poll_stop(&l->poll);
    l->polling = false;
}

static bide_stream *
pop(bide_listener *l)
{
    l->queued--;
    return bide__of(bide__list_pop(&l->queue), bide_stream, queued);
}

static void
give(bide_wait *w, bide_stream *s)
{
    w->value.as.ptr = s;
    bide__io_fire(w, 0);
}

static void
deliver(bide_listener *l, bide_stream *s)
{
    if (bide__list_empty(&l->acceptors)) {
        bide__list_append(&l->queue, &s->queued);
        l->queued++;
    } else {
        give(bide__wait_first(&l->acceptors), s);
    }
}

static void
report(bide_listener *l, int error)
{
    if (!bide__list_empty(&l->acceptors))
        bide__io_fire(bide__wait_first(&l->acceptors), error);
    if (bide__list_empty(&l->acceptors))
        pause_polling(l);
}

static bool
wants_more(const bide_listener *l)
{
    return !bide__list_empty(&l->acceptors) || l->queued < QUEUE_MAX;
}

static int
accept_next(bide_listener *l)
{
    bide_stream *s;
    int fd = bide__socket_accept(l->fd);
    if (fd < 0)
        return fd;
    int rc = l->adopt(l->base.object.loop, fd, &s);
    if (rc) {
        bide__socket_close(fd);
        return rc;
    }
    bide_stream *plain = s;
    if (l->wrap.make)
        rc = l->wrap.make(plain, l->wrap.arg, &s);
    if (rc)
        bide_stream_unref(plain);
    else
        deliver(l, s);
    return rc;
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
    (void)events;
    bide_listener *l = bide__of(poll, bide_listener, poll);
    int rc = 0;
    if (status) { /* libuv has stopped polling */
        l->polling = false;
        bide__io_fire_all(&l->acceptors, status);
        return;
    }
    while (rc == 0 && wants_more(l))
        rc = accept_next(l);
    if (rc == 0)
        pause_polling(l);
    else if (rc != UV_EAGAIN)
        report(l, rc);
}

static int
need_polling(bide_listener *l)
{
    if (l->polling)
        return 0;
    int rc = uv_poll_start(&l->poll, UV_READABLE, on_readable);
    l->polling = rc == 0;
    return rc;
}

/* -- the acceptor --------------------------------------------------------- */

static bool
abort_accept(bide_wait *w, bool forced)
{
    (void)forced;
    bide__io_leave(w);
    return true;
}

/* The connection goes to the oldest task that waits, or first in the queue. */
static void
undo_accept(bide_wait *w)
{
    bide_listener *l = w->object;
    bide_stream *s = w->value.as.ptr;
    w->value = BIDE_NO_VALUE;
    if (l->base.closed) {
        bide_stream_unref(s);
    } else if (bide__list_empty(&l->acceptors)) {
        bide__list_append(l->queue.next, &s->queued);
        l->queued++;
    } else {
        give(bide__wait_first(&l->acceptors), s);
    }
}

int
bide_listener_accept(bide_listener *l, bide_wait *w)
{
    int rc = bide__endpoint_enter(&l->base, w->task);
    if (bide__unlikely(rc))
        return rc;
    w->value = BIDE_NO_VALUE;
    if (bide__list_empty(&l->queue)) {
        rc = need_polling(l);
        return rc ? rc : bide__io_park(w, &kind, l, &l->acceptors);
    }
    w->value.as.ptr = pop(l);
    if (l->queued < QUEUE_MAX / 2)
        need_polling(l);
    return bide__wait_done(w, &kind, l);
}

/* -- life ----------------------------------------------------------------- */

static void
on_closed(uv_handle_t *handle)
{
    bide_listener *l = bide__of(handle, bide_listener, poll);
    bide__endpoint_gone(&l->base);
}

static void
shut(bide__endpoint *e)
{
    bide_listener *l = bide__of(e, bide_listener, base);
    uv_close((uv_handle_t *)&l->poll, on_closed);
    bide__unix_remove(&l->file);
    bide__socket_close(l->fd);
    bide__io_fire_all(&l->acceptors, BIDE_ECLOSED);
    while (!bide__list_empty(&l->queue))
        bide_stream_unref(pop(l));
    bide__listener_wrap(l, &(bide__wrap){NULL, NULL, NULL});
}

void
bide__listener_wrap(bide_listener *l, const bide__wrap *wrap)
{
    if (l->wrap.drop)
        l->wrap.drop(l->wrap.arg);
    l->wrap = *wrap;
}

int
bide__listener_open(bide_loop *loop, int fd, bide__adopt adopt,
                    const bide__unix_file *file, bide_listener **out)
{
    bide_listener *l = bide__endpoint_new(sizeof *l, loop, shut);
    if (!l)
        return BIDE_ENOMEMORY;
    int rc = uv_poll_init(&loop->uv, &l->poll, fd);
    if (rc) {
        bide_listener_unref(l);
        return rc;
    }
    l->fd = fd;
    l->adopt = adopt;
    if (file)
        l->file = *file;
    bide__list_init(&l->acceptors);
    bide__list_init(&l->queue);
    bide__endpoint_open(&l->base);
    *out = l;
    return 0;
}

int
bide__listener_new(bide_loop *loop, const bide__sockaddr *a,
                   const bide_tcp_options *o, bide_listener **out)
{
    int fd = bide__socket_listen(a, o);
    if (fd < 0)
        return fd;
    int rc = bide__listener_open(loop, fd, bide__tcp_accepted, NULL, out);
    if (rc)
        bide__socket_close(fd);
    return rc;
}

bide_listener *
bide_listener_ref(bide_listener *l)
{
    bide__object_ref(&l->base.object);
    return l;
}

void
bide_listener_unref(bide_listener *l)
{
    if (l)
        bide__endpoint_unref(&l->base);
}

void
bide_listener_close(bide_listener *l)
{
    bide__endpoint_close(&l->base);
}

bool
bide_listener_closed(const bide_listener *l)
{
    return l->base.closed;
}

bide_loop *
bide_listener_loop(const bide_listener *l)
{
    return l->base.object.loop;
}

int
bide_listener_address(const bide_listener *l, bide_address *out)
{
    bide__sockaddr a;
    if (l->base.closed)
        return BIDE_ECLOSED;
    int rc = bide__socket_name(l->fd, &a);
    return rc ? rc : bide__address_text(&a, out);
}
