#include "endpoint.h"

#include <signal.h>

/* Writing to a connection that the peer has reset raises SIGPIPE, which ends a
 * process that did not ask for it; the error code says the same. A handler of
 * the program's own stays. */
static void
ignore_sigpipe(void)
{
    struct sigaction now;
    if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN);
}

void *
bide__endpoint_new(size_t size, bide_loop *l, void (*shut)(bide__endpoint *e))
{
    static uv_once_t once = UV_ONCE_INIT;
    uv_once(&once, ignore_sigpipe);
    bide__endpoint *e =
        bide__object_new(size, NULL, (bide_site){.file = NULL, .line = 0});
    if (!e)
        return NULL;
    e->object.loop = bide_loop_ref(l);
    e->shut = shut;
    e->closed = true;
    atomic_init(&e->owners, 1);
    return e;
}

static void
close_with_loop(bide__handle *h)
{
    bide__endpoint_close(bide__of(h, bide__endpoint, handle));
}

void
bide__endpoint_open(bide__endpoint *e)
{
    e->closed = false;
    atomic_fetch_add(&e->owners, 1);
    e->handle.close = close_with_loop;
    bide__loop_add_handle(e->object.loop, &e->handle);
}

void
bide__endpoint_close(bide__endpoint *e)
{
    if (e->closed)
        return;
    e->closed = true;
    bide__loop_remove_handle(e->object.loop, &e->handle);
    e->shut(e);
}

void
bide__endpoint_gone(bide__endpoint *e)
{
    if (atomic_fetch_sub(&e->owners, 1) != 1)
        return;
    if (e->fini)
        e->fini(e);
    bide__object_free(&e->object);
}

static void
on_released(bide_post *p)
{
    bide__endpoint *e = bide__of(p, bide__endpoint, released);
    bide__endpoint_close(e);
    bide__endpoint_gone(e);
}

void
bide__endpoint_unref(bide__endpoint *e)
{
    if (!e || !bide__object_unref(&e->object))
        return;
    e->released.deliver = on_released;
    if (bide__loop_is_here(e->object.loop))
        on_released(&e->released);
    else if (bide_loop_post(e->object.loop, &e->released))
        bide__endpoint_gone(e);
}
