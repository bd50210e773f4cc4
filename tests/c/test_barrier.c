/* test_barrier.c - a meeting point, with its sweep and its model. */
#include "support_model.h"
#include "support_sweep.h"

static bide_barrier *
new_barrier(size_t parties)
{
    bide_barrier *b;
    assert_int_equal(bide_barrier_new(parties, "barrier", HERE, &b), 0);
    return b;
}

static void
arrives(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_barrier_wait(a->arg, &a->w));
    trace(a, "%zu", a->w.u.count);
    END(a);
}

static void
test_barrier_releases_all_when_the_last_arrives(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_barrier *b = new_barrier(3);
    actor_spawn(&wd, "a", arrives, b);
    actor_spawn(&wd, "b", arrives, b);
    assert_int_equal(bide_loop_run(wd.loop, NULL), BIDE_ESTALLED);
    CHECK_INT(bide_barrier_waiting(b), 2);
    CHECK_INT(bide_barrier_parties(b), 3);
    CHECK_INT(wd.traced, 0);
    actor_spawn(&wd, "c", arrives, b);
    world_run(&wd);
    CHECK_INT(bide_barrier_waiting(b), 0);
    bide_barrier_unref(b);
    world_expect(&wd, "c:2 a:0 b:1");
}

static void
test_barrier_gives_the_order_of_arrival(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_barrier *b = new_barrier(4);
    for (int i = 0; i < 4; i++)
        actor_spawn(&wd, &"d\0c\0b\0a"[2 * i], arrives, b);
    world_run(&wd);
    bide_barrier_unref(b);
    world_expect(&wd, "a:3 d:0 c:1 b:2");
}

static void
arrives_thrice(actor *a)
{
    BEGIN(a);
    for (a->i = 0; a->i < 3; a->i++) {
        AWAIT_OK(a, bide_barrier_wait(a->arg, &a->w));
        trace(a, "%d", a->i);
    }
    END(a);
}

static void
test_barrier_can_be_used_again(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_barrier *b = new_barrier(2);
    actor_spawn(&wd, "a", arrives_thrice, b);
    actor_spawn(&wd, "b", arrives_thrice, b);
    world_run(&wd);
    bide_barrier_unref(b);
    world_expect(&wd, "b:0 a:0 a:1 b:1 b:2 a:2");
}

static void
expects(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_barrier_wait(a->arg, &a->w));
    CHECK_INT(a->rc, a->n);
    trace(a, "%s", bide_error_name(a->rc));
    END(a);
}

static void
test_barrier_cancelled_waiter_has_not_arrived(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_barrier *b = new_barrier(2);
    actor *a = actor_spawn(&wd, "a", expects, b);
    a->n = BIDE_ECANCELED;
    cancel_later(&wd, a);
    actor_spawn(&wd, "b", arrives, b);
    actor_spawn(&wd, "c", arrives, b);
    world_run(&wd);
    bide_barrier_unref(b);
    world_expect(&wd, "c:1 a:ECANCELED b:0");
}

static void
aborts(actor *a)
{
    bide_barrier_abort(a->arg);
    CHECK(bide_barrier_broken(a->arg));
    a->over = true;
}

static void
test_barrier_abort_breaks_waiters_and_later_arrivals(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_barrier *b = new_barrier(3);
    actor_spawn(&wd, "a", expects, b)->n = BIDE_EBROKEN;
    actor_spawn(&wd, "x", aborts, b);
    actor_spawn(&wd, "b", expects, b)->n = BIDE_EBROKEN;
    world_run(&wd);
    bide_barrier_reset(b);
    CHECK(!bide_barrier_broken(b));
    actor_spawn(&wd, "c", arrives, b);
    actor_spawn(&wd, "d", arrives, b);
    actor_spawn(&wd, "e", arrives, b);
    world_run(&wd);
    bide_barrier_unref(b);
    world_expect(&wd, "b:EBROKEN a:EBROKEN e:2 c:0 d:1");
}

static void
resets(actor *a)
{
    bide_barrier_reset(a->arg);
    CHECK(!bide_barrier_broken(a->arg));
    CHECK_INT(bide_barrier_waiting(a->arg), 0);
    a->over = true;
}

