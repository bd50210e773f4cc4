/* test_pool.c - the threads of the pool, and its end. */
#include "support_job.h"

#include <sched.h>
#include <stdatomic.h>

static atomic_int running;

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
    work_init(&w[0], 1);
    work_init(&w[1], 1);
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
    work_init(&w[0], 1);
    work_init(&w[1], 2);
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
        work_init(&w[i], i);
        w[i].job.run = counts_running;
        actor_spawn(&wd, "a", submits_work, &w[i]);
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
        work_init(&w[i], i + 1);
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

TEST_MAIN("pool", T(blocking_shutdown_names_stuck_jobs),
          T(job_queued_as_the_last_thread_ends_is_run),
          T(pool_keeps_to_its_cap), T(job_cancels_race_with_the_pool))
