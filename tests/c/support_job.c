/* support_job.c - see support_job.h. */
#include "support_job.h"

static void
runs(bide_job *j)
{
    work *w = j->host;
    CHECK(bide_loop_current() == NULL);
    if (w->start)
        gate_open(w->start);
    if (w->go)
        gate_pass(w->go);
    w->output = w->input * 2;
}

static void
is_done(bide_job *j, int status)
{
    work *w = j->host;
    w->status = status;
    w->ended = true;
    CHECK_INT(bide_future_settle(w->done, status, number(w->output)), 0);
}

void
work_init(work *w, int input)
{
    memset(w, 0, sizeof *w);
    w->job = (bide_job){
        .run = runs, .done = is_done, .name = "work", .site = HERE, .host = w};
    w->input = input;
    CHECK_INT(bide_future_new(&w->done), 0);
}

void
work_fini(work *w)
{
    CHECK(w->ended);
    bide_future_unref(w->done);
    if (w->start)
        gate_free(w->start);
    if (w->go)
        gate_free(w->go);
}

void
submits_work(actor *a)
{
    work *w = a->arg;

    BEGIN(a);
    CHECK_INT(bide_job_submit(a->world->loop, &w->job), 0);
    AWAIT_OK(a, bide_future_wait(w->done, &a->w));
    trace(a, "%d", (int)a->w.value.as.integer);
    END(a);
}

void
world_begin_pool(world *wd, unsigned threads)
{
    world_begin_with(wd, &(bide_loop_options){.pool_threads = threads});
}
