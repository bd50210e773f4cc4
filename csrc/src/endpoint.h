/* What every I/O object with references shares: a stream, a listener.
 *
 * Invariants
 * - The memory has two owners: the users, as one, and libuv from open until its
 *   close callback. The last of them to leave frees it.
 * - Users leave on the loop's thread, having closed the object; or on any
 *   thread once the loop is closed, which has closed the object.
 * - `io_waits` of a loop counts the waits parked on I/O. */
#ifndef BIDE_ENDPOINT_H
#define BIDE_ENDPOINT_H

#include "object.h"

typedef struct bide__endpoint {
    bide__object object;
    bide__handle handle;
    void (*shut)(struct bide__endpoint *e);
    void (*fini)(struct bide__endpoint *e); /* frees what it has; or NULL */
    bide_post released; /* the last unref, by another thread */
    atomic_int owners;
    bool closed;
} bide__endpoint;

/** A zeroed endpoint of `size` bytes, not open yet, or NULL. `shut` is called
 * once after open, to end the waits and to close the libuv handle, whose close
 * callback calls bide__endpoint_gone. */
void *bide__endpoint_new(size_t size, bide_loop *l,
                         void (*shut)(bide__endpoint *e));

/** The libuv handle has been initialised. */
void bide__endpoint_open(bide__endpoint *e);

void bide__endpoint_close(bide__endpoint *e);
void bide__endpoint_gone(bide__endpoint *e);
void bide__endpoint_unref(bide__endpoint *e);

/** Why `t` may not use the endpoint, or 0. */
static inline int
bide__endpoint_enter(const bide__endpoint *e, const bide_task *t)
{
    int rc = bide__wait_refused(t);
    if (bide__unlikely(rc))
        return rc;
    if (bide__unlikely(t->loop != e->object.loop))
        return BIDE_EWRONGLOOP;
    return bide__unlikely(e->closed) ? BIDE_ECLOSED : 0;
}

/* -- waits on I/O --------------------------------------------------------- */

static inline void
bide__io_count(const bide_wait *w, size_t by)
{
    bide_loop *l = w->task->loop;
    l->io_waits += by;
    if (bide__unlikely(w->task->background))
        l->background.io_waits += by;
}

static inline int
bide__io_park(bide_wait *w, const bide_wait_kind *kind, void *object,
              bide_link *queue)
{
    bide__io_count(w, 1);
    return bide__wait_park(w, kind, object, queue);
}

static inline void
bide__io_fire(bide_wait *w, int status)
{
    bide__io_count(w, (size_t)-1);
    bide__wait_fire(w, status);
}

static inline void
bide__io_fire_all(bide_link *queue, int status)
{
    while (!bide__list_empty(queue))
        bide__io_fire(bide__wait_first(queue), status);
}

/** The part of `abort` that every wait on I/O has. */
static inline void
bide__io_leave(bide_wait *w)
{
    bide__io_count(w, (size_t)-1);
    if (bide__list_linked(&w->link))
        bide__list_remove(&w->link);
}

#endif
