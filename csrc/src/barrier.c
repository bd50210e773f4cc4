/* A barrier that is used again and again.
 * Invariant: fewer than `parties` tasks wait: the one that would make it full
 * releases them instead. A waiter's place is fixed only on release, so that a
 * cancelled one leaves no gap. */
#include "object.h"

struct bide_barrier {
    bide__object object;
    size_t parties;
    size_t waiting;
    bool broken;
    bide_link waiters;
};

static bool abort_wait(bide_wait *w, bool forced);

static const bide_wait_kind kind = {
    .verb = "wait",
    .object = "Barrier",
    .abort = abort_wait,
    .label = bide__object_label,
};

int
bide_barrier_new(size_t parties, const char *name, bide_site site,
                 bide_barrier **out)
{
    if (parties == 0)
        return BIDE_EINVALID;
    bide_barrier *b = bide__object_new(sizeof *b, name, site);
    if (!b)
        return BIDE_ENOMEMORY;
    b->parties = parties;
    bide__list_init(&b->waiters);
    *out = b;
    return 0;
}

bide_barrier *
bide_barrier_ref(bide_barrier *b)
{
    bide__object_ref(&b->object);
    return b;
}

void
bide_barrier_unref(bide_barrier *b)
{
    if (b && bide__object_unref(&b->object))
        bide__object_free(&b->object);
}

static bool
abort_wait(bide_wait *w, bool forced)
{
    (void)forced;
    bide_barrier *b = w->object;
    bide__list_remove(&w->link);
    b->waiting--;
    return true;
}

static void
release(bide_barrier *b, int status)
{
    size_t place = 0;
    b->waiting = 0;
    while (!bide__list_empty(&b->waiters)) {
        bide_wait *w = bide__wait_first(&b->waiters);
        w->u.count = place++;
        bide__wait_fire(w, status);
    }
}

int
bide_barrier_wait(bide_barrier *b, bide_wait *w)
{
    int rc = bide__object_enter(&b->object, w->task);
    if (bide__unlikely(rc))
        return rc;
    if (b->broken)
        return BIDE_EBROKEN;
    if (b->waiting + 1 < b->parties) {
        b->waiting++;
        return bide__wait_park(w, &kind, b, &b->waiters);
    }
    release(b, 0);
    w->u.count = b->parties - 1;
    return bide__wait_done(w, &kind, b);
}

void
bide_barrier_abort(bide_barrier *b)
{
    b->broken = true;
    release(b, BIDE_EBROKEN);
}

void
bide_barrier_reset(bide_barrier *b)
{
    b->broken = false;
    release(b, BIDE_EBROKEN);
}

size_t
bide_barrier_parties(const bide_barrier *b)
{
    return b->parties;
}

size_t
bide_barrier_waiting(const bide_barrier *b)
{
    return b->waiting;
}

bool
bide_barrier_broken(const bide_barrier *b)
{
    return b->broken;
}
