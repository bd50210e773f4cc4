/* Connecting: resolve, then race the addresses (RFC 8305): one after the other
 * is tried, each a little after the one before or as soon as that one has
 * failed; the first to answer wins and the others are closed.
 *
 * Invariants
 * - A racer is libuv's until its callback; `owner` is NULL once the attempt is
 *   over, and then the callback only frees it.
 * - An attempt goes when its wait ends, or, while the look-up still runs, with
 *   that: `wait` is NULL from then on. */
#include "connect.h"

#include <stdio.h>
#include <string.h>

#include "address.h"
#include "alloc.h"
#include "dns.h"
#include "stream_state.h"
#include "tcp.h"

static const int64_t stagger = INT64_C(250000000); /* ns, of RFC 8305 */

typedef struct attempt {
    bide_wait *wait;
    bide_loop *loop;
    int port;
    bide__lookup lookup;
    bide__addresses *addresses;
    size_t next;
    int error;        /* of the last address that failed */
    bide__then *then; /* may be NULL */
    bide_link racers;
    bide_timer timer;
    int64_t stagger;
    bool has_local, any_local;
    bide__sockaddr local;
    char *report; /* where what failed is written, of the caller */
    size_t room;
} attempt;

typedef struct racer {
    attempt *owner;
    bide_link link;
    bide_stream *stream;
    const bide__sockaddr *to; /* of the owner */
    uv_connect_t request;
} racer;

static bool abort_connect(bide_wait *w, bool forced);

static const bide_wait_kind kind = {
    .verb = "connect",
    .object = "TCP",
    .abort = abort_connect,
    .undo = bide__tcp_undo,
};

/* -- ends ----------------------------------------------------------------- */

/* Closing a stream ends its request, whose callback frees the racer. */
static void
dismiss(racer *r)
{
    bide__list_remove(&r->link);
    r->owner = NULL;
    bide_stream_unref(r->stream);
}

static void
destroy(attempt *a)
{
    bide_timer_stop(a->loop, &a->timer);
    while (!bide__list_empty(&a->racers))
        dismiss(bide__of(a->racers.next, racer, link));
    bide__lookup_fini(&a->lookup);
    if (a->then)
        a->then->drop(a->then);
    bide__free(a->addresses);
    bide__free(a);
}

static void
finish(attempt *a, int status, bide_stream *winner)
{
    bide_wait *w = a->wait;
    w->object = NULL;
    w->value.as.ptr = winner;
    if (status == 0 && a->then)
        status = a->then->run(a->then, w, winner);
    destroy(a);
    if (status != BIDE_PARKED)
        bide__io_fire(w, status);
}

/* Adds "::1 port 80: connection refused" to the report. */
static void
note(attempt *a, const bide__sockaddr *to, int error)
{
    bide_address text;
    a->error = error;
    if (!a->report || bide__address_text(to, &text))
        return;
    size_t used = strlen(a->report);
    snprintf(a->report + used, a->room - used, "%s%s port %d: %s",
             used ? "; " : "", text.host, text.port, bide_strerror(error));
}

/* -- the race ------------------------------------------------------------- */

static int start_next(attempt *a);

static void
on_connect(uv_connect_t *request, int status)
{
    racer *r = request->data;
    attempt *a = r->owner;
    bide_stream *s = r->stream;
    if (!a) {
        bide__free(r);
        return;
    }
    const bide__sockaddr *to = r->to;
    bide__list_remove(&r->link);
    bide__free(r);
    if (status == 0) {
        uv_tcp_nodelay(&s->uv.tcp, 1);
        finish(a, 0, s);
        return;
    }
    bide_stream_unref(s);
    note(a, to, status);
    int rc = start_next(a);
    if (rc)
        finish(a, rc, NULL);
}

/* The address to connect from, to `to`; false: it is of the other family. */
static bool
local_for(const attempt *a, const bide__sockaddr *to, bide__sockaddr *out)
{
    *out = a->local;
    if (a->any_local && to->any.sa_family == AF_INET6)
        bide__address_literal("::", ntohs(a->local.v4.sin_port), out);
    return out->any.sa_family == to->any.sa_family;
}

static int
connect_stream(attempt *a, racer *r)
{
    bide__sockaddr local;
    uv_tcp_t *tcp = &r->stream->uv.tcp;
    if (a->has_local && !local_for(a, r->to, &local))
        return UV_EAFNOSUPPORT;
    int rc = a->has_local ? uv_tcp_bind(tcp, &local.any, 0) : 0;
    if (rc)
        return rc;
    return uv_tcp_connect(&r->request, tcp, &r->to->any, on_connect);
}

