/* Connecting: resolve, then one address after the other until one answers.
 *
 * An attempt outlives a cancelled wait: it goes when the look-up or the request
 * of libuv that holds it is over. Invariant: `wait` is NULL from then on. */
#include "connect.h"

#include "address.h"
#include "alloc.h"
#include "dns.h"
#include "stream_state.h"
#include "tcp.h"

typedef struct attempt {
    bide_wait *wait;
    bide_loop *loop;
    int port;
    bide__lookup lookup;
    bide__addresses *addresses;
    size_t next;
    int error;           /* of the last address tried */
    bide_stream *stream; /* being connected */
    bide__then *then;    /* may be NULL */
    uv_connect_t request;
} attempt;

static bool abort_connect(bide_wait *w, bool forced);

static const bide_wait_kind kind = {
    .verb = "connect",
    .object = "TCP",
    .abort = abort_connect,
    .undo = bide__tcp_undo,
};

static void
destroy(attempt *a)
{
    bide__lookup_fini(&a->lookup);
    if (a->then)
        a->then->drop(a->then);
    bide__free(a->addresses);
    bide__free(a);
}

static void
finish(attempt *a, int status)
{
    bide_wait *w = a->wait;
    w->object = NULL;
    if (status == 0)
        w->value.as.ptr = a->stream;
    if (status == 0 && a->then)
        status = a->then->run(a->then, w, a->stream);
    destroy(a);
    if (status != BIDE_PARKED)
        bide__io_fire(w, status);
}

static void
drop_stream(attempt *a)
{
    bide_stream_unref(a->stream);
    a->stream = NULL;
}

/* -- one address after the other ------------------------------------------ */

static int try_next(attempt *a);

static void
on_connect(uv_connect_t *request, int status)
{
    attempt *a = request->data;
    if (!a->wait) {
        destroy(a);
        return;
    }
    if (status == 0) {
        uv_tcp_nodelay(&a->stream->uv.tcp, 1);
        finish(a, 0);
        return;
    }
    a->error = status;
    drop_stream(a);
    int rc = try_next(a);
    if (rc)
        finish(a, rc);
}

static int
try_one(attempt *a, const bide__sockaddr *address)
{
    int rc = bide__tcp_new(a->loop, &a->stream);
    if (rc)
        return rc;
    a->request.data = a;
    rc = uv_tcp_connect(&a->request, &a->stream->uv.tcp, &address->any,
                        on_connect);
    if (rc)
        drop_stream(a);
    return rc;
}

/* 0: a connection is being made. */
static int
try_next(attempt *a)
{
    while (a->next < a->addresses->count) {
        a->error = try_one(a, &a->addresses->list[a->next++]);
        if (a->error == 0)
            return 0;
    }
    return a->error;
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
        status = a->addresses ? try_next(a) : BIDE_ENOMEMORY;
    }
    if (status)
        finish(a, status);
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
    if (a->stream)
        drop_stream(a);
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
    return a->addresses ? try_next(a) : BIDE_ENOMEMORY;
}

static int
submit(attempt *a, const char *host, int port, bide_wait *w)
{
    a->wait = w;
    a->loop = w->task->loop;
    a->port = port;
    a->error = BIDE_ENAME; /* a name without addresses */
    w->value = BIDE_NO_VALUE;
    int rc = start(a, host);
    if (rc) {
        destroy(a);
        return rc;
    }
    return bide__io_park(w, &kind, a, NULL);
}

int
bide__connect(const char *host, int port, bide_wait *w, bide__then *then)
{
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
    return submit(a, host, port, w);
}

int
bide_tcp_connect(const char *host, int port, bide_wait *w)
{
    return bide__connect(host, port, w, NULL);
}
