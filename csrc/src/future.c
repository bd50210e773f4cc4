/* A future settles exactly once, from any thread.
 * Invariant: `lock` guards settling and binding, so that a settler either sees
 * the loop whose tasks wait, and tells it, or the waiter sees the result. The
 * list of waiting tasks belongs to the loop's thread alone. */
#include <stdatomic.h>

#include "forgotten.h"
#include "lock.h"
#include "object.h"
#include "parker.h"
#include "wait.h"

struct bide_future {
    bide__object base;
    atomic_bool settled;
    atomic_bool seen; /* somebody has its status, or knows that there is one */
    bide__lock lock;
    bide_link waiters;
    bide_link threads; /* bide__parker, under the lock */
    int status;
    bide_value value;
    bide_post post;
};

static const bide_wait_kind kind = {
    .verb = "await",
    .object = "Future",
    .host = true,
    .label = bide__object_label,
};

int
bide_future_new(bide_future **out)
{
    bide_future *f = bide__object_new(sizeof *f, NULL, (bide_site){NULL, 0});
    if (!f)
        return BIDE_ENOMEMORY;
    bide__list_init(&f->waiters);
    bide__list_init(&f->threads);
    *out = f;
    return 0;
}

void
bide_future_label(bide_future *f, const char *name, bide_site site)
{
    f->base.name = name;
    f->base.site = site;
}

bide_future *
bide_future_ref(bide_future *f)
{
    bide__object_ref(&f->base);
    return f;
}

static void
look_at(bide_future *f)
{
    atomic_store_explicit(&f->seen, true, memory_order_relaxed);
}

static bool
is_forgotten(const bide_future *f)
{
    return f->status < 0 && f->status != BIDE_ECANCELED &&
           (f->base.name || f->base.site.file) &&
           !atomic_load_explicit(&f->seen, memory_order_relaxed);
}

void
bide_future_unref(bide_future *f)
{
    if (!f || !bide__object_unref(&f->base))
        return;
    if (bide__unlikely(is_forgotten(f)))
        bide__forgotten_object("Future", &f->base, f->status);
    bide__object_free(&f->base);
}

static void
wake_tasks(bide_future *f)
{
    if (!bide__list_empty(&f->waiters))
        look_at(f);
    while (!bide__list_empty(&f->waiters)) {
        bide_wait *w = bide__wait_first(&f->waiters);
        w->value = f->value;
        bide__wait_fire(w, 0);
    }
}

static void
on_settled(bide_post *p)
{
    bide_future *f = bide__of(p, bide_future, post);
    wake_tasks(f);
    bide_future_unref(f);
}

int
bide_future_settle(bide_future *f, int status, bide_value value)
{
    bide__lock_take(&f->lock);
    if (atomic_load_explicit(&f->settled, memory_order_relaxed)) {
        bide__lock_drop(&f->lock);
        return BIDE_ESETTLED;
    }
    f->status = status;
    f->value = value;
    atomic_store_explicit(&f->settled, true, memory_order_release);
    bide_loop *l = f->base.loop;
    bool here = !l || bide__loop_is_here(l);
    if (!here)
        bide_future_ref(f);
    while (!bide__list_empty(&f->threads))
        bide__parker_release(
            bide__of(bide__list_pop(&f->threads), bide__parker, link), 0);
    bide__lock_drop(&f->lock);
    if (here) {
        wake_tasks(f);
        return 0;
    }
    f->post.deliver = on_settled;
    if (bide_loop_post(l, &f->post))
        bide_future_unref(f);
    return 0;
}

int
bide_future_wait(bide_future *f, bide_wait *w)
{
    int rc = bide__wait_refused(w->task);
    if (rc)
        return rc;
    if (!atomic_load_explicit(&f->settled, memory_order_acquire)) {
        bide__lock_take(&f->lock);
        bool settled = atomic_load_explicit(&f->settled, memory_order_relaxed);
        if (!settled) /* a settler may be posting to the loop before */
            rc = bide__loop_bind(&f->base.loop, w->task->loop);
        bide__lock_drop(&f->lock);
        if (rc)
            return rc;
        if (!settled)
            return bide__wait_park(w, &kind, f, &f->waiters);
    }
    look_at(f);
    w->value = f->value;
    return bide__wait_done(w, &kind, f);
}

int
bide_future_peek(bide_future *f, int *status, bide_value *value)
{
    if (!atomic_load_explicit(&f->settled, memory_order_acquire))
        return BIDE_EWOULDBLOCK;
    if (status) {
        look_at(f);
        *status = f->status;
    }
    if (value)
        *value = f->value;
    return 0;
}

int
bide_future_wait_blocking(bide_future *f, int64_t timeout)
{
    if (bide__loop_here)
        return BIDE_EDEADLOCK;
    bide__parker p;
    int rc = bide__parker_init(&p);
    if (rc)
        return rc;
    bide__lock_take(&f->lock);
    bool settled = atomic_load_explicit(&f->settled, memory_order_relaxed);
    if (!settled)
        bide__list_append(&f->threads, &p.link);
    bide__lock_drop(&f->lock);
    if (!settled && !bide__parker_wait(&p, timeout)) {
        bide__lock_take(&f->lock);
        bool listed = bide__list_linked(&p.link);
        if (listed)
            bide__list_remove(&p.link);
        bide__lock_drop(&f->lock);
        if (listed)
            rc = BIDE_ETIMEDOUT;
        else
            bide__parker_wait(&p, BIDE_FOREVER);
    }
    bide__parker_fini(&p);
    if (!rc)
        look_at(f);
    return rc;
}
