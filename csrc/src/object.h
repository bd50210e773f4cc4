/* What the heap-allocated primitives share: a count of references, the loop
 * they belong to, a name and a site for reports. The first member of each. */
#ifndef BIDE_OBJECT_H
#define BIDE_OBJECT_H

#include <stdatomic.h>

#include "alloc.h"
#include "loop.h"
#include "wait.h"

typedef struct bide__object {
    atomic_size_t refs;
    bide_loop *loop; /* counted */
    const char *name;
    bide_site site;
} bide__object;

/** The `label` of the kinds whose object begins with a bide__object. */
const char *bide__object_label(const bide_wait *w, bide_site *site);

/** A new zeroed primitive of `size` bytes, or NULL. */
static inline void *
bide__object_new(size_t size, const char *name, bide_site site)
{
    bide__object *o = bide__alloc(size);
    if (!o)
        return NULL;
    atomic_init(&o->refs, 1);
    o->name = name;
    o->site = site;
    return o;
}

static inline void
bide__object_ref(bide__object *o)
{
    atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
}

/** True: that was the last reference, the caller frees what it holds and then
 * calls bide__object_free. */
static inline bool
bide__object_unref(bide__object *o)
{
    return o && atomic_fetch_sub(&o->refs, 1) == 1;
}

static inline void
bide__object_free(bide__object *o)
{
    bide_loop_unref(o->loop);
    bide__free(o);
}

/** Whether `t` may use `o`: what bide__wait_refused says, or BIDE_EWRONGLOOP.
 */
static inline int
bide__object_enter(bide__object *o, bide_task *t)
{
    int rc = bide__wait_refused(t);
    return bide__unlikely(rc) ? rc : bide__loop_bind(&o->loop, t->loop);
}

#endif
