/* test_mutex.c - the lock held by a task. */
#include "support.h"

static bide_mutex *
new_mutex(void)
{
    bide_mutex *m;
    assert_int_equal(bide_mutex_new("lock", HERE, &m), 0);
    return m;
}

/* Locks, yields a->n times, unlocks. */
static void
holds(actor *a)
{
    bide_mutex *m = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(m, &a->w));
    trace(a, "in");
    CHECK(bide_mutex_owner(m) == &a->task);
    for (a->i = 0; a->i < 3; a->i++)
        AWAIT_OK(a, bide_yield(&a->w));
    trace(a, "out");
    CHECK_INT(bide_mutex_unlock(m, &a->task), 0);
    END(a);
}

static void
test_mutex_excludes_the_others(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_mutex *m = new_mutex();
    actor_spawn(&wd, "a", holds, m);
    actor_spawn(&wd, "b", holds, m);
    world_run(&wd);
    CHECK(bide_mutex_owner(m) == NULL);
    bide_mutex_unref(m);
    world_expect(&wd, "a:in a:out b:in b:out");
}

static void
test_mutex_hands_over_in_fifo_order(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_mutex *m = new_mutex();
    for (int i = 0; i < 4; i++)
        actor_spawn(&wd, &"a\0b\0c\0d"[2 * i], holds, m);
    world_run(&wd);
    bide_mutex_unref(m);
    world_expect(&wd, "a:in a:out b:in b:out c:in c:out d:in d:out");
}

static void
locks_twice(actor *a)
{
    bide_mutex *m = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < 2; a->i++) {
        AWAIT_OK(a, bide_mutex_lock(m, &a->w));
        trace(a, "%d", a->i);
        AWAIT_OK(a, bide_yield(&a->w));
        CHECK_INT(bide_mutex_unlock(m, &a->task), 0);
    }
    END(a);
}

static void
test_mutex_is_not_barged(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_mutex *m = new_mutex();
    actor_spawn(&wd, "a", locks_twice, m);
    actor_spawn(&wd, "b", locks_twice, m);
    world_run(&wd);
    bide_mutex_unref(m);
    world_expect(&wd, "a:0 b:0 a:1 b:1");
}

static void
tries(actor *a)
{
    bide_mutex *m = a->arg;

    BEGIN(a);
    CHECK_INT(bide_mutex_try_lock(m, &a->task), BIDE_EWOULDBLOCK);
    CHECK_INT(bide_mutex_waiters(m), 0);
    AWAIT_UNTIL(a, !bide_mutex_owner(m));
    CHECK_INT(bide_mutex_try_lock(m, &a->task), 0);
    CHECK_INT(bide_mutex_try_lock(m, &a->task), BIDE_EWOULDBLOCK);
    CHECK_INT(bide_mutex_unlock(m, &a->task), 0);
    END(a);
}

static void
test_mutex_try_lock_never_waits(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_mutex *m = new_mutex();
    actor_spawn(&wd, "a", holds, m);
    actor_spawn(&wd, "b", tries, m);
    world_run(&wd);
    bide_mutex_unref(m);
    world_expect(&wd, "a:in a:out");
}

static void
locks_again(actor *a)
{
    bide_mutex *m = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(m, &a->w));
    AWAIT(a, bide_mutex_lock(m, &a->w));
    CHECK_INT(a->rc, BIDE_EDEADLOCK);
    CHECK(bide_mutex_owner(m) == &a->task);
    CHECK_INT(bide_mutex_unlock(m, &a->task), 0);
    CHECK_INT(bide_mutex_unlock(m, &a->task), BIDE_ENOTOWNER);
    END(a);
}

static void
test_mutex_lock_by_its_holder_is_a_deadlock_error(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_mutex *m = new_mutex();
    actor_spawn(&wd, "a", locks_again, m);
    world_run(&wd);
    bide_mutex_unref(m);
    world_end(&wd);
}

static void
unlocks_only(actor *a)
{
    bide_mutex *m = a->arg;
    CHECK_INT(bide_mutex_unlock(m, &a->task), BIDE_ENOTOWNER);
    CHECK(bide_mutex_owner(m) != NULL);
    a->over = true;
}

static void
test_mutex_unlock_by_another_task_is_an_error(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_mutex *m = new_mutex();
    actor_spawn(&wd, "a", holds, m);
    actor_spawn(&wd, "b", unlocks_only, m);
    world_run(&wd);
    bide_mutex_unref(m);
    world_expect(&wd, "a:in a:out");
}

