/* test_interval.c - ticks, and what becomes of those that were missed. */
#include "support.h"

typedef struct ticker {
    bide_interval iv;
    int64_t pauses[8]; /* after each tick, ms */
    int count;
} ticker;

/* Traces when each tick was due and when it came, in ms. */
static void
ticks(actor *a)
{
    ticker *k = a->arg;
    BEGIN(a);
    for (a->i = 0; a->i < k->count; a->i++) {
        AWAIT_OK(a, bide_interval_tick(&k->iv, &a->w));
        trace(a, "%d@%d", (int)(a->w.value.as.integer / MS),
              (int)(now(a) / MS));
        if (k->pauses[a->i])
            AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + k->pauses[a->i] * MS));
    }
    END(a);
}

/* A pause of `pause` ms after the second of `count` ticks, 100 ms apart. */
static void
expect_ticks(int missed, int64_t pause, int count, const char *wanted)
{
    ticker k = {.pauses = {0, pause}, .count = count};
    world wd;
    world_begin(&wd, 0);
    CHECK_INT(bide_interval_init(&k.iv, 0, 100 * MS, missed), 0);
    actor_spawn(&wd, "t", ticks, &k);
    world_expect(&wd, wanted);
}

static void
test_interval_ticks_at_its_period(void **state)
{
    (void)state;
    expect_ticks(BIDE_BURST, 30, 4, "t:0@0 t:100@100 t:200@200 t:300@300");
}

static void
test_interval_burst_catches_up(void **state)
{
    (void)state;
    expect_ticks(BIDE_BURST, 250, 6,
                 "t:0@0 t:100@100 t:200@350 t:300@350 t:400@400 t:500@500");
}

static void
test_interval_delay_starts_over_from_the_late_tick(void **state)
{
    (void)state;
    expect_ticks(BIDE_DELAY, 250, 5,
                 "t:0@0 t:100@100 t:200@350 t:450@450 t:550@550");
}

static void
test_interval_skip_stays_on_the_grid(void **state)
{
    (void)state;
    expect_ticks(BIDE_SKIP, 250, 5,
                 "t:0@0 t:100@100 t:200@350 t:400@400 t:500@500");
    expect_ticks(BIDE_SKIP, 300, 4, "t:0@0 t:100@100 t:200@400 t:500@500");
}

static void
test_interval_tick_that_is_a_little_late_was_not_missed(void **state)
{
    (void)state;
    expect_ticks(BIDE_DELAY, 105, 4, "t:0@0 t:100@100 t:200@205 t:300@300");
    expect_ticks(BIDE_DELAY, 106, 4, "t:0@0 t:100@100 t:200@206 t:306@306");
}

static void
ticks_until_cancelled(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_interval_tick(a->arg, &a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    trace(a, "cancelled");
    END(a);
}

static void
test_interval_cancelled_tick_is_not_lost(void **state)
{
    (void)state;
    ticker k = {.count = 2};
    world wd;
    world_begin(&wd, 0);
    bide_interval_init(&k.iv, 100 * MS, 100 * MS, BIDE_DELAY);
    cancel_later(&wd, actor_spawn(&wd, "a", ticks_until_cancelled, &k.iv));
    world_run(&wd);
    actor_spawn(&wd, "t", ticks, &k);
    world_expect(&wd, "a:cancelled t:100@100 t:200@200");
}

/* The tick and a wait of the same task fire in the same step. */
static void
races(actor *a)
{
    ticker *k = a->arg;
    BEGIN(a);
    bide_race_begin(&a->task);
    CHECK_INT(bide_interval_tick(&k->iv, &a->w), BIDE_PARKED);
    bide_wait_init(&a->w2, &a->task);
    CHECK_INT(bide_sleep_until(&a->w2, 50 * MS), BIDE_PARKED);
    if (bide_race_end(&a->task, false)) {
        a->line = 1;
        return;
    case 1:
        CHECK_INT(a->w.state, BIDE_WAIT_IDLE);
        CHECK_INT(bide_wait_take(&a->w2), 0);
    }
    AWAIT_OK(a, bide_interval_tick(&k->iv, &a->w));
    trace(a, "%d", (int)(a->w.value.as.integer / MS));
    bide_interval_tick(&k->iv, &a->w); /* parks */
    bide_wait_drop(&a->w);
    a->task.state = BIDE_TASK_RUNNING;
    CHECK_INT(bide_interval_reset(&k->iv, 150 * MS), 0);
    AWAIT_OK(a, bide_interval_tick(&k->iv, &a->w));
    trace(a, "%d", (int)(a->w.value.as.integer / MS));
    END(a);
}

static void
test_interval_race_loser_keeps_the_tick(void **state)
{
    (void)state;
    ticker k = {.count = 0};
    world wd;
    world_begin(&wd, 0);
    bide_interval_init(&k.iv, 100 * MS, 100 * MS, BIDE_SKIP);
    actor_spawn(&wd, "a", races, &k);
    world_expect(&wd, "a:100 a:150");
}

static void
asks_too(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_interval_tick(a->arg, &a->w));
    CHECK_INT(a->rc, BIDE_EBUSY);
    CHECK_INT(bide_interval_reset(a->arg, 0), BIDE_EBUSY);
    trace(a, "busy");
    END(a);
}

static void
test_interval_second_waiter_is_an_error(void **state)
{
    (void)state;
    ticker k = {.count = 1};
    world wd;
    world_begin(&wd, 0);
    bide_interval_init(&k.iv, 10 * MS, 100 * MS, BIDE_BURST);
    actor_spawn(&wd, "t", ticks, &k);
    actor_spawn(&wd, "a", asks_too, &k.iv);
    world_expect(&wd, "a:busy t:10@10");
}

static void
resets(actor *a)
{
    bide_interval *iv = a->arg;
    BEGIN(a);
    AWAIT_OK(a, bide_interval_tick(iv, &a->w));
    AWAIT_OK(a, bide_sleep_until(&a->w, 30 * MS));
    CHECK_INT(bide_interval_reset(iv, now(a) + 100 * MS), 0);
    AWAIT_OK(a, bide_interval_tick(iv, &a->w));
    trace(a, "%d", (int)(now(a) / MS));
    END(a);
}

static void
test_interval_reset_starts_over(void **state)
{
    (void)state;
    bide_interval iv;
    world wd;
    world_begin(&wd, 0);
    bide_interval_init(&iv, 0, 100 * MS, BIDE_BURST);
    actor_spawn(&wd, "a", resets, &iv);
    world_expect(&wd, "a:130");
}

static void
test_interval_without_a_period_is_an_error(void **state)
{
    (void)state;
    bide_interval iv;
    assert_int_equal(bide_interval_init(&iv, 0, 0, BIDE_BURST), BIDE_EINVALID);
    assert_int_equal(bide_interval_init(&iv, 0, -1, BIDE_SKIP), BIDE_EINVALID);
    assert_int_equal(bide_interval_init(&iv, 0, 1, 3), BIDE_EINVALID);
}

TEST_MAIN("interval", T(interval_ticks_at_its_period),
          T(interval_burst_catches_up),
          T(interval_delay_starts_over_from_the_late_tick),
          T(interval_skip_stays_on_the_grid),
          T(interval_tick_that_is_a_little_late_was_not_missed),
          T(interval_cancelled_tick_is_not_lost),
          T(interval_race_loser_keeps_the_tick),
          T(interval_second_waiter_is_an_error), T(interval_reset_starts_over),
          T(interval_without_a_period_is_an_error))
