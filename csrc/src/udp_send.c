#include "udp_send.h"

#include "udp_state.h"

/* Of a wait, u.io.data is the list of messages, u.io.len their number, and
 * u.io.done how many have gone. */
static bool abort_send(bide_wait *w, bool forced);

static const bide_wait_kind many_kind = {
    .verb = "send_many",
    .object = "UDP",
    .label = bide__object_label,
    .abort = abort_send,
};
/* The list is a parcel. */
static const bide_wait_kind one_kind = {
    .verb = "send",
    .object = "UDP",
    .label = bide__object_label,
    .abort = abort_send,
};

/** A message that has to wait, with its address. */
typedef struct parcel {
    bide_message message;
    bide_sockaddr to;
} parcel;

static void
free_parcel(bide_wait *w)
{
    if (w->kind == &one_kind)
        bide__free((char *)w->u.io.data);
    w->u.io.data = NULL;
}

static void
finish(bide_wait *w, int status)
{
    free_parcel(w);
    bide__io_fire(w, status);
}

void
bide__udp_end_senders(bide_udp *u, int status)
{
    while (!bide__list_empty(&u->senders))
        finish(bide__wait_first(&u->senders), status);
}

/* Sends until the system is full: 0 when all have gone, UV_EAGAIN, or an
 * error. */
static int
send_on(bide_udp *u, const bide_message *list, size_t count, size_t *done)
{
    while (*done < count) {
        int n =
            bide__datagrams_send(u->fd, u->family, list + *done, count - *done);
        if (n < 0)
            return n;
        *done += (size_t)n;
    }
    return 0;
}

void
bide__udp_writable(bide_udp *u)
{
    while (!bide__list_empty(&u->senders)) {
        bide_wait *w = bide__wait_first(&u->senders);
        int rc = send_on(u, (const bide_message *)w->u.io.data, w->u.io.len,
                         &w->u.io.done);
        if (rc == UV_EAGAIN)
            return;
        finish(w, rc);
    }
}

static bool
abort_send(bide_wait *w, bool forced)
{
    (void)forced;
    free_parcel(w);
    bide__io_leave(w);
    return true;
}

/* -- entries -------------------------------------------------------------- */

/* What goes now goes; behind those that wait nothing does. */
static int
send_now(bide_udp *u, const bide_message *list, size_t count, size_t *done)
{
    *done = 0;
    if (bide__unlikely(!bide__list_empty(&u->senders)))
        return UV_EAGAIN;
    return send_on(u, list, count, done);
}

static int
park(bide_udp *u, bide_wait *w, const bide_wait_kind *kind)
{
    bide__io_park(w, kind, u, &u->senders);
    int rc = bide__udp_poll(u);
    if (rc)
        finish(w, rc);
    return BIDE_PARKED;
}

int
bide_udp_send(bide_udp *u, const char *data, size_t len,
              const bide_sockaddr *to, bide_wait *w)
{
    bide_message message = {data, len, to};
    int rc = bide__endpoint_enter(&u->base, w->task);
    if (bide__unlikely(rc))
        return rc;
    rc = send_now(u, &message, 1, &w->u.io.done);
    if (rc == 0)
        return bide__wait_done(w, &one_kind, u);
    if (rc != UV_EAGAIN)
        return rc;
    parcel *p = bide__alloc(sizeof *p);
    if (!p)
        return BIDE_ENOMEMORY;
    p->message = message;
    if (to) {
        p->to = *to;
        p->message.to = &p->to;
    }
    w->u.io.data = (const char *)p;
    w->u.io.len = 1;
    return park(u, w, &one_kind);
}

int
bide_udp_send_many(bide_udp *u, const bide_message *list, size_t count,
                   bide_wait *w)
{
    w->u.io.done = 0;
    int rc = bide__endpoint_enter(&u->base, w->task);
    if (bide__unlikely(rc))
        return rc;
    rc = send_now(u, list, count, &w->u.io.done);
    if (rc == 0)
        return bide__wait_done(w, &many_kind, u);
    if (rc != UV_EAGAIN)
        return rc;
    w->u.io.data = (const char *)list;
    w->u.io.len = count;
    return park(u, w, &many_kind);
}

int
bide_udp_try_send(bide_udp *u, const bide_message *list, size_t count,
                  size_t *sent)
{
    *sent = 0;
    if (u->base.closed)
        return BIDE_ECLOSED;
    int rc = send_now(u, list, count, sent);
    if (*sent)
        return 0;
    return rc == UV_EAGAIN ? BIDE_EWOULDBLOCK : rc;
}
