/* test_timeout.c - deadlines of regions. */
#include "support.h"

static void
enter(actor *a, bide_scope *s)
{
    bide_scope_init(s);
    CHECK_INT(bide_scope_enter(s, &a->task, NULL), 0);
}

static void
enter_shield(actor *a, bide_scope *s, int64_t grace)
{
    bide_scope_init(s);
    bide_scope_shield(s, grace);
    CHECK_INT(bide_scope_enter(s, &a->task, NULL), 0);
}

static void
enter_timeout(actor *a, bide_scope *s, int64_t ns)
{
    enter(a, s);
    CHECK_INT(bide_scope_deadline(s, now(a) + ns), 0);
}

/* -- deadlines --------------------------------------------------------------
 */

static void
times_out(actor *a)
{
    BEGIN(a);
    enter_timeout(a, &a->scope, SECOND);
    AWAIT(a, bide_sleep_until(&a->w, 3600 * SECOND));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK_INT(now(a), SECOND);
    CHECK(bide_scope_cause(&a->scope)->flags & BIDE_SCOPE_EXPIRED);
    CHECK_INT(bide_scope_leave(&a->scope), BIDE_ETIMEDOUT);
    AWAIT_OK(a, bide_yield(&a->w));
    trace(a, "on");
    END(a);
}

static void
test_timeout_ends_the_wait_at_its_deadline(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor_spawn(&wd, "a", times_out, NULL);
    world_expect(&wd, "a:on");
}

static void
is_in_time(actor *a)
{
    bide_loop_counts counts;

    BEGIN(a);
    enter_timeout(a, &a->scope, SECOND);
    AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + SECOND / 2));
    CHECK_INT(bide_scope_leave(&a->scope), 0);
    bide_loop_count(a->world->loop, &counts);
    CHECK_INT(counts.timers, 0);
    AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + SECOND));
    END(a);
}

static void
test_timeout_not_reached_changes_nothing(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor_spawn(&wd, "a", is_in_time, NULL);
    world_run(&wd);
    world_end(&wd);
}

/* Two timeouts; a->n: which is the shorter, 1 the outer, 2 the inner. */
static void
nests_timeouts(actor *a)
{
    BEGIN(a);
    enter_timeout(a, &a->scope, (a->n == 1 ? 1 : 2) * SECOND);
    enter_timeout(a, &a->inner, (a->n == 2 ? 1 : 2) * SECOND);
    AWAIT(a, bide_park(&a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK_INT(now(a), SECOND);
    CHECK_INT(bide_scope_leave(&a->inner), a->n == 1 ? 0 : BIDE_ETIMEDOUT);
    if (a->n == 2)
        AWAIT_OK(a, bide_yield(&a->w));
    CHECK_INT(bide_scope_leave(&a->scope), a->n == 1 ? BIDE_ETIMEDOUT : 0);
    AWAIT_OK(a, bide_yield(&a->w));
    trace(a, "on");
    END(a);
}

static void
test_timeout_of_an_outer_block_passes_the_inner(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor_spawn(&wd, "a", nests_timeouts, NULL)->n = 1;
    world_expect(&wd, "a:on");
}

static void
test_timeout_of_an_inner_block_stays_inside(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor_spawn(&wd, "a", nests_timeouts, NULL)->n = 2;
    world_expect(&wd, "a:on");
}

/* The deadline has passed before the wait starts, and the wait is ready. */
static void
is_late_but_ready(actor *a)
{
    BEGIN(a);
    enter_timeout(a, &a->scope, -SECOND);
    AWAIT_OK(a, bide_event_wait(a->arg, &a->w));
    CHECK_INT(bide_scope_leave(&a->scope), 0);
    trace(a, "ready");
    enter_timeout(a, &a->scope, -SECOND);
    AWAIT(a, bide_park(&a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK_INT(bide_scope_leave(&a->scope), BIDE_ETIMEDOUT);
    END(a);
}

static void
test_overdue_but_ready_operation_succeeds(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_event *e;
    assert_int_equal(bide_event_new("e", HERE, &e), 0);
    bide_event_set(e);
    actor_spawn(&wd, "a", is_late_but_ready, e);
    world_run(&wd);
    bide_event_unref(e);
    world_expect(&wd, "a:ready");
}

/* Cancelled by hand first: the deadline that passes later is not the cause. */
static void
is_cancelled_then_late(actor *a)
{
    BEGIN(a);
    enter_timeout(a, &a->scope, SECOND);
    bide_scope_cancel(&a->scope, number(3));
    enter_shield(a, &a->inner, BIDE_FOREVER);
    AWAIT_OK(a, bide_sleep_until(&a->w, 5 * SECOND));
    CHECK_INT(bide_scope_leave(&a->inner), 0);
    CHECK_INT(bide_scope_leave(&a->scope), BIDE_ECANCELED);
    END(a);
}

static void
test_deadline_after_a_cancel_is_not_its_cause(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor_spawn(&wd, "a", is_cancelled_then_late, NULL);
    world_run(&wd);
    world_end(&wd);
}

TEST_MAIN("timeout", T(timeout_ends_the_wait_at_its_deadline),
          T(timeout_not_reached_changes_nothing),
          T(timeout_of_an_outer_block_passes_the_inner),
          T(timeout_of_an_inner_block_stays_inside),
          T(overdue_but_ready_operation_succeeds),
          T(deadline_after_a_cancel_is_not_its_cause))
