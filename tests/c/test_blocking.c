/* test_blocking.c - work on other threads. */
#include "support.h"

#include <sched.h>
#include <stdatomic.h>

/* A job that tells its task by a future, as the bindings do. */
typedef struct work {
    bide_job job;
    world *wd;
    bide_future *done;
    gate *start, *go; /* opened as it starts; waited for before it ends */
    int input, output, status;
    int index;
    bide_channel *channel;
    bool ended;
} work;

static atomic_int running;

static void
runs(bide_job *j)
{
    work *w = j->host;
    CHECK(bide_loop_current() == NULL);
    atomic_fetch_add(&running, 1);
    if (w->start)
        gate_open(w->start);
    if (w->go)
        gate_pass(w->go);
    w->output = w->input * 2;
    atomic_fetch_sub(&running, 1);
}

static void
is_done(bide_job *j, int status)
{
    work *w = j->host;
    w->status = status;
    w->ended = true;
    if (w->done)
        CHECK_INT(bide_future_settle(w->done, status, number(w->output)), 0);
}

static void
work_init(work *w, world *wd, int input)
{
    memset(w, 0, sizeof *w);
    w->job = (bide_job){
        .run = runs, .done = is_done, .name = "work", .site = HERE, .host = w};
    w->wd = wd;
    w->input = input;
    CHECK_INT(bide_future_new(&w->done), 0);
}

static void
work_fini(work *w)
{
    CHECK(w->ended);
    bide_future_unref(w->done);
    if (w->start)
        gate_free(w->start);
    if (w->go)
        gate_free(w->go);
}

static void
submits(actor *a)
{
    work *w = a->arg;

    BEGIN(a);
    CHECK_INT(bide_job_submit(a->world->loop, &w->job), 0);
    AWAIT_OK(a, bide_future_wait(w->done, &a->w));
    trace(a, "%d", (int)a->w.value.as.integer);
    END(a);
}

static void
test_blocking_gives_the_result(void **state)
{
    (void)state;
    world wd;
    world_begin_real(&wd);
    work w;
    work_init(&w, &wd, 21);
    actor_spawn(&wd, "a", submits, &w);
    world_run(&wd);
    work_fini(&w);
    world_expect(&wd, "a:42");
}

/* The core carries no error of the job's: the host's own is in its job. */
static void
test_blocking_gives_the_error(void **state)
{
    (void)state;
    world wd;
    world_begin_real(&wd);
    work w;
    work_init(&w, &wd, BIDE_EHOST);
    actor_spawn(&wd, "a", submits, &w);
    world_run(&wd);
    CHECK_INT(w.output, 2 * BIDE_EHOST);
    CHECK_INT(w.status, 0);
    work_fini(&w);
    world_end(&wd);
}

/* Lets the job end, which only this task does. */
static void
goes_on_meanwhile(actor *a)
{
    work *w = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < 3; a->i++)
        AWAIT_OK(a, bide_yield(&a->w));
    CHECK(!w->ended);
    trace(a, "on");
    gate_open(w->go);
    END(a);
}

static void
test_blocking_leaves_the_loop_running(void **state)
{
    (void)state;
    world wd;
    world_begin_real(&wd);
    work w;
    work_init(&w, &wd, 1);
    w.go = gate_new();
    actor_spawn(&wd, "a", submits, &w);
    actor_spawn(&wd, "b", goes_on_meanwhile, &w);
    world_run(&wd);
    work_fini(&w);
    world_expect(&wd, "b:on a:2");
}

static void
meets(bide_job *j)
{
    work *w = j->host;
    gate_open(w->start);
    gate_pass(w->go);
}

static void
test_blocking_jobs_run_at_the_same_time(void **state)
{
    (void)state;
    world wd;
    world_begin_real(&wd);
    work w[2];
    for (int i = 0; i < 2; i++) {
        work_init(&w[i], &wd, 0);
        w[i].job.run = meets;
        w[i].start = gate_new();
    }
    w[0].go = w[1].start;
    w[1].go = w[0].start;
    actor_spawn(&wd, "a", submits, &w[0]);
    actor_spawn(&wd, "b", submits, &w[1]);
    world_run(&wd);
    w[0].go = w[1].go = NULL;
    work_fini(&w[0]);
    work_fini(&w[1]);
    world_end(&wd);
}

