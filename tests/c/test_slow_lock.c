/* test_slow_lock.c - locks held, or waited for, longer than a set time. */
#include "support.h"

#include <uv.h>

static bide_site made = {"dir/made.c", 7};

enum { MOST = 64 };

/* Reports of one test. */
typedef struct told {
    int count;
    unsigned missed;
    int64_t held[MOST], waited[MOST];
    char texts[MOST][512];
} told;

static void
on_report(void *ctx, const bide_report *r)
{
    told *t = ctx;
    CHECK_INT(r->kind, BIDE_REPORT_SLOW_LOCK);
    CHECK(t->count < MOST);
    if (t->count >= MOST)
        return;
    snprintf(t->texts[t->count], sizeof t->texts[0], "%s", r->text);
    t->held[t->count] = r->held;
    t->waited[t->count] = r->waited;
    t->missed += r->missed;
    t->count++;
}

static void
begin(world *wd, told *t, int64_t limit, bool virtual_clock)
{
    bide_loop_options o = {
        .slow_lock = limit,
        .virtual_clock = virtual_clock,
        .host = {.ctx = t, .report = on_report},
    };
    memset(t, 0, sizeof *t);
    world_begin_with(wd, &o);
}

static void
has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fprintf(stderr, "%s\nlacks: %s\n", text, part);
    CHECK(strstr(text, part));
}

static uint64_t
counted(const world *wd)
{
    bide_loop_counts counts;
    bide_loop_count(wd->loop, &counts);
    return counts.slow_locks;
}

static bide_mutex *
new_mutex(void)
{
    bide_mutex *m;
    assert_int_equal(bide_mutex_new("ledger", made, &m), 0);
    return m;
}

static void
world_over(world *wd, bide_mutex *m)
{
    bide_mutex_unref(m);
    world_end(wd);
}

/* -- while it lasts ------------------------------------------------------- */

/* For `n` seconds. */
static void
holds(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_mutex_lock(a->arg, &a->w));
    if (a->rc == BIDE_ECANCELED)
        return;
    AWAIT(a, bide_sleep_until(&a->w, now(a) + a->n * SECOND));
    bide_mutex_unlock(a->arg, &a->task);
    END(a);
}

/* Moves the time on, a quarter of a second each. */
static void
goes_on(actor *a)
{
    BEGIN(a);
    for (a->i = 0; a->i < a->n * 4; a->i++)
        AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + SECOND / 4));
    END(a);
}

static actor *
spawn_for(world *wd, const char *name, actor_body body, void *arg, int seconds)
{
    actor *a = actor_spawn(wd, name, body, arg);
    a->n = seconds;
    return a;
}

static void
test_slow_lock_is_reported_while_it_lasts(void **state)
{
    (void)state;
    world wd;
    told t;
    bide_mutex *m = new_mutex();
    begin(&wd, &t, SECOND, true);
    actor *a = spawn_for(&wd, "audit", holds, m, 10);
    a->task.site = (bide_site){"dir/app.c", 31};
    spawn_for(&wd, "pay", holds, m, 0);
    spawn_for(&wd, "late", holds, m, 0);
    spawn_for(&wd, "clock", goes_on, NULL, 9);
    world_run(&wd);
    CHECK_INT(t.count, 3); /* after 1 s, after 4, and a wait of 10 */
    CHECK_INT(counted(&wd), 3);
    CHECK_INT(t.held[0], SECOND);
    CHECK_INT(t.waited[0], SECOND);
    CHECK_INT(t.held[1], 4 * SECOND);
    has(t.texts[0],
        "bide: a slow lock: Mutex \"ledger\" (made at made.c:7), held for "
        "1.000 "
        "s by task \"audit\" (app.c:31); task \"pay\" has waited for 1.000 s, "
        "with 1 more behind it\n");
    has(t.texts[2], "Mutex \"ledger\" (made at made.c:7), which task \"late\" "
                    "gets after a wait of 10.000 s\n");
    world_over(&wd, m);
}

