/* test_condition_model.c - the condition under cancels everywhere and against a
 * reference. */
#include "support_model.h"
#include "support_sweep.h"

/* -- cancel at every park: a bounded buffer of one --------------------------
 */

typedef struct shared {
    bide_mutex *mutex;
    bide_condition *condition;
    int inside, put, taken;
    bool ended;
} shared;

static void
lock_and_wake_all(actor *a, shared *s)
{
    CHECK_INT(bide_condition_notify(s->condition, &a->task, SIZE_MAX), 0);
    CHECK_INT(bide_mutex_unlock(s->mutex, &a->task), 0);
}

static void
puts_four(actor *a)
{
    shared *s = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < 4; a->i++) {
        AWAIT_OK(a, bide_mutex_lock(s->mutex, &a->w));
        while (s->inside && !a->rc && !s->ended)
            AWAIT_OK(a, bide_condition_wait(s->condition, &a->w));
        s->inside++;
        s->put++;
        lock_and_wake_all(a, s);
        if (s->ended)
            break;
    }
    END(a);
}

static void
takes_four(actor *a)
{
    shared *s = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < 4; a->i++) {
        AWAIT(a, bide_mutex_lock(s->mutex, &a->w));
        if (a->rc)
            break;
        while (!s->inside && !a->rc)
            AWAIT(a, bide_condition_wait(s->condition, &a->w));
        CHECK(bide_mutex_owner(s->mutex) == &a->task);
        if (a->rc) {
            s->ended = true;
            lock_and_wake_all(a, s);
            break;
        }
        s->inside--;
        s->taken++;
        lock_and_wake_all(a, s);
    }
    s->ended = true;
    /* The putter may wait for room: it is told, whether this task can wait or
     * not. */
    bide_scope_init(&a->scope);
    bide_scope_shield(&a->scope, BIDE_FOREVER);
    CHECK_INT(bide_scope_enter(&a->scope, &a->task, NULL), 0);
    AWAIT_OK(a, bide_mutex_lock(s->mutex, &a->w));
    lock_and_wake_all(a, s);
    CHECK_INT(bide_scope_leave(&a->scope), 0);
    END(a);
}

static actor *
build(world *wd, void *state)
{
    shared *s = state;
    CHECK_INT(bide_mutex_new("lock", HERE, &s->mutex), 0);
    CHECK_INT(bide_condition_new(s->mutex, "c", HERE, &s->condition), 0);
    actor *victim = actor_spawn(wd, "a", takes_four, s);
    actor_spawn(wd, "b", puts_four, s);
    return victim;
}

static void
verify(world *wd, void *state, bool hit)
{
    (void)wd;
    shared *s = state;
    CHECK(hit || s->taken == 4);
    CHECK_INT(s->put, s->taken + s->inside);
    CHECK(bide_mutex_owner(s->mutex) == NULL);
    CHECK_INT(bide_condition_waiters(s->condition), 0);
    bide_condition_unref(s->condition);
    bide_mutex_unref(s->mutex);
}

static void
test_condition_cancel_at_every_park(void **state)
{
    (void)state;
    sweep_cancel(&(scenario){sizeof(shared), build, verify});
}

/* -- model ----------------------------------------------------------------
 * The queue holds those who wait for a notification (WAIT), those who wait for
 * the mutex (LOCK), and those among them who were notified (WOKEN) or
 * cancelled (BROKEN_OFF) before. */

enum { LOCK, WAIT, WAIT_TOO, NOTIFY, NOTIFY_ALL, UNLOCK, OPS };
enum { WOKEN = 100, BROKEN_OFF };

static int
make(rig *r)
{
    int rc = bide_mutex_new("lock", HERE, (bide_mutex **)&r->object2);
    return rc ? rc
              : bide_condition_new(r->object2, "c", HERE,
                                   (bide_condition **)&r->object);
}

static void
drop(rig *r)
{
    bide_condition_unref(r->object);
    bide_mutex_unref(r->object2);
}

