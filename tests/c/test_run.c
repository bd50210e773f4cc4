/* test_run.c - the life of a loop: runs, their ends, what they refuse. */
#include "support.h"

#include <sys/wait.h>
#include <unistd.h>

/* What a host does at the end of its main task. */
static int
run_main(world *wd, actor *main)
{
    int rc = bide_loop_run(wd->loop, &main->task);
    bide_scope_cancel(bide_loop_root(wd->loop), number(0));
    CHECK_INT(bide_loop_run(wd->loop, NULL), 0);
    return rc ? rc : main->rc;
}

static void
ends_with(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_yield(&a->w));
    a->rc = a->n;
    trace(a, "end");
    END(a);
}

static void
test_run_returns_the_main_result(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    CHECK_INT(run_main(&wd, actor_spawn(&wd, "main", ends_with, NULL)), 0);
    world_expect(&wd, "main:end");
}

static void
test_run_raises_the_main_error(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor *main = actor_spawn(&wd, "main", ends_with, NULL);
    main->n = BIDE_EHOST;
    CHECK_INT(run_main(&wd, main), BIDE_EHOST);
    world_expect(&wd, "main:end");
}

static void
runs_again(actor *a)
{
    bide_loop *other = NULL;

    BEGIN(a);
    CHECK_INT(bide_loop_run(a->world->loop, NULL), BIDE_EBUSY);
    CHECK_INT(bide_loop_new(NULL, &other), 0);
    CHECK_INT(bide_loop_run(other, NULL), BIDE_EBUSY);
    a->extra = other;
    AWAIT_OK(a, bide_yield(&a->w));
    trace(a, "on");
    END(a);
}

static void
test_run_inside_a_run_is_an_error(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor *a = actor_spawn(&wd, "a", runs_again, NULL);
    world_run(&wd);
    CHECK_INT(bide_loop_close(a->extra, 0, NULL, NULL), 0);
    bide_loop_unref(a->extra);
    world_expect(&wd, "a:on");
}

static void
test_run_can_be_repeated(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    for (int i = 0; i < 3; i++) {
        actor_spawn(&wd, "a", ends_with, NULL);
        world_run(&wd);
    }
    CHECK(bide_loop_current() == NULL);
    CHECK(bide_task_current() == NULL);
    world_expect(&wd, "a:end a:end a:end");
}

static void
is_left_behind(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_park(&a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    bide_scope_init(&a->scope);
    bide_scope_shield(&a->scope, SECOND);
    CHECK_INT(bide_scope_enter(&a->scope, &a->task, NULL), 0);
    AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + SECOND / 2));
    CHECK_INT(bide_scope_leave(&a->scope), 0);
    trace(a, "clean");
    END(a);
}

static void
test_run_cancels_background_tasks_at_its_end(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor *main = actor_spawn(&wd, "main", ends_with, NULL);
    actor_spawn(&wd, "back", is_left_behind, NULL);
    CHECK_INT(run_main(&wd, main), 0);
    world_expect(&wd, "main:end back:clean");
}

static void
parks(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_park(&a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    END(a);
}

static void
test_run_that_cannot_go_on_is_an_error(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor *a = actor_spawn(&wd, "a", parks, NULL);
    CHECK_INT(bide_loop_run(wd.loop, NULL), BIDE_ESTALLED);
    CHECK_INT(bide_loop_run(wd.loop, &a->task), BIDE_ESTALLED);
    bide_task_cancel(&a->task, number(0));
    world_run(&wd);
    world_end(&wd);
}

static void
uses_foreign(actor *a)
{
    CHECK_INT(bide_mutex_lock(a->arg, &a->w), BIDE_EWRONGLOOP);
    CHECK_INT(bide_mutex_try_lock(a->arg, &a->task), BIDE_EWRONGLOOP);
    a->over = true;
}

static void
locks(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(a->arg, &a->w));
    CHECK_INT(bide_mutex_unlock(a->arg, &a->task), 0);
    trace(a, "locked");
    END(a);
}

static void
test_object_of_another_run_is_an_error(void **state)
{
    (void)state;
    world first, second;
    world_begin(&first, 0);
    world_begin(&second, 0);
    bide_mutex *m;
    assert_int_equal(bide_mutex_new("m", HERE, &m), 0);
    actor_spawn(&first, "a", locks, m);
    world_run(&first);
    actor_spawn(&second, "b", uses_foreign, m);
    world_run(&second);
    bide_mutex_unref(m);
    CHECK_INT(bide_loop_close(first.loop, 0, NULL, NULL), 0);
    bide_loop_unref(first.loop);
    free(first.actors);
    world_end(&second);
}

