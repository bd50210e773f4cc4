/* test_dump.c - what all runtimes of the process do, from any thread. */
#include "support_job.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "peek.h"

/* A copy: worlds check that the library holds no memory when they end. */
static char *
dump(int format)
{
    char *text = NULL;
    CHECK_INT(bide_dump(format, &text), 0);
    char *copy = text ? strdup(text) : NULL;
    bide_dump_free(text);
    return copy;
}

static void
has(const char *text, const char *part)
{
    if (!text || !strstr(text, part))
        fprintf(stderr, "%s\nlacks: %s\n", text ? text : "NULL", part);
    CHECK(text && strstr(text, part));
}

/* -- a lock held, a lock waited for --------------------------------------- */

static void
holds_and_sleeps(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(a->arg, &a->w));
    AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + 2 * SECOND));
    bide_mutex_unlock(a->arg, &a->task);
    END(a);
}

static void
waits(actor *a)
{
    BEGIN(a);
    bide_scope_init(&a->scope);
    bide_scope_enter(&a->scope, &a->task, NULL);
    bide_scope_deadline(&a->scope, now(a) + 60 * SECOND);
    AWAIT_OK(a, bide_mutex_lock(a->arg, &a->w));
    bide_scope_leave(&a->scope);
    bide_mutex_unlock(a->arg, &a->task);
    END(a);
}

static void
looks(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + SECOND));
    a->extra = dump(a->n);
    END(a);
}

static char *
scene(int format)
{
    world wd;
    bide_mutex *m;
    bide_site site = {"dir/made.c", 7};
    assert_int_equal(bide_mutex_new("ledger", site, &m), 0);
    world_begin(&wd, 0);
    actor_spawn(&wd, "holder", holds_and_sleeps, m);
    actor_spawn(&wd, "waiter", waits, m);
    actor *a = actor_spawn(&wd, "looker", looks, NULL);
    a->n = format;
    world_run(&wd);
    char *text = a->extra;
    bide_mutex_unref(m);
    world_end(&wd);
    return text;
}

static void
test_dump_names_tasks_waits_and_owners(void **state)
{
    (void)state;
    char *text = scene(BIDE_DUMP_TEXT);
    has(text, "(C), running task \"looker\"");
    has(text, "task \"waiter\"");
    has(text, "waits for Mutex \"ledger\" (made at made.c:7): lock, held by "
              "task \"holder\"");
    has(text, "holds Mutex \"ledger\" (made at made.c:7) for 1.000 s");
    has(text, "in a scope with a deadline in 59.000 s");
    has(text, "ends in 1.000 s");
    free(text);
    check_end();
}

static void
test_dump_as_json(void **state)
{
    (void)state;
    char *text = scene(BIDE_DUMP_JSON);
    has(text, "\"name\":\"waiter\"");
    has(text, "{\"verb\":\"lock\",\"object\":{\"id\":\"");
    has(text, "\"type\":\"Mutex\",\"name\":\"ledger\",\"made_at\":{\"file\":"
              "\"dir/made.c\",\"line\":7}}");
    has(text, "\"holders\":[1]");
    has(text, "\"deadline_in\":59.000000000");
    has(text, "\"language\":\"C\",\"exact\":true");
    free(text);
    CHECK_INT(bide_dump(99, &text), BIDE_EINVALID);
    check_end();
}

static void
named_oddly(actor *a)
{
    a->extra = dump(BIDE_DUMP_JSON);
    a->over = true;
}

static void
test_dump_escapes_what_json_cannot_hold(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor *a = actor_spawn(&wd, "a\"b\\c\n\xff\xe2\x82\xac\xed\xa0\x80",
                           named_oddly, NULL);
    world_run(&wd);
    has(a->extra, "\"a\\\"b\\\\c\\u000a\\ufffd\xe2\x82\xac\\ufffd");
    free(a->extra);
    world_end(&wd);
}

/* -- other threads -------------------------------------------------------- */

typedef struct stage {
    gate *blocked, *go;
    bide_mutex *m;
} stage;

/* Blocks the loop's thread, holding the lock. */
static void
blocks(actor *a)
{
    stage *s = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(s->m, &a->w));
    AWAIT_OK(a, bide_yield(&a->w));
    gate_open(s->blocked);
    gate_pass(s->go);
    bide_mutex_unlock(s->m, &a->task);
    END(a);
}

static void
waits_for_it(actor *a)
{
    stage *s = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(s->m, &a->w));
    bide_mutex_unlock(s->m, &a->task);
    END(a);
}

static void
runs_blocked(void *arg)
{
    world wd;
    world_begin_real(&wd);
    actor_spawn(&wd, "blocker", blocks, arg);
    actor_spawn(&wd, "waiter", waits_for_it, arg);
    world_run(&wd);
    bide_mutex_unref(((stage *)arg)->m);
    world_end(&wd);
}

static stage
stage_begin(void)
{
    stage s = {gate_new(), gate_new(), NULL};
    assert_int_equal(bide_mutex_new("ledger", HERE, &s.m), 0);
    return s;
}

static void
stage_end(stage *s)
{
    gate_free(s->blocked);
    gate_free(s->go);
    check_end();
}

static void
test_dump_reads_a_blocked_loop(void **state)
{
    (void)state;
    stage s = stage_begin();
    thread *t = thread_start(runs_blocked, &s);
    gate_pass(s.blocked);
    char *text = dump(BIDE_DUMP_TEXT);
    gate_open(s.go);
    thread_join(t);
    has(text, "blocked in task \"blocker\"");
    has(text, ": lock, held by task \"blocker\"");
    has(text, "holds Mutex \"ledger\"");
    has(text, "read from outside");
    free(text);
    stage_end(&s);
}