static int
start_one(attempt *a, const bide__sockaddr *to)
{
    racer *r = bide__alloc(sizeof *r);
    if (!r)
        return BIDE_ENOMEMORY;
    r->owner = a;
    r->to = to;
    r->request.data = r;
    int rc = bide__tcp_new(a->loop, &r->stream);
    if (rc == 0) {
        rc = connect_stream(a, r);
        if (rc)
            bide_stream_unref(r->stream);
    }
    if (rc)
        bide__free(r);
    else
        bide__list_append(&a->racers, &r->link);
    return rc;
}

static void
on_pause_over(bide_timer *t)
{
    attempt *a = bide__of(t, attempt, timer);
    int rc = start_next(a);
    if (rc)
        finish(a, rc, NULL);
}

/* Lets the next address run. 0: at least one is running. */
static int
start_next(attempt *a)
{
    bide_timer_stop(a->loop, &a->timer);
    while (a->next < a->addresses->count) {
        const bide__sockaddr *to = &a->addresses->list[a->next++];
        int rc = start_one(a, to);
        if (rc == 0)
            break;
        note(a, to, rc);
    }
    if (bide__list_empty(&a->racers))
        return a->error;
    if (a->next == a->addresses->count)
        return 0;
    /* Without a timer the next one runs when the others have failed. */
    (void)bide_timer_start(a->loop, &a->timer,
                           bide_loop_now(a->loop, true) + a->stagger,
                           on_pause_over);
    return 0;
}

static void
on_resolved(bide__lookup *q, int status)
{
    attempt *a = bide__of(q, attempt, lookup);
    if (!a->wait) {
        destroy(a);
        return;
    }
    if (status == 0) {
        a->addresses = bide__addresses_from(q->found, a->port);
        status = a->addresses ? start_next(a) : BIDE_ENOMEMORY;
    }
    if (status)
        finish(a, status, NULL);
}

/* -- the wait ------------------------------------------------------------- */

static bool
abort_connect(bide_wait *w, bool forced)
{
    (void)forced;
    attempt *a = w->object;
    bide__io_leave(w);
    w->object = NULL;
    a->wait = NULL;
    a->report = NULL;
    if (a->addresses)
        destroy(a);
    else
        bide__lookup_cancel(&a->lookup);
    return true;
}

static int
start(attempt *a, const char *host)
{
    bide__sockaddr literal;
    if (!bide__address_literal(host, a->port, &literal))
        return bide__lookup_start(&a->lookup, a->loop, host, on_resolved);
    a->addresses = bide__addresses_one(&literal);
    return a->addresses ? start_next(a) : BIDE_ENOMEMORY;
}

static int
read_options(attempt *a, const bide_tcp_connect_options *o)
{
    a->stagger = o->stagger ? o->stagger : stagger;
    a->report = o->report_size ? o->report : NULL;
    a->room = o->report_size;
    if (a->report)
        *a->report = 0;
    if (o->local_port < 0 || o->local_port > BIDE__PORT_MAX || o->stagger < 0)
        return BIDE_EINVALID;
    a->any_local = !o->local_host;
    a->has_local = o->local_host || o->local_port;
    if (!a->has_local ||
        bide__address_literal(o->local_host ? o->local_host : "0.0.0.0",
                              o->local_port, &a->local))
        return 0;
    return BIDE_EINVALID;
}

static int
submit(attempt *a, const char *host, const bide_tcp_connect_options *o,
       bide_wait *w)
{
    bide__list_init(&a->racers);
    a->wait = w;
    a->loop = w->task->loop;
    a->error = BIDE_ENAME; /* a name without addresses */
    w->value = BIDE_NO_VALUE;
    int rc = read_options(a, o);
    if (rc == 0)
        rc = start(a, host);
    if (rc) {
        destroy(a);
        return rc;
    }
    return bide__io_park(w, &kind, a, NULL);
}

int
bide__connect(const char *host, int port, const bide_tcp_connect_options *o,
              bide_wait *w, bide__then *then)
{
    static const bide_tcp_connect_options defaults;
    int rc = bide__wait_refused(w->task);
    if (rc == 0 && (!host || !*host || port < 1 || port > BIDE__PORT_MAX))
        rc = BIDE_EINVALID;
    attempt *a = rc ? NULL : bide__alloc(sizeof *a);
    if (!a) {
        if (then)
            then->drop(then);
        return rc ? rc : BIDE_ENOMEMORY;
    }
    a->then = then;
    a->port = port;
    return submit(a, host, o ? o : &defaults, w);
}

int
bide_tcp_connect_with(const char *host, int port,
                      const bide_tcp_connect_options *o, bide_wait *w)
{
    return bide__connect(host, port, o, w, NULL);
}

int
bide_tcp_connect(const char *host, int port, bide_wait *w)
{
    return bide__connect(host, port, NULL, w, NULL);
}
