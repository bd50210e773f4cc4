/* The changes in a directory, for tasks that wait for them.
 *
 * Invariants
 * - Changes are given in order: first those in `back`, which a wait was granted
 *   and did not take, then what the system tells.
 * - Behind the change that says that the directory is gone nothing comes. */
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "endpoint.h"
#include "errand.h"
#include "notify.h"

/* How long the second half of a renaming is waited for. The system tells both
 * within microseconds; what has left the directory has no second half. */
static const int64_t patience = INT64_C(10000000);

struct bide_changes {
    bide__endpoint base;
    bide_link waits;
    bide_change *back;
    bool ended;
    bool impatient;
    bide_timer timer;
    bide__notify notify;
};

/* -- giving --------------------------------------------------------------- */

static int
next(bide_changes *c, bide_change **out)
{
    *out = c->back;
    if (*out) {
        c->back = (*out)->next;
        (*out)->next = NULL;
        return 0;
    }
    if (c->ended)
        return BIDE_EEOF;
    int rc = bide__notify_next(&c->notify, !c->impatient, out);
    if (rc)
        return rc;
    c->impatient = false;
    bide_timer_stop(c->base.object.loop, &c->timer);
    c->ended = (*out)->kind == BIDE_CHANGE_GONE;
    return 0;
}

/* As many as there are, up to what `w` asks for. */
static int
take(bide_changes *c, bide_wait *w)
{
    bide_change *chain = NULL, **end = &chain;
    size_t n = 0;
    int rc = 0;
    while (n < w->u.many.limit && (rc = next(c, end)) == 0) {
        end = &(*end)->next;
        n++;
    }
    if (n == 0)
        return rc;
    *end = NULL;
    w->value = BIDE_NO_VALUE;
    w->value.as.ptr = chain;
    w->u.many.count = n;
    return 0;
}

static void on_patience(bide_timer *timer);

/* As take, but BIDE_PARKED is said no more: what has only one half is waited
 * for as long as there is patience. */
static int
settle(bide_changes *c, bide_wait *w)
{
    int rc = take(c, w);
    if (rc != BIDE_PARKED)
        return rc;
    bide_loop *l = c->base.object.loop;
    if (c->timer.slot ||
        bide_timer_start(l, &c->timer, bide_loop_now(l, true) + patience,
                         on_patience) == 0)
        return UV_EAGAIN;
    c->impatient = true;
    return take(c, w);
}

static void
deliver(bide_changes *c)
{
    while (!bide__list_empty(&c->waits)) {
        bide_wait *w = bide__wait_first(&c->waits);
        int rc = settle(c, w);
        if (rc == UV_EAGAIN)
            return;
        bide__io_fire(w, rc);
    }
}

static void
on_patience(bide_timer *timer)
{
    bide_changes *c = bide__of(timer, bide_changes, timer);
    c->impatient = true;
    deliver(c);
}

static bool
told(bide__notify *n)
{
    bide_changes *c = bide__of(n, bide_changes, notify);
    deliver(c);
    return !bide__list_empty(&c->waits);
}

/* -- waiting -------------------------------------------------------------- */

static bool
abort_recv(bide_wait *w, bool forced)
{
    (void)forced;
    bide__io_leave(w);
    return true;
}

/* The changes are the next again, for whoever asks. */
static void
undo_recv(bide_wait *w)
{
    bide_changes *c = w->object;
    bide_change *last = w->value.as.ptr;
    while (last->next)
        last = last->next;
    last->next = c->back;
    c->back = w->value.as.ptr;
    w->value = BIDE_NO_VALUE;
    deliver(c);
}

static const bide_wait_kind recv_kind = {
    .verb = "recv",
    .object = "Changes",
    .abort = abort_recv,
    .undo = undo_recv,
};

