/* test_forgotten.c - what failed or was made, and nobody looked at. */
#include "support.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

static bide_site made = {"dir/app.c", 31};

static const char never_started[] =
    "bide: forgotten: task \"never\" (app.c:31) was never started\n";

enum { MOST = 16 };

/* Reports of one test. */
typedef struct told {
    int count;
    unsigned missed;
    int status[MOST];
    bide_site site[MOST];
    char texts[MOST][256], forgotten[MOST][128];
} told;

static void
on_report(void *ctx, const bide_report *r)
{
    told *t = ctx;
    int i = t->count;
    CHECK_INT(r->kind, BIDE_REPORT_FORGOTTEN);
    CHECK(i < MOST);
    if (i >= MOST)
        return;
    snprintf(t->texts[i], sizeof t->texts[0], "%s", r->text);
    snprintf(t->forgotten[i], sizeof t->forgotten[0], "%s", r->forgotten);
    CHECK(!r->lock[0] && !r->holder[0] && !r->waiter[0]);
    t->status[i] = r->status;
    t->site[i] = r->site;
    t->missed += r->missed;
    t->count++;
}

static void
begin(world *wd, told *t)
{
    bide_loop_options o = {
        .virtual_clock = true,
        .host = {.ctx = t, .report = on_report},
    };
    memset(t, 0, sizeof *t);
    world_begin_with(wd, &o);
}

/* -- tasks ---------------------------------------------------------------- */

typedef struct failing {
    bide_task task;
    bide_wait w;
    int status;
    bool slept;
} failing;

/* Fails after a second. */
static void
fail_resume(bide_task *task)
{
    failing *f = task->host;
    if (!f->slept) {
        f->slept = true;
        if (bide_sleep_until(&f->w, bide_loop_now(task->loop, false) +
                                        SECOND) == BIDE_PARKED)
            return;
    } else {
        bide_wait_take(&f->w);
    }
    bide_task_finish_with(task, f->status);
}

static void
failing_init(failing *f, const char *name, int status)
{
    memset(f, 0, sizeof *f);
    bide_task_init(&f->task, fail_resume);
    bide_wait_init(&f->w, &f->task);
    f->task.name = name;
    f->task.site = made;
    f->task.host = f;
    f->status = status;
}

static void
failing_start(failing *f, world *wd, const char *name, int status)
{
    failing_init(f, name, status);
    CHECK_INT(bide_task_start(&f->task, wd->loop, NULL, NULL), 0);
    CHECK_INT(bide_task_status(&f->task), BIDE_EWOULDBLOCK);
}

static void
drops_unstarted(actor *a)
{
    failing f;
    BEGIN(a);
    failing_init(&f, "never", 0);
    bide_task_fini(&f.task);
    END(a);
}

static void
test_forgotten_awaitable_names_its_line(void **state)
{
    (void)state;
    world wd;
    told t;
    begin(&wd, &t);
    actor_spawn(&wd, "main", drops_unstarted, NULL);
    world_run(&wd);
    CHECK_INT(t.count, 1);
    CHECK_INT(t.status[0], 0);
    assert_string_equal(t.texts[0], never_started);
    world_end(&wd);
}

/* What a call prints on standard error. */
typedef struct printed {
    char text[4096];
    int ends[2], saved;
} printed;

static void
printed_begin(printed *p)
{
    memset(p, 0, sizeof *p);
    p->saved = dup(STDERR_FILENO);
    assert_int_equal(pipe(p->ends), 0);
    dup2(p->ends[1], STDERR_FILENO);
}

static void
printed_end(printed *p)
{
    dup2(p->saved, STDERR_FILENO);
    CHECK(read(p->ends[0], p->text, sizeof p->text - 1) > 0);
    close(p->ends[0]);
    close(p->ends[1]);
    close(p->saved);
}

/* Where no loop runs there is nobody to tell. */
static void
test_forgotten_task_without_a_loop_is_printed(void **state)
{
    (void)state;
    failing f;
    printed p;
    failing_init(&f, "never", 0);
    printed_begin(&p);
    bide_task_fini(&f.task);
    printed_end(&p);
    assert_string_equal(p.text, never_started);
    check_end();
}

static void
test_forgotten_start_that_was_refused_is_none(void **state)
{
    (void)state;
    world wd;
    bide_loop *other;
    told t;
    failing f;
    begin(&wd, &t);
    assert_int_equal(bide_loop_new(NULL, &other), 0);
    failing_init(&f, "refused", 0);
    CHECK_INT(bide_task_start(&f.task, wd.loop, bide_loop_root(other), NULL),
              BIDE_EWRONGLOOP);
    bide_task_fini(&f.task);
    CHECK_INT(bide_loop_close(other, 0, NULL, NULL), 0);
    bide_loop_unref(other);
    world_end(&wd);
    CHECK_INT(t.count, 0);
}

