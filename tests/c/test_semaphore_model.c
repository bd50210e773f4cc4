/* test_semaphore_model.c - the semaphore under cancels everywhere and against
 * a reference. */
#include "support_model.h"
#include "support_sweep.h"

enum { PERMITS = 4 };

/* -- cancel at every park ------------------------------------------------- */

typedef struct shared {
    bide_semaphore *semaphore;
    int taken, through;
} shared;

/* Takes 3, 2, then 1 of the permits, each over a yield. */
static void
rounds(actor *a)
{
    shared *s = a->arg;

    BEGIN(a);
    for (a->n = 3; a->n > 0; a->n--) {
        AWAIT(a, bide_semaphore_acquire(s->semaphore, (size_t)a->n, &a->w));
        if (a->rc)
            break;
        s->taken += a->n;
        CHECK(s->taken <= PERMITS);
        AWAIT(a, bide_yield(&a->w));
        s->taken -= a->n;
        CHECK_INT(bide_semaphore_release(s->semaphore, (size_t)a->n), 0);
        s->through++;
    }
    END(a);
}

static actor *
build(world *wd, void *state)
{
    shared *s = state;
    CHECK_INT(bide_semaphore_new(PERMITS, true, "s", HERE, &s->semaphore), 0);
    actor_spawn(wd, "a", rounds, s);
    actor *victim = actor_spawn(wd, "b", rounds, s);
    actor_spawn(wd, "c", rounds, s);
    return victim;
}

static void
verify(world *wd, void *state, bool hit)
{
    (void)wd;
    shared *s = state;
    CHECK(s->through >= 6);
    CHECK(hit || s->through == 9);
    CHECK_INT(bide_semaphore_permits(s->semaphore), PERMITS);
    CHECK_INT(bide_semaphore_waiters(s->semaphore), 0);
    bide_semaphore_unref(s->semaphore);
}

static void
test_semaphore_cancel_at_every_park(void **state)
{
    (void)state;
    sweep_cancel(&(scenario){sizeof(shared), build, verify});
}

/* -- model: operation 2n - 2 acquires n, 2n - 1 releases n, the rest try ----
 */

enum { LARGEST = 3, TRY = 2 * LARGEST, OPS = TRY + LARGEST };

static int
make(rig *r)
{
    r->count = PERMITS;
    return bide_semaphore_new(PERMITS, true, "s", HERE,
                              (bide_semaphore **)&r->object);
}

static void
drop(rig *r)
{
    bide_semaphore_unref(r->object);
}

static int
draw(rig *r, int hand)
{
    (void)hand;
    return random_below(&r->random, OPS);
}

static int
permits_of(int op)
{
    return op >= TRY ? op - TRY + 1 : op / 2 + 1;
}

static int
submit(rig *r, int hand, int op, bide_wait *w)
{
    (void)hand;
    size_t n = (size_t)permits_of(op);
    if (op >= TRY)
        return bide_semaphore_try_acquire(r->object, n);
    return op % 2 ? bide_semaphore_release(r->object, n)
                  : bide_semaphore_acquire(r->object, n, w);
}

static void
serve(rig *r)
{
    while (r->queued && permits_of(r->queue[0].op) <= r->count) {
        r->count -= permits_of(r->queue[0].op);
        rig_ends(r, rig_unblock(r, 0).hand, 0);
    }
}

static void
predict_acquire(rig *r, int hand, int op)
{
    int n = permits_of(op);
    if (r->queued == 0 && n <= r->count) {
        r->count -= n;
        rig_ends(r, hand, 0);
    } else if (op >= TRY) {
        rig_ends(r, hand, BIDE_EWOULDBLOCK);
    } else {
        rig_blocks(r, hand, op);
    }
}

static void
predict(rig *r, int hand, int op)
{
    if (op == OP_CANCEL) {
        rig_unblock_hand(r, hand);
        rig_ends(r, hand, BIDE_ECANCELED);
    } else if (op >= TRY || op % 2 == 0) {
        predict_acquire(r, hand, op);
    } else if (r->count + permits_of(op) > PERMITS) {
        rig_ends(r, hand, BIDE_EOVERFLOW);
    } else {
        r->count += permits_of(op);
        rig_ends(r, hand, 0);
    }
    serve(r);
}

static void
compare(rig *r)
{
    CHECK_INT(bide_semaphore_permits(r->object), r->count);
    CHECK_INT(bide_semaphore_waiters(r->object), r->queued);
}

static void
test_semaphore_agrees_with_its_model(void **state)
{
    (void)state;
    model_run(&(model){"semaphore", make, drop, draw, submit, predict, compare,
                       NULL});
}

TEST_MAIN("semaphore model", T(semaphore_cancel_at_every_park),
          T(semaphore_agrees_with_its_model))
