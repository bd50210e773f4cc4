/* test_race.c - several waits of one task, of which the first wins. */
#include "support.h"

/* More than the budget of a step. */
enum { OPERATIONS = 140 };

static bide_channel *
new_channel(size_t capacity)
{
    bide_channel *ch;
    assert_int_equal(bide_channel_new(capacity, "ch", HERE, &ch), 0);
    return ch;
}

static bide_semaphore *
new_semaphore(size_t permits)
{
    bide_semaphore *s;
    assert_int_equal(bide_semaphore_new(permits, false, "s", HERE, &s), 0);
    return s;
}

typedef struct pair {
    bide_channel *channel;
    bide_semaphore *semaphore;
} pair;

/* Receives or acquires, whatever comes first. */
static void
races(actor *a)
{
    pair *p = a->arg;

    BEGIN(a);
    bide_race_begin(&a->task);
    CHECK_INT(bide_channel_recv(p->channel, &a->w), BIDE_PARKED);
    CHECK_INT(bide_semaphore_acquire(p->semaphore, 1, &a->w2), BIDE_PARKED);
    CHECK(bide_race_end(&a->task, false));
    AWAIT(a, BIDE_PARKED);
    CHECK_INT(a->rc, 0);
    CHECK_INT(a->w2.state, BIDE_WAIT_IDLE);
    trace(a, "%d", (int)a->w.value.as.integer);
    END(a);
}

/* Sends and releases in one step: the first decides. */
static void
does_both(actor *a)
{
    pair *p = a->arg;
    CHECK_INT(bide_channel_try_send(p->channel, number(3)), 0);
    CHECK_INT(bide_semaphore_waiters(p->semaphore), 0);
    CHECK_INT(bide_semaphore_release(p->semaphore, 1), 0);
    CHECK_INT(bide_channel_len(p->channel), 0);
    CHECK_INT(bide_semaphore_permits(p->semaphore), 1);
    a->over = true;
}

static void
test_race_gives_the_first_and_drops_the_others(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    pair p = {new_channel(1), new_semaphore(0)};
    actor_spawn(&wd, "a", races, &p);
    actor_spawn(&wd, "b", does_both, &p);
    world_run(&wd);
    bide_channel_unref(p.channel);
    bide_semaphore_unref(p.semaphore);
    world_expect(&wd, "a:3");
}

/* The second operand is ready: the first, parked before, is dropped. With a->n
 * operations done before, the budget of the step may be used up: then the race
 * is decided as well, and told later. */
static void
races_the_ready(actor *a)
{
    pair *p = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < a->n; a->i++) {
        AWAIT_OK(a, bide_semaphore_acquire(p->semaphore, 1, &a->w));
        CHECK_INT(bide_semaphore_release(p->semaphore, 1), 0);
    }
    bide_race_begin(&a->task);
    CHECK_INT(bide_channel_recv(p->channel, &a->w), BIDE_PARKED);
    a->rc = bide_semaphore_acquire(p->semaphore, 1, &a->w2);
    if (bide_race_end(&a->task, a->rc != BIDE_PARKED))
        AWAIT_ON(a, &a->w2, BIDE_PARKED);
    CHECK_INT(a->rc, 0);
    CHECK_INT(a->w.state, BIDE_WAIT_IDLE);
    CHECK_INT(bide_semaphore_permits(p->semaphore), 0);
    END(a);
}

static void
test_race_decided_at_once_does_not_wait(void **state)
{
    (void)state;
    for (int n = 0; n < OPERATIONS; n++) {
        world wd;
        world_begin(&wd, 0);
        pair p = {new_channel(1), new_semaphore(1)};
        actor *a = actor_spawn(&wd, "a", races_the_ready, &p);
        a->n = n;
        world_run(&wd);
        CHECK(n > 0 || a->parks == 0);
        /* Nobody receives: the value stays. */
        CHECK_INT(bide_channel_try_send(p.channel, number(1)), 0);
        CHECK_INT(bide_channel_len(p.channel), 1);
        bide_channel_unref(p.channel);
        bide_semaphore_unref(p.semaphore);
        world_end(&wd);
    }
}

/* Its own send would feed its own recv. With a->n operations done before, the
 * budget of the step is used up and the send is delivered later. */
