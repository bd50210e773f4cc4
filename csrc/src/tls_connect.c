/* A connection and the handshake on it, as one wait. */
#include <string.h>

#include "connect.h"
#include "tls_state.h"

typedef struct tls_then {
    bide__then then;
    bide_tls_context *context;
    char host[];
} tls_then;

static void
undo(bide_wait *w)
{
    bide_stream_unref(w->value.as.ptr);
    w->value = BIDE_NO_VALUE;
}

static bool
abort_handshake(bide_wait *w, bool forced)
{
    (void)forced;
    bide__io_leave(w);
    undo(w);
    return true;
}

static const bide_wait_kind kind = {
    .verb = "connect",
    .object = "TLS",
    .label = bide__object_label,
    .abort = abort_handshake,
    .undo = undo,
    .undo_failed = true,
};

static int
run(bide__then *self, bide_wait *w, bide_stream *under)
{
    const tls_then *c = bide__of(self, tls_then, then);
    bide_stream *s = NULL;
    int rc = bide_tls_start_client(under, c->context, c->host, NULL, 0, &s);
    w->value.as.ptr = s;
    if (rc) {
        bide_stream_unref(under);
        return rc;
    }
    bide__tls *t = bide__tls_of(s);
    if (t->failed)
        return t->failed;
    w->kind = &kind;
    w->object = s;
    bide__list_append(&t->shakers, &w->link);
    return BIDE_PARKED;
}

static void
drop(bide__then *self)
{
    tls_then *c = bide__of(self, tls_then, then);
    bide_tls_context_unref(c->context);
    bide__free(c);
}

int
bide_tls_connect(const char *host, int port, bide_tls_context *c, bide_wait *w)
{
    if (!host || c->server)
        return BIDE_EINVALID;
    size_t size = strlen(host) + 1;
    tls_then *then = bide__realloc(NULL, sizeof *then + size);
    if (!then)
        return BIDE_ENOMEMORY;
    then->then = (bide__then){run, drop};
    then->context = bide_tls_context_ref(c);
    memcpy(then->host, host, size);
    return bide__connect(host, port, NULL, w, &then->then);
}
