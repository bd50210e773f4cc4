/* test_scope.c - the cancellation tree: regions, shields, deadlines. */
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

/* -- groups ---------------------------------------------------------------- */

static void
parks_until_cancelled(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_park(&a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    trace(a, "%d", (int)bide_scope_cause(a->task.scope)->reason.as.integer);
    END(a);
}

/* A member that has a group of its own. */
static void
has_a_child(actor *a)
{
    BEGIN(a);
    enter(a, &a->scope);
    actor_spawn_in(a->world, "grandchild", parks_until_cancelled, NULL,
                   &a->scope, NULL);
    AWAIT(a, bide_park(&a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK_INT(bide_scope_leave(&a->scope), 0);
    trace(a, "out");
    END(a);
}

static void
cancels_group(actor *a)
{
    bide_scope_cancel(a->arg, number(4));
    trace(a, "told");
    a->over = true;
}

static void
test_group_cancel_reaches_every_task(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_scope group;
    bide_scope_init(&group);
    bide_scope_attach(&group, bide_loop_root(wd.loop));
    actor_spawn_in(&wd, "a", parks_until_cancelled, NULL, &group, NULL);
    actor_spawn_in(&wd, "b", has_a_child, NULL, &group, NULL);
    actor_spawn(&wd, "c", cancels_group, &group);
    actor *d = actor_spawn(&wd, "d", parks_until_cancelled, NULL);
    CHECK_INT(bide_loop_run(wd.loop, NULL), BIDE_ESTALLED);
    CHECK_INT(live_tasks(&wd), 1);
    CHECK(strstr(wd.trace, "a:4"));
    CHECK(strstr(wd.trace, "b:out"));
    CHECK(strstr(wd.trace, "grandchild:4"));
    bide_task_cancel(&d->task, number(1));
    world_run(&wd);
    CHECK(strstr(wd.trace, "d:1"));
    bide_scope_detach(&group);
    world_end(&wd);
}

static void
test_group_detached_leaves_its_tasks_to_its_parent(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_scope outer, group;
    bide_scope_init(&outer);
    bide_scope_init(&group);
    bide_scope_attach(&outer, bide_loop_root(wd.loop));
    bide_scope_attach(&group, &outer);
    actor_spawn_in(&wd, "a", parks_until_cancelled, NULL, &group, NULL);
    bide_scope_detach(&group);
    memset(&group, 0xee, sizeof group);
    actor_spawn(&wd, "c", cancels_group, &outer);
    world_run(&wd);
    bide_scope_detach(&outer);
    world_expect(&wd, "c:told a:4");
}

/* -- cancel -----------------------------------------------------------------
 */

static void
waits_thrice(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_park(&a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK_INT(bide_yield(&a->w), BIDE_ECANCELED);
    CHECK_INT(bide_park(&a->w), BIDE_ECANCELED);
    CHECK_INT(bide_sleep_until(&a->w, now(a) + MS), BIDE_ECANCELED);
    CHECK_INT(bide_event_wait(a->arg, &a->w), BIDE_ECANCELED);
    CHECK(bide_scope_cancelled(a->task.scope));
    trace(a, "over");
    END(a);
}

static void
test_scope_cancel_is_level_triggered(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_event *e;
    assert_int_equal(bide_event_new("e", HERE, &e), 0);
    bide_event_set(e); /* even what is ready */
    cancel_later(&wd, actor_spawn(&wd, "a", waits_thrice, e));
    world_run(&wd);
    bide_event_unref(e);
    world_expect(&wd, "a:over");
}

static void
nests(actor *a)
{
    BEGIN(a);
    enter(a, &a->scope);
    enter(a, &a->inner);
    AWAIT(a, bide_park(&a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK(bide_scope_cause(&a->inner) == &a->scope);
    CHECK_INT(bide_scope_leave(&a->inner), 0);
    CHECK_INT(bide_yield(&a->w), BIDE_ECANCELED);
    CHECK_INT(bide_scope_leave(&a->scope), BIDE_ECANCELED);
    AWAIT_OK(a, bide_yield(&a->w));
    trace(a, "on");
    END(a);
}

static void
cancels_outer(actor *a)
{
    bide_scope_cancel(&((actor *)a->arg)->scope, number(4));
    a->over = true;
}

static void
test_scope_cancel_reaches_nested_scopes(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor *a = actor_spawn(&wd, "a", nests, NULL);
    actor_spawn(&wd, "c", cancels_outer, a);
    world_expect(&wd, "a:on");
}

static void
cancels_inner(actor *a)
{
    bide_scope_cancel(&((actor *)a->arg)->inner, number(4));
    a->over = true;
}

static void
nests_and_goes_on(actor *a)
{
    BEGIN(a);
    enter(a, &a->scope);
    enter(a, &a->inner);
    AWAIT(a, bide_park(&a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK(!bide_scope_cancelled(&a->scope));
    CHECK_INT(bide_scope_leave(&a->scope), BIDE_EINVALID); /* not innermost */
    CHECK_INT(bide_scope_leave(&a->inner), BIDE_ECANCELED);
    AWAIT_OK(a, bide_yield(&a->w));
    CHECK_INT(bide_scope_leave(&a->scope), 0);
    AWAIT_OK(a, bide_yield(&a->w));
    trace(a, "on");
    END(a);
}

static void
yields_on(actor *a)
{
    BEGIN(a);
    for (a->i = 0; a->i < 5; a->i++)
        AWAIT_OK(a, bide_yield(&a->w));
    trace(a, "on");
    END(a);
}

static void
test_scope_cancel_leaves_the_outside_alone(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor *a = actor_spawn(&wd, "a", nests_and_goes_on, NULL);
    actor_spawn(&wd, "b", yields_on, NULL);
    actor_spawn(&wd, "c", cancels_inner, a);
    world_expect(&wd, "a:on b:on");
}

static void
test_scope_ends_its_cancellation_at_its_edge(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor *a = actor_spawn(&wd, "a", nests_and_goes_on, NULL);
    actor_spawn(&wd, "c", cancels_inner, a);
    world_expect(&wd, "a:on");
}

static void
cancels_twice(actor *a)
{
    bide_scope_cancel(a->arg, number(1));
    bide_scope_cancel(a->arg, number(2));
    a->over = true;
}

static void
test_scope_keeps_the_first_reason(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor *a = actor_spawn(&wd, "a", parks_until_cancelled, NULL);
    actor_spawn(&wd, "c", cancels_twice, &a->task.base);
    world_expect(&wd, "a:1");
}

/* Both are cancelled, the inner one first: it does not absorb the outer's. */
static void
nests_twice_cancelled(actor *a)
{
    BEGIN(a);
    enter(a, &a->scope);
    enter(a, &a->inner);
    AWAIT(a, bide_park(&a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    bide_scope_cancel(&a->scope, number(1));
    CHECK_INT(bide_scope_leave(&a->inner), 0);
    CHECK_INT(bide_scope_leave(&a->scope), BIDE_ECANCELED);
    trace(a, "on");
    END(a);
}

static void
test_scope_passes_on_an_outer_cancellation(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor *a = actor_spawn(&wd, "a", nests_twice_cancelled, NULL);
    actor_spawn(&wd, "c", cancels_inner, a);
    world_expect(&wd, "a:on");
}

static void
gets_the_event(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_event_wait(a->arg, &a->w));
    trace(a, "granted");
    AWAIT(a, bide_yield(&a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    trace(a, "cancelled");
    END(a);
}

static void
grants_and_cancels(actor *a)
{
    bide_event_set(a->arg);
    bide_task_cancel(&((actor *)a->extra)->task, number(0));
    a->over = true;
}

static void
test_granted_operation_is_delivered_before_the_cancel(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_event *e;
    assert_int_equal(bide_event_new("e", HERE, &e), 0);
    actor *a = actor_spawn(&wd, "a", gets_the_event, e);
    actor_spawn(&wd, "b", grants_and_cancels, e)->extra = a;
    world_run(&wd);
    bide_event_unref(e);
    world_expect(&wd, "a:granted a:cancelled");
}

/* -- shields ----------------------------------------------------------------
 */

static void
cleans_up(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_park(&a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    enter_shield(a, &a->scope, BIDE_FOREVER);
    AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + SECOND));
    trace(a, "clean");
    CHECK_INT(bide_scope_leave(&a->scope), 0);
    CHECK_INT(bide_yield(&a->w), BIDE_ECANCELED);
    END(a);
}

static void
test_shield_lets_cleanup_await(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    cancel_later(&wd, actor_spawn(&wd, "a", cleans_up, NULL));
    world_expect(&wd, "a:clean");
}

/* Entered before (a->n 0) or after (a->n 1) the cancel strikes. */
static void
cleans_up_for_long(actor *a)
{
    BEGIN(a);
    if (a->n) {
        AWAIT(a, bide_park(&a->w));
        CHECK_INT(a->rc, BIDE_ECANCELED);
    }
    enter_shield(a, &a->scope, 2 * SECOND);
    enter(a, &a->inner);
    AWAIT(a, bide_sleep_until(&a->w, 3600 * SECOND));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK_INT(now(a), 2 * SECOND);
    CHECK_INT(bide_yield(&a->w), BIDE_ECANCELED);
    CHECK_INT(bide_scope_leave(&a->inner), 0);
    CHECK_INT(bide_scope_leave(&a->scope), 0);
    CHECK_INT(bide_yield(&a->w), BIDE_ECANCELED);
    trace(a, "over");
    END(a);
}

static void
test_shield_ends_with_its_grace(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor *a = actor_spawn(&wd, "a", cleans_up_for_long, NULL);
    actor *b = actor_spawn(&wd, "b", cleans_up_for_long, NULL);
    b->n = 1;
    cancel_later(&wd, a);
    cancel_later(&wd, b);
    world_expect(&wd, "a:over b:over");
}

static void
is_cancelled_inside(actor *a)
{
    BEGIN(a);
    enter_shield(a, &a->scope, BIDE_FOREVER);
    AWAIT_OK(a, bide_yield(&a->w));
    AWAIT_OK(a, bide_yield(&a->w));
    CHECK(!bide_scope_cancelled(&a->scope));
    CHECK(bide_scope_cancelled(&a->task.base));
    CHECK_INT(bide_scope_leave(&a->scope), 0);
    CHECK_INT(bide_yield(&a->w), BIDE_ECANCELED);
    trace(a, "over");
    END(a);
}

static void
test_shield_gives_way_at_its_edge(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    cancel_later(&wd, actor_spawn(&wd, "a", is_cancelled_inside, NULL));
    world_expect(&wd, "a:over");
}

static void
cancels_its_shield(actor *a)
{
    BEGIN(a);
    enter_shield(a, &a->scope, BIDE_FOREVER);
    bide_scope_cancel(&a->scope, number(1));
    CHECK_INT(bide_yield(&a->w), BIDE_ECANCELED);
    CHECK_INT(bide_scope_leave(&a->scope), BIDE_ECANCELED);
    AWAIT_OK(a, bide_yield(&a->w));
    END(a);
}

static void
test_shield_itself_can_be_cancelled(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor_spawn(&wd, "a", cancels_its_shield, NULL);
    world_run(&wd);
    world_end(&wd);
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

TEST_MAIN("scope", T(group_cancel_reaches_every_task),
          T(group_detached_leaves_its_tasks_to_its_parent),
          T(scope_cancel_is_level_triggered),
          T(scope_cancel_reaches_nested_scopes),
          T(scope_cancel_leaves_the_outside_alone),
          T(scope_ends_its_cancellation_at_its_edge),
          T(scope_keeps_the_first_reason),
          T(scope_passes_on_an_outer_cancellation),
          T(granted_operation_is_delivered_before_the_cancel),
          T(shield_lets_cleanup_await), T(shield_ends_with_its_grace),
          T(shield_gives_way_at_its_edge), T(shield_itself_can_be_cancelled),
          T(timeout_ends_the_wait_at_its_deadline),
          T(timeout_not_reached_changes_nothing),
          T(timeout_of_an_outer_block_passes_the_inner),
          T(timeout_of_an_inner_block_stays_inside),
          T(overdue_but_ready_operation_succeeds),
          T(deadline_after_a_cancel_is_not_its_cause))
