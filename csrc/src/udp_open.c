/* From a host name to a datagram socket, bound or connected. */
#include <string.h>

#include "opening.h"
#include "socket.h"
#include "tcp.h"
#include "udp.h"
#include "udp_socket.h"

typedef struct request {
    bide__opening opening;
    bool connects, has_local;
    bide_udp_options options;
    bide__sockaddr local; /* of a socket that connects */
} request;

static void
undo_open(bide_wait *w)
{
    bide_udp_unref(w->value.as.ptr);
    w->value = BIDE_NO_VALUE;
}

static const bide_wait_kind bind_kind = {
    .verb = "bind",
    .object = "UDP",
    .abort = bide__opening_abort,
    .undo = undo_open,
};
static const bide_wait_kind connect_kind = {
    .verb = "connect",
    .object = "UDP",
    .abort = bide__opening_abort,
    .undo = undo_open,
};

/* -- one address ---------------------------------------------------------- */

/* The address to send from to `peer`; false: it is of the other family. */
static bool
local_for(const request *r, const bide__sockaddr *peer, bide__sockaddr *out)
{
    bool v6 = peer->any.sa_family == AF_INET6;
    *out = r->local;
    if (!r->options.local_host && v6)
        bide__address_literal("::", r->options.local_port, out);
    return out->any.sa_family == peer->any.sa_family;
}

static int
open_one(const bide__opening *o, const bide__sockaddr *a, void **out)
{
    const request *r = bide__of(o, request, opening);
    bide__sockaddr local;
    bide_udp *u = NULL;
    int fd;
    if (!r->connects)
        fd = bide__udp_socket(a, NULL, &r->options);
    else if (!r->has_local)
        fd = bide__udp_socket(NULL, a, &r->options);
    else if (local_for(r, a, &local))
        fd = bide__udp_socket(&local, a, &r->options);
    else
        fd = UV_EAFNOSUPPORT;
    if (fd < 0)
        return fd;
    int rc = bide__udp_open(o->loop, fd, a->any.sa_family, &u);
    if (rc)
        bide__socket_close(fd);
    *out = u;
    return rc;
}

/* -- the entries ---------------------------------------------------------- */

static void
prepare(request *r, const bide_wait_kind *kind, int port,
        const bide_udp_options *o, bide_wait *w)
{
    memset(r, 0, sizeof *r);
    r->opening.wait = w;
    r->opening.kind = kind;
    r->opening.loop = w->task->loop;
    r->opening.port = port;
    r->opening.open = open_one;
    r->connects = kind == &connect_kind;
    if (!o)
        return;
    r->options = *o;
    r->opening.v6_only = o->v6_only;
}

int
bide_udp_bind(const char *host, int port, const bide_udp_options *o,
              bide_wait *w)
{
    request r;
    int rc = bide__wait_refused(w->task);
    if (rc)
        return rc;
    if (port < 0 || port > BIDE__PORT_MAX)
        return BIDE_EINVALID;
    prepare(&r, &bind_kind, port, o, w);
    return bide__opening_start(&r.opening, sizeof r, host);
}

static int
read_local(request *r)
{
    const bide_udp_options *o = &r->options;
    if (o->local_port < 0 || o->local_port > BIDE__PORT_MAX)
        return BIDE_EINVALID;
    if (!o->local_host && !o->local_port)
        return 0;
    r->has_local = bide__address_literal(
        o->local_host ? o->local_host : "0.0.0.0", o->local_port, &r->local);
    if (o->local_host) /* the caller's, for the call */
        r->options.local_host = "";
    return r->has_local ? 0 : BIDE_EINVALID;
}

int
bide_udp_connect(const char *host, int port, const bide_udp_options *o,
                 bide_wait *w)
{
    request r;
    int rc = bide__wait_refused(w->task);
    if (rc)
        return rc;
    if (!host || !*host || port < 1 || port > BIDE__PORT_MAX)
        return BIDE_EINVALID;
    prepare(&r, &connect_kind, port, o, w);
    rc = read_local(&r);
    return rc ? rc : bide__opening_start(&r.opening, sizeof r, host);
}
