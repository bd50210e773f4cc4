/* test_blocking.c - work on other threads. */
#include "support_job.h"

#include <sched.h>
#include <stdatomic.h>

static void
test_blocking_gives_the_result(void **state)
{
    (void)state;
    world wd;
    world_begin_real(&wd);
    work w;
    work_init(&w, 21);
    actor_spawn(&wd, "a", submits_work, &w);
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
    work_init(&w, BIDE_EHOST);
    actor_spawn(&wd, "a", submits_work, &w);
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
    work_init(&w, 1);
    w.go = gate_new();
    actor_spawn(&wd, "a", submits_work, &w);
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
        work_init(&w[i], 0);
        w[i].job.run = meets;
        w[i].start = gate_new();
    }
    w[0].go = w[1].start;
    w[1].go = w[0].start;
    actor_spawn(&wd, "a", submits_work, &w[0]);
    actor_spawn(&wd, "b", submits_work, &w[1]);
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
test_blocking_jobs_start_in_fifo_order(void **state)
{
    (void)state;
    world wd;
    world_begin_pool(&wd, 1);
    work w[5];
    started = 0;
    for (int i = 0; i < 5; i++) {
        work_init(&w[i], 0);
        w[i].job.run = notes_its_turn;
        actor_spawn(&wd, "a", submits_work, &w[i]);
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
    work_init(&w[0], 1);
    work_init(&w[1], 1);
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
    work_init(&w, 4);
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
    work_init(&w, 0);
    work_init(&holder, 0);
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

enum { CROWD = 200 };

TEST_MAIN("blocking", T(blocking_gives_the_result), T(blocking_gives_the_error),
          T(blocking_leaves_the_loop_running),
          T(blocking_jobs_run_at_the_same_time),
          T(blocking_jobs_start_in_fifo_order),
          T(blocking_queued_job_is_cancelled),
          T(blocking_started_job_runs_to_its_end),
          T(thread_of_its_own_feeds_a_channel))
