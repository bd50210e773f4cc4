#include "opening.h"

#include <string.h>

#include "alloc.h"

bool
bide__opening_abort(bide_wait *w, bool forced)
{
    (void)forced;
    bide__opening *o = w->object;
    bide__io_leave(w);
    w->object = NULL;
    o->wait = NULL;
    bide__lookup_cancel(&o->lookup);
    return true;
}

/* One IPv6 socket serves both families, unless the system has no IPv6. */
static int
open_everywhere(const bide__opening *o, void **out)
{
    bide__sockaddr a;
    bide__address_literal("::", o->port, &a);
    int rc = o->open(o, &a, out);
    if (rc == 0 || o->v6_only ||
        (rc != UV_EAFNOSUPPORT && rc != UV_EADDRNOTAVAIL))
        return rc;
    bide__address_literal("0.0.0.0", o->port, &a);
    return o->open(o, &a, out);
}

/* -- a name --------------------------------------------------------------- */

static void
destroy(bide__opening *o)
{
    bide__lookup_fini(&o->lookup);
    bide__free(o);
}

static int
open_any(const bide__opening *o, void **out)
{
    bide__addresses *as = bide__addresses_from(o->lookup.found, o->port);
    if (!as)
        return BIDE_ENOMEMORY;
    int rc = BIDE_ENAME;
    for (size_t i = 0; i < as->count; i++) {
        rc = o->open(o, &as->list[i], out);
        if (rc == 0)
            break;
    }
    bide__free(as);
    return rc;
}

static void
on_resolved(bide__lookup *q, int status)
{
    bide__opening *o = bide__of(q, bide__opening, lookup);
    bide_wait *w = o->wait;
    if (w) {
        void *opened = NULL;
        if (status == 0)
            status = open_any(o, &opened);
        w->value.as.ptr = opened;
        w->object = NULL;
        bide__io_fire(w, status);
    }
    destroy(o);
}

static int
resolve(const bide__opening *given, size_t size, const char *host)
{
    bide__opening *o = bide__alloc(size);
    if (!o)
        return BIDE_ENOMEMORY;
    memcpy(o, given, size);
    int rc = bide__lookup_start(&o->lookup, o->loop, host, on_resolved);
    if (rc) {
        destroy(o);
        return rc;
    }
    return bide__io_park(o->wait, o->kind, o, NULL);
}

int
bide__opening_start(const bide__opening *o, size_t size, const char *host)
{
    bide__sockaddr literal;
    void *opened = NULL;
    int rc;
    o->wait->value = BIDE_NO_VALUE;
    if (!host || !*host)
        rc = open_everywhere(o, &opened);
    else if (bide__address_literal(host, o->port, &literal))
        rc = o->open(o, &literal, &opened);
    else
        return resolve(o, size, host);
    if (rc)
        return rc;
    o->wait->value.as.ptr = opened;
    return bide__wait_done(o->wait, o->kind, NULL);
}