int
bide_changes_recv(bide_changes *c, size_t limit, bide_wait *w)
{
    int rc = bide__endpoint_enter(&c->base, w->task);
    if (rc)
        return rc;
    if (limit == 0)
        return BIDE_EINVALID;
    w->u.many.limit = limit;
    rc = bide__list_empty(&c->waits) ? settle(c, w) : UV_EAGAIN;
    if (rc == 0)
        return bide__wait_done(w, &recv_kind, c);
    if (rc == UV_EAGAIN)
        rc = bide__notify_listen(&c->notify);
    return rc ? rc : bide__io_park(w, &recv_kind, c, &c->waits);
}

/* -- life ----------------------------------------------------------------- */

static void
gone(bide__notify *n)
{
    bide__endpoint_gone(&bide__of(n, bide_changes, notify)->base);
}

static void
shut(bide__endpoint *e)
{
    bide_changes *c = bide__of(e, bide_changes, base);
    bide_timer_stop(e->object.loop, &c->timer);
    bide__io_fire_all(&c->waits, BIDE_ECLOSED);
    bide__notify_close(&c->notify);
}

static void
fini(bide__endpoint *e)
{
    bide_changes_free(bide__of(e, bide_changes, base)->back);
}

bide_changes *
bide_changes_ref(bide_changes *c)
{
    bide__object_ref(&c->base.object);
    return c;
}

void
bide_changes_unref(bide_changes *c)
{
    if (c)
        bide__endpoint_unref(&c->base);
}

void
bide_changes_close(bide_changes *c)
{
    bide__endpoint_close(&c->base);
}

bool
bide_changes_closed(const bide_changes *c)
{
    return c->base.closed;
}

bide_loop *
bide_changes_loop(const bide_changes *c)
{
    return c->base.object.loop;
}

/* -- opening -------------------------------------------------------------- */

typedef struct opening {
    bide__errand errand;
    bide_loop *loop;
    int fd;
    char path[];
} opening;

static int
open_it(bide__errand *e)
{
    opening *o = bide__of(e, opening, errand);
    int rc = bide__notify_open(o->path, &o->fd);
    e->result = rc ? NULL : o;
    return rc;
}

static void
drop_descriptor(void *result)
{
    opening *o = result;
    if (o->fd >= 0)
        close(o->fd);
}

static void
drop_changes(void *changes)
{
    bide_changes_unref(changes);
}

static int
bring_changes(bide__errand *e)
{
    opening *o = bide__of(e, opening, errand);
    bide_changes *c = bide__endpoint_new(sizeof *c, o->loop, shut);
    if (!c)
        return BIDE_ENOMEMORY;
    bide__list_init(&c->waits);
    c->base.fini = fini;
    c->notify.told = told;
    c->notify.gone = gone;
    int rc = bide__notify_init(&c->notify, o->loop, o->path, o->fd);
    if (rc == 0) {
        o->fd = -1;
        bide__endpoint_open(&c->base);
        rc = bide__notify_start(&c->notify);
    }
    if (rc) {
        bide_changes_unref(c);
        return rc;
    }
    e->result = c;
    e->drop = drop_changes;
    return 0;
}

static void
undo_open(bide_wait *w)
{
    bide_changes_unref(w->value.as.ptr);
    w->value = BIDE_NO_VALUE;
}

static const bide_wait_kind open_kind = {
    .verb = "watch",
    .object = "file system",
    .abort = bide__errand_abort,
    .undo = undo_open,
};

int
bide_fs_watch(const char *path, bide_wait *w)
{
    if (!path)
        return BIDE_EINVALID;
    size_t size = strlen(path) + 1;
    opening *o = bide__errand_new(sizeof *o + size, "watch", open_it);
    if (!o)
        return BIDE_ENOMEMORY;
    memcpy(o->path, path, size);
    o->loop = w->task->loop;
    o->errand.bring = bring_changes;
    o->errand.drop = drop_descriptor;
    return bide__errand_start(&o->errand, &open_kind, w);
}
