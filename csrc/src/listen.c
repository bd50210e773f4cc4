/* From a host name to a listener. */
#include "listener.h"
#include "opening.h"
#include "tcp.h"

typedef struct request {
    bide__opening opening;
    bide_tcp_options options;
} request;

static void
undo_listen(bide_wait *w)
{
    bide_listener_unref(w->value.as.ptr);
    w->value = BIDE_NO_VALUE;
}

static const bide_wait_kind kind = {
    .verb = "listen",
    .object = "TCP",
    .abort = bide__opening_abort,
    .undo = undo_listen,
};

static int
open_one(const bide__opening *o, const bide__sockaddr *a, void **out)
{
    const request *r = bide__of(o, request, opening);
    bide_listener *l = NULL;
    int rc = bide__listener_new(o->loop, a, &r->options, &l);
    *out = l;
    return rc;
}

int
bide_tcp_listen(const char *host, int port, const bide_tcp_options *o,
                bide_wait *w)
{
    int rc = bide__wait_refused(w->task);
    if (rc)
        return rc;
    if (port < 0 || port > BIDE__PORT_MAX)
        return BIDE_EINVALID;
    request r = {.opening = {.wait = w,
                             .kind = &kind,
                             .loop = w->task->loop,
                             .port = port,
                             .open = open_one}};
    if (o) {
        r.options = *o;
        r.opening.v6_only = o->v6_only;
    }
    return bide__opening_start(&r.opening, sizeof r, host);
}
