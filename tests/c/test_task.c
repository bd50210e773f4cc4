/* test_task.c - spawning, yielding, joining, cancelling. */
#include "support.h"

static void
says_hello(actor *a)
{
    trace(a, "hello");
    a->over = true;
}

static void
spawns(actor *a)
{
    actor_spawn(a->world, "b", says_hello, NULL);
    trace(a, "spawned");
    CHECK(bide_task_current() == &a->task);
    CHECK(bide_loop_current() == a->world->loop);
    a->over = true;
}

static void
test_spawn_does_not_run_the_task_at_once(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor_spawn(&wd, "a", spawns, NULL);
    world_expect(&wd, "a:spawned b:hello");
}

static void
yields_twice(actor *a)
{
    BEGIN(a);
    for (a->i = 0; a->i < 2; a->i++) {
        trace(a, "%d", a->i);
        AWAIT_OK(a, bide_yield(&a->w));
    }
    END(a);
}

static void
test_ready_tasks_run_in_fifo_order(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    for (int i = 0; i < 3; i++)
        actor_spawn(&wd, &"a\0b\0c"[2 * i], yields_twice, NULL);
    world_expect(&wd, "a:0 b:0 c:0 a:1 b:1 c:1");
}

static void
yields_between(actor *a)
{
    BEGIN(a);
    actor_spawn(a->world, "b", says_hello, NULL);
    trace(a, "before");
    AWAIT_OK(a, bide_yield(&a->w));
    trace(a, "after");
    END(a);
}

static void
test_yield_lets_the_others_run_first(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor_spawn(&wd, "a", yields_between, NULL);
    world_expect(&wd, "a:before b:hello a:after");
}

static void
locks_for_ever(actor *a)
{
    bide_mutex *m = a->arg;

    BEGIN(a);
    while (!a->world->state) {
        AWAIT_OK(a, bide_mutex_lock(m, &a->w));
        CHECK_INT(bide_mutex_unlock(m, &a->task), 0);
        CHECK(++a->n < 1000000);
        if (a->n >= 1000000)
            break;
    }
    END(a);
}

static void
stops(actor *a)
{
    a->world->state = a;
    a->over = true;
}

static void
test_always_ready_task_does_not_starve_others(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_mutex *m;
    assert_int_equal(bide_mutex_new("m", HERE, &m), 0);
    actor_spawn(&wd, "a", locks_for_ever, m);
    actor_spawn(&wd, "b", stops, NULL);
    world_run(&wd);
    bide_mutex_unref(m);
    world_end(&wd);
}

/* -- join: the result is the host's to carry, here the actor's n ------------
 */

static void
ends_with_42(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_yield(&a->w));
    a->n = 42;
    a->rc = BIDE_EHOST;
    END(a);
}

static void
joins(actor *a)
{
    actor *other = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_task_join(&other->task, &a->w));
    CHECK_INT(other->task.state, BIDE_TASK_DONE);
    trace(a, "%d", other->n);
    CHECK_INT(other->rc, BIDE_EHOST);
    END(a);
}

static void
test_join_returns_the_result(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor *b = actor_spawn(&wd, "b", ends_with_42, NULL);
    actor_spawn(&wd, "a", joins, b);
    world_expect(&wd, "a:42");
}

static void
fails(actor *a)
{
    a->rc = BIDE_EHOST;
    a->n = -1;
    a->over = true;
}

static void
test_join_raises_the_error(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor *b = actor_spawn(&wd, "b", fails, NULL);
    actor_spawn(&wd, "a", joins, b);
    world_expect(&wd, "a:-1");
}

static void
joins_the_done(actor *a)
{
    actor *other = a->arg;

    BEGIN(a);
    AWAIT_UNTIL(a, other->task.state == BIDE_TASK_DONE);
    CHECK_INT(bide_task_join(&other->task, &a->w), 0);
    CHECK_INT(bide_task_join(&other->task, &a->w), 0);
    END(a);
}

static void
test_join_of_a_done_task_does_not_wait(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor *b = actor_spawn(&wd, "b", ends_with_42, NULL);
    actor_spawn(&wd, "a", joins_the_done, b);
    world_run(&wd);
    world_end(&wd);
}

