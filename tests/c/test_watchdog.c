/* test_watchdog.c - steps that last, seen while they last. Such a step ends
 * when its report has come; where none may come, when another one's has. */
#include "support.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct dog {
    atomic_int reports;
    bide_block last; /* written before `reports` counts it */
    char trace[256];
    int64_t lasted[8];
    int delivered;
} dog;

static int64_t
wall(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

static void
on_report(void *ctx, const bide_block *b)
{
    dog *d = ctx;
    int n = atomic_load(&d->reports);
    d->last = *b;
    snprintf(d->trace, sizeof d->trace, "%s", b->trace);
    if (n < (int)COUNT(d->lasted))
        d->lasted[n] = b->lasted;
    atomic_store(&d->reports, n + 1);
}

static void
on_blocked(void *ctx, const bide_block *b)
{
    ((dog *)ctx)->delivered += b->nth > 0;
}

static void
dog_begin(world *wd, dog *d, bide_loop_options *o)
{
    memset(d, 0, sizeof *d);
    o->host.ctx = d;
    o->host.blocked = on_blocked;
    o->watchdog.report = on_report;
    if (!o->watchdog.threshold)
        o->watchdog.threshold = 10 * MS;
    world_begin_with(wd, o);
    wd->state = d;
}

/* Goes on until `n` reports have come, a minute at most. */
static void
block_for(dog *d, int n)
{
    int64_t end = wall() + 60 * SECOND;
    while (atomic_load(&d->reports) < n && wall() < end)
        ;
    CHECK(atomic_load(&d->reports) >= n);
}

static void
blocks(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_yield(&a->w));
    block_for(a->world->state, a->n ? a->n : 1);
    AWAIT_OK(a, bide_yield(&a->w));
    END(a);
}

static void
test_watchdog_reports_a_block_while_it_lasts(void **state)
{
    (void)state;
    world wd;
    dog d;
    bide_loop_options o = {0};
    dog_begin(&wd, &d, &o);
    actor *a = actor_spawn(&wd, "busy", blocks, NULL);
    a->task.site = (bide_site){"app.c", 12};
    uint64_t id = a->task.id;
    world_run(&wd);
    world_end(&wd);
    assert_int_equal(d.last.task, id);
    assert_string_equal(d.last.name, "busy");
    assert_string_equal(d.last.file, "app.c");
    assert_int_equal(d.last.line, 12);
    assert_int_equal(d.last.nth, 1);
    assert_true(d.last.lasted >= 10 * MS);
}

static void
test_watchdog_text_names_task_and_site(void **state)
{
    (void)state;
    bide_block b = {.task = 7, .lasted = 123 * MS, .trace = ""};
    char text[400];
    bide_block_text(&b, text, sizeof text);
    assert_string_equal(text, "bide: the loop is blocked: task-7 has been "
                              "running for 123 ms without waiting\n");
    snprintf(b.name, sizeof b.name, "pay");
    snprintf(b.file, sizeof b.file, "app.c");
    b.line = 3;
    b.missed = 2;
    b.trace = "  here\n";
    size_t n = bide_block_text(&b, text, sizeof text);
    assert_string_equal(text,
                        "bide: the loop is blocked: task \"pay\" (app.c:3) has "
                        "been running for 123 ms without waiting (2 reports "
                        "before this left out):\n  here\n");
    assert_int_equal(n, strlen(text));
    b.task = 0;
    bide_block_text(&b, text, 30);
    assert_string_equal(text, "bide: the loop is blocked: wh");
}

static void
test_watchdog_reports_a_long_block_again_ever_later(void **state)
{
    (void)state;
    world wd;
    dog d;
    bide_loop_options o = {0};
    dog_begin(&wd, &d, &o);
    actor_spawn(&wd, "busy", blocks, NULL)->n = 3;
    world_run(&wd);
    bide_loop_counts counts;
    bide_loop_count(wd.loop, &counts);
    world_end(&wd);
    assert_int_equal(d.last.nth, 3);
    assert_true(d.lasted[1] >= 4 * d.lasted[0]);
    assert_true(d.lasted[2] >= 4 * d.lasted[1]);
    assert_int_equal(counts.blocks, 1);
}

static void
test_watchdog_tells_the_host_afterwards(void **state)
{
    (void)state;
    world wd;
    dog d;
    bide_loop_options o = {0};
    dog_begin(&wd, &d, &o);
    actor_spawn(&wd, "a", blocks, NULL)->n = 2;
    world_run(&wd);
    world_end(&wd);
    assert_int_equal(d.delivered, 2);
}

