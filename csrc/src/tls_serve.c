/* A listener whose connections speak TLS. */
#include "listener.h"
#include "tls_context.h"

static int
make(bide_stream *s, void *arg, bide_stream **out)
{
    return bide_tls_start_server(s, arg, out);
}

static void
drop(void *arg)
{
    bide_tls_context_unref(arg);
}

int
bide_tls_serve(bide_listener *l, bide_tls_context *c)
{
    if (!c->server)
        return BIDE_EINVALID;
    if (bide_listener_closed(l))
        return BIDE_ECLOSED;
    bide__wrap wrap = {make, drop, bide_tls_context_ref(c)};
    bide__listener_wrap(l, &wrap);
    return 0;
}