static void
test_join_wakes_every_joiner(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor *t = actor_spawn(&wd, "t", ends_with_42, NULL);
    for (int i = 0; i < 3; i++)
        actor_spawn(&wd, &"a\0b\0c"[2 * i], joins, t);
    world_expect(&wd, "a:42 b:42 c:42");
}

static void
joins_in_vain(actor *a)
{
    actor *other = a->arg;

    BEGIN(a);
    AWAIT(a, bide_task_join(&other->task, &a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK(other->task.state != BIDE_TASK_DONE);
    trace(a, "cancelled");
    a->world->state = a;
    END(a);
}

static void
yields_until_told(actor *a)
{
    BEGIN(a);
    AWAIT_UNTIL(a, a->world->state);
    trace(a, "done");
    END(a);
}

static void
test_join_cancelled_leaves_the_task_alone(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor *t = actor_spawn(&wd, "t", yields_until_told, NULL);
    cancel_later(&wd, actor_spawn(&wd, "a", joins_in_vain, t));
    world_expect(&wd, "a:cancelled t:done");
}

static void
joins_itself(actor *a)
{
    CHECK_INT(bide_task_join(&a->task, &a->w), BIDE_EDEADLOCK);
    a->over = true;
}

static void
test_join_of_itself_is_a_deadlock_error(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor_spawn(&wd, "a", joins_itself, NULL);
    world_run(&wd);
    world_end(&wd);
}

/* -- cancel --------------------------------------------------------------- */

static void
parks(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_park(&a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    trace(a, "%d", (int)bide_scope_cause(a->task.scope)->reason.as.integer);
    END(a);
}

static void
cancels_with_5(actor *a)
{
    actor *other = a->arg;
    bide_task_cancel(&other->task, number(5));
    trace(a, "told");
    a->over = true;
}

static void
test_task_cancel_ends_its_wait(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor *a = actor_spawn(&wd, "a", parks, NULL);
    actor_spawn(&wd, "b", cancels_with_5, a);
    world_expect(&wd, "b:told a:5");
}

static void
test_task_cancelled_before_it_ran_ends_cancelled(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor *a = actor_spawn(&wd, "a", parks, NULL);
    bide_task_cancel(&a->task, number(6));
    CHECK_INT(a->task.state, BIDE_TASK_READY);
    world_expect(&wd, "a:6");
}

static void
looks_around(bide_task *t, void *arg)
{
    trace(arg, "%s", t->name);
}

static void
lists_tasks(actor *a)
{
    bide_loop_each_task(a->world->loop, looks_around, a);
    a->over = true;
}

static void
test_task_has_its_name(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor_spawn(&wd, "a", says_hello, NULL);
    actor_spawn(&wd, "b", lists_tasks, NULL);
    actor_spawn(&wd, "c", says_hello, NULL);
    world_expect(&wd, "a:hello b:b b:c c:hello");
}

static void
is_ended(actor *a)
{
    actor *other = a->arg;
    bide_task_finish(&other->task);
    trace(a, "ended");
    a->over = true;
}

/* A host drops a task that never ran. */
static void
test_task_finished_before_it_ran_never_runs(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor *first = actor_spawn(&wd, "a", is_ended, NULL);
    first->arg = actor_spawn(&wd, "b", says_hello, NULL);
    world_expect(&wd, "a:ended");
}

static void
test_run_of_one_task_leaves_the_others(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor *a = actor_spawn(&wd, "a", says_hello, NULL);
    actor_spawn(&wd, "b", yields_twice, NULL);
    CHECK_INT(bide_loop_run(wd.loop, &a->task), 0);
    CHECK_INT(live_tasks(&wd), 1);
    world_expect(&wd, "a:hello b:0 b:1");
}

TEST_MAIN("task", T(spawn_does_not_run_the_task_at_once),
          T(ready_tasks_run_in_fifo_order), T(yield_lets_the_others_run_first),
          T(always_ready_task_does_not_starve_others),
          T(join_returns_the_result), T(join_raises_the_error),
          T(join_of_a_done_task_does_not_wait), T(join_wakes_every_joiner),
          T(join_cancelled_leaves_the_task_alone),
          T(join_of_itself_is_a_deadlock_error), T(task_cancel_ends_its_wait),
          T(task_cancelled_before_it_ran_ends_cancelled), T(task_has_its_name),
          T(task_finished_before_it_ran_never_runs),
          T(run_of_one_task_leaves_the_others))