static void
test_slow_wait_for_a_lock_is_reported(void **state)
{
    (void)state;
    world wd;
    told t;
    bide_mutex *m = new_mutex();
    begin(&wd, &t, 2 * SECOND + SECOND / 2, true);
    spawn_for(&wd, "a", holds, m, 1);
    spawn_for(&wd, "b", holds, m, 1);
    spawn_for(&wd, "c", holds, m, 1);
    spawn_for(&wd, "d", holds, m, 1);
    spawn_for(&wd, "clock", goes_on, NULL, 5);
    world_run(&wd);
    CHECK_INT(t.count, 1);
    CHECK(t.held[0] <= SECOND);
    CHECK(t.waited[0] >= 2 * SECOND + SECOND / 2);
    has(t.texts[0], "; task \"d\" has waited for ");
    world_over(&wd, m);
}

static void
reads(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_rwlock_read(a->arg, &a->w));
    AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + 2 * SECOND));
    CHECK_INT(bide_rwlock_read_unlock(a->arg), 0);
    END(a);
}

static void
writes(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_rwlock_write(a->arg, &a->w));
    CHECK_INT(bide_rwlock_write_unlock(a->arg, &a->task), 0);
    END(a);
}

static void
holds_permit(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_semaphore_hold(a->arg, 1, &a->w));
    AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + a->n * SECOND));
    CHECK_INT(bide_semaphore_drop(a->arg, 1, &a->task), 0);
    END(a);
}

static void
test_slow_read_locks_and_permits_are_reported(void **state)
{
    (void)state;
    world wd;
    told t;
    bide_rwlock *rw;
    bide_semaphore *s;
    assert_int_equal(bide_rwlock_new("table", made, &rw), 0);
    assert_int_equal(bide_semaphore_new(1, false, "gate", made, &s), 0);
    begin(&wd, &t, SECOND, true);
    actor_spawn(&wd, "reader", reads, rw);
    actor_spawn(&wd, "writer", writes, rw);
    spawn_for(&wd, "keeper", holds_permit, s, 2);
    spawn_for(&wd, "guest", holds_permit, s, 0);
    spawn_for(&wd, "clock", goes_on, NULL, 1);
    world_run(&wd);
    CHECK_INT(t.count, 2);
    has(t.texts[0], "RwLock \"table\" (made at made.c:7), held for 1.000 s by "
                    "task \"reader\"; task \"writer\" has waited for 1.000 s");
    has(t.texts[1],
        "Semaphore \"gate\" (made at made.c:7), held for 1.000 s by "
        "task \"keeper\"; task \"guest\" has waited for 1.000 s");
    bide_rwlock_unref(rw);
    bide_semaphore_unref(s);
    world_end(&wd);
}

/* -- when it is over ------------------------------------------------------ */

static void
blocks_with_lock(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(a->arg, &a->w));
    a->at = (int64_t)uv_hrtime();
    while ((int64_t)uv_hrtime() < a->at + 3 * MS)
        continue;
    bide_mutex_unlock(a->arg, &a->task);
    END(a);
}

/* Within one step there is no moment to look. */
static void
test_slow_lock_is_reported_when_it_is_over(void **state)
{
    (void)state;
    world wd;
    told t;
    bide_mutex *m = new_mutex();
    begin(&wd, &t, 2 * MS, false);
    actor_spawn(&wd, "audit", blocks_with_lock, m);
    world_run(&wd);
    CHECK_INT(t.count, 1);
    CHECK(t.held[0] >= 3 * MS);
    has(t.texts[0], "(made at made.c:7), was held for 0.0");
    has(t.texts[0], " s by task \"audit\"\n");
    world_over(&wd, m);
}

/* -- bounds --------------------------------------------------------------- */

static void
locks_slowly(actor *a)
{
    BEGIN(a);
    for (a->i = 0; a->i < 20; a->i++) {
        AWAIT_OK(a, bide_mutex_lock(a->arg, &a->w));
        AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + SECOND));
        bide_mutex_unlock(a->arg, &a->task);
    }
    END(a);
}

/* 8 at once and one every 10 s: 10 of 20 in 20 s. */
static void
test_slow_lock_reports_are_limited(void **state)
{
    (void)state;
    world wd;
    told t;
    bide_mutex *m = new_mutex();
    begin(&wd, &t, SECOND, true);
    actor_spawn(&wd, "audit", locks_slowly, m);
    world_run(&wd);
    CHECK_INT(counted(&wd), 20);
    CHECK(t.count >= 9 && t.count <= 10);
    CHECK(t.missed >= 1);
    has(t.texts[8], " reports before this left out)\n");
    world_over(&wd, m);
}

