/* A descriptor of the host's, watched for as long as the host wants: for hosts
 * that do their own I/O in callbacks, as asyncio does.
 *
 * Invariants
 * - `polled` is what libuv polls for, `wanted` what the host wants to hear of.
 *   Adding to `wanted` is told to libuv at once. Room to write is always there,
 *   so that taking it away is told at once too; taking away what can be read is
 *   told when something arrives that nobody wants: as a rule the host wants it
 *   again before that, and each time libuv is told costs two system calls.
 * - `seen` is what the next notice tells; the notice is in the loop's list iff
 *   it is not 0.
 * - Whenever libuv has been told of more the descriptor is looked at once more
 *   before the poll, when libuv tells the system: it ends the process if that
 *   is not open. */
#include <errno.h>
#include <fcntl.h>

#include "endpoint.h"

struct bide_watch {
    bide__endpoint base;
    bide__notice notice, check;
    void (*ready)(void *arg, int events);
    void *arg;
    int fd;
    uint8_t wanted, polled, seen;
    uv_poll_t poll;
};

/* -- polling -------------------------------------------------------------- */

static void on_event(uv_poll_t *poll, int status, int events);

/* One that the host has closed meanwhile: its next call tells the error. */
static void
check_open(bide__notice *check)
{
    bide_watch *w = bide__of(check, bide_watch, check);
    if (!w->polled || fcntl(w->fd, F_GETFD) >= 0)
        return;
    uv_poll_stop(&w->poll);
    w->polled = 0;
}

static int
poll_for(bide_watch *w, int events)
{
    int rc = 0;
    if (events == w->polled)
        return 0;
    if (events & ~w->polled && fcntl(w->fd, F_GETFD) < 0)
        return -errno;
    if (events)
        rc = uv_poll_start(&w->poll,
                           (events & BIDE_READABLE ? UV_READABLE : 0) |
                               (events & BIDE_WRITABLE ? UV_WRITABLE : 0),
                           on_event);
    else
        uv_poll_stop(&w->poll);
    if (rc)
        return rc;
    if (events && !bide__list_linked(&w->check.link))
        bide__list_append(&w->base.object.loop->checks, &w->check.link);
    w->polled = (uint8_t)events;
    return 0;
}

static void
forget(bide_watch *w, int events)
{
    w->seen &= (uint8_t)~events;
    if (!w->seen && bide__list_linked(&w->notice.link))
        bide__list_remove(&w->notice.link);
}

static void
deliver(bide__notice *notice)
{
    bide_watch *w = bide__of(notice, bide_watch, notice);
    int events = w->seen;
    w->seen = 0;
    w->ready(w->arg, events);
}

static void
on_event(uv_poll_t *poll, int status, int events)
{
    bide_watch *w = bide__of(poll, bide_watch, poll);
    int seen = (events & UV_READABLE ? BIDE_READABLE : 0) |
               (events & UV_WRITABLE ? BIDE_WRITABLE : 0);
    if (status) { /* libuv has stopped; the host's next call tells the error */
        w->polled = 0;
        seen = w->wanted;
        poll_for(w, w->wanted);
    }
    if (seen & ~w->wanted)
        poll_for(w, w->wanted);
    seen &= w->wanted;
    if (seen && !w->seen)
        bide__list_append(&w->base.object.loop->notices, &w->notice.link);
    w->seen |= (uint8_t)seen;
}

int
bide_watch_want(bide_watch *w, int events)
{
    if (bide__unlikely(w->base.closed))
        return BIDE_ECLOSED;
    if (events & ~(BIDE_READABLE | BIDE_WRITABLE))
        return BIDE_EINVALID;
    int gone = w->wanted & ~events;
    int keep = w->polled & BIDE_READABLE;
    int rc = 0;
    if (events & ~w->polled || gone & BIDE_WRITABLE)
        rc = poll_for(w, events | keep);
    if (rc)
        return rc;
    bide_loop *l = w->base.object.loop;
    l->io_waits += (size_t)(events != 0) - (size_t)(w->wanted != 0);
    w->wanted = (uint8_t)events;
    forget(w, gone);
    return 0;
}

int
bide_watch_wanted(const bide_watch *w)
{
    return w->wanted;
}

/* -- life ----------------------------------------------------------------- */

static void
on_closed(uv_handle_t *handle)
{
    bide_watch *w = bide__of(handle, bide_watch, poll);
    bide__endpoint_gone(&w->base);
}

static void
shut(bide__endpoint *e)
{
    bide_watch *w = bide__of(e, bide_watch, base);
    if (w->wanted)
        e->object.loop->io_waits--;
    w->wanted = w->polled = 0;
    forget(w, w->seen);
    if (bide__list_linked(&w->check.link))
        bide__list_remove(&w->check.link);
    uv_close((uv_handle_t *)&w->poll, on_closed);
}

/* uv_poll_init makes the descriptor non-blocking, which is right for one that
 * is watched: the host must not block on an event that was false. */
int
bide_watch_new(bide_loop *l, int fd, void (*ready)(void *arg, int events),
               void *arg, bide_watch **out)
{
    if (bide_loop_closed(l))
        return BIDE_ECLOSED;
    if (fd < 0)
        return BIDE_EINVALID;
    bide_watch *w = bide__endpoint_new(sizeof *w, l, shut);
    if (!w)
        return BIDE_ENOMEMORY;
    int rc = uv_poll_init(&l->uv, &w->poll, fd);
    if (rc) {
        bide_watch_unref(w);
        return rc;
    }
    w->notice.deliver = deliver;
    w->check.deliver = check_open;
    w->ready = ready;
    w->arg = arg;
    w->fd = fd;
    bide__endpoint_open(&w->base);
    *out = w;
    return 0;
}

void
bide_watch_unref(bide_watch *w)
{
    if (w)
        bide__endpoint_unref(&w->base);
}

void
bide_watch_close(bide_watch *w)
{
    bide__endpoint_close(&w->base);
}

bool
bide_watch_closed(const bide_watch *w)
{
    return w->base.closed;
}
