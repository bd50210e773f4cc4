#include "mutex.h"

#include "cycle.h"

static const bide_wait_kind lock_kind = {
    .verb = "lock",
    .object = "Mutex",
    .undo = bide__mutex_undo,
    .owner_at = offsetof(bide_mutex, held.holder),
    .label = bide__object_label,
};

static void on_holder_ended(bide__held *held, bide_task *t);

static const bide__held_kind held_kind = {
    .type = "Mutex",
    .broke = on_holder_ended,
    .waiters_at = offsetof(bide_mutex, waiters),
};

int
bide_mutex_new(const char *name, bide_site site, bide_mutex **out)
{
    bide_mutex *m = bide__object_new(sizeof *m, name, site);
    if (!m)
        return BIDE_ENOMEMORY;
    bide__list_init(&m->waiters);
    m->held.kind = &held_kind;
    m->held.object = m;
    *out = m;
    return 0;
}

bide_mutex *
bide_mutex_ref(bide_mutex *m)
{
    bide__object_ref(&m->object);
    return m;
}

void
bide_mutex_unref(bide_mutex *m)
{
    if (!m || !bide__object_unref(&m->object))
        return;
    if (m->held.holder)
        bide__held_drop(&m->held);
    bide__object_free(&m->object);
}

/* -- handing over --------------------------------------------------------- */

static bide__apart void
hand_over(bide_mutex *m)
{
    bide__held_take(&m->held);
    if (bide__list_empty(&m->waiters)) {
        m->held.eventful = 0;
        return;
    }
    bide_wait *w = bide__wait_first(&m->waiters);
    bide__held_give(&m->held, w->task);
    bide__wait_fire(w, w->status);
}

void
bide__mutex_pass_on(bide_mutex *m)
{
    if (bide__unlikely(m->held.eventful))
        hand_over(m);
    else
        bide__held_end(&m->held);
}

void
bide__mutex_enqueue(bide_mutex *m, bide_wait *w)
{
    w->task->parked_at = w->task->loop->now; /* for the mutex, from now on */
    if (m->broken) {
        bide__wait_fire(w, BIDE_EBROKEN);
    } else if (!m->held.holder) {
        bide__held_give(&m->held, w->task);
        bide__wait_fire(w, w->status);
    } else {
        bide__list_append(&m->waiters, &w->link);
        m->held.eventful |= BIDE__HELD_AWAITED;
    }
}

void
bide__mutex_undo(bide_wait *w)
{
    bide_mutex *m = w->object;
    if (m->held.holder == w->task)
        bide__mutex_pass_on(m);
}

static void
on_holder_ended(bide__held *held, bide_task *t)
{
    bide_mutex *m = bide__of(held, bide_mutex, held);
    m->held.holder = NULL;
    m->broken = true;
    bide__held_name(t, m->breaker, sizeof m->breaker);
    bide__wait_fire_all(&m->waiters, BIDE_EBROKEN);
}

/* -- operations ----------------------------------------------------------- */

static inline int
try_lock(bide_mutex *m, bide_task *t)
{
    if (bide__unlikely(m->broken))
        return BIDE_EBROKEN;
    if (m->held.holder)
        return BIDE_EWOULDBLOCK;
    bide__held_begin(&m->held, t);
    return 0;
}

static inline int
lock(bide_mutex *m, bide_wait *w)
{
    int rc = bide__object_enter(&m->object, w->task);
    if (bide__unlikely(rc))
        return rc;
    rc = try_lock(m, w->task);
    if (rc == 0)
        return bide__wait_done(w, &lock_kind, m);
    if (rc == BIDE_EBROKEN)
        return rc;
    if (bide__wait_is_cycle(w, &lock_kind, m))
        return BIDE_EDEADLOCK;
    w->status = 0;
    m->held.eventful |= BIDE__HELD_AWAITED;
    return bide__wait_park(w, &lock_kind, m, &m->waiters);
}

/* The same where it may have to be noted that the task has got the lock. */
static bide__apart int
lock_apart(bide_mutex *m, bide_wait *w)
{
    bool was_free = !m->held.holder;
    int rc = lock(m, w);
    if (was_free && m->held.holder)
        bide__held_note(&m->held);
    return rc;
}

int
bide_mutex_lock(bide_mutex *m, bide_wait *w)
{
    if (bide__unlikely(bide__loop_apart(w->task->loop)))
        return lock_apart(m, w);
    return lock(m, w);
}

int
bide_mutex_try_lock(bide_mutex *m, bide_task *t)
{
    int rc = bide__loop_bind(&m->object.loop, t->loop);
    if (!rc)
        rc = try_lock(m, t);
    if (!rc)
        bide__held_note(&m->held);
    return rc;
}

int
bide_mutex_unlock(bide_mutex *m, bide_task *t)
{
    if (m->held.holder != t || !t)
        return BIDE_ENOTOWNER;
    bide__mutex_pass_on(m);
    return 0;
}

bide_task *
bide_mutex_owner(const bide_mutex *m)
{
    return m->held.holder;
}

size_t
bide_mutex_waiters(const bide_mutex *m)
{
    return bide__list_count(&m->waiters);
}

void
bide_mutex_reset(bide_mutex *m)
{
    m->broken = false;
}

const char *
bide_mutex_breaker(const bide_mutex *m)
{
    return m->broken ? m->breaker : NULL;
}
