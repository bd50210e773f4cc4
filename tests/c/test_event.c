/* test_event.c - a flag that tasks wait for, with its sweep and its model. */
#include "support_model.h"
#include "support_sweep.h"

static bide_event *
new_event(void)
{
    bide_event *e;
    assert_int_equal(bide_event_new("event", HERE, &e), 0);
    return e;
}

static void
waits(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_event_wait(a->arg, &a->w));
    trace(a, "woke");
    END(a);
}

static void
sets(actor *a)
{
    CHECK(!bide_event_is_set(a->arg));
    bide_event_set(a->arg);
    CHECK(bide_event_is_set(a->arg));
    CHECK_INT(bide_event_waiters(a->arg), 0);
    trace(a, "set");
    a->over = true;
}

static void
test_event_set_wakes_all_waiters(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_event *e = new_event();
    actor_spawn(&wd, "a", waits, e);
    actor_spawn(&wd, "b", waits, e);
    actor_spawn(&wd, "c", waits, e);
    actor_spawn(&wd, "s", sets, e);
    world_run(&wd);
    bide_event_unref(e);
    world_expect(&wd, "s:set a:woke b:woke c:woke");
}

static void
waits_without_parking(actor *a)
{
    CHECK_INT(bide_event_wait(a->arg, &a->w), 0);
    CHECK_INT(bide_event_wait(a->arg, &a->w), 0);
    a->over = true;
}

static void
test_event_already_set_does_not_wait(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_event *e = new_event();
    bide_event_set(e);
    actor_spawn(&wd, "a", waits_without_parking, e);
    world_run(&wd);
    bide_event_unref(e);
    world_end(&wd);
}

static void
test_event_cleared_makes_waits_park_again(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_event *e = new_event();
    bide_event_set(e);
    bide_event_set(e);
    bide_event_clear(e);
    actor_spawn(&wd, "a", waits, e);
    actor_spawn(&wd, "s", sets, e);
    world_run(&wd);
    bide_event_unref(e);
    world_expect(&wd, "s:set a:woke");
}

static void
sets_and_clears(actor *a)
{
    bide_event_set(a->arg);
    bide_event_clear(a->arg);
    trace(a, "cleared");
    a->over = true;
}

static void
test_event_set_and_cleared_still_wakes(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_event *e = new_event();
    actor_spawn(&wd, "a", waits, e);
    actor_spawn(&wd, "s", sets_and_clears, e);
    world_run(&wd);
    CHECK(!bide_event_is_set(e));
    bide_event_unref(e);
    world_expect(&wd, "s:cleared a:woke");
}

static void
expects_cancel(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_event_wait(a->arg, &a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK_INT(bide_event_waiters(a->arg), 2);
    trace(a, "cancelled");
    bide_event_set(a->arg);
    END(a);
}

static void
test_event_cancelled_waiter_leaves_the_others(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_event *e = new_event();
    actor_spawn(&wd, "a", waits, e);
    actor *b = actor_spawn(&wd, "b", expects_cancel, e);
    actor_spawn(&wd, "c", waits, e);
    cancel_later(&wd, b);
    world_run(&wd);
    bide_event_unref(e);
    world_expect(&wd, "b:cancelled a:woke c:woke");
}

/* -- cancel at every park: two tasks that wake one another ---------------- */

typedef struct shared {
    bide_event *ping, *pong;
    int rounds, woken;
} shared;

static void
pings(actor *a)
{
    shared *s = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < 4; a->i++) {
        bide_event_set(s->ping);
        AWAIT(a, bide_event_wait(s->pong, &a->w));
        if (a->rc)
            break;
        bide_event_clear(s->pong);
        s->rounds++;
    }
    bide_event_set(s->ping);
    END(a);
}

static void
pongs(actor *a)
{
    shared *s = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < 4; a->i++) {
        AWAIT_OK(a, bide_event_wait(s->ping, &a->w));
        bide_event_clear(s->ping);
        bide_event_set(s->pong);
        if (bide_event_waiters(s->pong) == 0 && a->world->victim->over)
            break;
    }
    s->woken++;
    END(a);
}

static actor *
build(world *wd, void *state)
{
    shared *s = state;
    s->ping = new_event();
    s->pong = new_event();
    actor *victim = actor_spawn(wd, "a", pings, s);
    actor_spawn(wd, "b", pongs, s);
    return victim;
}

static void
verify(world *wd, void *state, bool hit)
{
    (void)wd;
    shared *s = state;
    CHECK(hit || s->rounds == 4);
    CHECK_INT(s->woken, 1);
    CHECK_INT(bide_event_waiters(s->ping), 0);
    CHECK_INT(bide_event_waiters(s->pong), 0);
    bide_event_unref(s->ping);
    bide_event_unref(s->pong);
}

static void
test_event_cancel_at_every_park(void **state)
{
    (void)state;
    sweep_cancel(&(scenario){sizeof(shared), build, verify});
}

/* -- model ---------------------------------------------------------------- */

enum { WAIT, WAIT_TOO, SET, CLEAR, SET_CLEAR, OPS };

static int
make(rig *r)
{
    return bide_event_new("event", HERE, (bide_event **)&r->object);
}

static void
drop(rig *r)
{
    bide_event_unref(r->object);
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
    if (op == WAIT || op == WAIT_TOO)
        return bide_event_wait(r->object, w);
    if (op != CLEAR)
        bide_event_set(r->object);
    if (op != SET)
        bide_event_clear(r->object);
    return 0;
}

static void
predict(rig *r, int hand, int op)
{
    if (op == OP_CANCEL) {
        rig_unblock_hand(r, hand);
        rig_ends(r, hand, BIDE_ECANCELED);
        return;
    }
    if (op == WAIT || op == WAIT_TOO) {
        if (r->flag)
            rig_ends(r, hand, 0);
        else
            rig_blocks(r, hand, op);
        return;
    }
    rig_ends(r, hand, 0);
    while (op != CLEAR && r->queued)
        rig_ends(r, rig_unblock(r, 0).hand, 0);
    r->flag = op == SET;
}

static void
compare(rig *r)
{
    CHECK_INT(bide_event_is_set(r->object), r->flag);
    CHECK_INT(bide_event_waiters(r->object), r->queued);
}

static void
test_event_agrees_with_its_model(void **state)
{
    (void)state;
    model_run(
        &(model){"event", make, drop, draw, submit, predict, compare, NULL});
}

TEST_MAIN("event", T(event_set_wakes_all_waiters),
          T(event_already_set_does_not_wait),
          T(event_cleared_makes_waits_park_again),
          T(event_set_and_cleared_still_wakes),
          T(event_cancelled_waiter_leaves_the_others),
          T(event_cancel_at_every_park), T(event_agrees_with_its_model))
