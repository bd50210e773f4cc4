/* test_shield.c - where cancellation does not reach, for a while. */
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

TEST_MAIN("shield", T(shield_lets_cleanup_await), T(shield_ends_with_its_grace),
          T(shield_gives_way_at_its_edge), T(shield_itself_can_be_cancelled))
