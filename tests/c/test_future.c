/* test_future.c - a result settled exactly once, with its sweep and model. */
#include "support_model.h"
#include "support_sweep.h"

static bide_future *
new_future(void)
{
    bide_future *f;
    assert_int_equal(bide_future_new(&f), 0);
    return f;
}

static int64_t
value_of(bide_future *f)
{
    int status;
    bide_value v;
    CHECK_INT(bide_future_peek(f, &status, &v), 0);
    CHECK_INT(status, 0);
    return v.as.integer;
}

static void
waits(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_future_wait(a->arg, &a->w));
    CHECK_INT(a->w.value.as.integer, value_of(a->arg));
    trace(a, "%d", (int)a->w.value.as.integer);
    END(a);
}

static void
settles(actor *a)
{
    int status;
    bide_value v;
    CHECK_INT(bide_future_peek(a->arg, &status, &v), BIDE_EWOULDBLOCK);
    CHECK_INT(bide_future_settle(a->arg, a->n, number(7)), 0);
    trace(a, "settled");
    a->over = true;
}

static void
test_future_wait_gives_the_value(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_future *f = new_future();
    actor_spawn(&wd, "a", waits, f);
    actor_spawn(&wd, "s", settles, f);
    world_run(&wd);
    bide_future_unref(f);
    world_expect(&wd, "s:settled a:7");
}

static void
expects_error(actor *a)
{
    int status = 0;
    bide_value v;

    BEGIN(a);
    AWAIT_OK(a, bide_future_wait(a->arg, &a->w));
    CHECK_INT(bide_future_peek(a->arg, &status, &v), 0);
    CHECK_INT(status, BIDE_EHOST);
    CHECK_INT(v.as.integer, 7);
    trace(a, "%s", bide_error_name(status));
    END(a);
}

static void
test_future_wait_gives_the_error(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_future *f = new_future();
    actor_spawn(&wd, "a", expects_error, f);
    actor_spawn(&wd, "s", settles, f)->n = BIDE_EHOST;
    world_run(&wd);
    bide_future_unref(f);
    world_expect(&wd, "s:settled a:EHOST");
}

static void
waits_without_parking(actor *a)
{
    CHECK_INT(bide_future_wait(a->arg, &a->w), 0);
    CHECK_INT(a->w.value.as.integer, 5);
    CHECK_INT(bide_future_wait(a->arg, &a->w), 0);
    CHECK_INT(a->w.value.as.integer, 5);
    a->over = true;
}

static void
test_future_already_settled_does_not_wait(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_future *f = new_future();
    CHECK_INT(bide_future_settle(f, 0, number(5)), 0);
    actor_spawn(&wd, "a", waits_without_parking, f);
    world_run(&wd);
    bide_future_unref(f);
    world_end(&wd);
}

static void
test_future_settles_once(void **state)
{
    (void)state;
    bide_future *f = new_future();
    assert_int_equal(bide_future_settle(f, 0, number(1)), 0);
    assert_int_equal(bide_future_settle(f, BIDE_EHOST, number(2)),
                     BIDE_ESETTLED);
    assert_int_equal(value_of(f), 1);
    assert_int_equal(bide_future_wait_blocking(f, 0), 0);
    bide_future_unref(f);
}

static void
test_future_wakes_its_waiters_in_order(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_future *f = new_future();
    for (int i = 0; i < 3; i++)
        actor_spawn(&wd, &"a\0b\0c"[2 * i], waits, f);
    actor_spawn(&wd, "s", settles, f);
    world_run(&wd);
    bide_future_unref(f);
    world_expect(&wd, "s:settled a:7 b:7 c:7");
}

static void
expects_cancel(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_future_wait(a->arg, &a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    trace(a, "cancelled");
    CHECK_INT(bide_future_settle(a->arg, 0, number(3)), 0);
    END(a);
}

static void
test_future_cancelled_waiter_leaves_it_pending(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_future *f = new_future();
    actor_spawn(&wd, "a", waits, f);
    actor *b = actor_spawn(&wd, "b", expects_cancel, f);
    actor_spawn(&wd, "c", waits, f);
    cancel_later(&wd, b);
    world_run(&wd);
    bide_future_unref(f);
    world_expect(&wd, "b:cancelled a:3 c:3");
}

static void
waits_and_unrefs(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_future_wait(a->arg, &a->w));
    trace(a, "%d", (int)a->w.value.as.integer);
    bide_future_unref(a->arg);
    END(a);
}

/* The settler's reference may be the last one. */
static void
test_future_outlives_its_waiters(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_future *f = new_future();
    actor_spawn(&wd, "a", waits_and_unrefs, f);
    bide_future_ref(f);
    actor_spawn(&wd, "s", settles, f);
    world_run(&wd);
    assert_int_equal(value_of(f), 7);
    bide_future_unref(f);
    world_expect(&wd, "s:settled a:7");
}

