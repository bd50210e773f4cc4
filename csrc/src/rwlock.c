/* Many readers or one writer, first come, first served.
 * Invariant: the head of the queue cannot go: it is a writer and the lock is
 * taken, or a reader and there is a writer; whatever changes that calls serve.
 */
#include "cycle.h"
#include "grant.h"
#include "object.h"

struct bide_rwlock {
    bide__object object;
    size_t readers;
    bide_link granted; /* to the readers: bide__grant */
    bool loose;        /* tasks unlock what others have read-locked */
    bide_link waiters;
    bide__held held; /* by its writer */
    bool broken;
    char breaker[64]; /* the name of the task that broke it */
};

static bool abort_wait(bide_wait *w, bool forced);
static void undo_read(bide_wait *w);
static void undo_write(bide_wait *w);
static void on_reader_ended(bide__held *held, bide_task *t);
static void on_writer_ended(bide__held *held, bide_task *t);

static const bide__held_kind read_held_kind = {
    .type = "RwLock",
    .broke = on_reader_ended,
    .waiters_at = offsetof(bide_rwlock, waiters),
};
static const bide__held_kind write_held_kind = {
    .type = "RwLock",
    .broke = on_writer_ended,
    .waiters_at = offsetof(bide_rwlock, waiters),
};

/* A reader that waits though nobody writes has a writer before it. */
static bide_task *
writer_ahead(const bide_wait *w)
{
    const bide_rwlock *rw = w->object;
    bool queued =
        !rw->held.holder && !rw->loose && !bide__list_empty(&rw->waiters);
    return queued ? bide__wait_first(&rw->waiters)->task : NULL;
}

static const bide_wait_kind read_kind = {
    .verb = "read",
    .object = "RwLock",
    .abort = abort_wait,
    .undo = undo_read,
    .owner_at = offsetof(bide_rwlock, held.holder),
    .ahead = writer_ahead,
    .label = bide__object_label,
};
static size_t
readers_left(const bide_wait *w)
{
    const bide_rwlock *rw = w->object;
    return rw->loose ? 0 : rw->readers;
}

static const bide_wait_kind write_kind = {
    .verb = "write",
    .object = "RwLock",
    .abort = abort_wait,
    .undo = undo_write,
    .owner_at = offsetof(bide_rwlock, held.holder),
    .holders_at = offsetof(bide_rwlock, granted),
    .lacking = readers_left,
    .label = bide__object_label,
};

int
bide_rwlock_new(const char *name, bide_site site, bide_rwlock **out)
{
    bide_rwlock *rw = bide__object_new(sizeof *rw, name, site);
    if (!rw)
        return BIDE_ENOMEMORY;
    bide__list_init(&rw->waiters);
    bide__list_init(&rw->granted);
    rw->held.kind = &write_held_kind;
    rw->held.object = rw;
    *out = rw;
    return 0;
}

bide_rwlock *
bide_rwlock_ref(bide_rwlock *rw)
{
    bide__object_ref(&rw->object);
    return rw;
}

void
bide_rwlock_unref(bide_rwlock *rw)
{
    if (!rw || !bide__object_unref(&rw->object))
        return;
    if (rw->held.holder)
        bide__held_drop(&rw->held);
    bide__grant_end_all(&rw->granted);
    bide__object_free(&rw->object);
}

/* -- handing over --------------------------------------------------------- */

/* A reader that ends without unlocking holds on, nameless. */
static void
on_reader_ended(bide__held *held, bide_task *t)
{
    (void)t;
    bide__grant *g = bide__of(held, bide__grant, held);
    bide__grant_take(g, g->count);
}

static void
give_read(bide_rwlock *rw, bide_task *t)
{
    rw->readers++;
    bide__grant_add(&rw->granted, &read_held_kind, rw, t, 1);
}

static void
serve(bide_rwlock *rw)
{
    while (!rw->held.holder && !bide__list_empty(&rw->waiters)) {
        bide_wait *w = bide__wait_first(&rw->waiters);
        if (w->kind == &read_kind)
            give_read(rw, w->task);
        else if (rw->readers == 0)
            bide__held_give(&rw->held, w->task);
        else
            return;
        bide__wait_fire(w, 0);
    }
}