static void
test_object_moves_to_a_later_run(void **state)
{
    (void)state;
    world first, second;
    world_begin(&first, 0);
    bide_mutex *m;
    assert_int_equal(bide_mutex_new("m", HERE, &m), 0);
    actor_spawn(&first, "a", locks, m);
    world_run(&first);
    CHECK_INT(bide_loop_close(first.loop, 0, NULL, NULL), 0);
    bide_loop_unref(first.loop);
    free(first.actors);
    world_begin(&second, 0);
    actor_spawn(&second, "b", locks, m);
    world_run(&second);
    bide_mutex_unref(m);
    world_expect(&second, "b:locked");
}

static void
forks(actor *a)
{
    BEGIN(a);
    a->n = fork();
    if (a->n == 0) {
        /* _exit carries what the child saw: 7 if all is as it should be. */
        int code = bide_yield(&a->w) == BIDE_EFORKED ? 1 : 0;
        code += bide_mutex_lock(a->arg, &a->w) == BIDE_EFORKED ? 2 : 0;
        a->at = code;
        a->over = true;
        return;
    }
    AWAIT_OK(a, bide_yield(&a->w));
    END(a);
}

static void
test_fork_under_a_running_loop_is_an_error(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_mutex *m;
    assert_int_equal(bide_mutex_new("m", HERE, &m), 0);
    actor *a = actor_spawn(&wd, "a", forks, m);
    actor_spawn(&wd, "b", ends_with, NULL);
    int rc = bide_loop_run(wd.loop, NULL);
    if (a->n == 0)
        _exit((int)a->at + (rc == BIDE_EFORKED ? 4 : 0));
    CHECK_INT(rc, 0);
    int status;
    assert_int_equal(waitpid(a->n, &status, 0), a->n);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 7);
    bide_mutex_unref(m);
    world_expect(&wd, "b:end");
}

typedef struct fork_scene {
    bide_watch *watch;
    int fds[2];
    bide_wait *parked;
} fork_scene;

static void
on_readable(void *arg, int events)
{
    fork_scene *s = arg;
    CHECK_INT(events, BIDE_READABLE);
    bide_watch_want(s->watch, 0);
    bide_unpark(s->parked, 0);
}

/* In the child: the exit status. */
static int
run_another(fork_scene *s)
{
    world child;
    if (bide_loop_current())
        return 1;
    bide_watch_close(s->watch);
    world_begin_real(&child);
    actor_spawn(&child, "c", ends_with, NULL);
    return bide_loop_run(child.loop, NULL) == 0 && !bide_loop_current() ? 7 : 2;
}

static void
forks_and_waits(actor *a)
{
    fork_scene *s = a->arg;
    int status;
    BEGIN(a);
    CHECK_INT(bide_watch_want(s->watch, BIDE_READABLE), 0);
    AWAIT_OK(a, bide_yield(&a->w)); /* the loop polls: it is registered */
    bide_loop_pause(a->world->loop);
    AWAIT_OK(a, bide_yield(&a->w));
    a->n = fork();
    if (a->n == 0)
        _exit(run_another(s));
    assert_int_equal(waitpid(a->n, &status, 0), a->n);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 7);
    assert_int_equal(write(s->fds[1], "x", 1), 1);
    s->parked = &a->w;
    AWAIT_OK(a, bide_park(&a->w));
    END(a);
}

static void
test_forked_child_runs_a_loop_of_its_own(void **state)
{
    (void)state;
    world wd;
    fork_scene s;
    world_begin_real(&wd);
    assert_int_equal(pipe(s.fds), 0);
    assert_int_equal(
        bide_watch_new(wd.loop, s.fds[0], on_readable, &s, &s.watch), 0);
    actor_spawn(&wd, "a", forks_and_waits, &s);
    world_run(&wd);
    bide_watch_unref(s.watch);
    close(s.fds[0]);
    close(s.fds[1]);
    world_end(&wd);
}

