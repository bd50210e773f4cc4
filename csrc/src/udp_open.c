/* From a host name to a datagram socket, bound or connected. */
#include <string.h>

#include "alloc.h"
#include "dns.h"
#include "endpoint.h"
#include "socket.h"
#include "tcp.h"
#include "udp.h"
#include "udp_socket.h"

/* What is to be opened. On a name it outlives a cancelled wait: `wait` is NULL
 * from then on. */
typedef struct request {
    bide_wait *wait;
    bide_loop *loop;
    bool connects, has_local;
    int port;
    bide_udp_options options;
    bide__sockaddr local; /* of a socket that connects */
    bide__lookup lookup;
} request;

static bool abort_open(bide_wait *w, bool forced);
static void undo_open(bide_wait *w);

static const bide_wait_kind bind_kind = {
    .verb = "bind",
    .object = "UDP",
    .abort = abort_open,
    .undo = undo_open,
};
static const bide_wait_kind connect_kind = {
    .verb = "connect",
    .object = "UDP",
    .abort = abort_open,
    .undo = undo_open,
};

static bool
abort_open(bide_wait *w, bool forced)
{
    (void)forced;
    request *r = w->object;
    bide__io_leave(w);
    w->object = NULL;
    r->wait = NULL;
    bide__lookup_cancel(&r->lookup);
    return true;
}

static void
undo_open(bide_wait *w)
{
    bide_udp_unref(w->value.as.ptr);
    w->value = BIDE_NO_VALUE;
}

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
open_one(const request *r, const bide__sockaddr *a, bide_udp **out)
{
    bide__sockaddr local;
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
    int rc = bide__udp_open(r->loop, fd, a->any.sa_family, out);
    if (rc)
        bide__socket_close(fd);
    return rc;
}

/* One IPv6 socket serves both families, unless the system has no IPv6. */
static int
bind_everywhere(const request *r, bide_udp **out)
{
    bide__sockaddr a;
    bide__address_literal("::", r->port, &a);
    int rc = open_one(r, &a, out);
    if (rc == 0 || r->options.v6_only ||
        (rc != UV_EAFNOSUPPORT && rc != UV_EADDRNOTAVAIL))
        return rc;
    bide__address_literal("0.0.0.0", r->port, &a);
    return open_one(r, &a, out);
}

/* -- a name --------------------------------------------------------------- */

static void
destroy(request *r)
{
    bide__lookup_fini(&r->lookup);
    bide__free(r);
}

/* The first of the addresses that the system takes. */
static int
open_any(const request *r, bide_udp **out)
{
    bide__addresses *as = bide__addresses_from(r->lookup.found, r->port);
    if (!as)
        return BIDE_ENOMEMORY;
    int rc = BIDE_ENAME;
    for (size_t i = 0; i < as->count; i++) {
        rc = open_one(r, &as->list[i], out);
        if (rc == 0)
            break;
    }
    bide__free(as);
    return rc;
}

static void
on_resolved(bide__lookup *q, int status)
{
    request *r = bide__of(q, request, lookup);
    bide_wait *w = r->wait;
    if (w) {
        bide_udp *u = NULL;
        if (status == 0)
            status = open_any(r, &u);
        w->value.as.ptr = u;
        w->object = NULL;
        bide__io_fire(w, status);
    }
    destroy(r);
}

static int
resolve(const request *given, const char *host)
{
    request *r = bide__alloc(sizeof *r);
    if (!r)
        return BIDE_ENOMEMORY;
    *r = *given;
    int rc = bide__lookup_start(&r->lookup, r->loop, host, on_resolved);
    if (rc) {
        destroy(r);
        return rc;
    }
    return bide__io_park(r->wait, r->connects ? &connect_kind : &bind_kind, r,
                         NULL);
}

/* -- the entries ---------------------------------------------------------- */

static int
begin(request *r, const char *host)
{
    bide__sockaddr literal;
    bide_udp *u = NULL;
    bide_wait *w = r->wait;
    int rc;
    w->value = BIDE_NO_VALUE;
    if (!host || !*host)
        rc = bind_everywhere(r, &u);
    else if (bide__address_literal(host, r->port, &literal))
        rc = open_one(r, &literal, &u);
    else
        return resolve(r, host);
    if (rc)
        return rc;
    w->value.as.ptr = u;
    return bide__wait_done(w, r->connects ? &connect_kind : &bind_kind, NULL);
}

static void
prepare(request *r, int port, const bide_udp_options *o, bide_wait *w)
{
    memset(r, 0, sizeof *r);
    r->wait = w;
    r->loop = w->task->loop;
    r->port = port;
    if (o)
        r->options = *o;
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
    prepare(&r, port, o, w);
    return begin(&r, host);
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
    prepare(&r, port, o, w);
    r.connects = true;
    rc = read_local(&r);
    return rc ? rc : begin(&r, host);
}
