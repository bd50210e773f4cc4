#include "errand.h"

#include "alloc.h"
#include "endpoint.h"

const bide_wait_kind bide__errand_kind = {
    .verb = "wait",
    .object = "file system",
    .abort = bide__errand_abort,
    .undo = bide__errand_undo,
};

bool
bide__errand_abort(bide_wait *w, bool forced)
{
    bide__errand *e = w->object;
    if (!bide_job_cancel(&e->job) && e->changes && !forced)
        return false;
    bide__io_leave(w);
    w->object = NULL;
    e->wait = NULL;
    return true;
}

void
bide__errand_undo(bide_wait *w)
{
    bide__free(w->value.as.ptr);
    w->value = BIDE_NO_VALUE;
}

static void
run(bide_job *j)
{
    bide__errand *e = bide__of(j, bide__errand, job);
    e->status = e->run(e);
}

static void
deliver(bide__errand *e, int status)
{
    bide_wait *w = e->wait;
    if (status == 0)
        status = e->status;
    if (status == 0 && e->bring)
        status = e->bring(e);
    if (status == 0) {
        w->value = BIDE_NO_VALUE;
        w->value.as.ptr = e->result;
        w->u.count = e->size;
        e->result = NULL;
    }
    w->object = NULL;
    bide__io_fire(w, status);
}

/* BIDE_ECLOSED comes on the other thread: then the wait is long gone. */
static void
done(bide_job *j, int status)
{
    bide__errand *e = bide__of(j, bide__errand, job);
    if (e->wait)
        deliver(e, status);
    if (e->result)
        e->drop(e->result);
    bide__free(e);
}

void *
bide__errand_new(size_t size, const char *name, int (*task)(bide__errand *e))
{
    bide__errand *e = bide__alloc(size);
    if (!e)
        return NULL;
    e->job.run = run;
    e->job.done = done;
    e->job.name = name;
    e->run = task;
    e->drop = bide__free;
    return e;
}

int
bide__errand_start(bide__errand *e, const bide_wait_kind *kind, bide_wait *w)
{
    if (!e)
        return BIDE_ENOMEMORY;
    int rc = bide__wait_refused(w->task);
    if (rc == 0)
        rc = bide_job_submit(w->task->loop, &e->job);
    if (rc) {
        bide__free(e);
        return rc;
    }
    e->wait = w;
    return bide__io_park(w, kind, e, NULL);
}