static void
test_task_of_a_closed_loop_is_refused(void **state)
{
    (void)state;
    bide_loop *l;
    bide_task t;
    bide_post p = {NULL, NULL};
    bide_job j = {.name = "j"};
    assert_int_equal(bide_loop_new(NULL, &l), 0);
    assert_int_equal(bide_loop_close(l, 0, NULL, NULL), 0);
    assert_int_equal(bide_loop_close(l, 0, NULL, NULL), 0);
    bide_task_init(&t, NULL);
    assert_int_equal(bide_task_start(&t, l, NULL, NULL), BIDE_ECLOSED);
    assert_int_equal(bide_loop_post(l, &p), BIDE_ECLOSED);
    assert_int_equal(bide_job_submit(l, &j), BIDE_ECLOSED);
    assert_int_equal(bide_loop_run(l, NULL), BIDE_ECLOSED);
    assert_int_equal(bide_loop_wake_fd(l), BIDE_ECLOSED);
    bide_loop_wake(l);
    bide_loop_unref(l);
}

static void
test_loop_with_tasks_is_not_closed(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor_spawn(&wd, "a", ends_with, NULL);
    assert_int_equal(bide_loop_close(wd.loop, 0, NULL, NULL), BIDE_EBUSY);
    world_expect(&wd, "a:end");
}

/* -- the host's hooks --------------------------------------------------------
 */

typedef struct hooks {
    int begins, ends, ticks, stalls;
    int tick_result, stalled_result;
    world *wd;
} hooks;

static void
on_poll_begin(void *ctx)
{
    hooks *h = ctx;
    CHECK_INT(h->begins++, h->ends);
}

static void
on_poll_end(void *ctx)
{
    hooks *h = ctx;
    CHECK_INT(++h->ends, h->begins);
}

static int
on_tick(void *ctx)
{
    hooks *h = ctx;
    h->ticks++;
    return h->tick_result;
}

static int
on_stalled(void *ctx)
{
    hooks *h = ctx;
    h->stalls++;
    /* What the host makes ready goes on. */
    if (h->stalls == 1)
        bide_task_cancel(&h->wd->actors->task, number(0));
    return h->stalled_result;
}

static void
naps(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + MS));
    trace(a, "awake");
    END(a);
}

static void
test_host_hooks_are_called(void **state)
{
    (void)state;
    world wd;
    hooks h = {.wd = &wd};
    bide_host host = {.ctx = &h,
                      .poll_begin = on_poll_begin,
                      .poll_end = on_poll_end,
                      .tick = on_tick,
                      .stalled = on_stalled};
    world_begin_with(&wd, &(bide_loop_options){.host = host});
    actor_spawn(&wd, "a", parks, NULL);
    world_run(&wd);
    CHECK_INT(h.stalls, 1);
    CHECK(h.ticks > 0);
    CHECK_INT(h.begins, h.ends);
    h.tick_result = -4;
    actor_spawn(&wd, "b", naps, NULL);
    CHECK_INT(bide_loop_run(wd.loop, NULL), -4);
    h.tick_result = 0;
    world_run(&wd);
    h.stalled_result = -5;
    actor *c = actor_spawn(&wd, "c", parks, NULL);
    CHECK_INT(bide_loop_run(wd.loop, NULL), -5);
    bide_task_cancel(&c->task, number(0));
    world_expect(&wd, "b:awake");
}

/* -- errors ------------------------------------------------------------------
 */

static void
test_errors_have_names_and_texts(void **state)
{
    (void)state;
    assert_string_equal(bide_error_name(BIDE_ECANCELED), "ECANCELED");
    assert_string_equal(bide_error_name(BIDE_ESTUCK), "ESTUCK");
    assert_string_equal(bide_error_name(-111), "ECONNREFUSED");
    assert_string_equal(bide_strerror(BIDE_EBUSY),
                        "another task is already doing this");
    assert_string_equal(bide_strerror(-111), "connection refused");
    assert_non_null(bide_strerror(-99999));
    assert_non_null(bide_error_name(-99999));
    assert_string_equal(bide_version(), BIDE_VERSION);
}

TEST_MAIN("run", T(run_returns_the_main_result), T(run_raises_the_main_error),
          T(run_inside_a_run_is_an_error), T(run_can_be_repeated),
          T(run_cancels_background_tasks_at_its_end),
          T(run_that_cannot_go_on_is_an_error),
          T(object_of_another_run_is_an_error), T(object_moves_to_a_later_run),
          T(fork_under_a_running_loop_is_an_error),
          T(forked_child_runs_a_loop_of_its_own),
          T(task_of_a_closed_loop_is_refused), T(loop_with_tasks_is_not_closed),
          T(host_hooks_are_called), T(errors_have_names_and_texts))