static void
test_forgotten_failure_is_reported_at_the_end_of_the_run(void **state)
{
    (void)state;
    world wd;
    told t;
    failing f;
    begin(&wd, &t);
    failing_start(&f, &wd, "loser", BIDE_EEOF);
    world_run(&wd);
    CHECK_INT(t.count, 0);
    world_end(&wd);
    CHECK_INT(t.count, 1);
    CHECK_INT(t.status[0], BIDE_EEOF);
    CHECK_INT(t.site[0].line, 31);
    assert_string_equal(t.forgotten[0], "task \"loser\" (app.c:31)");
    assert_string_equal(t.texts[0],
                        "bide: forgotten: task \"loser\" (app.c:31) failed "
                        "with EEOF (the stream ended before the data was "
                        "complete), and nobody looked at it\n");
    bide_task_fini(&f.task); /* once only */
    CHECK_INT(t.count, 1);
}

/* Frees the task of its argument when that has failed. */
static void
frees(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + 2 * SECOND));
    bide_task_fini(a->arg);
    AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + SECOND));
    CHECK_INT(((told *)a->extra)->count, 1);
    END(a);
}

static void
test_forgotten_failure_is_reported_as_its_task_goes(void **state)
{
    (void)state;
    world wd;
    told t;
    failing f;
    begin(&wd, &t);
    failing_start(&f, &wd, "loser", -EPIPE);
    actor_spawn(&wd, "main", frees, &f.task)->extra = &t;
    world_run(&wd);
    memset(&f, 0xee, sizeof f);
    world_end(&wd);
    CHECK_INT(t.count, 1);
    CHECK_INT(t.status[0], -EPIPE);
}

/* Joins after `n` seconds. */
static void
joins(actor *a)
{
    bide_task *t = a->arg;
    BEGIN(a);
    AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + a->n * SECOND));
    AWAIT_OK(a, bide_task_join(t, &a->w));
    END(a);
}

static void
test_forgotten_failure_that_was_looked_at_is_none(void **state)
{
    (void)state;
    world wd;
    told t;
    failing f[5];
    begin(&wd, &t);
    for (int i = 0; i < 3; i++)
        failing_start(&f[i], &wd, "joined", -EPIPE);
    failing_start(&f[3], &wd, "cancelled", BIDE_ECANCELED);
    failing_start(&f[4], &wd, "fine", 0);
    actor_spawn(&wd, "before", joins, &f[0].task)->n = 0;
    actor_spawn(&wd, "after", joins, &f[1].task)->n = 5;
    world_run(&wd);
    CHECK_INT(bide_task_status(&f[2].task), -EPIPE);
    CHECK_INT(bide_task_status(&f[3].task), BIDE_ECANCELED);
    CHECK_INT(bide_task_status(&f[4].task), 0);
    for (int i = 0; i < 5; i++)
        bide_task_fini(&f[i].task);
    world_end(&wd);
    CHECK_INT(t.count, 0);
}

static void
test_forgotten_failures_are_not_a_flood(void **state)
{
    (void)state;
    world wd;
    told t;
    failing f[12];
    begin(&wd, &t);
    for (int i = 0; i < 12; i++)
        failing_start(&f[i], &wd, "loser", -EPIPE);
    world_run(&wd);
    for (int i = 0; i < 12; i++)
        bide_task_fini(&f[i].task);
    failing_start(&f[0], &wd, "sleeper", 0);
    world_run(&wd);
    CHECK_INT(t.count, 8);
    actor *a = actor_spawn(&wd, "main", joins, &f[0].task);
    a->n = 60;
    world_run(&wd);
    failing_start(&f[0], &wd, "late", -EPIPE);
    world_run(&wd);
    world_end(&wd);
    CHECK_INT(t.count, 9);
    CHECK_INT(t.missed, 4);
    CHECK(strstr(t.texts[8], "(4 reports before this left out)\n"));
}

static void
test_forgotten_failures_left_out_are_counted_at_the_end(void **state)
{
    (void)state;
    world wd;
    told t;
    failing f[12];
    printed p;
    begin(&wd, &t);
    for (int i = 0; i < 12; i++)
        failing_start(&f[i], &wd, "loser", -EPIPE);
    world_run(&wd);
    printed_begin(&p);
    bide_loop_close(wd.loop, 0, NULL, NULL);
    printed_end(&p);
    CHECK_INT(t.count, 8);
    CHECK(strstr(p.text, "\nbide: reports left out: 4\n"));
    world_end(&wd);
}

/* In a forked child: 0 if it told nothing and nothing is left. */
static int
close_in_child(world *wd, const told *t)
{
    bide_loop_close(wd->loop, 0, NULL, NULL);
    bide_loop_unref(wd->loop);
    return t->count || memory_held();
}

