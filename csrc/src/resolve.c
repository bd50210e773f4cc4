/* Names to addresses and back, for whoever wants to see them. Both run in the
 * resolver's lane (dns.h).
 *
 * A query outlives a cancelled wait: it goes when its job is over. Invariant:
 * `wait` is NULL from then on. */
#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "address.h"
#include "alloc.h"
#include "blocking.h"
#include "dns.h"
#include "endpoint.h"
#include "tcp.h"

typedef struct query {
    bide_wait *wait;
    int port;
    bide__lookup lookup;
    /* Of a reverse query. */
    bide_job job;
    bide__sockaddr address;
    char name[NI_MAXHOST];
    int status;
} query;

static void
undo(bide_wait *w)
{
    bide_resolved_free(w->value.as.ptr);
    w->value = BIDE_NO_VALUE;
}

static void
finish(query *q, int status, void *result)
{
    bide_wait *w = q->wait;
    bide__lookup_fini(&q->lookup);
    bide__free(q);
    if (!w) {
        bide__free(result);
        return;
    }
    w->object = NULL;
    w->value.as.ptr = result;
    bide__io_fire(w, status);
}

static query *
new_query(bide_wait *w, int port)
{
    query *q = bide__alloc(sizeof *q);
    if (!q)
        return NULL;
    q->wait = w;
    q->port = port;
    w->value = BIDE_NO_VALUE;
    return q;
}

void
bide_resolved_free(void *result)
{
    bide__free(result);
}

/* -- resolve -------------------------------------------------------------- */

static bool
abort_resolve(bide_wait *w, bool forced)
{
    (void)forced;
    query *q = w->object;
    bide__io_leave(w);
    w->object = NULL;
    q->wait = NULL;
    bide__lookup_cancel(&q->lookup);
    return true;
}

static const bide_wait_kind resolve_kind = {
    .verb = "resolve",
    .object = "DNS",
    .abort = abort_resolve,
    .undo = undo,
};

/* New: the addresses as text. NULL: out of memory. */
static bide_addresses *
to_text(const bide__sockaddr *list, size_t count)
{
    bide_addresses *out =
        bide__alloc(sizeof *out + count * sizeof out->list[0]);
    if (out)
        out->list = (bide_address *)(out + 1);
    for (size_t i = 0; out && i < count; i++)
        if (bide__address_text(&list[i], &out->list[out->count]) == 0)
            out->count++;
    return out;
}

static void
on_resolved(bide__lookup *lookup, int status)
{
    query *q = bide__of(lookup, query, lookup);
    bide__addresses *found = NULL;
    bide_addresses *out = NULL;
    if (status == 0 && q->wait) {
        found = bide__addresses_from(lookup->found, q->port);
        out = found ? to_text(found->list, found->count) : NULL;
        status = !out ? BIDE_ENOMEMORY : out->count ? 0 : BIDE_ENAME;
        bide__free(found);
    }
    if (status) {
        bide__free(out);
        out = NULL;
    }
    finish(q, status, out);
}

static int
answer(bide_wait *w, const bide__sockaddr *literal)
{
    w->value = BIDE_NO_VALUE;
    w->value.as.ptr = to_text(literal, 1);
    if (!w->value.as.ptr)
        return BIDE_ENOMEMORY;
    return bide__wait_done(w, &resolve_kind, NULL);
}

int
bide_resolve(const char *host, int port, bide_wait *w)
{
    bide__sockaddr literal;
    int rc = bide__wait_refused(w->task);
    if (rc)
        return rc;
    if (!host || !*host || port < 0 || port > BIDE__PORT_MAX)
        return BIDE_EINVALID;
    if (bide__address_literal(host, port, &literal))
        return answer(w, &literal);
    query *q = new_query(w, port);
    if (!q)
        return BIDE_ENOMEMORY;
    rc = bide__lookup_start(&q->lookup, w->task->loop, host, on_resolved);
    if (rc) {
        bide__lookup_fini(&q->lookup);
        bide__free(q);
        return rc;
    }
    return bide__io_park(w, &resolve_kind, q, NULL);
}

/* -- reverse -------------------------------------------------------------- */

static bool
abort_reverse(bide_wait *w, bool forced)
{
    (void)forced;
    query *q = w->object;
    bide__io_leave(w);
    w->object = NULL;
    q->wait = NULL;
    bide_job_cancel(&q->job);
    return true;
}

static const bide_wait_kind reverse_kind = {
    .verb = "reverse",
    .object = "DNS",
    .abort = abort_reverse,
    .undo = undo,
};

/* On a thread of the pool. */
static void
look_back(bide_job *j)
{
    query *q = bide__of(j, query, job);
    bool v6 = q->address.any.sa_family == AF_INET6;
    socklen_t size = v6 ? sizeof q->address.v6 : sizeof q->address.v4;
    int eai = getnameinfo(&q->address.any, size, q->name, sizeof q->name, NULL,
                          0, NI_NAMEREQD);
    if (eai == EAI_MEMORY)
        q->status = BIDE_ENOMEMORY;
    else if (eai == EAI_SYSTEM && errno)
        q->status = -errno;
    else
        q->status = eai ? BIDE_ENAME : 0;
}

static void
on_looked_back(bide_job *j, int status)
{
    query *q = bide__of(j, query, job);
    char *name = NULL;
    if (status == 0)
        status = q->status;
    if (status == 0 && q->wait) {
        name = bide__strdup(q->name);
        status = name ? 0 : BIDE_ENOMEMORY;
    }
    finish(q, status, name);
}

int
bide_reverse(const char *address, bide_wait *w)
{
    int rc = bide__wait_refused(w->task);
    if (rc)
        return rc;
    query *q = new_query(w, 0);
    if (!q)
        return BIDE_ENOMEMORY;
    q->job.run = look_back;
    q->job.done = on_looked_back;
    q->job.name = "getnameinfo";
    if (!address || !bide__address_literal(address, 0, &q->address))
        rc = BIDE_EINVALID;
    if (rc == 0)
        rc = bide__job_submit_dns(w->task->loop, &q->job);
    if (rc) {
        bide__free(q);
        return rc;
    }
    return bide__io_park(w, &reverse_kind, q, NULL);
}