static void
test_dump_on_signal_while_the_loop_is_blocked(void **state)
{
    (void)state;
    char text[4096] = "";
    size_t used = 0;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    CHECK_INT(bide_dump_on_signal(SIGKILL, ends[1]), BIDE_EINVALID);
    CHECK_INT(bide_dump_on_signal(SIGUSR1, ends[1]), 0);
    stage s = stage_begin();
    thread *t = thread_start(runs_blocked, &s);
    gate_pass(s.blocked);
    kill(getpid(), SIGUSR1);
    while (used < sizeof text - 1 && !strstr(text, "read from outside"))
        used += (size_t)read(ends[0], text + used, sizeof text - 1 - used);
    CHECK_INT(bide_dump_on_signal(0, 2), 0);
    gate_open(s.go);
    thread_join(t);
    has(text, "blocked in task \"blocker\"");
    close(ends[0]);
    close(ends[1]);
    stage_end(&s);
}

static void
sleeps_long(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_sleep_until(&a->w, BIDE_FOREVER));
    END(a);
}

static void
comes_and_goes(actor *a)
{
    BEGIN(a);
    for (a->i = 0; a->i < 20; a->i++)
        AWAIT_OK(a, bide_yield(&a->w));
    END(a);
}

typedef struct churn {
    atomic_bool over;
    atomic_int dumps;
} churn;

/* Spawns and ends tasks until somebody has dumped often enough. */
static void
churns(actor *a)
{
    churn *c = a->arg;

    BEGIN(a);
    while (atomic_load(&c->dumps) < a->n) {
        a->extra = actor_spawn(a->world, "s", sleeps_long, NULL);
        actor_spawn(a->world, "c", comes_and_goes, NULL);
        AWAIT_OK(a, bide_yield(&a->w));
        bide_task_cancel(&((actor *)a->extra)->task, BIDE_NO_VALUE);
        AWAIT_OK(a, bide_yield(&a->w));
    }
    atomic_store(&c->over, true);
    END(a);
}

static void
dumps_on(void *arg)
{
    churn *c = arg;
    for (int i = 0; !atomic_load(&c->over); i++) {
        char *text = dump(i % 2);
        has(text, "C");
        free(text);
        atomic_fetch_add(&c->dumps, 1);
    }
}

static void
test_dump_in_a_tight_loop_while_tasks_churn(void **state)
{
    (void)state;
    churn c;
    atomic_init(&c.over, false);
    atomic_init(&c.dumps, 0);
    world wd;
    world_begin_real(&wd);
    actor *a = actor_spawn(&wd, "main", churns, &c);
    a->n = 50;
    thread *t = thread_start(dumps_on, &c);
    world_run(&wd);
    thread_join(t);
    world_end(&wd);
}

/* -- jobs, and what is not there ------------------------------------------ */

typedef struct slow_job {
    bide_job job;
    gate *started, *go;
} slow_job;

static void
job_run(bide_job *j)
{
    slow_job *s = (slow_job *)(void *)j;
    gate_open(s->started);
    gate_pass(s->go);
}

static void
job_done(bide_job *j, int status)
{
    (void)j;
    CHECK_INT(status, 0);
}

static void
test_dump_names_the_jobs(void **state)
{
    (void)state;
    slow_job s = {.started = gate_new(), .go = gate_new()};
    bide_loop *l;
    assert_int_equal(bide_loop_new(NULL, &l), 0);
    s.job.run = job_run;
    s.job.done = job_done;
    s.job.name = "resize";
    s.job.site = (bide_site){"app.c", 5};
    CHECK_INT(bide_job_submit(l, &s.job), 0);
    gate_pass(s.started);
    char *text = dump(BIDE_DUMP_TEXT);
    has(text, "job \"resize\" (app.c:5): running for ");
    free(text);
    gate_open(s.go);
    bide_loop_close(l, BIDE_FOREVER, NULL, NULL);
    bide_loop_unref(l);
    gate_free(s.started);
    gate_free(s.go);
    text = dump(BIDE_DUMP_TEXT);
    has(text, "0 runtimes");
    free(text);
    check_end();
}

static void
test_peek_answers_for_memory_that_is_not_there(void **state)
{
    (void)state;
    int from = 42, to = 0;
    assert_true(bide__peek(&to, &from, sizeof from));
    assert_int_equal(to, 42);
    assert_false(bide__peek(&to, (void *)8, sizeof to)); /* NOLINT */
    assert_false(bide__peek(&to, NULL, sizeof to));
}

static void
test_dump_without_memory_is_an_error(void **state)
{
    (void)state;
    bide_loop *l;
    char *text;
    assert_int_equal(bide_loop_new(NULL, &l), 0);
    size_t before = memory_held();
    int rc = BIDE_ENOMEMORY;
    for (size_t k = 1; rc; k++) {
        memory_fail_at(k, false);
        rc = bide_dump(BIDE_DUMP_JSON, &text);
        memory_fail_at(0, false);
        if (rc)
            CHECK_INT(rc, BIDE_ENOMEMORY);
        CHECK(k < 100);
    }
    bide_dump_free(text);
    CHECK_INT(memory_held(), before);
    bide_loop_close(l, 0, NULL, NULL);
    bide_loop_unref(l);
    check_end();
}

TEST_MAIN("dump", T(dump_names_tasks_waits_and_owners), T(dump_as_json),
          T(dump_escapes_what_json_cannot_hold), T(dump_reads_a_blocked_loop),
          T(dump_on_signal_while_the_loop_is_blocked),
          T(dump_in_a_tight_loop_while_tasks_churn), T(dump_names_the_jobs),
          T(peek_answers_for_memory_that_is_not_there),
          T(dump_without_memory_is_an_error))
