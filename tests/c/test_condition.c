/* test_condition.c - the condition variable over a mutex. */
#include "support.h"

typedef struct shared {
    bide_mutex *mutex;
    bide_condition *condition;
} shared;

static shared
new_condition(void)
{
    shared s;
    assert_int_equal(bide_mutex_new("lock", HERE, &s.mutex), 0);
    assert_int_equal(
        bide_condition_new(s.mutex, "condition", HERE, &s.condition), 0);
    return s;
}

static void
drop(shared *s)
{
    CHECK(bide_mutex_owner(s->mutex) == NULL);
    CHECK_INT(bide_condition_waiters(s->condition), 0);
    bide_mutex_unref(s->mutex); /* the condition holds one of its own */
    bide_condition_unref(s->condition);
}

static void
waits(actor *a)
{
    shared *s = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(s->mutex, &a->w));
    AWAIT_OK(a, bide_condition_wait(s->condition, &a->w));
    CHECK(bide_mutex_owner(s->mutex) == &a->task);
    trace(a, "woke");
    AWAIT_OK(a, bide_yield(&a->w));
    trace(a, "out");
    CHECK_INT(bide_mutex_unlock(s->mutex, &a->task), 0);
    END(a);
}

/* Notifies a->n waiters while it holds the mutex over a yield. */
static void
notifies(actor *a)
{
    shared *s = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(s->mutex, &a->w));
    CHECK_INT(bide_condition_notify(s->condition, &a->task, (size_t)a->n), 0);
    trace(a, "notified");
    AWAIT_OK(a, bide_yield(&a->w));
    trace(a, "out");
    CHECK_INT(bide_mutex_unlock(s->mutex, &a->task), 0);
    END(a);
}

static void
test_condition_wait_releases_and_retakes_the_mutex(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    shared s = new_condition();
    actor_spawn(&wd, "a", waits, &s);
    actor_spawn(&wd, "n", notifies, &s)->n = 1;
    world_run(&wd);
    drop(&s);
    world_expect(&wd, "n:notified n:out a:woke a:out");
}

static void
test_condition_notify_wakes_in_fifo_order(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    shared s = new_condition();
    actor_spawn(&wd, "a", waits, &s);
    actor_spawn(&wd, "b", waits, &s);
    actor_spawn(&wd, "m", notifies, &s)->n = 1;
    actor_spawn(&wd, "n", notifies, &s)->n = 1;
    world_run(&wd);
    drop(&s);
    world_expect(&wd,
                 "m:notified m:out a:woke a:out n:notified n:out b:woke b:out");
}

static void
notifies_by_number(actor *a)
{
    shared *s = a->arg;

    BEGIN(a);
    for (; a->n > 0; a->n--) {
        AWAIT_OK(a, bide_mutex_lock(s->mutex, &a->w));
        CHECK_INT(bide_condition_notify(s->condition, &a->task, (size_t)a->n),
                  0);
        trace(a, "%d", a->n);
        CHECK_INT(bide_mutex_unlock(s->mutex, &a->task), 0);
        AWAIT_UNTIL(a, !bide_mutex_owner(s->mutex));
        trace(a, "left%zu", bide_condition_waiters(s->condition));
    }
    END(a);
}

static void
test_condition_notify_wakes_as_many_as_asked(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    shared s = new_condition();
    for (int i = 0; i < 4; i++)
        actor_spawn(&wd, &"a\0b\0c\0d"[2 * i], waits, &s);
    actor_spawn(&wd, "n", notifies_by_number, &s)->n = 2;
    actor_spawn(&wd, "all", notifies, &s)->n = INT16_MAX;
    world_run(&wd);
    drop(&s);
    world_expect(&wd,
                 "n:2 a:woke a:out b:woke b:out all:notified all:out c:woke "
                 "c:out d:woke d:out n:left0 n:1 n:left0");
}

static void
waits_wrongly(actor *a)
{
    shared *s = a->arg;
    CHECK_INT(bide_condition_wait(s->condition, &a->w), BIDE_ENOTOWNER);
    CHECK_INT(bide_condition_waiters(s->condition), 0);
    a->over = true;
}

static void
test_condition_wait_without_the_mutex_is_an_error(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    shared s = new_condition();
    actor_spawn(&wd, "a", waits_wrongly, &s);
    world_run(&wd);
    drop(&s);
    world_end(&wd);
}

static void
notifies_wrongly(actor *a)
{
    shared *s = a->arg;
    CHECK_INT(bide_condition_notify(s->condition, &a->task, 1), BIDE_ENOTOWNER);
    CHECK_INT(bide_condition_waiters(s->condition), 1);
    a->over = true;
}

static void
test_condition_notify_without_the_mutex_is_an_error(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    shared s = new_condition();
    actor_spawn(&wd, "a", waits, &s);
    actor_spawn(&wd, "b", notifies_wrongly, &s);
    actor_spawn(&wd, "n", notifies, &s)->n = 1;
    world_run(&wd);
    drop(&s);
    world_expect(&wd, "n:notified n:out a:woke a:out");
}

