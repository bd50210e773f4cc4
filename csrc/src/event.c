/* A flag that tasks wait for. Invariant: there are no waiters while it is set.
 */
#include "object.h"

struct bide_event {
    bide__object object;
    bool set;
    bide_link waiters;
};

static const bide_wait_kind kind = {
    .verb = "wait",
    .object = "Event",
    .label = bide__object_label,
};

int
bide_event_new(const char *name, bide_site site, bide_event **out)
{
    bide_event *e = bide__object_new(sizeof *e, name, site);
    if (!e)
        return BIDE_ENOMEMORY;
    bide__list_init(&e->waiters);
    *out = e;
    return 0;
}

bide_event *
bide_event_ref(bide_event *e)
{
    bide__object_ref(&e->object);
    return e;
}

void
bide_event_unref(bide_event *e)
{
    if (e && bide__object_unref(&e->object))
        bide__object_free(&e->object);
}

int
bide_event_wait(bide_event *e, bide_wait *w)
{
    int rc = bide__object_enter(&e->object, w->task);
    if (bide__unlikely(rc))
        return rc;
    if (e->set)
        return bide__wait_done(w, &kind, e);
    return bide__wait_park(w, &kind, e, &e->waiters);
}

void
bide_event_set(bide_event *e)
{
    e->set = true;
    bide__wait_fire_all(&e->waiters, 0);
}

void
bide_event_clear(bide_event *e)
{
    e->set = false;
}

bool
bide_event_is_set(const bide_event *e)
{
    return e->set;
}

size_t
bide_event_waiters(const bide_event *e)
{
    return bide__list_count(&e->waiters);
}
