#include "udp_recv.h"

#include "udp_state.h"

/* Marks of the queue, and how many batches are taken in one go. */
enum { MOST = 256, MOST_BYTES = 256 * 1024, ROUNDS = 4 };

static bool abort_recv(bide_wait *w, bool forced);
static void undo_recv(bide_wait *w);

/* Of a wait, aux is the longest datagram that it takes. */
static const bide_wait_kind kind = {
    .verb = "recv",
    .object = "UDP",
    .label = bide__object_label,
    .abort = abort_recv,
    .undo = undo_recv,
};

/* -- serving -------------------------------------------------------------- */

/* Gives a wait what it asked for out of the queue, which is not empty. */
static int
grant(bide_udp *u, bide_wait *w)
{
    if (u->queue.first->len > w->aux)
        return UV_EMSGSIZE;
    w->value.as.ptr =
        bide__datagrams_take(&u->queue, w->u.many.limit, &w->u.many.count);
    return 0;
}

static void
serve(bide_udp *u)
{
    while (u->queue.count && !bide__list_empty(&u->receivers)) {
        bide_wait *w = bide__wait_first(&u->receivers);
        bide__io_fire(w, grant(u, w));
    }
}

void
bide__udp_failed(bide_udp *u, int error)
{
    if (bide__list_empty(&u->receivers))
        u->error = error;
    else
        bide__io_fire(bide__wait_first(&u->receivers), error);
}

bool
bide__udp_wants(const bide_udp *u)
{
    return u->receiving && u->queue.count < MOST && u->queue.bytes < MOST_BYTES;
}

/* One batch: how many it was, 0 when there is nothing, or an error. */
static int
take_batch(bide_udp *u)
{
    int lost = 0;
    int n = bide__datagrams_recv(u->base.object.loop, u->fd, &u->queue, &lost);
    if (lost)
        bide__udp_failed(u, lost);
    if (n == UV_EAGAIN)
        return 0;
    if (n < 0)
        bide__udp_failed(u, n);
    return n;
}

/* An error of the socket is told by one call; what has arrived, by the next. */
void
bide__udp_readable(bide_udp *u)
{
    int n = BIDE__BATCH;
    for (int i = 0;
         i < ROUNDS && bide__udp_wants(u) && (n == BIDE__BATCH || n < 0); i++) {
        n = take_batch(u);
        serve(u);
    }
}

/* -- waits ---------------------------------------------------------------- */

static bool
abort_recv(bide_wait *w, bool forced)
{
    (void)forced;
    bide__io_leave(w);
    return true;
}

static void
undo_recv(bide_wait *w)
{
    bide_udp *u = w->object;
    bide_datagram *chain = w->value.as.ptr;
    w->value = BIDE_NO_VALUE;
    if (u->base.closed) {
        bide__datagrams_free(u->base.object.loop, chain);
        return;
    }
    bide__datagrams_return(&u->queue, chain);
    serve(u);
}

static int
take_error(bide_udp *u)
{
    int error = u->error;
    u->error = 0;
    return error;
}

/* After a receive that made room. */
static int
go_on(bide_udp *u)
{
    return u->events & UV_READABLE ? 0 : bide__udp_poll(u);
}

static int
submit(bide_udp *u, bide_wait *w)
{
    w->value = BIDE_NO_VALUE;
    if (bide__unlikely(u->error))
        return take_error(u);
    u->receiving = true;
    if (u->queue.count) {
        int rc = grant(u, w);
        if (rc)
            return rc;
        go_on(u);
        return bide__wait_done(w, &kind, u);
    }
    int rc = go_on(u);
    return rc ? rc : bide__io_park(w, &kind, u, &u->receivers);
}

int
bide_udp_recv(bide_udp *u, size_t max, bide_wait *w)
{
    int rc = bide__endpoint_enter(&u->base, w->task);
    if (bide__unlikely(rc))
        return rc;
    if (max == 0 || max > BIDE__DATAGRAM_MAX)
        return BIDE_EINVALID;
    w->aux = (uint16_t)max;
    w->u.many.limit = 1;
    return submit(u, w);
}

int
bide_udp_recv_many(bide_udp *u, size_t limit, bide_wait *w)
{
    int rc = bide__endpoint_enter(&u->base, w->task);
    if (bide__unlikely(rc))
        return rc;
    if (limit == 0)
        return BIDE_EINVALID;
    w->aux = BIDE__DATAGRAM_MAX;
    w->u.many.limit = limit;
    return submit(u, w);
}

int
bide_udp_try_recv(bide_udp *u, size_t max, bide_datagram **out)
{
    size_t n;
    *out = NULL;
    if (u->base.closed)
        return BIDE_ECLOSED;
    if (max == 0 || max > BIDE__DATAGRAM_MAX)
        return BIDE_EINVALID;
    if (!u->queue.count && !u->error) {
        take_batch(u);
        serve(u); /* those that wait were here before */
    }
    if (u->error)
        return take_error(u);
    if (!u->queue.count)
        return BIDE_EWOULDBLOCK;
    if (u->queue.first->len > max)
        return UV_EMSGSIZE;
    *out = bide__datagrams_take(&u->queue, 1, &n);
    return 0;
}
