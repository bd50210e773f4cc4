/* What other threads may do with a loop: post to it, wake it, keep it from
 * ending. */
#include <unistd.h>

#include "loop.h"

void
bide_loop_wake(bide_loop *l)
{
    bide__inbox_enter(&l->inbox);
    atomic_store(&l->woken, true);
    if (!atomic_load(&l->closed) && atomic_exchange(&l->sleeping, false))
        uv_async_send(&l->async);
    bide__inbox_leave(&l->inbox);
}

int
bide_loop_post(bide_loop *l, bide_post *p)
{
    bide__inbox_enter(&l->inbox);
    int rc = bide__inbox_push(&l->inbox, p);
    if (rc == 0 && atomic_load(&l->sleeping) &&
        atomic_exchange(&l->sleeping, false))
        uv_async_send(&l->async);
    bide__inbox_leave(&l->inbox);
    return rc;
}

void
bide_loop_hold(bide_loop *l)
{
    atomic_fetch_add(&l->holds, 1);
}

void
bide_loop_release(bide_loop *l)
{
    if (atomic_fetch_sub(&l->holds, 1) == 1)
        bide_loop_wake(l);
}

static void
drain(bide_loop *l)
{
    char sink[64];
    ssize_t n, heard = 0;
    do {
        n = read(l->wake_fds[0], sink, sizeof sink);
        if (n > 0 && l->wake_next >= 0 && heard >= 0)
            heard = write(l->wake_next, sink, (size_t)n);
    } while (n == (ssize_t)sizeof sink);
}

static void
on_wake_fd(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    drain(poll->loop->data);
}

int
bide_loop_wake_fd(bide_loop *l)
{
    if (l->wake_open)
        return l->wake_fds[1];
    if (atomic_load(&l->closed))
        return BIDE_ECLOSED;
    int rc = uv_pipe(l->wake_fds, UV_NONBLOCK_PIPE, UV_NONBLOCK_PIPE);
    if (rc)
        return rc;
    rc = uv_poll_init(&l->uv, &l->wake_poll, l->wake_fds[0]);
    if (rc) {
        close(l->wake_fds[0]);
        close(l->wake_fds[1]);
        return rc;
    }
    uv_poll_start(&l->wake_poll, UV_READABLE, on_wake_fd);
    l->wake_open = true;
    return l->wake_fds[1];
}

void
bide_loop_wake_pass(bide_loop *l, int fd)
{
    if (l->wake_open)
        drain(l);
    l->wake_next = fd;
}