/* Reports are left out when there are too many; every block is counted. */
static void
blocks_often(actor *a)
{
    BEGIN(a);
    for (a->i = 0; a->i < 12; a->i++) {
        int64_t end = wall() + 40 * MS;
        while (wall() < end)
            ;
        AWAIT_OK(a, bide_yield(&a->w));
    }
    END(a);
}

static void
test_watchdog_leaves_reports_out_when_there_are_many(void **state)
{
    (void)state;
    world wd;
    dog d;
    bide_loop_options o = {.watchdog.threshold = 4 * MS};
    dog_begin(&wd, &d, &o);
    actor_spawn(&wd, "a", blocks_often, NULL);
    world_run(&wd);
    world_end(&wd);
    assert_true(atomic_load(&d.reports) <= 9);
}

static void
sleeps_long(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + 60 * MS));
    END(a);
}

static void
many_steps(actor *a)
{
    BEGIN(a);
    a->at = wall() + 60 * MS;
    while (wall() < a->at)
        AWAIT_OK(a, bide_yield(&a->w));
    END(a);
}

static void
test_watchdog_is_silent_about_waiting_tasks(void **state)
{
    (void)state;
    world wd;
    dog d;
    bide_loop_options o = {.watchdog.threshold = 20 * MS};
    dog_begin(&wd, &d, &o);
    actor_spawn(&wd, "a", sleeps_long, NULL);
    world_run(&wd);
    world_end(&wd);
    assert_int_equal(atomic_load(&d.reports), 0);
}

static void
test_watchdog_is_silent_about_many_short_steps(void **state)
{
    (void)state;
    world wd;
    dog d;
    bide_loop_options o = {.watchdog.threshold = 20 * MS};
    dog_begin(&wd, &d, &o);
    actor_spawn(&wd, "a", many_steps, NULL);
    actor_spawn(&wd, "b", many_steps, NULL);
    world_run(&wd);
    world_end(&wd);
    assert_int_equal(atomic_load(&d.reports), 0);
}

static int
block_in_tick(void *ctx)
{
    dog *d = ctx;
    if (atomic_load(&d->reports) == 0)
        block_for(d, 1);
    return 0;
}

static void
yields_once(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_yield(&a->w));
    END(a);
}

static void
test_watchdog_sees_what_runs_between_tasks(void **state)
{
    (void)state;
    world wd;
    dog d;
    bide_loop_options o = {.host.tick = block_in_tick};
    dog_begin(&wd, &d, &o);
    actor_spawn(&wd, "a", yields_once, NULL);
    world_run(&wd);
    world_end(&wd);
    assert_int_equal(d.last.task, 0);
}

/* -- the trace ------------------------------------------------------------ */

static pthread_t traced_on;
static bool trace_was_here;

static size_t
write_trace(void *ctx, bool here, char *out, size_t size)
{
    (void)ctx;
    traced_on = pthread_self();
    trace_was_here = here;
    return (size_t)snprintf(out, size, "  frame\n");
}

static void
run_traced(bide_loop_options *o, dog *d)
{
    world wd;
    o->host.trace = write_trace;
    dog_begin(&wd, d, o);
    actor_spawn(&wd, "a", blocks, NULL);
    world_run(&wd);
    world_end(&wd);
    assert_string_equal(d->trace, "  frame\n");
}

/* Under ThreadSanitizer signals are put off, and another thread looks. */
static void
test_watchdog_interrupts_the_step_for_its_trace(void **state)
{
    (void)state;
    dog d;
    bide_loop_options o = {0};
    run_traced(&o, &d);
    if (trace_was_here)
        assert_true(pthread_equal(traced_on, pthread_self()));
}

static void
test_watchdog_works_without_a_signal(void **state)
{
    (void)state;
    dog d;
    bide_loop_options o = {.watchdog.signum = -1};
    run_traced(&o, &d);
    assert_false(trace_was_here);
    assert_false(pthread_equal(traced_on, pthread_self()));
}

static volatile sig_atomic_t urgent;

static void
on_urgent(int signum)
{
    urgent = signum;
}