static void
test_forgotten_failures_of_the_parent_are_not_the_childs(void **state)
{
    (void)state;
    world wd;
    told t;
    failing f;
    int status;
    begin(&wd, &t);
    failing_start(&f, &wd, "loser", -EPIPE);
    world_run(&wd);
    bide_task_fini(&f.task); /* reported, and not delivered yet */
    CHECK_INT(t.count, 0);
    pid_t child = fork();
    if (child == 0)
        _exit(close_in_child(&wd, &t));
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    world_end(&wd);
    CHECK_INT(t.count, 1);
}

/* -- futures -------------------------------------------------------------- */

static bide_future *
new_future(const char *name)
{
    bide_future *f;
    assert_int_equal(bide_future_new(&f), 0);
    if (name)
        bide_future_label(f, name, made);
    return f;
}

/* How the failure of a future is looked at; `n` of the actor. */
enum { NOT, UNNAMED, IS_SETTLED, STATUS, LATE_WAIT, CANCELLED, SUCCESS, WAYS };

static void
settles(actor *a)
{
    BEGIN(a);
    a->extra = new_future(a->n == UNNAMED ? NULL : "answer");
    CHECK_INT(bide_future_settle(a->extra,
                                 a->n == SUCCESS     ? 0
                                 : a->n == CANCELLED ? BIDE_ECANCELED
                                                     : -ECONNRESET,
                                 BIDE_NO_VALUE),
              0);
    if (a->n == IS_SETTLED)
        CHECK_INT(bide_future_peek(a->extra, NULL, NULL), 0);
    if (a->n == STATUS)
        CHECK_INT(bide_future_peek(a->extra, &a->i, NULL), 0);
    if (a->n == LATE_WAIT)
        AWAIT_OK(a, bide_future_wait(a->extra, &a->w));
    bide_future_unref(a->extra);
    END(a);
}

static void
test_forgotten_failure_of_a_future(void **state)
{
    (void)state;
    for (int way = NOT; way < WAYS; way++) {
        world wd;
        told t;
        begin(&wd, &t);
        actor_spawn(&wd, "main", settles, NULL)->n = way;
        world_run(&wd);
        world_end(&wd);
        CHECK_INT(t.count, way == NOT || way == IS_SETTLED);
        if (way != NOT)
            continue;
        CHECK_INT(t.status[0], -ECONNRESET);
        CHECK_INT(t.site[0].line, 31);
        CHECK(strstr(t.texts[0], "bide: forgotten: Future \"answer\" (made at "
                                 "app.c:31) failed with ECONNRESET ("));
    }
}

static void
waits(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_future_wait(a->arg, &a->w));
    END(a);
}

static void
fails_later(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + SECOND));
    CHECK_INT(bide_future_settle(a->arg, -EPIPE, BIDE_NO_VALUE), 0);
    bide_future_unref(a->arg);
    END(a);
}

/* A wait that was cancelled before has seen nothing. */
static void
test_forgotten_failure_of_a_future_waited_for(void **state)
{
    (void)state;
    for (int cancel = 0; cancel < 2; cancel++) {
        world wd;
        told t;
        begin(&wd, &t);
        bide_future *f = new_future("answer");
        actor *a = actor_spawn(&wd, "waiter", waits, f);
        actor_spawn(&wd, "settler", fails_later, f);
        if (cancel)
            cancel_later(&wd, a);
        world_run(&wd);
        CHECK_INT(a->rc, cancel ? BIDE_ECANCELED : 0);
        world_end(&wd);
        CHECK_INT(t.count, cancel);
    }
}

static void
test_forgotten_failure_without_memory(void **state)
{
    (void)state;
    for (size_t k = 1; k < 4; k++) {
        world wd;
        told t;
        failing f;
        begin(&wd, &t);
        failing_start(&f, &wd, "loser", -EPIPE);
        world_run(&wd);
        memory_fail_at(k, true);
        bide_task_fini(&f.task);
        bool failed = memory_failed();
        memory_fail_at(0, false);
        world_end(&wd);
        CHECK_INT(t.count, failed ? 0 : 1);
    }
}

TEST_MAIN("forgotten", T(forgotten_awaitable_names_its_line),
          T(forgotten_task_without_a_loop_is_printed),
          T(forgotten_start_that_was_refused_is_none),
          T(forgotten_failure_is_reported_at_the_end_of_the_run),
          T(forgotten_failure_is_reported_as_its_task_goes),
          T(forgotten_failure_that_was_looked_at_is_none),
          T(forgotten_failures_are_not_a_flood),
          T(forgotten_failures_left_out_are_counted_at_the_end),
          T(forgotten_failures_of_the_parent_are_not_the_childs),
          T(forgotten_failure_of_a_future),
          T(forgotten_failure_of_a_future_waited_for),
          T(forgotten_failure_without_memory))