/* The holder works, the others lock. */
static int
draw(rig *r, int hand)
{
    if (random_below(&r->random, 10) == 0)
        return random_below(&r->random, OPS);
    return r->owner == hand ? 1 + random_below(&r->random, OPS - 1) : LOCK;
}

static int
finish(rig *r, int hand)
{
    return r->owner == hand ? UNLOCK : OP_REST;
}

static int
submit(rig *r, int hand, int op, bide_wait *w)
{
    bide_task *t = &r->hands[hand].actor->task;

    switch (op) {
    case LOCK:
        return bide_mutex_lock(r->object2, w);
    case WAIT:
    case WAIT_TOO:
        return bide_condition_wait(r->object, w);
    case UNLOCK:
        return bide_mutex_unlock(r->object2, t);
    default:
        return bide_condition_notify(r->object, t, op == NOTIFY ? 1 : SIZE_MAX);
    }
}

/* Hands the mutex to the first in the queue who wants it. */
static void
hand_over(rig *r)
{
    for (int i = 0; r->owner < 0 && i < r->queued; i++) {
        if (r->queue[i].op == WAIT)
            continue;
        blocked b = rig_unblock(r, i);
        r->owner = b.hand;
        rig_ends(r, b.hand, b.op == BROKEN_OFF ? BIDE_ECANCELED : 0);
    }
}

/* Moves the i-th to the end of the queue, wanting the mutex. */
static void
requeue(rig *r, int i, int op)
{
    blocked b = rig_unblock(r, i);
    rig_blocks(r, b.hand, op);
}

static void
predict_notify(rig *r, int op)
{
    int most = op == NOTIFY ? 1 : CREW, waiting = r->queued;
    for (int i = 0, seen = 0; seen < waiting && most; seen++) {
        if (r->queue[i].op == WAIT) {
            requeue(r, i, WOKEN);
            most--;
        } else {
            i++;
        }
    }
}

static void
predict_cancel(rig *r, int hand)
{
    int i = 0;
    while (r->queue[i].hand != hand)
        i++;
    if (r->queue[i].op == WAIT) {
        requeue(r, i, BROKEN_OFF);
        hand_over(r);
    } else if (r->queue[i].op == LOCK) {
        rig_unblock(r, i);
        rig_ends(r, hand, BIDE_ECANCELED);
    }
}

static void
predict(rig *r, int hand, int op)
{
    if (op == OP_CANCEL) {
        predict_cancel(r, hand);
    } else if (op == LOCK) {
        if (r->owner == hand)
            rig_ends(r, hand, BIDE_EDEADLOCK);
        else if (r->owner < 0)
            rig_ends(r, r->owner = hand, 0);
        else
            rig_blocks(r, hand, LOCK);
    } else if (r->owner != hand) {
        rig_ends(r, hand, BIDE_ENOTOWNER);
    } else if (op == WAIT || op == WAIT_TOO) {
        rig_blocks(r, hand, WAIT);
        r->owner = -1;
        hand_over(r);
    } else {
        rig_ends(r, hand, 0);
        if (op == UNLOCK) {
            r->owner = -1;
            hand_over(r);
        } else {
            predict_notify(r, op);
        }
    }
}

static void
compare(rig *r)
{
    int waiting = 0;
    for (int i = 0; i < r->queued; i++)
        waiting += r->queue[i].op == WAIT;
    bide_task *owner = r->owner < 0 ? NULL : &r->hands[r->owner].actor->task;
    CHECK(bide_mutex_owner(r->object2) == owner);
    CHECK_INT(bide_condition_waiters(r->object), waiting);
}

static void
test_condition_agrees_with_its_model(void **state)
{
    (void)state;
    model_run(&(model){"condition", make, drop, draw, submit, predict, compare,
                       finish});
}

TEST_MAIN("condition model", T(condition_cancel_at_every_park),
          T(condition_agrees_with_its_model))