/* Also with the signal blocked it goes on, from outside. */
static void
test_watchdog_leaves_handlers_of_others_alone(void **state)
{
    (void)state;
    struct sigaction ours = {.sa_handler = on_urgent}, after;
    dog d;
    bide_loop_options o = {0};
    urgent = 0;
    sigaction(SIGURG, &ours, NULL);
    run_traced(&o, &d);
    assert_int_equal(urgent, 0);
    sigaction(SIGURG, NULL, &after);
    assert_ptr_equal(after.sa_handler, on_urgent);
    signal(SIGURG, SIG_DFL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    o.watchdog.signum = SIGUSR2;
    run_traced(&o, &d);
    assert_false(trace_was_here);
}

static void
passes_a_signal_on(actor *a)
{
    BEGIN(a);
    raise(SIGURG);
    END(a);
}

static void
test_watchdog_passes_signals_of_others_on(void **state)
{
    (void)state;
    struct sigaction ours = {.sa_handler = on_urgent};
    world wd;
    dog d;
    bide_loop_options o = {0};
    urgent = 0;
    sigaction(SIGURG, &ours, NULL);
    dog_begin(&wd, &d, &o);
    actor_spawn(&wd, "a", passes_a_signal_on, NULL);
    world_run(&wd);
    world_end(&wd);
    signal(SIGURG, SIG_DFL);
    assert_int_equal(urgent, SIGURG);
}

/* A trace that comes at once is part of the report; a late one follows it. */
static size_t
promise_trace(void *ctx, bool here, char *out, size_t size)
{
    (void)ctx, (void)here, (void)out, (void)size;
    return BIDE_TRACE_LATER;
}

static void
brings_its_trace(actor *a)
{
    dog *d = a->world->state;
    BEGIN(a);
    block_for(d, 1);
    CHECK(d->trace[0] == 0);
    bide_loop_trace(a->world->loop, "  at last\n");
    CHECK_INT(atomic_load(&d->reports), 2);
    CHECK(d->last.late);
    CHECK(strcmp(d->trace, "  at last\n") == 0);
    bide_loop_trace(a->world->loop, "  nobody asked\n");
    CHECK_INT(atomic_load(&d->reports), 2);
    END(a);
}

static void
test_watchdog_trace_may_come_late(void **state)
{
    (void)state;
    world wd;
    dog d;
    bide_loop_options o = {.host.trace = promise_trace};
    dog_begin(&wd, &d, &o);
    actor_spawn(&wd, "a", brings_its_trace, NULL);
    world_run(&wd);
    world_end(&wd);
}

/* -- settings ------------------------------------------------------------- */

static int64_t
count_blocks(const bide_loop_options *o)
{
    world wd;
    bide_loop_options mine = *o;
    dog d;
    memset(&d, 0, sizeof d);
    mine.host.ctx = &d;
    mine.watchdog.report = on_report;
    world_begin_with(&wd, &mine);
    wd.state = &d;
    actor_spawn(&wd, "a", blocks_often, NULL);
    world_run(&wd);
    bide_loop_counts counts;
    bide_loop_count(wd.loop, &counts);
    world_end(&wd);
    return (int64_t)counts.blocks;
}

static void
test_watchdog_is_off_by_default(void **state)
{
    (void)state;
    assert_int_equal(count_blocks(&(bide_loop_options){0}), 0);
}

static void
test_watchdog_is_set_by_the_environment(void **state)
{
    (void)state;
    setenv("BIDE_WATCHDOG", "4ms", 1);
    assert_true(count_blocks(&(bide_loop_options){0}) > 0);
    setenv("BIDE_WATCHDOG", "off", 1);
    assert_int_equal(count_blocks(&(bide_loop_options){.debug = true}), 0);
    bide_loop *l;
    setenv("BIDE_WATCHDOG", "soon", 1);
    assert_int_equal(bide_loop_new(NULL, &l), BIDE_EINVALID);
    unsetenv("BIDE_WATCHDOG");
    setenv("BIDE_WATCHDOG_SIGNAL", "9", 1);
    assert_int_equal(bide_loop_new(NULL, &l), BIDE_EINVALID);
    unsetenv("BIDE_WATCHDOG_SIGNAL");
    setenv("BIDE_DEBUG", "1", 1);
    assert_true(bide_debug());
    setenv("BIDE_DEBUG", "0", 1);
    assert_false(bide_debug());
    unsetenv("BIDE_DEBUG");
}

static void
test_watchdog_refuses_bad_options(void **state)
{
    (void)state;
    bide_loop *l;
    bide_loop_options o = {.watchdog.threshold = -1};
    assert_int_equal(bide_loop_new(&o, &l), BIDE_EINVALID);
    o = (bide_loop_options){.watchdog.signum = SIGSEGV};
    assert_int_equal(bide_loop_new(&o, &l), BIDE_EINVALID);
}

/* -- several, and none ---------------------------------------------------- */

static void
block_once(bide_task *t)
{
    block_for(t->host, 1);
    bide_task_finish(t);
}

/* Without a world, which counts the memory of all threads as its own. */
static void
run_blocking(void *arg)
{
    bide_loop_options o = {0};
    o.host.ctx = arg;
    o.watchdog.report = on_report;
    o.watchdog.threshold = 10 * MS;
    for (int i = 0; i < 5; i++) {
        bide_loop *l;
        bide_task t;
        atomic_store(&((dog *)arg)->reports, 0);
        CHECK_INT(bide_loop_new(&o, &l), 0);
        bide_task_init(&t, block_once);
        t.host = arg;
        CHECK_INT(bide_task_start(&t, l, NULL, NULL), 0);
        CHECK_INT(bide_loop_run(l, NULL), 0);
        CHECK_INT(bide_loop_close(l, 0, NULL, NULL), 0);
        bide_loop_unref(l);
    }
}

static void
test_watchdog_looks_after_several_runtimes(void **state)
{
    (void)state;
    static dog dogs[3];
    thread *threads[3];
    for (size_t i = 0; i < 3; i++)
        threads[i] = thread_start(run_blocking, &dogs[i]);
    for (size_t i = 0; i < 3; i++)
        thread_join(threads[i]);
    for (size_t i = 0; i < 3; i++)
        assert_true(atomic_load(&dogs[i].reports) >= 1);
    check_end();
}

static void
stops_itself(actor *a)
{
    BEGIN(a);
    raise(SIGSTOP);
    END(a);
}

/* A step during which the process is stopped for longer than the threshold. */
static int
child_main(void)
{
    world wd;
    dog d;
    bide_loop_options o = {.watchdog.threshold = 200 * MS};
    dog_begin(&wd, &d, &o);
    actor_spawn(&wd, "a", stops_itself, NULL);
    world_run(&wd);
    return atomic_load(&d.reports);
}

static void
test_watchdog_ignores_time_when_stopped(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0)
        _exit(child_main());
    int status;
    assert_int_equal(waitpid(child, &status, WUNTRACED), child);
    assert_true(WIFSTOPPED(status));
    struct timespec pause = {0, 500 * MS};
    nanosleep(&pause, NULL); /* the time that must not count */
    kill(child, SIGCONT);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void
test_watchdog_survives_a_fork(void **state)
{
    (void)state;
    dog d;
    bide_loop_options o = {0};
    run_traced(&o, &d);
    pid_t child = fork();
    if (child == 0) {
        dog mine;
        bide_loop_options other = {0};
        run_traced(&other, &mine);
        _exit(atomic_load(&mine.reports) == 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void
test_peek_does_not_fault(void **state)
{
    (void)state;
    int from = 7, to = 0;
    assert_true(bide_peek(&to, &from, sizeof to));
    assert_int_equal(to, 7);
    assert_false(bide_peek(&to, (const void *)(uintptr_t)64, sizeof to));
}

TEST_MAIN("watchdog", T(watchdog_reports_a_block_while_it_lasts),
          T(watchdog_text_names_task_and_site),
          T(watchdog_reports_a_long_block_again_ever_later),
          T(watchdog_tells_the_host_afterwards),
          T(watchdog_leaves_reports_out_when_there_are_many),
          T(watchdog_is_silent_about_waiting_tasks),
          T(watchdog_is_silent_about_many_short_steps),
          T(watchdog_sees_what_runs_between_tasks),
          T(watchdog_interrupts_the_step_for_its_trace),
          T(watchdog_works_without_a_signal),
          T(watchdog_leaves_handlers_of_others_alone),
          T(watchdog_passes_signals_of_others_on),
          T(watchdog_trace_may_come_late), T(watchdog_is_off_by_default),
          T(watchdog_is_set_by_the_environment),
          T(watchdog_refuses_bad_options),
          T(watchdog_looks_after_several_runtimes),
          T(watchdog_ignores_time_when_stopped), T(watchdog_survives_a_fork),
          T(peek_does_not_fault))
