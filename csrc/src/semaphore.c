/* A counting semaphore.
 * Invariant: the request at the head of the queue is larger than the permits
 * left; whatever changes either calls serve. */
#include "object.h"

struct bide_semaphore {
    bide__object object;
    size_t permits, bound;
    bide_link waiters; /* w->u.count: how many */
};

/* A count that the signed integers of host languages can hold. */
static const size_t UNBOUNDED = SIZE_MAX / 2;

static bool abort_acquire(bide_wait *w, bool forced);
static void undo_acquire(bide_wait *w);

static const bide_wait_kind kind = {
    .verb = "acquire",
    .object = "Semaphore",
    .abort = abort_acquire,
    .undo = undo_acquire,
    .label = bide__object_label,
};

int
bide_semaphore_new(size_t permits, bool bounded, const char *name,
                   bide_site site, bide_semaphore **out)
{
    bide_semaphore *s = bide__object_new(sizeof *s, name, site);
    if (!s)
        return BIDE_ENOMEMORY;
    s->permits = permits;
    s->bound = bounded || permits > UNBOUNDED ? permits : UNBOUNDED;
    bide__list_init(&s->waiters);
    *out = s;
    return 0;
}

bide_semaphore *
bide_semaphore_ref(bide_semaphore *s)
{
    bide__object_ref(&s->object);
    return s;
}

void
bide_semaphore_unref(bide_semaphore *s)
{
    if (s && bide__object_unref(&s->object))
        bide__object_free(&s->object);
}

static void
serve(bide_semaphore *s)
{
    while (!bide__list_empty(&s->waiters)) {
        bide_wait *w = bide__wait_first(&s->waiters);
        if (w->u.count > s->permits)
            return;
        s->permits -= w->u.count;
        bide__wait_fire(w, 0);
    }
}

/* A large request that leaves may have held back smaller ones. */
static bool
abort_acquire(bide_wait *w, bool forced)
{
    (void)forced;
    bide__list_remove(&w->link);
    serve(w->object);
    return true;
}

static void
undo_acquire(bide_wait *w)
{
    bide_semaphore *s = w->object;
    s->permits += w->u.count;
    serve(s);
}

int
bide_semaphore_try_acquire(bide_semaphore *s, size_t n)
{
    if (n == 0 || n > s->bound)
        return BIDE_EINVALID;
    if (n > s->permits || !bide__list_empty(&s->waiters))
        return BIDE_EWOULDBLOCK;
    s->permits -= n;
    return 0;
}

int
bide_semaphore_acquire(bide_semaphore *s, size_t n, bide_wait *w)
{
    int rc = bide__object_enter(&s->object, w->task);
    if (bide__unlikely(rc))
        return rc;
    rc = bide_semaphore_try_acquire(s, n);
    if (rc == BIDE_EINVALID)
        return rc;
    w->u.count = n;
    if (rc == 0)
        return bide__wait_done(w, &kind, s);
    return bide__wait_park(w, &kind, s, &s->waiters);
}

int
bide_semaphore_release(bide_semaphore *s, size_t n)
{
    if (n > s->bound - s->permits)
        return BIDE_EOVERFLOW;
    s->permits += n;
    serve(s);
    return 0;
}

size_t
bide_semaphore_permits(const bide_semaphore *s)
{
    return s->permits;
}

size_t
bide_semaphore_waiters(const bide_semaphore *s)
{
    return bide__list_count(&s->waiters);
}