static atomic_int started;

static void
notes_its_turn(bide_job *j)
{
    ((work *)j->host)->output = atomic_fetch_add(&started, 1);
}

static void
world_begin_pool(world *wd, unsigned threads)
{
    world_begin_with(wd, &(bide_loop_options){.pool_threads = threads});
}

static void
test_blocking_jobs_start_in_fifo_order(void **state)
{
    (void)state;
    world wd;
    world_begin_pool(&wd, 1);
    work w[5];
    started = 0;
    for (int i = 0; i < 5; i++) {
        work_init(&w[i], &wd, 0);
        w[i].job.run = notes_its_turn;
        actor_spawn(&wd, "a", submits, &w[i]);
    }
    world_run(&wd);
    for (int i = 0; i < 5; i++) {
        CHECK_INT(w[i].output, i);
        work_fini(&w[i]);
    }
    world_end(&wd);
}

/* The first job holds the one thread while the second is cancelled. */
static void
cancels_a_job(actor *a)
{
    work *w = a->arg;

    BEGIN(a);
    CHECK_INT(bide_job_submit(a->world->loop, &w[0].job), 0);
    CHECK_INT(bide_job_submit(a->world->loop, &w[1].job), 0);
    gate_pass(w[0].start);
    CHECK(bide_job_cancel(&w[1].job));
    CHECK(!bide_job_cancel(&w[0].job));
    CHECK(!w[1].ended); /* told at the loop's next step */
    AWAIT_OK(a, bide_future_wait(w[1].done, &a->w));
    CHECK_INT(w[1].status, BIDE_ECANCELED);
    CHECK_INT(w[1].output, 0);
    gate_open(w[0].go);
    AWAIT_OK(a, bide_future_wait(w[0].done, &a->w));
    CHECK_INT(w[0].status, 0);
    CHECK_INT(w[0].output, 2);
    END(a);
}

static void
test_blocking_queued_job_is_cancelled(void **state)
{
    (void)state;
    world wd;
    world_begin_pool(&wd, 1);
    work w[2];
    work_init(&w[0], &wd, 1);
    work_init(&w[1], &wd, 1);
    w[0].start = gate_new();
    w[0].go = gate_new();
    actor_spawn(&wd, "a", cancels_a_job, w);
    world_run(&wd);
    work_fini(&w[0]);
    work_fini(&w[1]);
    world_end(&wd);
}

