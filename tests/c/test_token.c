/* test_token.c - cancellation that can be handed around. */
#include "support.h"

static bide_token *
new_token(bide_token *parent)
{
    bide_token *k;
    assert_int_equal(bide_token_new(parent, &k), 0);
    return k;
}

/* Parks in a scope under the token in a->arg. */
static void
parks_under(actor *a)
{
    BEGIN(a);
    bide_scope_init(&a->scope);
    CHECK_INT(bide_scope_enter(&a->scope, &a->task, a->arg), 0);
    AWAIT(a, bide_park(&a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    trace(a, "%d", (int)bide_scope_cause(&a->scope)->reason.as.integer);
    CHECK_INT(bide_scope_leave(&a->scope), a->n ? a->n : BIDE_ECANCELED);
    AWAIT_OK(a, bide_yield(&a->w));
    END(a);
}

static void
cancels(actor *a)
{
    CHECK(!bide_token_cancelled(a->arg));
    CHECK(bide_token_cancel(a->arg, number(4)));
    CHECK(bide_token_cancelled(a->arg));
    trace(a, "told");
    a->over = true;
}

static void
test_token_cancel_ends_the_waits_below(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_token *k = new_token(NULL);
    actor_spawn(&wd, "a", parks_under, k);
    actor_spawn(&wd, "b", parks_under, k);
    actor_spawn(&wd, "c", cancels, k);
    world_run(&wd);
    bide_token_unref(k);
    world_expect(&wd, "c:told a:4 b:4");
}

static void
test_token_cancel_reaches_its_children(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_token *k = new_token(NULL), *child = new_token(k);
    bide_token *grandchild = new_token(child);
    bide_token_unref(child); /* the grandchild keeps it */
    actor_spawn(&wd, "a", parks_under, k);
    actor_spawn(&wd, "b", parks_under, grandchild);
    actor_spawn(&wd, "c", cancels, k);
    world_run(&wd);
    CHECK(bide_token_cancelled(grandchild));
    bide_token_unref(k);
    bide_token_unref(grandchild);
    world_expect(&wd, "c:told a:4 b:4");
}

static void
test_token_child_cancel_leaves_the_parent_alone(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_token *k = new_token(NULL), *child = new_token(k);
    actor_spawn(&wd, "a", parks_under, k);
    actor_spawn(&wd, "b", parks_under, child);
    actor_spawn(&wd, "c", cancels, child);
    CHECK_INT(bide_loop_run(wd.loop, NULL), BIDE_ESTALLED);
    CHECK(!bide_token_cancelled(k));
    CHECK(bide_token_cancel(k, number(5)));
    world_run(&wd);
    bide_token_unref(child);
    bide_token_unref(k);
    world_expect(&wd, "c:told b:4 a:5");
}

static void
test_token_keeps_the_first_reason(void **state)
{
    (void)state;
    bide_token *k = new_token(NULL);
    assert_int_equal(bide_token_reason(k).tag, 0);
    assert_true(bide_token_cancel(k, number(1)));
    assert_false(bide_token_cancel(k, number(2)));
    assert_int_equal(bide_token_reason(k).as.integer, 1);
    bide_token_unref(k);
}

static void
test_token_cancelled_before_use_cancels_the_first_wait(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_token *k = new_token(NULL), *parent = new_token(NULL);
    bide_token *child = new_token(parent);
    CHECK(bide_token_cancel(k, number(7)));
    CHECK(bide_token_cancel(parent, number(8)));
    CHECK(bide_token_cancelled(child));
    actor_spawn(&wd, "a", parks_under, k);
    actor_spawn(&wd, "b", parks_under, child);
    world_run(&wd);
    bide_token_unref(k);
    bide_token_unref(parent);
    bide_token_unref(child);
    world_expect(&wd, "a:7 b:8");
}

static void
test_token_deadline_expires(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_token *k = new_token(NULL), *child = new_token(k);
    CHECK_INT(bide_token_deadline(k, wd.loop, SECOND), 0);
    actor_spawn(&wd, "a", parks_under, k)->n = BIDE_ETIMEDOUT;
    actor_spawn(&wd, "b", parks_under, child)->n = BIDE_ETIMEDOUT;
    world_run(&wd);
    CHECK_INT(bide_loop_now(wd.loop, false), SECOND);
    CHECK(bide_token_cancelled(k));
    CHECK(bide_token_cancelled(child));
    bide_token_unref(k);
    bide_token_unref(child);
    world_expect(&wd, "a:0 b:0");
}

static void
test_token_deadline_can_be_cleared(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_token *k = new_token(NULL);
    CHECK_INT(bide_token_deadline(k, wd.loop, SECOND), 0);
    CHECK_INT(bide_token_deadline(k, wd.loop, BIDE_FOREVER), 0);
    actor_spawn(&wd, "a", parks_under, k);
    CHECK_INT(bide_loop_run(wd.loop, NULL), BIDE_ESTALLED);
    CHECK(bide_token_cancel(k, number(1)));
    world_run(&wd);
    bide_token_unref(k);
    world_expect(&wd, "a:1");
}

static void
parks_wholly(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_park(&a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK_INT(bide_yield(&a->w), BIDE_ECANCELED);
    trace(a, "cancelled");
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
test_token_cancels_a_task_spawned_under_it(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_token *k = new_token(NULL);
    actor_spawn_in(&wd, "a", parks_wholly, NULL, NULL, k);
    actor_spawn(&wd, "b", yields_on, NULL);
    actor_spawn(&wd, "c", cancels, k);
    world_run(&wd);
    bide_token_unref(k);
    world_expect(&wd, "c:told a:cancelled b:on");
}

/* A token may go while scopes follow it: they are on their own then. */
static void
test_token_may_go_before_its_scopes(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_token *k = new_token(NULL), *parent = new_token(NULL);
    bide_token *child = new_token(parent);
    actor *a = actor_spawn_in(&wd, "a", parks_wholly, NULL, NULL, k);
    actor *b = actor_spawn_in(&wd, "b", parks_wholly, NULL, NULL, child);
    CHECK_INT(bide_loop_run(wd.loop, NULL), BIDE_ESTALLED);
    bide_token_unref(k);
    bide_token_unref(child);
    bide_token_unref(parent);
    bide_task_cancel(&a->task, number(0));
    bide_task_cancel(&b->task, number(0));
    world_expect(&wd, "a:cancelled b:cancelled");
}

static void
enters_foreign(actor *a)
{
    bide_scope_init(&a->scope);
    CHECK_INT(bide_scope_enter(&a->scope, &a->task, a->arg), BIDE_EWRONGLOOP);
    CHECK(a->task.scope == &a->task.base);
    a->over = true;
}

static void
test_token_of_another_loop_is_refused(void **state)
{
    (void)state;
    world first, second;
    world_begin(&first, 0);
    world_begin(&second, 0);
    bide_token *k = new_token(NULL);
    CHECK_INT(bide_token_deadline(k, first.loop, BIDE_FOREVER), 0);
    actor_spawn(&second, "a", enters_foreign, k);
    world_run(&second);
    CHECK_INT(bide_loop_close(first.loop, 0, NULL, NULL), 0);
    /* The first has closed: the token moves over. */
    CHECK_INT(bide_token_deadline(k, second.loop, BIDE_FOREVER), 0);
    bide_token_unref(k);
    bide_loop_unref(first.loop);
    world_end(&second);
}

/* Cancelled by hand at 1 s, expired at 2 s, left at 3 s: that was no timeout.
 */
static void
cleans_up_past_the_deadline(actor *a)
{
    BEGIN(a);
    bide_scope_init(&a->scope);
    CHECK_INT(bide_scope_enter(&a->scope, &a->task, a->arg), 0);
    AWAIT_OK(a, bide_sleep_until(&a->w, SECOND));
    CHECK(bide_token_cancel(a->arg, number(1)));
    bide_scope_init(&a->inner);
    bide_scope_shield(&a->inner, BIDE_FOREVER);
    CHECK_INT(bide_scope_enter(&a->inner, &a->task, NULL), 0);
    AWAIT_OK(a, bide_sleep_until(&a->w, 3 * SECOND));
    CHECK_INT(bide_scope_leave(&a->inner), 0);
    CHECK_INT(bide_scope_leave(&a->scope), BIDE_ECANCELED);
    END(a);
}

static void
test_token_deadline_after_a_cancel_is_not_its_cause(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_token *k = new_token(NULL);
    CHECK_INT(bide_token_deadline(k, wd.loop, 2 * SECOND), 0);
    actor_spawn(&wd, "a", cleans_up_past_the_deadline, k);
    world_run(&wd);
    bide_token_unref(k);
    world_end(&wd);
}

TEST_MAIN("token", T(token_cancel_ends_the_waits_below),
          T(token_cancel_reaches_its_children),
          T(token_child_cancel_leaves_the_parent_alone),
          T(token_keeps_the_first_reason),
          T(token_cancelled_before_use_cancels_the_first_wait),
          T(token_deadline_expires), T(token_deadline_can_be_cleared),
          T(token_cancels_a_task_spawned_under_it),
          T(token_may_go_before_its_scopes),
          T(token_of_another_loop_is_refused),
          T(token_deadline_after_a_cancel_is_not_its_cause))