static void
test_future_wait_blocking(void **state)
{
    (void)state;
    bide_future *f = new_future();
    assert_int_equal(bide_future_wait_blocking(f, 0), BIDE_ETIMEDOUT);
    assert_int_equal(bide_future_wait_blocking(f, MS), BIDE_ETIMEDOUT);
    bide_future_unref(f);
}

/* -- cancel at every park: a chain of futures ----------------------------- */

typedef struct shared {
    bide_future *links[4];
    int settled, ended;
} shared;

static void
passes_on(actor *a)
{
    shared *s = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < 3; a->i++) {
        AWAIT(a, bide_future_wait(s->links[a->i], &a->w));
        if (a->rc)
            break;
        s->settled +=
            bide_future_settle(s->links[a->i + 1], 0, number(a->i)) == 0;
        AWAIT(a, bide_yield(&a->w));
    }
    for (a->i = 0; a->i < 4; a->i++)
        bide_future_settle(s->links[a->i], BIDE_ECANCELED, number(0));
    s->ended++;
    END(a);
}

static void
starts(actor *a)
{
    shared *s = a->arg;
    bide_future_settle(s->links[0], 0, number(0));
    a->over = true;
}

static actor *
build(world *wd, void *state)
{
    shared *s = state;
    for (int i = 0; i < 4; i++)
        s->links[i] = new_future();
    actor_spawn(wd, "a", passes_on, s);
    actor *victim = actor_spawn(wd, "b", passes_on, s);
    actor_spawn(wd, "s", starts, s);
    return victim;
}

static void
verify(world *wd, void *state, bool hit)
{
    (void)wd;
    shared *s = state;
    CHECK_INT(s->ended, 2);
    CHECK(hit || s->settled == 3);
    for (int i = 0; i < 4; i++) {
        int status;
        bide_value v;
        CHECK_INT(bide_future_peek(s->links[i], &status, &v), 0);
        bide_future_unref(s->links[i]);
    }
}

static void
test_future_cancel_at_every_park(void **state)
{
    (void)state;
    sweep_cancel(&(scenario){sizeof(shared), build, verify});
}

/* -- model: RENEW puts a new future in the place of a settled one -----------
 */

enum { WAIT, WAIT_TOO, WAIT_ALSO, SETTLE, RENEW, OPS };

static int
make(rig *r)
{
    return bide_future_new((bide_future **)&r->object);
}

static void
drop(rig *r)
{
    bide_future_unref(r->object);
}

static int
draw(rig *r, int hand)
{
    (void)hand;
    return random_below(&r->random, OPS);
}

static int
submit(rig *r, int hand, int op, bide_wait *w)
{
    (void)hand;
    if (op < SETTLE)
        return bide_future_wait(r->object, w);
    if (op == SETTLE)
        return bide_future_settle(r->object, 0, number(r->next));
    int status;
    bide_value v;
    if (bide_future_peek(r->object, &status, &v) == 0) {
        bide_future_unref(r->object);
        return bide_future_new((bide_future **)&r->object);
    }
    return 0;
}

static void
predict_settle(rig *r, int hand)
{
    rig_ends(r, hand, r->flag ? BIDE_ESETTLED : 0);
    if (r->flag)
        return;
    r->flag = 1;
    r->numbers[0] = ++r->next;
    while (r->queued)
        rig_ends_with(r, rig_unblock(r, 0).hand, 0, r->next);
}

static void
predict(rig *r, int hand, int op)
{
    if (op == OP_CANCEL) {
        rig_unblock_hand(r, hand);
        rig_ends(r, hand, BIDE_ECANCELED);
    } else if (op == SETTLE) {
        predict_settle(r, hand);
    } else if (op == RENEW) {
        rig_ends(r, hand, 0);
        r->flag = 0;
    } else if (r->flag) {
        rig_ends_with(r, hand, 0, r->numbers[0]);
    } else {
        rig_blocks(r, hand, op);
    }
}

static void
test_future_agrees_with_its_model(void **state)
{
    (void)state;
    model_run(
        &(model){"future", make, drop, draw, submit, predict, NULL, NULL});
}

TEST_MAIN("future", T(future_wait_gives_the_value),
          T(future_wait_gives_the_error),
          T(future_already_settled_does_not_wait), T(future_settles_once),
          T(future_wakes_its_waiters_in_order),
          T(future_cancelled_waiter_leaves_it_pending),
          T(future_outlives_its_waiters), T(future_wait_blocking),
          T(future_cancel_at_every_park), T(future_agrees_with_its_model))