/* A writer that leaves the queue may have held back readers. */
static bool
abort_wait(bide_wait *w, bool forced)
{
    (void)forced;
    bide__list_remove(&w->link);
    serve(w->object);
    return true;
}

/* Of a reader that is not known by name another one's is taken. */
static void
release_read(bide_rwlock *rw, const bide_task *t)
{
    bide__grant *g = bide__grant_find(rw, t);
    rw->readers--;
    rw->loose |= !g;
    if (!g && !bide__list_empty(&rw->granted))
        g = bide__of(rw->granted.next, bide__grant, peer);
    if (g)
        bide__grant_take(g, 1);
}

static void
undo_read(bide_wait *w)
{
    bide_rwlock *rw = w->object;
    release_read(rw, w->task);
    serve(rw);
}

static void
undo_write(bide_wait *w)
{
    bide_rwlock_write_unlock(w->object, w->task);
}

static void
on_writer_ended(bide__held *held, bide_task *t)
{
    bide_rwlock *rw = bide__of(held, bide_rwlock, held);
    rw->held.holder = NULL;
    rw->broken = true;
    bide__held_name(t, rw->breaker, sizeof rw->breaker);
    bide__wait_fire_all(&rw->waiters, BIDE_EBROKEN);
}

/* -- operations ----------------------------------------------------------- */

static int
try_take(bide_rwlock *rw, bide_task *t, bool write)
{
    if (rw->broken)
        return BIDE_EBROKEN;
    if (rw->held.holder || !bide__list_empty(&rw->waiters) ||
        (write && rw->readers))
        return BIDE_EWOULDBLOCK;
    if (write)
        bide__held_give(&rw->held, t);
    else
        give_read(rw, t);
    return 0;
}

static int
take(bide_rwlock *rw, bide_wait *w, bool write)
{
    const bide_wait_kind *kind = write ? &write_kind : &read_kind;
    int rc = bide__object_enter(&rw->object, w->task);
    if (bide__unlikely(rc))
        return rc;
    rc = try_take(rw, w->task, write);
    if (rc == 0)
        return bide__wait_done(w, kind, rw);
    if (rc == BIDE_EBROKEN)
        return rc;
    if (bide__wait_is_cycle(w, kind, rw))
        return BIDE_EDEADLOCK;
    return bide__wait_park(w, kind, rw, &rw->waiters);
}

static int
try_now(bide_rwlock *rw, bide_task *t, bool write)
{
    int rc = bide__loop_bind(&rw->object.loop, t->loop);
    return rc ? rc : try_take(rw, t, write);
}

int
bide_rwlock_read(bide_rwlock *rw, bide_wait *w)
{
    return take(rw, w, false);
}

int
bide_rwlock_write(bide_rwlock *rw, bide_wait *w)
{
    return take(rw, w, true);
}

int
bide_rwlock_try_read(bide_rwlock *rw, bide_task *t)
{
    return try_now(rw, t, false);
}

int
bide_rwlock_try_write(bide_rwlock *rw, bide_task *t)
{
    return try_now(rw, t, true);
}

int
bide_rwlock_read_unlock(bide_rwlock *rw)
{
    if (rw->readers == 0)
        return BIDE_ENOTOWNER;
    release_read(rw, rw->object.loop ? rw->object.loop->current : NULL);
    serve(rw);
    return 0;
}

int
bide_rwlock_write_unlock(bide_rwlock *rw, bide_task *t)
{
    if (rw->held.holder != t || !t)
        return BIDE_ENOTOWNER;
    bide__held_take(&rw->held);
    serve(rw);
    return 0;
}

size_t
bide_rwlock_readers(const bide_rwlock *rw)
{
    return rw->readers;
}

bide_task *
bide_rwlock_writer(const bide_rwlock *rw)
{
    return rw->held.holder;
}

size_t
bide_rwlock_waiters(const bide_rwlock *rw)
{
    return bide__list_count(&rw->waiters);
}

void
bide_rwlock_reset(bide_rwlock *rw)
{
    rw->broken = false;
}

const char *
bide_rwlock_breaker(const bide_rwlock *rw)
{
    return rw->broken ? rw->breaker : NULL;
}
