/* test_scope.c - the cancellation tree: regions and groups. */
#include "support.h"

static void
enter(actor *a, bide_scope *s)
{
    bide_scope_init(s);
    CHECK_INT(bide_scope_enter(s, &a->task, NULL), 0);
}

/* -- groups --------------------------------------------------------------- */

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

TEST_MAIN("scope", T(group_cancel_reaches_every_task),
          T(group_detached_leaves_its_tasks_to_its_parent),
          T(scope_cancel_is_level_triggered),
          T(scope_cancel_reaches_nested_scopes),
          T(scope_cancel_leaves_the_outside_alone),
          T(scope_ends_its_cancellation_at_its_edge),
          T(scope_keeps_the_first_reason),
          T(scope_passes_on_an_outer_cancellation),
          T(granted_operation_is_delivered_before_the_cancel))
