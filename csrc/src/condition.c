/* A condition variable over a mutex. A notified wait is moved to the queue of
 * the mutex (wait morphing): it wakes once, holding the mutex.
 * Invariant: a wait of kind waiting_kind is in the condition's queue with
 * status 0; one of kind relocking_kind is in the mutex's queue, and its status
 * is what it will end with. */
#include "mutex.h"

struct bide_condition {
    bide__object object;
    bide_mutex *mutex; /* counted */
    bide_link waiters;
};

static bool abort_waiting(bide_wait *w, bool forced);
static bool abort_relocking(bide_wait *w, bool forced);

static const bide_wait_kind waiting_kind = {
    .verb = "wait",
    .object = "Condition",
    .abort = abort_waiting,
    .label = bide__object_label,
};
static const bide_wait_kind relocking_kind = {
    .verb = "relock",
    .object = "Mutex",
    .abort = abort_relocking,
    .undo = bide__mutex_undo,
    .undo_failed = true,
    .owner_at = offsetof(bide_mutex, held.holder),
    .label = bide__object_label,
};

int
bide_condition_new(bide_mutex *m, const char *name, bide_site site,
                   bide_condition **out)
{
    bide_condition *c = bide__object_new(sizeof *c, name, site);
    if (!c)
        return BIDE_ENOMEMORY;
    c->mutex = bide_mutex_ref(m);
    bide__list_init(&c->waiters);
    *out = c;
    return 0;
}

bide_condition *
bide_condition_ref(bide_condition *c)
{
    bide__object_ref(&c->object);
    return c;
}

void
bide_condition_unref(bide_condition *c)
{
    if (!c || !bide__object_unref(&c->object))
        return;
    bide_mutex_unref(c->mutex);
    bide__object_free(&c->object);
}

static void
relock(bide_wait *w, int status)
{
    bide_condition *c = w->object;
    bide__list_remove(&w->link);
    w->kind = &relocking_kind;
    w->status = status;
    w->object = c->mutex;
    bide__mutex_enqueue(c->mutex, w);
}

/* A cancelled wait, too, ends holding the mutex. */
static bool
abort_waiting(bide_wait *w, bool forced)
{
    if (forced) {
        bide__list_remove(&w->link);
        return true;
    }
    relock(w, BIDE_ECANCELED);
    return false;
}

static bool
abort_relocking(bide_wait *w, bool forced)
{
    if (forced)
        bide__list_remove(&w->link);
    return forced;
}

int
bide_condition_wait(bide_condition *c, bide_wait *w)
{
    bide_task *t = w->task;
    int rc = bide__object_enter(&c->object, t);
    if (rc)
        return rc;
    if (c->mutex->held.holder != t)
        return BIDE_ENOTOWNER;
    if (t->racing)
        return BIDE_EINVALID;
    w->status = 0;
    bide__wait_park(w, &waiting_kind, c, &c->waiters);
    bide__mutex_pass_on(c->mutex);
    return BIDE_PARKED;
}

int
bide_condition_notify(bide_condition *c, bide_task *t, size_t n)
{
    if (c->mutex->held.holder != t || !t)
        return BIDE_ENOTOWNER;
    for (; n && !bide__list_empty(&c->waiters); n--)
        relock(bide__wait_first(&c->waiters), 0);
    return 0;
}

size_t
bide_condition_waiters(const bide_condition *c)
{
    return bide__list_count(&c->waiters);
}
