/* A counting semaphore.
 * Invariant: the request at the head of the queue is larger than the permits
 * left; whatever changes either calls serve. */
#include "cycle.h"
#include "grant.h"
#include "object.h"

struct bide_semaphore {
    bide__object object;
    size_t permits, bound;
    bide_link waiters; /* w->u.count: how many */
    bide_link granted; /* by hold: bide__grant */
    bool loose;        /* other permits come and go without a holder */
    bool broken;
    size_t nameless;  /* permits held without a grant: no memory */
    size_t lost;      /* permits of tasks that ended with them */
    char breaker[64]; /* the name of the last of these */
};

/* A count that the signed integers of host languages can hold. */
static const size_t UNBOUNDED = SIZE_MAX / 2;

static bool abort_acquire(bide_wait *w, bool forced);
static void undo_acquire(bide_wait *w);

/* What the request lacks; it is served after those before it. */
static size_t
lacking(const bide_wait *w)
{
    const bide_semaphore *s = w->object;
    return s->loose || w->u.count <= s->permits ? 0 : w->u.count - s->permits;
}

static const bide_wait_kind kind = {
    .verb = "acquire",
    .object = "Semaphore",
    .abort = abort_acquire,
    .undo = undo_acquire,
    .holders_at = offsetof(bide_semaphore, granted),
    .lacking = lacking,
    .label = bide__object_label,
};
static const bide_wait_kind hold_kind = {
    .verb = "hold",
    .object = "Semaphore",
    .abort = abort_acquire,
    .undo = undo_acquire,
    .holders_at = offsetof(bide_semaphore, granted),
    .lacking = lacking,
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
    bide__list_init(&s->granted);
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
    if (!s || !bide__object_unref(&s->object))
        return;
    bide__grant_end_all(&s->granted);
    bide__object_free(&s->object);
}

/* -- holders -------------------------------------------------------------- */

static void
on_holder_ended(bide__held *held, bide_task *t)
{
    bide__grant *g = bide__of(held, bide__grant, held);
    bide_semaphore *s = held->object;
    s->broken = true;
    s->lost += g->count;
    bide__held_name(t, s->breaker, sizeof s->breaker);
    bide__grant_take(g, g->count);
    bide__wait_fire_all(&s->waiters, BIDE_EBROKEN);
}

static const bide__held_kind held_kind = {
    .type = "Semaphore",
    .broke = on_holder_ended,
    .waiters_at = offsetof(bide_semaphore, waiters),
};

static void
grant(bide_semaphore *s, bide_task *t, size_t n)
{
    if (!bide__grant_add(&s->granted, &held_kind, s, t, n))
        s->nameless += n;
}

/* -- handing over --------------------------------------------------------- */

static void
serve(bide_semaphore *s)
{
    while (!bide__list_empty(&s->waiters)) {
        bide_wait *w = bide__wait_first(&s->waiters);
        if (w->u.count > s->permits)
            return;
        s->permits -= w->u.count;
        if (w->kind == &hold_kind)
            grant(s, w->task, w->u.count);
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
give_back(bide_semaphore *s, size_t n)
{
    s->permits += n;
    serve(s);
}

static void
undo_acquire(bide_wait *w)
{
    bide_semaphore *s = w->object;
    if (w->kind == &hold_kind)
        bide_semaphore_drop(s, w->u.count, w->task);
    else
        give_back(s, w->u.count);
}

/* -- operations ----------------------------------------------------------- */

static int
try_take(bide_semaphore *s, size_t n)
{
    if (n == 0 || n > s->bound)
        return BIDE_EINVALID;
    if (s->broken)
        return BIDE_EBROKEN;
    if (n > s->permits || !bide__list_empty(&s->waiters))
        return BIDE_EWOULDBLOCK;
    s->permits -= n;
    return 0;
}

int
bide_semaphore_try_acquire(bide_semaphore *s, size_t n)
{
    s->loose = true;
    return try_take(s, n);
}

int
bide_semaphore_acquire(bide_semaphore *s, size_t n, bide_wait *w)
{
    int rc = bide__object_enter(&s->object, w->task);
    if (bide__unlikely(rc))
        return rc;
    s->loose = true;
    rc = try_take(s, n);
    if (rc == BIDE_EINVALID || rc == BIDE_EBROKEN)
        return rc;
    w->u.count = n;
    if (rc == 0)
        return bide__wait_done(w, &kind, s);
    return bide__wait_park(w, &kind, s, &s->waiters);
}

int
bide_semaphore_hold(bide_semaphore *s, size_t n, bide_wait *w)
{
    int rc = bide__object_enter(&s->object, w->task);
    if (bide__unlikely(rc))
        return rc;
    rc = try_take(s, n);
    if (rc == BIDE_EINVALID || rc == BIDE_EBROKEN)
        return rc;
    w->u.count = n;
    if (rc == 0) {
        grant(s, w->task, n);
        return bide__wait_done(w, &hold_kind, s);
    }
    if (bide__wait_is_cycle(w, &hold_kind, s))
        return BIDE_EDEADLOCK;
    return bide__wait_park(w, &hold_kind, s, &s->waiters);
}

static size_t
held_by(const bide_semaphore *s, const bide_task *t)
{
    size_t n = 0;
    for (const bide_link *i = t->held.next; i != &t->held; i = i->next) {
        const bide__held *h = bide__of(i, bide__held, link);
        if (h->object == s)
            n += bide__of(h, const bide__grant, held)->count;
    }
    return n;
}

int
bide_semaphore_drop(bide_semaphore *s, size_t n, bide_task *t)
{
    bide__grant *g;
    size_t left = n;
    if (held_by(s, t) + s->nameless < n)
        return BIDE_ENOTOWNER;
    while (left && (g = bide__grant_find(s, t))) {
        size_t some = g->count < left ? g->count : left;
        bide__grant_take(g, some);
        left -= some;
    }
    s->nameless -= left;
    give_back(s, n);
    return 0;
}

void
bide_semaphore_reset(bide_semaphore *s)
{
    s->permits += s->lost;
    s->lost = 0;
    s->broken = false;
}

const char *
bide_semaphore_breaker(const bide_semaphore *s)
{
    return s->broken ? s->breaker : NULL;
}

int
bide_semaphore_release(bide_semaphore *s, size_t n)
{
    if (n > s->bound - s->permits)
        return BIDE_EOVERFLOW;
    s->loose = true;
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