static void
test_barrier_reset_makes_it_as_new(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_barrier *b = new_barrier(2);
    actor_spawn(&wd, "a", expects, b)->n = BIDE_EBROKEN;
    actor_spawn(&wd, "x", resets, b);
    actor_spawn(&wd, "b", arrives, b);
    actor_spawn(&wd, "c", arrives, b);
    world_run(&wd);
    bide_barrier_unref(b);
    world_expect(&wd, "c:1 a:EBROKEN b:0");
}

static void
test_barrier_of_nobody_is_refused(void **state)
{
    (void)state;
    bide_barrier *b = NULL;
    assert_int_equal(bide_barrier_new(0, "barrier", HERE, &b), BIDE_EINVALID);
    assert_null(b);
}

/* -- cancel at every park ------------------------------------------------- */

typedef struct shared {
    bide_barrier *barrier;
    int met;
} shared;

static void
meets(actor *a)
{
    shared *s = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < 3; a->i++) {
        AWAIT(a, bide_barrier_wait(s->barrier, &a->w));
        if (a->rc) {
            /* As a program would: one that fails tells the others. */
            bide_barrier_abort(s->barrier);
            break;
        }
        s->met++;
        AWAIT(a, bide_yield(&a->w));
    }
    END(a);
}

static actor *
build(world *wd, void *state)
{
    shared *s = state;
    s->barrier = new_barrier(3);
    actor_spawn(wd, "a", meets, s);
    actor *victim = actor_spawn(wd, "b", meets, s);
    actor_spawn(wd, "c", meets, s);
    return victim;
}

static void
verify(world *wd, void *state, bool hit)
{
    (void)wd;
    shared *s = state;
    /* Nobody passes a meeting that did not take place. */
    CHECK_INT(s->met % 3, 0);
    CHECK(hit || s->met == 9);
    CHECK_INT(bide_barrier_waiting(s->barrier), 0);
    bide_barrier_unref(s->barrier);
}

static void
test_barrier_cancel_at_every_park(void **state)
{
    (void)state;
    sweep_cancel(&(scenario){sizeof(shared), build, verify});
}

/* -- model ---------------------------------------------------------------- */

enum { PARTIES = 3 };
enum { WAIT, WAIT_TOO, WAIT_ALSO, ABORT, RESET, OPS };

static int
make(rig *r)
{
    return bide_barrier_new(PARTIES, "b", HERE, (bide_barrier **)&r->object);
}

static void
drop(rig *r)
{
    bide_barrier_unref(r->object);
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
    if (op < ABORT)
        return bide_barrier_wait(r->object, w);
    if (op == ABORT)
        bide_barrier_abort(r->object);
    else
        bide_barrier_reset(r->object);
    return 0;
}

static void
end_all(rig *r, int rc)
{
    while (r->queued)
        rig_ends(r, rig_unblock(r, 0).hand, rc);
}

static void
predict(rig *r, int hand, int op)
{
    if (op == OP_CANCEL) {
        rig_unblock_hand(r, hand);
        rig_ends(r, hand, BIDE_ECANCELED);
    } else if (op >= ABORT) {
        rig_ends(r, hand, 0);
        end_all(r, BIDE_EBROKEN);
        r->flag = op == ABORT;
    } else if (r->flag) {
        rig_ends(r, hand, BIDE_EBROKEN);
    } else if (r->queued == PARTIES - 1) {
        rig_ends(r, hand, 0);
        end_all(r, 0);
    } else {
        rig_blocks(r, hand, op);
    }
}

static void
compare(rig *r)
{
    CHECK_INT(bide_barrier_broken(r->object), r->flag);
    CHECK_INT(bide_barrier_waiting(r->object), r->queued);
}

static void
test_barrier_agrees_with_its_model(void **state)
{
    (void)state;
    model_run(
        &(model){"barrier", make, drop, draw, submit, predict, compare, NULL});
}

TEST_MAIN("barrier", T(barrier_releases_all_when_the_last_arrives),
          T(barrier_gives_the_order_of_arrival), T(barrier_can_be_used_again),
          T(barrier_cancelled_waiter_has_not_arrived),
          T(barrier_abort_breaks_waiters_and_later_arrivals),
          T(barrier_reset_makes_it_as_new), T(barrier_of_nobody_is_refused),
          T(barrier_cancel_at_every_park), T(barrier_agrees_with_its_model))
