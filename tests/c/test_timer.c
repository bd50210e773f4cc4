/* test_timer.c - the clock, sleeping, embedded timers. */
#include "support.h"

/* Sleeps a->n ms. */
static void
sleeps(actor *a)
{
    BEGIN(a);
    a->at = now(a) + a->n * MS;
    AWAIT_OK(a, bide_sleep_until(&a->w, a->at));
    CHECK(now(a) >= a->at);
    trace(a, "%d", a->n);
    END(a);
}

static void
sleeper(world *wd, const char *name, int ms)
{
    actor_spawn(wd, name, sleeps, NULL)->n = ms;
}

static void
test_sleep_wakes_in_the_order_of_deadlines(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    sleeper(&wd, "a", 30);
    sleeper(&wd, "b", 10);
    sleeper(&wd, "c", 20);
    world_expect(&wd, "b:10 c:20 a:30");
}

static void
test_sleep_with_equal_deadlines_wakes_in_fifo_order(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    for (int i = 0; i < 4; i++)
        sleeper(&wd, &"a\0b\0c\0d"[2 * i], 5);
    world_expect(&wd, "a:5 b:5 c:5 d:5");
}

static void
test_sleep_never_ends_early(void **state)
{
    (void)state;
    world wd;
    world_begin_real(&wd);
    for (int i = 1; i <= 5; i++)
        sleeper(&wd, "a", i);
    world_run(&wd);
    world_end(&wd);
}

static void
sleeps_in_the_past(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_sleep_until(&a->w, now(a)));
    trace(a, "now");
    AWAIT_OK(a, bide_sleep_until(&a->w, -SECOND));
    trace(a, "past");
    END(a);
}

static void
test_sleep_until_a_past_time_yields_once(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor_spawn(&wd, "a", sleeps_in_the_past, NULL);
    actor_spawn(&wd, "b", sleeps_in_the_past, NULL);
    world_expect(&wd, "a:now b:now a:past b:past");
}

static void
sleeps_for_ever(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_sleep_until(&a->w, a->n ? BIDE_FOREVER : 3600 * SECOND));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    bide_loop_counts counts;
    bide_loop_count(a->world->loop, &counts);
    CHECK_INT(counts.timers, 0);
    CHECK_INT(now(a), 0);
    trace(a, "cancelled");
    END(a);
}

static void
test_sleep_cancelled_leaves_no_timer(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    cancel_later(&wd, actor_spawn(&wd, "a", sleeps_for_ever, NULL));
    actor *b = actor_spawn(&wd, "b", sleeps_for_ever, NULL);
    b->n = 1;
    cancel_later(&wd, b);
    world_expect(&wd, "a:cancelled b:cancelled");
}

static void
test_virtual_clock_jumps_to_the_next_timer(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    sleeper(&wd, "a", 3600 * 1000);
    world_run(&wd);
    CHECK_INT(bide_loop_now(wd.loop, true), 3600 * SECOND);
    world_expect(&wd, "a:3600000");
}

/* -- embedded timers ------------------------------------------------------ */

enum { MANY = 500 };

typedef struct clock_test {
    bide_timer timers[MANY];
    int64_t wanted[MANY];
    bool fired[MANY];
    int64_t last;
    int count;
    world *wd;
} clock_test;

static clock_test *under_test;

static void
on_fire(bide_timer *t)
{
    clock_test *c = under_test;
    size_t i = (size_t)(t - c->timers);
    int64_t at = bide_loop_now(c->wd->loop, false);
    CHECK(!c->fired[i]);
    CHECK(at >= c->wanted[i]);
    CHECK(c->wanted[i] >= c->last);
    c->fired[i] = true;
    c->last = c->wanted[i];
    c->count++;
}

/* Starts them in a drawn order, stops every third, restarts every sixth. */
static int
arm_all(clock_test *c, uint64_t seed)
{
    int expected = 0;
    for (int i = 0; i < MANY; i++) {
        c->wanted[i] = random_below(&seed, 1000) * MS + 1;
        CHECK_INT(
            bide_timer_start(c->wd->loop, &c->timers[i], c->wanted[i], on_fire),
            0);
    }
    for (int i = 0; i < MANY; i++) {
        if (i % 3 == 0)
            bide_timer_stop(c->wd->loop, &c->timers[i]);
        if (i % 6 == 0) {
            c->wanted[i] = random_below(&seed, 1000) * MS + 1;
            bide_timer_start(c->wd->loop, &c->timers[i], c->wanted[i], on_fire);
        }
        expected += i % 3 != 0 || i % 6 == 0;
    }
    return expected;
}

static void
test_timers_fire_in_order_whatever_was_stopped(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        world wd;
        world_begin(&wd, 0);
        clock_test *c = under_test = calloc(1, sizeof *c);
        assert_non_null(c);
        c->wd = &wd;
        int expected = arm_all(c, seed);
        sleeper(&wd, "a", 2000);
        world_run(&wd);
        CHECK_INT(c->count, expected);
        world_end(&wd);
        free(c);
    }
}

static void
stops_at_close(bide_timer *t)
{
    (void)t;
    CHECK(!"a timer of a closed loop does not fire");
}

static void
test_timer_left_at_the_close_does_not_fire(void **state)
{
    (void)state;
    bide_loop *l;
    bide_timer t = {0};
    assert_int_equal(bide_loop_new(NULL, &l), 0);
    assert_int_equal(bide_timer_start(l, &t, 0, stops_at_close), 0);
    assert_int_equal(bide_loop_close(l, 0, NULL, NULL), 0);
    bide_loop_unref(l);
    assert_int_equal(t.slot, 0);
    check_end();
}

static void
fires(bide_timer *t)
{
    t->fire = NULL;
}

static void
expires_in_a_step(actor *a)
{
    static bide_timer due, later;
    bide_loop *l = a->world->loop;
    BEGIN(a);
    CHECK_INT(bide_timer_start(l, &due, now(a), fires), 0);
    CHECK_INT(bide_timer_start(l, &later, now(a) + 1, fires), 0);
    bide_loop_expire(l);
    CHECK(!due.fire);
    CHECK(later.fire);
    bide_timer_stop(l, &later);
    END(a);
}

static void
test_timers_that_are_due_fire_when_the_host_asks(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor_spawn(&wd, "a", expires_in_a_step, NULL);
    world_run(&wd);
    world_end(&wd);
}

TEST_MAIN("timer", T(sleep_wakes_in_the_order_of_deadlines),
          T(sleep_with_equal_deadlines_wakes_in_fifo_order),
          T(sleep_never_ends_early), T(sleep_until_a_past_time_yields_once),
          T(sleep_cancelled_leaves_no_timer),
          T(virtual_clock_jumps_to_the_next_timer),
          T(timers_fire_in_order_whatever_was_stopped),
          T(timer_left_at_the_close_does_not_fire),
          T(timers_that_are_due_fire_when_the_host_asks))