static void
expects_cancel(actor *a)
{
    shared *s = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(s->mutex, &a->w));
    AWAIT(a, bide_condition_wait(s->condition, &a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK(bide_mutex_owner(s->mutex) == &a->task);
    trace(a, "cancelled");
    CHECK_INT(bide_mutex_unlock(s->mutex, &a->task), 0);
    END(a);
}

static void
holds(actor *a)
{
    shared *s = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(s->mutex, &a->w));
    for (a->i = 0; a->i < 4; a->i++)
        AWAIT_OK(a, bide_yield(&a->w));
    trace(a, "out");
    CHECK_INT(bide_mutex_unlock(s->mutex, &a->task), 0);
    END(a);
}

static void
test_condition_cancelled_wait_holds_the_mutex(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    shared s = new_condition();
    actor *a = actor_spawn(&wd, "a", expects_cancel, &s);
    actor_spawn(&wd, "h", holds, &s);
    cancel_later(&wd, a);
    cancel_later(&wd, a);
    world_run(&wd);
    drop(&s);
    world_expect(&wd, "h:out a:cancelled");
}

/* Notifies, then cancels the one notified while it waits for the mutex. */
static void
notifies_then_cancels(actor *a)
{
    shared *s = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(s->mutex, &a->w));
    CHECK_INT(bide_condition_notify(s->condition, &a->task, 1), 0);
    bide_task_cancel(&((actor *)a->extra)->task, number(0));
    AWAIT_OK(a, bide_yield(&a->w));
    trace(a, "out");
    CHECK_INT(bide_mutex_unlock(s->mutex, &a->task), 0);
    END(a);
}

static void
expects_delivery(actor *a)
{
    shared *s = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(s->mutex, &a->w));
    AWAIT_OK(a, bide_condition_wait(s->condition, &a->w));
    CHECK(bide_mutex_owner(s->mutex) == &a->task);
    trace(a, "woke");
    AWAIT(a, bide_yield(&a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK_INT(bide_mutex_unlock(s->mutex, &a->task), 0);
    END(a);
}

static void
test_condition_notified_wait_is_delivered_before_the_cancel(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    shared s = new_condition();
    actor *a = actor_spawn(&wd, "a", expects_delivery, &s);
    actor_spawn(&wd, "n", notifies_then_cancels, &s)->extra = a;
    world_run(&wd);
    drop(&s);
    world_expect(&wd, "n:out a:woke");
}

static void
waits_in_a_race(actor *a)
{
    shared *s = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(s->mutex, &a->w));
    bide_race_begin(&a->task);
    CHECK_INT(bide_condition_wait(s->condition, &a->w), BIDE_EINVALID);
    CHECK(!bide_race_end(&a->task, true));
    CHECK(bide_mutex_owner(s->mutex) == &a->task);
    CHECK_INT(bide_mutex_unlock(s->mutex, &a->task), 0);
    END(a);
}

static void
test_condition_wait_in_a_race_is_refused(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    shared s = new_condition();
    actor_spawn(&wd, "a", waits_in_a_race, &s);
    world_run(&wd);
    drop(&s);
    world_end(&wd);
}

/* A host destroys a task whose wait, cancelled, has the mutex back already. */
static void
destroys(actor *a)
{
    shared *s = a->arg;
    actor *other = a->extra;

    BEGIN(a);
    CHECK_INT(bide_condition_waiters(s->condition), 1);
    bide_task_cancel(&other->task, number(0));
    CHECK(bide_mutex_owner(s->mutex) == &other->task);
    bide_wait_drop(&other->w);
    bide_task_finish(&other->task);
    CHECK(bide_mutex_owner(s->mutex) == NULL);
    AWAIT_OK(a, bide_mutex_lock(s->mutex, &a->w));
    CHECK_INT(bide_mutex_unlock(s->mutex, &a->task), 0);
    trace(a, "free");
    END(a);
}

static void
test_condition_dropped_wait_gives_the_mutex_on(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    shared s = new_condition();
    actor *a = actor_spawn(&wd, "a", expects_cancel, &s);
    actor_spawn(&wd, "d", destroys, &s)->extra = a;
    world_run(&wd);
    drop(&s);
    world_expect(&wd, "d:free");
}

TEST_MAIN("condition", T(condition_wait_releases_and_retakes_the_mutex),
          T(condition_notify_wakes_in_fifo_order),
          T(condition_notify_wakes_as_many_as_asked),
          T(condition_wait_without_the_mutex_is_an_error),
          T(condition_notify_without_the_mutex_is_an_error),
          T(condition_cancelled_wait_holds_the_mutex),
          T(condition_notified_wait_is_delivered_before_the_cancel),
          T(condition_wait_in_a_race_is_refused),
          T(condition_dropped_wait_gives_the_mutex_on))