static void
races_itself(actor *a)
{
    bide_channel *ch = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < a->n; a->i++) {
        a->w.value = number(1);
        AWAIT_OK(a, bide_channel_send(ch, &a->w));
        CHECK_INT(bide_channel_try_recv(ch, &a->w.value), 0);
    }
    bide_race_begin(&a->task);
    CHECK_INT(bide_channel_recv(ch, &a->w), BIDE_PARKED);
    a->w2.value = number(8);
    a->rc = bide_channel_send(ch, &a->w2);
    if (bide_race_end(&a->task, a->rc != BIDE_PARKED))
        AWAIT_ON(a, &a->w2, BIDE_PARKED);
    CHECK_INT(a->rc, 0);
    CHECK_INT(a->w.state, BIDE_WAIT_IDLE);
    CHECK_INT(bide_channel_len(ch), 1);
    AWAIT_OK(a, bide_channel_recv(ch, &a->w));
    CHECK_INT(a->w.value.as.integer, 8);
    END(a);
}

static void
test_race_that_feeds_itself(void **state)
{
    (void)state;
    for (int n = 0; n < OPERATIONS; n++) {
        world wd;
        world_begin(&wd, 0);
        bide_channel *ch = new_channel(1);
        actor_spawn(&wd, "a", races_itself, ch)->n = n;
        world_run(&wd);
        bide_channel_unref(ch);
        world_end(&wd);
    }
}

static void
races_under_a_cancel(actor *a)
{
    pair *p = a->arg;

    BEGIN(a);
    bide_race_begin(&a->task);
    CHECK_INT(bide_channel_recv(p->channel, &a->w), BIDE_PARKED);
    CHECK_INT(bide_semaphore_acquire(p->semaphore, 1, &a->w2), BIDE_PARKED);
    CHECK(bide_race_end(&a->task, false));
    a->line = -1;
    return;
case -1:
    /* One of them ends cancelled, the other was dropped. */
    CHECK_INT(
        (a->w.state == BIDE_WAIT_FIRED) + (a->w2.state == BIDE_WAIT_FIRED), 1);
    a->rc = bide_wait_take(a->w.state == BIDE_WAIT_FIRED ? &a->w : &a->w2);
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK_INT(bide_semaphore_waiters(p->semaphore), 0);
    trace(a, "cancelled");
    END(a);
}

static void
test_race_is_cancelled_as_one(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    pair p = {new_channel(1), new_semaphore(0)};
    cancel_later(&wd, actor_spawn(&wd, "a", races_under_a_cancel, &p));
    world_run(&wd);
    bide_channel_unref(p.channel);
    bide_semaphore_unref(p.semaphore);
    world_expect(&wd, "a:cancelled");
}

static void
is_dropped(actor *a)
{
    pair *p = a->arg;

    BEGIN(a);
    AWAIT(a, bide_semaphore_acquire(p->semaphore, 1, &a->w));
    CHECK(!"a dropped task is not resumed");
    END(a);
}

/* A host destroys a task to which something was granted already. */
static void
drops(actor *a)
{
    pair *p = a->arg;
    actor *other = a->extra;
    CHECK_INT(bide_semaphore_release(p->semaphore, 1), 0);
    CHECK_INT(bide_semaphore_permits(p->semaphore), 0);
    CHECK_INT(other->w.state, BIDE_WAIT_FIRED);
    bide_wait_drop(&other->w);
    bide_task_finish(&other->task);
    CHECK_INT(bide_semaphore_permits(p->semaphore), 1);
    a->over = true;
}

static void
test_dropped_wait_gives_back_what_it_was_granted(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    pair p = {NULL, new_semaphore(0)};
    actor *a = actor_spawn(&wd, "a", is_dropped, &p);
    actor_spawn(&wd, "b", drops, &p)->extra = a;
    world_run(&wd);
    bide_semaphore_unref(p.semaphore);
    world_end(&wd);
}

TEST_MAIN("race", T(race_gives_the_first_and_drops_the_others),
          T(race_decided_at_once_does_not_wait), T(race_that_feeds_itself),
          T(race_is_cancelled_as_one),
          T(dropped_wait_gives_back_what_it_was_granted))
