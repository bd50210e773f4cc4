/* What loops measure of themselves. */
#include "support.h"

static world wd;

/* The number after `key` within the histogram `name` of the newest runtime. */
static double
value_of(const char *name, const char *key)
{
    char *text = NULL, wanted[64];
    CHECK_INT(bide_stats_text(&text), 0);
    snprintf(wanted, sizeof wanted, "\"%s\":{", name);
    const char *at = text ? strstr(text, wanted) : NULL;
    CHECK(at != NULL);
    snprintf(wanted, sizeof wanted, "\"%s\":", key);
    at = at ? strstr(at, wanted) : NULL;
    CHECK(at != NULL);
    double value = at ? strtod(at + strlen(wanted), NULL) : -1;
    bide_dump_free(text);
    return value;
}

static void
begin(bool on)
{
    bide_loop_options o = {.virtual_clock = true, .stats = on};
    world_begin_with(&wd, &o);
}

static bool
stats_have(const char *part)
{
    char *text = NULL;
    CHECK_INT(bide_stats_text(&text), 0);
    bool found = text && strstr(text, part);
    bide_dump_free(text);
    return found;
}

static void
three_steps(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_yield(&a->w));
    AWAIT_OK(a, bide_yield(&a->w));
    END(a);
}

static void
test_stats_are_off_by_default(void **state)
{
    (void)state;
    begin(false);
    actor_spawn(&wd, "a", three_steps, NULL);
    world_run(&wd);
    CHECK(stats_have("\"language\":\"C\",\"enabled\":false"));
    CHECK(stats_have("\"histograms\":{}"));
    CHECK(stats_have("\"counters\":{\"steps\":3,"));
    world_end(&wd);
    CHECK(stats_have("{\"runtimes\":[]}"));
    check_end();
}

static void
test_stats_are_turned_on_by_the_environment(void **state)
{
    (void)state;
    setenv("BIDE_STATS", "1", 1);
    begin(false);
    CHECK(stats_have("\"enabled\":true"));
    world_end(&wd);
    setenv("BIDE_STATS", "0", 1);
    begin(false);
    CHECK(stats_have("\"enabled\":false"));
    world_end(&wd);
    unsetenv("BIDE_STATS");
}

static void
look_at_itself(actor *a)
{
    char *text = NULL;
    BEGIN(a);
    AWAIT_OK(a, bide_yield(&a->w));
    CHECK_INT(bide_dump(BIDE_DUMP_JSON, &text), 0);
    CHECK(text && strstr(text, "\"resumes\":2,"));
    CHECK(text && !strstr(text, "\"busy\":null"));
    bide_dump_free(text);
    END(a);
}

static void
test_stats_measure_steps(void **state)
{
    (void)state;
    begin(true);
    actor_spawn(&wd, "a", three_steps, NULL);
    actor_spawn(&wd, "b", look_at_itself, NULL);
    world_run(&wd);
    CHECK_INT(value_of("step_seconds", "count"), 5);
    CHECK(value_of("step_seconds", "sum") >= value_of("step_seconds", "max"));
    CHECK_INT(value_of("scheduling_delay_seconds", "count"), 5);
    CHECK(value_of("scheduling_delay_seconds", "max") < 60);
    world_end(&wd);
}

static void
hold_two_seconds(actor *a)
{
    bide_mutex *m = a->arg;
    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(m, &a->w));
    AWAIT_OK(
        a, bide_sleep_until(&a->w, bide_loop_now(wd.loop, false) + 2 * SECOND));
    CHECK_INT(bide_mutex_unlock(m, &a->task), 0);
    END(a);
}

static void
test_stats_measure_locks(void **state)
{
    (void)state;
    bide_mutex *m;
    begin(true);
    assert_int_equal(bide_mutex_new("m", HERE, &m), 0);
    actor_spawn(&wd, "a", hold_two_seconds, m);
    actor_spawn(&wd, "b", hold_two_seconds, m);
    world_run(&wd);
    CHECK_INT(value_of("lock_hold_seconds", "count"), 2);
    CHECK_INT(value_of("lock_hold_seconds", "sum"), 4);
    CHECK_INT(value_of("lock_wait_seconds", "count"), 1);
    CHECK_INT(value_of("lock_wait_seconds", "max"), 2);
    CHECK(stats_have("\"locks_taken\":2}"));
    CHECK(stats_have("[2.147483647,2]")); /* 1.75 to 2 times 2^30 ns */
    bide_mutex_unref(m);
    world_end(&wd);
}