static void
is_cancelled_waiting(actor *a)
{
    work *w = a->arg;

    BEGIN(a);
    CHECK_INT(bide_job_submit(a->world->loop, &w->job), 0);
    gate_pass(w->start);
    bide_task_cancel(&a->task, number(0));
    AWAIT(a, bide_future_wait(w->done, &a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK(!bide_job_cancel(&w->job));
    CHECK(!w->ended);
    trace(a, "left");
    gate_open(w->go);
    END(a);
}

static void
test_blocking_started_job_runs_to_its_end(void **state)
{
    (void)state;
    world wd;
    world_begin_real(&wd);
    work w;
    work_init(&w, &wd, 4);
    w.start = gate_new();
    w.go = gate_new();
    actor_spawn(&wd, "a", is_cancelled_waiting, &w);
    world_run(&wd);
    /* The close awaits the job. */
    CHECK_INT(bide_loop_close(wd.loop, 60 * SECOND, NULL, NULL), 0);
    CHECK_INT(w.output, 8);
    work_fini(&w);
    world_traced(&wd, "a:left");
    world_end(&wd);
}

static void
is_stuck(void *arg, const bide_job *job)
{
    CHECK(strcmp(job->name, "work") == 0);
    ++*(int *)arg;
}

static void
leaves_jobs(actor *a)
{
    work *w = a->arg;
    CHECK_INT(bide_job_submit(a->world->loop, &w[0].job), 0);
    CHECK_INT(bide_job_submit(a->world->loop, &w[1].job), 0);
    gate_pass(w[0].start);
    a->over = true;
}

/* On the thread of the job that outlived the loop. */
static void
is_done_late(bide_job *j, int status)
{
    work *w = j->host;
    w->status = status;
    gate_open(w->start);
}

static void
test_blocking_shutdown_names_stuck_jobs(void **state)
{
    (void)state;
    world wd;
    world_begin_pool(&wd, 1);
    work w[2];
    work_init(&w[0], &wd, 1);
    work_init(&w[1], &wd, 1);
    w[0].start = gate_new();
    w[0].go = gate_new();
    actor_spawn(&wd, "a", leaves_jobs, w);
    world_run(&wd);
    int stuck = 0;
    CHECK_INT(bide_loop_close(wd.loop, MS, is_stuck, &stuck), BIDE_ESTUCK);
    CHECK_INT(stuck, 1);
    /* The queued one was cancelled, the running one is still at it. */
    CHECK_INT(w[1].status, BIDE_ECANCELED);
    CHECK(!w[0].ended);
    gate *late = gate_new();
    gate *go = w[0].go;
    gate_free(w[0].start);
    w[0].start = late;
    w[0].job.done = is_done_late;
    gate_open(go);
    gate_pass(late);
    CHECK_INT(w[0].status, BIDE_ECLOSED);
    CHECK_INT(w[0].output, 2);
    w[0].ended = true;
    work_fini(&w[0]);
    work_fini(&w[1]);
    bide_loop_unref(wd.loop);
    free(wd.actors);
    check_end();
    /* The thread's last steps are its own: its memory goes when it ends. */
    while (memory_held())
        sched_yield();
}

/* -- threads of their own -----------------------------------------------------
 */

static void
produces(bide_job *j)
{
    work *w = j->host;
    for (int i = 1; i <= 100; i++)
        CHECK_INT(
            bide_channel_send_blocking(w->channel, number(i), BIDE_FOREVER), 0);
    bide_channel_close(w->channel);
}

static void
consumes(actor *a)
{
    work *w = a->arg;

    BEGIN(a);
    CHECK_INT(bide_job_spawn(a->world->loop, &w->job), 0);
    for (;;) {
        AWAIT(a, bide_channel_recv(w->channel, &a->w));
        if (a->rc)
            break;
        a->n += (int)a->w.value.as.integer;
    }
    CHECK_INT(a->rc, BIDE_ECLOSED);
    CHECK_INT(a->n, 5050);
    AWAIT_OK(a, bide_future_wait(w->done, &a->w));
    END(a);
}

static void
test_thread_of_its_own_feeds_a_channel(void **state)
{
    (void)state;
    world wd;
    world_begin_pool(&wd, 1);
    work w, holder;
    work_init(&w, &wd, 0);
    work_init(&holder, &wd, 0);
    holder.go = gate_new(); /* the pool itself is taken */
    w.job.run = produces;
    CHECK_INT(bide_channel_new(4, "ch", HERE, &w.channel), 0);
    CHECK_INT(bide_job_submit(wd.loop, &holder.job), 0);
    actor *a = actor_spawn(&wd, "a", consumes, &w);
    CHECK_INT(bide_loop_run(wd.loop, &a->task), 0);
    gate_open(holder.go);
    CHECK_INT(bide_loop_close(wd.loop, 60 * SECOND, NULL, NULL), 0);
    bide_channel_unref(w.channel);
    work_fini(&w);
    work_fini(&holder);
    world_end(&wd);
}

/* -- the pool's threads -------------------------------------------------------
 */

typedef struct pool_host {
    gate *ending, *may_end;
    atomic_int begun, ended;
} pool_host;

static void *
thread_begins(void *ctx)
{
    pool_host *h = ctx;
    atomic_fetch_add(&h->begun, 1);
    return h;
}

static void
thread_ends(void *ctx, void *thread_state)
{
    pool_host *h = ctx;
    CHECK(thread_state == h);
    atomic_fetch_add(&h->ended, 1);
    if (h->ending) {
        gate_open(h->ending);
        gate_pass(h->may_end);
    }
}

static void
submits_as_thread_ends(actor *a)
{
    work *w = a->arg;
    pool_host *h = a->extra;

    BEGIN(a);
    CHECK_INT(bide_job_submit(a->world->loop, &w[0].job), 0);
    AWAIT_OK(a, bide_future_wait(w[0].done, &a->w));
    gate_pass(h->ending);
    /* The one thread is on its way out: it will not take this job. */
    CHECK_INT(bide_job_submit(a->world->loop, &w[1].job), 0);
    AWAIT_OK(a, bide_future_wait(w[1].done, &a->w));
    gate_open(h->may_end);
    END(a);
}

static void
test_job_queued_as_the_last_thread_ends_is_run(void **state)
{
    (void)state;
    world wd;
    pool_host h = {gate_new(), gate_new(), 0, 0};
    bide_host host = {
        .ctx = &h, .thread_begin = thread_begins, .thread_end = thread_ends};
    world_begin_with(&wd, &(bide_loop_options){.host = host,
                                               .pool_threads = 1,
                                               .pool_keep_alive = 1});
    work w[2];
    work_init(&w[0], &wd, 1);
    work_init(&w[1], &wd, 2);
    actor_spawn(&wd, "a", submits_as_thread_ends, w)->extra = &h;
    world_run(&wd);
    CHECK_INT(w[1].output, 4);
    CHECK_INT(bide_loop_close(wd.loop, 60 * SECOND, NULL, NULL), 0);
    CHECK_INT(atomic_load(&h.begun), 2);
    CHECK_INT(atomic_load(&h.ended), 2);
    work_fini(&w[0]);
    work_fini(&w[1]);
    gate_free(h.ending);
    gate_free(h.may_end);
    world_end(&wd);
}

enum { CROWD = 200 };

static void
counts_running(bide_job *j)
{
    (void)j;
    CHECK(atomic_fetch_add(&running, 1) < 4);
    atomic_fetch_sub(&running, 1);
}

static void
test_pool_keeps_to_its_cap(void **state)
{
    (void)state;
    world wd;
    world_begin_pool(&wd, 4);
    work *w = calloc(CROWD, sizeof *w);
    assert_non_null(w);
    for (int i = 0; i < CROWD; i++) {
        work_init(&w[i], &wd, i);
        w[i].job.run = counts_running;
        actor_spawn(&wd, "a", submits, &w[i]);
    }
    world_run(&wd);
    bide_loop_counts counts;
    bide_loop_count(wd.loop, &counts);
    CHECK(counts.threads >= 1 && counts.threads <= 4);
    CHECK_INT(counts.jobs, 0);
    for (int i = 0; i < CROWD; i++)
        work_fini(&w[i]);
    free(w);
    world_end(&wd);
}

/* Cancels meet threads that take jobs: each job runs, or is cancelled. */
static void
test_job_cancels_race_with_the_pool(void **state)
{
    (void)state;
    world wd;
    world_begin_pool(&wd, 2);
    work *w = calloc(CROWD, sizeof *w);
    assert_non_null(w);
    int cancelled = 0, seen = 0;
    for (int i = 0; i < CROWD; i++) {
        work_init(&w[i], &wd, i + 1);
        CHECK_INT(bide_job_submit(wd.loop, &w[i].job), 0);
        if (i % 2)
            cancelled += bide_job_cancel(&w[i - 1].job);
    }
    CHECK_INT(bide_loop_close(wd.loop, 60 * SECOND, NULL, NULL), 0);
    for (int i = 0; i < CROWD; i++) {
        CHECK(w[i].status == 0 || w[i].status == BIDE_ECANCELED);
        CHECK_INT(w[i].output, w[i].status ? 0 : 2 * (i + 1));
        seen += w[i].status != 0;
        work_fini(&w[i]);
    }
    CHECK(seen >= cancelled);
    free(w);
    world_end(&wd);
}

TEST_MAIN("blocking", T(blocking_gives_the_result), T(blocking_gives_the_error),
          T(blocking_leaves_the_loop_running),
          T(blocking_jobs_run_at_the_same_time),
          T(blocking_jobs_start_in_fifo_order),
          T(blocking_queued_job_is_cancelled),
          T(blocking_started_job_runs_to_its_end),
          T(blocking_shutdown_names_stuck_jobs),
          T(thread_of_its_own_feeds_a_channel),
          T(job_queued_as_the_last_thread_ends_is_run),
          T(pool_keeps_to_its_cap), T(job_cancels_race_with_the_pool))
