/* Reading a directory in pieces, so that one of a million names needs neither
 * the memory nor the time of all of them at once.
 *
 * Invariants
 * - At most one thread reads at a time: `busy` while it is out.
 * - What has been read and was not taken is in `back`, for the next who asks.
 */
#include <dirent.h>
#include <stdatomic.h>
#include <string.h>

#include "alloc.h"
#include "endpoint.h"
#include "errand.h"
#include "tree.h"

struct bide_directory {
    atomic_int refs; /* of users, and of a read that is out */
    bide_loop *loop;
    DIR *dir; /* NULL once closed */
    bool busy, closing;
    void *back;
    bide_job job;
    bide_wait *wait;     /* of the read that is out; NULL: nobody's any more */
    size_t limit, count; /* of the read; of `back` */
    void *list;
    int status;
};

/* -- life ----------------------------------------------------------------- */

static void
close_now(bide_directory *d)
{
    if (d->dir)
        closedir(d->dir);
    d->dir = NULL;
    bide__free(d->back);
    d->back = NULL;
}

bide_directory *
bide_directory_ref(bide_directory *d)
{
    atomic_fetch_add(&d->refs, 1);
    return d;
}

void
bide_directory_unref(bide_directory *d)
{
    if (!d || atomic_fetch_sub(&d->refs, 1) != 1)
        return;
    close_now(d);
    bide_loop_unref(d->loop);
    bide__free(d);
}

void
bide_directory_close(bide_directory *d)
{
    d->closing = true;
    if (!d->busy)
        close_now(d);
}

bool
bide_directory_closed(const bide_directory *d)
{
    return d->closing;
}

bide_loop *
bide_directory_loop(const bide_directory *d)
{
    return d->loop;
}

/* -- opening -------------------------------------------------------------- */

typedef struct opening {
    bide__errand errand;
    bide_loop *loop;
    DIR *dir;
    char path[];
} opening;

static int
open_it(bide__errand *e)
{
    opening *o = bide__of(e, opening, errand);
    int rc = bide__tree_open(o->path, &o->dir);
    e->result = rc ? NULL : o->dir;
    return rc;
}

static void
drop_dir(void *dir)
{
    closedir(dir);
}

static void
drop_directory(void *directory)
{
    bide_directory_unref(directory);
}

static int
bring_directory(bide__errand *e)
{
    opening *o = bide__of(e, opening, errand);
    bide_directory *d = bide__alloc(sizeof *d);
    if (!d)
        return BIDE_ENOMEMORY;
    atomic_init(&d->refs, 1);
    d->loop = bide_loop_ref(o->loop);
    d->dir = o->dir;
    e->result = d;
    e->drop = drop_directory;
    return 0;
}

static void
undo_open(bide_wait *w)
{
    bide_directory_unref(w->value.as.ptr);
    w->value = BIDE_NO_VALUE;
}

static const bide_wait_kind open_kind = {
    .verb = "open",
    .object = "Directory",
    .abort = bide__errand_abort,
    .undo = undo_open,
};

int
bide_directory_open(const char *path, bide_wait *w)
{
    if (!path)
        return BIDE_EINVALID;
    size_t size = strlen(path) + 1;
    opening *o = bide__errand_new(sizeof *o + size, "scan", open_it);
    if (!o)
        return BIDE_ENOMEMORY;
    memcpy(o->path, path, size);
    o->loop = w->task->loop;
    o->errand.bring = bring_directory;
    o->errand.drop = drop_dir;
    return bide__errand_start(&o->errand, &open_kind, w);
}

/* -- reading -------------------------------------------------------------- */

static void
run(bide_job *j)
{
    bide_directory *d = bide__of(j, bide_directory, job);
    d->list = NULL;
    d->status = bide__tree_next(d->dir, d->limit, &d->list, &d->count);
}

static void
give(bide_wait *w, void **list, size_t count)
{
    w->value = BIDE_NO_VALUE;
    w->value.as.ptr = *list;
    w->u.count = count;
    *list = NULL;
}

/* The entries are the next again. */
static void
keep(bide_directory *d, void *list, size_t count)
{
    if (count && !d->closing) {
        d->back = list;
        d->count = count;
    } else {
        bide__free(list);
    }
}

/* BIDE_ECLOSED comes on the other thread, where no more can be done than to let
 * go. */
static void
done(bide_job *j, int status)
{
    bide_directory *d = bide__of(j, bide_directory, job);
    if (status == BIDE_ECLOSED) {
        bide__free(d->list);
        bide_directory_unref(d);
        return;
    }
    bide_wait *w = d->wait;
    d->busy = false;
    d->wait = NULL;
    if (status == 0)
        status = d->status;
    if (w && status == 0)
        give(w, &d->list, d->count);
    if (w)
        bide__io_fire(w, status);
    else if (status == 0)
        keep(d, d->list, d->count);
    d->list = NULL;
    if (d->closing)
        close_now(d);
    bide_directory_unref(d);
}

static bool
abort_next(bide_wait *w, bool forced)
{
    (void)forced;
    bide_directory *d = w->object;
    bide_job_cancel(&d->job);
    d->wait = NULL;
    bide__io_leave(w);
    return true;
}

static void
undo_next(bide_wait *w)
{
    keep(w->object, w->value.as.ptr, w->u.count);
    w->value = BIDE_NO_VALUE;
}

static const bide_wait_kind next_kind = {
    .verb = "next",
    .object = "Directory",
    .abort = abort_next,
    .undo = undo_next,
};

static int
enter(const bide_directory *d, size_t limit, const bide_task *t)
{
    int rc = bide__wait_refused(t);
    if (rc)
        return rc;
    if (t->loop != d->loop)
        return BIDE_EWRONGLOOP;
    if (d->closing)
        return BIDE_ECLOSED;
    if (limit == 0)
        return BIDE_EINVALID;
    return d->busy ? BIDE_EBUSY : 0;
}

int
bide_directory_next(bide_directory *d, size_t limit, bide_wait *w)
{
    int rc = enter(d, limit, w->task);
    if (rc)
        return rc;
    if (d->back) {
        give(w, &d->back, d->count);
        return bide__wait_done(w, &next_kind, d);
    }
    d->limit = limit;
    d->status = 0;
    d->job = (bide_job){.run = run, .done = done, .name = "scan"};
    rc = bide_job_submit(d->loop, &d->job);
    if (rc)
        return rc;
    d->busy = true;
    d->wait = w;
    bide_directory_ref(d);
    return bide__io_park(w, &next_kind, d, NULL);
}
