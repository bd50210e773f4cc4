/* test_mutex_model.c - the mutex under cancels everywhere and against a
 * reference. */
#include "support_model.h"
#include "support_sweep.h"

/* -- cancel at every park ------------------------------------------------- */

typedef struct shared {
    bide_mutex *mutex;
    int inside, through;
} shared;

/* Three rounds of lock, yield, unlock; a lock once taken is given back. */
static void
rounds(actor *a)
{
    shared *s = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < 3; a->i++) {
        AWAIT(a, bide_mutex_lock(s->mutex, &a->w));
        if (a->rc)
            break;
        CHECK_INT(++s->inside, 1);
        AWAIT(a, bide_yield(&a->w));
        s->inside--;
        CHECK_INT(bide_mutex_unlock(s->mutex, &a->task), 0);
        s->through++;
    }
    CHECK(bide_mutex_owner(s->mutex) != &a->task);
    END(a);
}

static actor *
build(world *wd, void *state)
{
    shared *s = state;
    CHECK_INT(bide_mutex_new("lock", HERE, &s->mutex), 0);
    actor_spawn(wd, "a", rounds, s);
    actor *victim = actor_spawn(wd, "b", rounds, s);
    actor_spawn(wd, "c", rounds, s);
    return victim;
}

static void
verify(world *wd, void *state, bool hit)
{
    shared *s = state;
    CHECK(s->through >= 6);
    CHECK(hit || s->through == 9);
    CHECK(hit || wd->victim->rc == 0);
    CHECK_INT(s->inside, 0);
    CHECK_INT(bide_mutex_waiters(s->mutex), 0);
    CHECK(bide_mutex_owner(s->mutex) == NULL);
    bide_mutex_unref(s->mutex);
}

static void
test_mutex_cancel_at_every_park(void **state)
{
    (void)state;
    sweep_cancel(&(scenario){sizeof(shared), build, verify});
}

/* -- model ---------------------------------------------------------------- */

enum { LOCK, TRY, UNLOCK, OPS };

static int
make(rig *r)
{
    return bide_mutex_new("lock", HERE, (bide_mutex **)&r->object);
}

static void
drop(rig *r)
{
    bide_mutex_unref(r->object);
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
    bide_task *t = &r->hands[hand].actor->task;

    switch (op) {
    case LOCK:
        return bide_mutex_lock(r->object, w);
    case TRY:
        return bide_mutex_try_lock(r->object, t);
    default:
        return bide_mutex_unlock(r->object, t);
    }
}

static void
predict_lock(rig *r, int hand, int op)
{
    if (r->owner == hand)
        rig_ends(r, hand, op == TRY ? BIDE_EWOULDBLOCK : BIDE_EDEADLOCK);
    else if (r->owner < 0)
        rig_ends(r, r->owner = hand, 0);
    else if (op == TRY)
        rig_ends(r, hand, BIDE_EWOULDBLOCK);
    else
        rig_blocks(r, hand, op);
}

static void
predict_unlock(rig *r, int hand)
{
    if (r->owner != hand) {
        rig_ends(r, hand, BIDE_ENOTOWNER);
        return;
    }
    rig_ends(r, hand, 0);
    r->owner = r->queued ? rig_unblock(r, 0).hand : -1;
    if (r->owner >= 0)
        rig_ends(r, r->owner, 0);
}

static void
predict(rig *r, int hand, int op)
{
    if (op == OP_CANCEL)
        rig_ends(r, rig_unblock_hand(r, hand).hand, BIDE_ECANCELED);
    else if (op == UNLOCK)
        predict_unlock(r, hand);
    else
        predict_lock(r, hand, op);
}

static void
compare(rig *r)
{
    bide_task *owner = r->owner < 0 ? NULL : &r->hands[r->owner].actor->task;
    CHECK(bide_mutex_owner(r->object) == owner);
    CHECK_INT(bide_mutex_waiters(r->object), r->queued);
}

static void
test_mutex_agrees_with_its_model(void **state)
{
    (void)state;
    model_run(
        &(model){"mutex", make, drop, draw, submit, predict, compare, NULL});
}

TEST_MAIN("mutex model", T(mutex_cancel_at_every_park),
          T(mutex_agrees_with_its_model))
