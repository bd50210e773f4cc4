/* From a host name to a listener. */
#include "address.h"
#include "alloc.h"
#include "dns.h"
#include "endpoint.h"
#include "listener.h"
#include "tcp.h"

/* A listen on a name. As an attempt to connect, it outlives a cancelled wait:
 * `wait` is NULL from then on. */
typedef struct request {
    bide_wait *wait;
    bide_loop *loop;
    int port;
    bide_tcp_options options;
    bide__lookup lookup;
} request;

static bool abort_listen(bide_wait *w, bool forced);
static void undo_listen(bide_wait *w);

static const bide_wait_kind kind = {
    .verb = "listen",
    .object = "TCP",
    .abort = abort_listen,
    .undo = undo_listen,
};

static bool
abort_listen(bide_wait *w, bool forced)
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
undo_listen(bide_wait *w)
{
    bide_listener_unref(w->value.as.ptr);
    w->value = BIDE_NO_VALUE;
}

/* -- a name --------------------------------------------------------------- */

static void
destroy(request *r)
{
    bide__lookup_fini(&r->lookup);
    bide__free(r);
}

/* The first of the addresses that can be bound. */
static int
listen_on_any(request *r, bide_listener **out)
{
    bide__addresses *as = bide__addresses_from(r->lookup.found, r->port);
    if (!as)
        return BIDE_ENOMEMORY;
    int rc = BIDE_ENAME;
    for (size_t i = 0; i < as->count; i++) {
        rc = bide__listener_new(r->loop, &as->list[i], &r->options, out);
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
        bide_listener *l = NULL;
        if (status == 0)
            status = listen_on_any(r, &l);
        w->value.as.ptr = l;
        w->object = NULL;
        bide__io_fire(w, status);
    }
    destroy(r);
}

static int
resolve(const char *host, int port, const bide_tcp_options *o, bide_wait *w)
{
    request *r = bide__alloc(sizeof *r);
    if (!r)
        return BIDE_ENOMEMORY;
    r->wait = w;
    r->loop = w->task->loop;
    r->port = port;
    r->options = *o;
    int rc = bide__lookup_start(&r->lookup, r->loop, host, on_resolved);
    if (rc) {
        destroy(r);
        return rc;
    }
    return bide__io_park(w, &kind, r, NULL);
}

/* -- the entry ------------------------------------------------------------ */

/* One IPv6 socket serves both families, unless the system has no IPv6. */
static int
listen_everywhere(bide_loop *loop, int port, const bide_tcp_options *o,
                  bide_listener **out)
{
    bide__sockaddr a;
    bide__address_literal("::", port, &a);
    int rc = bide__listener_new(loop, &a, o, out);
    if (rc == 0 || o->v6_only ||
        (rc != UV_EAFNOSUPPORT && rc != UV_EADDRNOTAVAIL))
        return rc;
    bide__address_literal("0.0.0.0", port, &a);
    return bide__listener_new(loop, &a, o, out);
}

int
bide_tcp_listen(const char *host, int port, const bide_tcp_options *o,
                bide_wait *w)
{
    static const bide_tcp_options defaults;
    bide_loop *loop = w->task->loop;
    bide__sockaddr literal;
    bide_listener *l = NULL;
    int rc = bide__wait_refused(w->task);
    if (rc)
        return rc;
    if (port < 0 || port > BIDE__PORT_MAX)
        return BIDE_EINVALID;
    o = o ? o : &defaults;
    w->value = BIDE_NO_VALUE;
    if (!host || !*host)
        rc = listen_everywhere(loop, port, o, &l);
    else if (bide__address_literal(host, port, &literal))
        rc = bide__listener_new(loop, &literal, o, &l);
    else
        return resolve(host, port, o, w);
    if (rc)
        return rc;
    w->value.as.ptr = l;
    return bide__wait_done(w, &kind, NULL);
}