static void
test_slow_lock_below_the_limit_is_no_report(void **state)
{
    (void)state;
    world wd;
    told t;
    for (int off = 0; off < 2; off++) {
        bide_mutex *m = new_mutex();
        begin(&wd, &t, off ? BIDE_FOREVER : 3 * SECOND, true);
        spawn_for(&wd, "a", holds, m, off ? 100 : 1);
        spawn_for(&wd, "b", holds, m, 1);
        spawn_for(&wd, "clock", goes_on, NULL, 3);
        world_run(&wd);
        CHECK_INT(t.count, 0);
        CHECK_INT(counted(&wd), 0);
        world_over(&wd, m);
    }
}

static void
starves(actor *a)
{
    BEGIN(a);
    memory_fail_at(1, true);
    AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + 3 * SECOND));
    CHECK(memory_failed());
    memory_fail_at(0, false);
    END(a);
}

/* A report for which there is no memory is left out, and counted. */
static void
test_slow_lock_without_memory_is_no_report(void **state)
{
    (void)state;
    world wd;
    told t;
    bide_mutex *m = new_mutex();
    begin(&wd, &t, SECOND, true);
    spawn_for(&wd, "a", holds, m, 5);
    spawn_for(&wd, "clock", goes_on, NULL, 5);
    actor_spawn(&wd, "x", starves, NULL);
    world_run(&wd);
    CHECK_INT(counted(&wd), 2);
    CHECK_INT(t.count, 1);
    CHECK_INT(t.missed, 1);
    CHECK_INT(t.held[0], 4 * SECOND);
    world_over(&wd, m);
}

static void
waits_with_lock(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(a->arg, &a->w));
    AWAIT(a, bide_park(&a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    END(a);
}

/* Looking for slow locks keeps nothing alive; a task that takes a lock along is
 * forgotten. */
static void
test_slow_lock_does_not_hide_a_stall(void **state)
{
    (void)state;
    world wd;
    told t;
    bide_mutex *m = new_mutex();
    begin(&wd, &t, SECOND, false);
    actor *a = actor_spawn(&wd, "audit", waits_with_lock, m);
    CHECK_INT(bide_loop_run(wd.loop, NULL), BIDE_ESTALLED);
    bide_task_cancel(&a->task, number(0));
    world_run(&wd);
    CHECK(bide_mutex_breaker(m));
    CHECK_INT(t.count, 0);
    world_over(&wd, m);
}

static void
test_slow_lock_is_set_by_the_environment(void **state)
{
    (void)state;
    world wd;
    told t;
    bide_mutex *m = new_mutex();
    assert_int_equal(setenv("BIDE_SLOW_LOCK", "2s", 1), 0);
    begin(&wd, &t, 0, true);
    spawn_for(&wd, "a", holds, m, 3);
    spawn_for(&wd, "clock", goes_on, NULL, 2);
    world_run(&wd);
    CHECK_INT(t.count, 1);
    world_over(&wd, m);
    setenv("BIDE_SLOW_LOCK", "soon", 1);
    bide_loop *l;
    CHECK_INT(bide_loop_new(NULL, &l), BIDE_EINVALID);
    unsetenv("BIDE_SLOW_LOCK");
    bide_loop_options o = {.slow_lock = -1};
    CHECK_INT(bide_loop_new(&o, &l), BIDE_EINVALID);
    check_end();
}

TEST_MAIN("slow_lock", T(slow_lock_is_reported_while_it_lasts),
          T(slow_wait_for_a_lock_is_reported),
          T(slow_read_locks_and_permits_are_reported),
          T(slow_lock_is_reported_when_it_is_over),
          T(slow_lock_reports_are_limited),
          T(slow_lock_below_the_limit_is_no_report),
          T(slow_lock_without_memory_is_no_report),
          T(slow_lock_does_not_hide_a_stall),
          T(slow_lock_is_set_by_the_environment))
