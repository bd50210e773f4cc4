/* test_rwlock_model.c - the rwlock under cancels everywhere and against a
 * reference. */
#include "support_model.h"
#include "support_sweep.h"

/* -- cancel at every park ------------------------------------------------- */

typedef struct shared {
    bide_rwlock *rwlock;
    int readers, writers, through;
} shared;

/* Reads, writes, reads, writes, each over a yield. */
static void
rounds(actor *a)
{
    shared *s = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < 2; a->i++) {
        AWAIT(a, bide_rwlock_read(s->rwlock, &a->w));
        if (a->rc)
            break;
        s->readers++;
        CHECK_INT(s->writers, 0);
        AWAIT(a, bide_yield(&a->w));
        s->readers--;
        CHECK_INT(bide_rwlock_read_unlock(s->rwlock), 0);
        AWAIT(a, bide_rwlock_write(s->rwlock, &a->w));
        if (a->rc)
            break;
        CHECK_INT(++s->writers, 1);
        CHECK_INT(s->readers, 0);
        AWAIT(a, bide_yield(&a->w));
        s->writers--;
        CHECK_INT(bide_rwlock_write_unlock(s->rwlock, &a->task), 0);
        s->through++;
    }
    END(a);
}

static actor *
build(world *wd, void *state)
{
    shared *s = state;
    CHECK_INT(bide_rwlock_new("rw", HERE, &s->rwlock), 0);
    actor_spawn(wd, "a", rounds, s);
    actor_spawn(wd, "b", rounds, s);
    actor *victim = actor_spawn(wd, "c", rounds, s);
    actor_spawn(wd, "d", rounds, s);
    return victim;
}

static void
verify(world *wd, void *state, bool hit)
{
    (void)wd;
    shared *s = state;
    CHECK(s->through >= 6);
    CHECK(hit || s->through == 8);
    CHECK_INT(bide_rwlock_readers(s->rwlock), 0);
    CHECK(bide_rwlock_writer(s->rwlock) == NULL);
    CHECK_INT(bide_rwlock_waiters(s->rwlock), 0);
    bide_rwlock_unref(s->rwlock);
}

static void
test_rwlock_cancel_at_every_park(void **state)
{
    (void)state;
    sweep_cancel(&(scenario){sizeof(shared), build, verify});
}

/* -- model ---------------------------------------------------------------- */

enum { READ, WRITE, TRY_READ, TRY_WRITE, READ_UNLOCK, WRITE_UNLOCK, OPS };

/* Whose the read locks are, until one is unlocked by somebody else. */
static int reads[16];
static bool loose;

static int
make(rig *r)
{
    memset(reads, 0, sizeof reads);
    loose = false;
    return bide_rwlock_new("rw", HERE, (bide_rwlock **)&r->object);
}

static void
drop(rig *r)
{
    bide_rwlock_unref(r->object);
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
    case READ:
        return bide_rwlock_read(r->object, w);
    case WRITE:
        return bide_rwlock_write(r->object, w);
    case TRY_READ:
        return bide_rwlock_try_read(r->object, t);
    case TRY_WRITE:
        return bide_rwlock_try_write(r->object, t);
    case READ_UNLOCK:
        return bide_rwlock_read_unlock(r->object);
    default:
        return bide_rwlock_write_unlock(r->object, t);
    }
}

static bool
fits(const rig *r, int op)
{
    bool reading = op == READ || op == TRY_READ;
    return r->owner < 0 && (reading || r->readers == 0);
}

static void
enter(rig *r, int hand, int op)
{
    if (op == READ || op == TRY_READ)
        r->readers++, reads[hand]++;
    else
        r->owner = hand;
    rig_ends(r, hand, 0);
}

static void
predict_lock(rig *r, int hand, int op)
{
    bool trying = op == TRY_READ || op == TRY_WRITE;

    if (r->owner == hand && !trying)
        rig_ends(r, hand, BIDE_EDEADLOCK);
    else if (r->queued == 0 && fits(r, op))
        enter(r, hand, op);
    else if (trying)
        rig_ends(r, hand, BIDE_EWOULDBLOCK);
    else if (!loose && reads[hand])
        rig_ends(r, hand, BIDE_EDEADLOCK);
    else
        rig_blocks(r, hand, op);
}

static void
predict_unlock(rig *r, int hand, int op)
{
    bool holds = op == READ_UNLOCK ? r->readers > 0 : r->owner == hand;
    rig_ends(r, hand, holds ? 0 : BIDE_ENOTOWNER);
    if (!holds)
        return;
    if (op == WRITE_UNLOCK) {
        r->owner = -1;
        return;
    }
    r->readers--;
    if (reads[hand])
        reads[hand]--;
    else
        loose = true;
}

static void
predict(rig *r, int hand, int op)
{
    if (op == OP_CANCEL) {
        rig_unblock_hand(r, hand);
        rig_ends(r, hand, BIDE_ECANCELED);
    } else if (op >= READ_UNLOCK) {
        predict_unlock(r, hand, op);
    } else {
        predict_lock(r, hand, op);
    }
    while (r->queued && fits(r, r->queue[0].op)) {
        blocked b = rig_unblock(r, 0);
        enter(r, b.hand, b.op);
    }
}

static void
compare(rig *r)
{
    bide_task *writer = r->owner < 0 ? NULL : &r->hands[r->owner].actor->task;
    CHECK(bide_rwlock_writer(r->object) == writer);
    CHECK_INT(bide_rwlock_readers(r->object), r->readers);
    CHECK_INT(bide_rwlock_waiters(r->object), r->queued);
}

static void
test_rwlock_agrees_with_its_model(void **state)
{
    (void)state;
    model_run(
        &(model){"rwlock", make, drop, draw, submit, predict, compare, NULL});
}

TEST_MAIN("rwlock model", T(rwlock_cancel_at_every_park),
          T(rwlock_agrees_with_its_model))