static void
send_three(actor *a)
{
    BEGIN(a);
    for (a->i = 0; a->i < 2; a->i++)
        AWAIT_OK(a, bide_channel_send(a->arg, &a->w));
    CHECK_INT(bide_channel_try_send(a->arg, a->w.value), 0);
    END(a);
}

static void
test_stats_measure_channels(void **state)
{
    (void)state;
    bide_channel *ch;
    begin(true);
    assert_int_equal(bide_channel_new(3, "ch", HERE, &ch), 0);
    actor_spawn(&wd, "a", send_three, ch);
    world_run(&wd);
    CHECK_INT(value_of("channel_depth", "sum"), 0 + 1 + 2);
    CHECK(stats_have("[[0,1],[1,1],[2,1]],\"count\":3"));
    bide_channel_unref(ch);
    world_end(&wd);
}

static void
run_nothing(bide_job *j)
{
    (void)j;
}

static void
on_done(bide_job *j, int status)
{
    CHECK_INT(status, 0);
    bide_unpark(j->host, 0);
}

static void
wait_for_job(actor *a)
{
    static bide_job job;
    BEGIN(a);
    job = (bide_job){.run = run_nothing, .done = on_done, .host = &a->w};
    CHECK_INT(bide_job_submit(wd.loop, &job), 0);
    AWAIT_OK(a, bide_park(&a->w));
    END(a);
}

static void
test_stats_measure_the_pool(void **state)
{
    (void)state;
    begin(true);
    actor_spawn(&wd, "a", wait_for_job, NULL);
    world_run(&wd);
    CHECK_INT(value_of("pool_queue_seconds", "count"), 1);
    world_end(&wd);
}

/* -- of steps that are shorter than a look at the clock -------------------- */

enum { MANY = 100000 };

static void
yield_and_block(actor *a)
{
    BEGIN(a);
    for (a->i = 0; a->i < MANY; a->i++)
        AWAIT_OK(a, bide_yield(&a->w));
    for (int64_t end = bide_loop_now(wd.loop, true) + SECOND / 20;
         bide_loop_now(wd.loop, true) < end;)
        continue;
    for (a->i = 0; a->i < 1000; a->i++)
        AWAIT_OK(a, bide_yield(&a->w));
    END(a);
}

static void
test_stats_sample_short_steps(void **state)
{
    (void)state;
    world_begin_with(&wd, &(bide_loop_options){.stats = true});
    actor_spawn(&wd, "a", yield_and_block, NULL);
    world_run(&wd);
    double count = value_of("step_seconds", "count");
    CHECK(count > MANY * 0.8 && count <= MANY + 1002);
    CHECK(value_of("step_seconds", "max") > 0.03);
    world_end(&wd);
}

static void
test_metrics_are_valid(void **state)
{
    (void)state;
    char *text = NULL;
    begin(true);
    actor_spawn(&wd, "a", three_steps, NULL);
    world_run(&wd);
    CHECK_INT(bide_metrics(&text), 0);
    CHECK(strstr(text, "# TYPE bide_steps counter\n"));
    CHECK(strstr(text, "# UNIT bide_step_seconds seconds\n"));
    CHECK(strstr(text, ",language=\"C\",le=\"+Inf\"} 3\n"));
    CHECK(strstr(text, ",language=\"C\",le=\"34.359738368\"} 3\n"));
    CHECK_INT(strcmp(text + strlen(text) - 6, "# EOF\n"), 0);
    bide_dump_free(text);
    world_end(&wd);
}

TEST_MAIN("stats", T(stats_are_off_by_default),
          T(stats_are_turned_on_by_the_environment), T(stats_measure_steps),
          T(stats_measure_locks), T(stats_measure_channels),
          T(stats_measure_the_pool), T(stats_sample_short_steps),
          T(metrics_are_valid))
