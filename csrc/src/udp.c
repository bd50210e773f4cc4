#include "udp.h"

#include <string.h>

#include "socket.h"
#include "tcp.h"
#include "udp_recv.h"
#include "udp_send.h"
#include "udp_socket.h"
#include "udp_state.h"

/* -- polling -------------------------------------------------------------- */

/* libuv stops polling when the socket has an error, which the next call of the
 * system tells; it goes on after that. */
static void
on_ready(uv_poll_t *poll, int status, int events)
{
    bide_udp *u = bide__of(poll, bide_udp, poll);
    if (status < 0) {
        u->events = 0;
        events = UV_READABLE | UV_WRITABLE;
    }
    if (events & UV_WRITABLE)
        bide__udp_writable(u);
    if (events & UV_READABLE)
        bide__udp_readable(u);
    int rc = bide__udp_poll(u);
    if (rc) {
        bide__udp_failed(u, rc);
        bide__udp_end_senders(u, rc);
    }
}

int
bide__udp_poll(bide_udp *u)
{
    int wanted = bide__udp_wants(u) ? UV_READABLE : 0;
    if (!bide__list_empty(&u->senders))
        wanted |= UV_WRITABLE;
    if (wanted == u->events)
        return 0;
    u->events = 0;
    int rc = wanted ? uv_poll_start(&u->poll, wanted, on_ready)
                    : uv_poll_stop(&u->poll);
    if (rc == 0)
        u->events = wanted;
    return rc;
}

/* -- life ----------------------------------------------------------------- */

static void
on_closed(uv_handle_t *handle)
{
    bide_udp *u = bide__of(handle, bide_udp, poll);
    bide__endpoint_gone(&u->base);
}

static void
shut(bide__endpoint *e)
{
    bide_udp *u = bide__of(e, bide_udp, base);
    uv_close((uv_handle_t *)&u->poll, on_closed);
    bide__socket_close(u->fd);
    bide__io_fire_all(&u->receivers, BIDE_ECLOSED);
    bide__udp_end_senders(u, BIDE_ECLOSED);
    bide__datagrams_free(e->object.loop, u->queue.first);
    bide__datagrams_init(&u->queue);
}

int
bide__udp_open(bide_loop *l, int fd, int family, bide_udp **out)
{
    bide_udp *u = bide__endpoint_new(sizeof *u, l, shut);
    if (!u)
        return BIDE_ENOMEMORY;
    int rc = uv_poll_init(&l->uv, &u->poll, fd);
    if (rc) {
        bide_udp_unref(u);
        return rc;
    }
    u->fd = fd;
    u->family = family;
    bide__datagrams_init(&u->queue);
    bide__list_init(&u->receivers);
    bide__list_init(&u->senders);
    bide__endpoint_open(&u->base);
    *out = u;
    return 0;
}

bide_udp *
bide_udp_ref(bide_udp *u)
{
    bide__object_ref(&u->base.object);
    return u;
}

void
bide_udp_unref(bide_udp *u)
{
    if (u)
        bide__endpoint_unref(&u->base);
}

void
bide_udp_close(bide_udp *u)
{
    bide__endpoint_close(&u->base);
}

bool
bide_udp_closed(const bide_udp *u)
{
    return u->base.closed;
}

bide_loop *
bide_udp_loop(const bide_udp *u)
{
    return u->base.object.loop;
}

void
bide_udp_free(bide_udp *u, bide_datagram *chain)
{
    bide__datagrams_free(u->base.object.loop, chain);
}

/* -- addresses ------------------------------------------------------------ */

int
bide_udp_fd(const bide_udp *u)
{
    return u->base.closed ? BIDE_ECLOSED : u->fd;
}

static int
name(const bide_udp *u, bide_address *out,
     int (*ask)(int fd, bide__sockaddr *a))
{
    bide__sockaddr a;
    int rc = u->base.closed ? BIDE_ECLOSED : ask(u->fd, &a);
    return rc ? rc : bide__address_text(&a, out);
}

int
bide_udp_local(const bide_udp *u, bide_address *out)
{
    return name(u, out, bide__socket_name);
}

int
bide_udp_peer(const bide_udp *u, bide_address *out)
{
    return name(u, out, bide__socket_peer);
}

int
bide_sockaddr_parse(const char *host, int port, bide_sockaddr *out)
{
    bide__sockaddr a;
    if (!host || port < 0 || port > BIDE__PORT_MAX ||
        !bide__address_literal(host, port, &a))
        return BIDE_EINVALID;
    memcpy(out, &a, sizeof *out);
    return 0;
}

int
bide_sockaddr_text(const bide_sockaddr *a, bide_address *out)
{
    bide__sockaddr full;
    memset(&full, 0, sizeof full);
    memcpy(&full, a, sizeof *a);
    return bide__address_text(&full, out);
}

/* -- tuning --------------------------------------------------------------- */

int
bide_udp_set(bide_udp *u, int option, int value)
{
    return u->base.closed ? BIDE_ECLOSED
                          : bide__udp_set(u->fd, u->family, option, value);
}

int
bide_udp_get(const bide_udp *u, int option, int *value)
{
    return u->base.closed ? BIDE_ECLOSED
                          : bide__udp_get(u->fd, u->family, option, value);
}

int
bide_udp_join(bide_udp *u, const char *group, const char *interface)
{
    return u->base.closed ? BIDE_ECLOSED
                          : bide__udp_member(u->fd, group, interface, true);
}

int
bide_udp_leave(bide_udp *u, const char *group, const char *interface)
{
    return u->base.closed ? BIDE_ECLOSED
                          : bide__udp_member(u->fd, group, interface, false);
}

int
bide_udp_multicast_via(bide_udp *u, const char *interface)
{
    return u->base.closed ? BIDE_ECLOSED
                          : bide__udp_via(u->fd, u->family, interface);
}