static void
expects_cancel(actor *a)
{
    bide_mutex *m = a->arg;

    BEGIN(a);
    AWAIT(a, bide_mutex_lock(m, &a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK(bide_mutex_owner(m) != &a->task);
    trace(a, "cancelled");
    END(a);
}

static void
test_mutex_cancelled_waiter_never_held_it(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_mutex *m = new_mutex();
    actor_spawn(&wd, "a", holds, m);
    actor *b = actor_spawn(&wd, "b", expects_cancel, m);
    actor_spawn(&wd, "c", holds, m);
    cancel_later(&wd, b);
    world_run(&wd);
    bide_mutex_unref(m);
    world_expect(&wd, "a:in b:cancelled a:out c:in c:out");
}

static void
granted_then_cancelled(actor *a)
{
    bide_mutex *m = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(m, &a->w));
    CHECK(bide_mutex_owner(m) == &a->task);
    trace(a, "held");
    AWAIT(a, bide_yield(&a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK_INT(bide_mutex_unlock(m, &a->task), 0);
    END(a);
}

/* Unlocks, which grants the lock to the task in a->extra, then cancels it. */
static void
grants_then_cancels(actor *a)
{
    bide_mutex *m = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(m, &a->w));
    AWAIT_OK(a, bide_yield(&a->w));
    CHECK_INT(bide_mutex_unlock(m, &a->task), 0);
    bide_task_cancel(&((actor *)a->extra)->task, number(0));
    END(a);
}

static void
test_mutex_handed_over_is_delivered_before_the_cancel(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_mutex *m = new_mutex();
    actor *a = actor_spawn(&wd, "a", grants_then_cancels, m);
    a->extra = actor_spawn(&wd, "b", granted_then_cancelled, m);
    world_run(&wd);
    CHECK(bide_mutex_owner(m) == NULL);
    bide_mutex_unref(m);
    world_expect(&wd, "b:held");
}

static void
ends_holding(actor *a)
{
    bide_mutex *m = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(m, &a->w));
    AWAIT_OK(a, bide_yield(&a->w));
    END(a);
}

static void
finds_it_broken(actor *a)
{
    bide_mutex *m = a->arg;

    BEGIN(a);
    AWAIT(a, bide_mutex_lock(m, &a->w));
    CHECK_INT(a->rc, BIDE_EBROKEN);
    CHECK_INT(bide_mutex_try_lock(m, &a->task), BIDE_EBROKEN);
    AWAIT(a, bide_mutex_lock(m, &a->w));
    CHECK_INT(a->rc, BIDE_EBROKEN);
    CHECK(strcmp(bide_mutex_breaker(m), "culprit") == 0);
    trace(a, "broken");
    bide_mutex_reset(m);
    AWAIT_OK(a, bide_mutex_lock(m, &a->w));
    CHECK_INT(bide_mutex_unlock(m, &a->task), 0);
    END(a);
}

static void
test_mutex_of_an_ended_task_is_broken(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_mutex *m = new_mutex();
    actor_spawn(&wd, "culprit", ends_holding, m);
    actor_spawn(&wd, "b", finds_it_broken, m);
    world_run(&wd);
    bide_mutex_unref(m);
    world_expect(&wd, "b:broken");
}

/* Races the lock against a sleep that wins. */
static void
loses_the_race(actor *a)
{
    bide_mutex *m = a->arg;

    BEGIN(a);
    bide_race_begin(&a->task);
    CHECK_INT(bide_mutex_lock(m, &a->w), BIDE_PARKED);
    CHECK_INT(bide_sleep_until(&a->w2, now(a) + SECOND), BIDE_PARKED);
    CHECK(bide_race_end(&a->task, false));
    a->line = 1;
    return;
case 1:
    CHECK_INT(a->w.state, BIDE_WAIT_IDLE);
    CHECK_INT(a->w2.state, BIDE_WAIT_FIRED);
    CHECK_INT(bide_wait_take(&a->w2), 0);
    CHECK_INT(bide_mutex_waiters(m), 0);
    CHECK(bide_mutex_owner(m) != &a->task);
    trace(a, "slept");
    END(a);
}

static void
holds_for_an_hour(actor *a)
{
    bide_mutex *m = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(m, &a->w));
    AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + 3600 * SECOND));
    CHECK_INT(bide_mutex_unlock(m, &a->task), 0);
    CHECK(bide_mutex_owner(m) == NULL);
    trace(a, "unlocked");
    END(a);
}

static void
test_mutex_race_loser_does_not_hold_it(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_mutex *m = new_mutex();
    actor_spawn(&wd, "a", holds_for_an_hour, m);
    actor_spawn(&wd, "b", loses_the_race, m);
    world_run(&wd);
    bide_mutex_unref(m);
    world_expect(&wd, "b:slept a:unlocked");
}

TEST_MAIN("mutex", T(mutex_excludes_the_others),
          T(mutex_hands_over_in_fifo_order), T(mutex_is_not_barged),
          T(mutex_try_lock_never_waits),
          T(mutex_lock_by_its_holder_is_a_deadlock_error),
          T(mutex_unlock_by_another_task_is_an_error),
          T(mutex_cancelled_waiter_never_held_it),
          T(mutex_handed_over_is_delivered_before_the_cancel),
          T(mutex_of_an_ended_task_is_broken),
          T(mutex_race_loser_does_not_hold_it))
