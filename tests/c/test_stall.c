/* test_stall.c - runs in which nothing goes on, and tasks of the background. */
#include "support.h"

static bide_site made = {"dir/made.c", 7};

/* A copy: worlds check that the library holds no memory when they end. */
static char *
stall_text(world *wd)
{
    char *text = NULL;
    CHECK_INT(bide_stall_text(wd->loop, &text), 0);
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

/* -- reports -------------------------------------------------------------- */

typedef struct scene {
    bide_mutex *m;
    bide_event *e;
} scene;

static scene
new_scene(void)
{
    scene s;
    assert_int_equal(bide_mutex_new("ledger", made, &s.m), 0);
    assert_int_equal(bide_event_new("news", made, &s.e), 0);
    return s;
}

static void
drop_scene(scene *s)
{
    bide_mutex_unref(s->m);
    bide_event_unref(s->e);
}

/* Runs into the stall, checks its report, then cancels everything. */
static void
expect_stall(world *wd, scene *s, const char *const *parts)
{
    CHECK_INT(bide_loop_run(wd->loop, NULL), BIDE_ESTALLED);
    char *text = stall_text(wd);
    for (; *parts; parts++)
        has(text, *parts);
    free(text);
    bide_scope_cancel(bide_loop_root(wd->loop), number(0));
    world_run(wd);
    drop_scene(s);
    world_end(wd);
}

static void
locks_and_waits(actor *a)
{
    scene *s = a->arg;
    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(s->m, &a->w));
    AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + 2 * SECOND));
    AWAIT(a, bide_event_wait(s->e, &a->w));
    bide_mutex_unlock(s->m, &a->task);
    END(a);
}

/* Wants the lock, when it is held. */
static void
locks(actor *a)
{
    scene *s = a->arg;
    BEGIN(a);
    AWAIT_UNTIL(a, bide_mutex_owner(s->m));
    AWAIT(a, bide_mutex_lock(s->m, &a->w));
    if (a->rc == 0)
        bide_mutex_unlock(s->m, &a->task);
    END(a);
}

static void
waits(actor *a)
{
    scene *s = a->arg;
    BEGIN(a);
    AWAIT(a, bide_event_wait(s->e, &a->w));
    END(a);
}

static void
joins(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_task_join(a->arg, &a->w));
    END(a);
}

static void
test_stall_names_each_task_with_its_wait_and_age(void **state)
{
    (void)state;
    world wd;
    scene s = new_scene();
    world_begin(&wd, 0);
    actor *a = actor_spawn(&wd, "audit", locks_and_waits, &s);
    a->task.site = (bide_site){"dir/app.c", 31};
    actor_spawn(&wd, "pay", locks, &s);
    expect_stall(
        &wd, &s,
        (const char *const[]){
            "every task waits and nothing can wake one (ESTALLED):\n",
            "task \"audit\" (app.c:31) waits for Event \"news\" (made at "
            "made.c:7): wait, for 0.000 s; 1 task waits for it\n"
            "    holds Mutex \"ledger\" (made at made.c:7), for 2.000 s\n",
            "task \"pay\" waits for Mutex \"ledger\" (made at made.c:7): lock, "
            "held by task \"audit\" (app.c:31), for 2.000 s",
            NULL});
}

static void
test_stall_lists_first_whom_others_wait_for(void **state)
{
    (void)state;
    world wd;
    scene s = new_scene();
    world_begin(&wd, 0);
    actor_spawn(&wd, "bystander", waits, &s);
    actor *pay = actor_spawn(&wd, "pay", locks, &s);
    actor_spawn(&wd, "joiner", joins, &pay->task);
    actor_spawn(&wd, "audit", locks_and_waits, &s);
    expect_stall(&wd, &s,
                 (const char *const[]){
                     "(ESTALLED):\n  task \"audit\" waits for Event",
                     "; 2 tasks wait for it\n    holds Mutex \"ledger\" (made "
                     "at made.c:7), for 2.000 s\n  task \"pay\" waits for",
                     "; 1 task waits for it\n  task \"bystander\" waits for",
                     "\n  task \"joiner\" waits for task \"pay\", for 2.0",
                     NULL});
}

static void
test_stall_list_is_cut_with_a_count(void **state)
{
    (void)state;
    world wd;
    scene s = new_scene();
    world_begin(&wd, 0);
    for (int i = 0; i < 60; i++)
        actor_spawn(&wd, "sleeper", waits, &s);
    actor_spawn(&wd, "pay", locks, &s);
    actor_spawn(&wd, "audit", locks_and_waits, &s);
    expect_stall(
        &wd, &s,
        (const char *const[]){"(ESTALLED):\n  task \"audit\" waits for",
                              "\n  and 12 more", NULL});
}

static void
test_stall_text_without_memory_is_an_error(void **state)
{
    (void)state;
    world wd;
    scene s = new_scene();
    char *text = NULL;
    world_begin(&wd, 0);
    actor_spawn(&wd, "audit", locks_and_waits, &s);
    CHECK_INT(bide_loop_run(wd.loop, NULL), BIDE_ESTALLED);
    int rc = BIDE_ENOMEMORY;
    for (size_t k = 1; rc == BIDE_ENOMEMORY; k++) {
        memory_fail_at(k, false);
        rc = bide_stall_text(wd.loop, &text);
        CHECK(rc == 0 || memory_failed());
        memory_fail_at(0, false);
    }
    CHECK_INT(rc, 0);
    has(text, "audit");
    bide_dump_free(text);
    bide_scope_cancel(bide_loop_root(wd.loop), number(0));
    world_run(&wd);
    drop_scene(&s);
    world_end(&wd);
}

/* -- without an end ------------------------------------------------------- */

typedef struct told {
    int count;
    char text[2048];
    bide_event *e;
} told;

/* Ends what it reports. */
static void
on_report(void *ctx, const bide_report *r)
{
    told *t = ctx;
    CHECK_INT(r->kind, BIDE_REPORT_STALL);
    CHECK(r->waited >= 20 * MS);
    t->count++;
    snprintf(t->text, sizeof t->text, "%s", r->text);
    bide_event_set(t->e);
}

static void
test_stall_with_live_threads_is_reported_without_an_end(void **state)
{
    (void)state;
    world wd;
    scene s = new_scene();
    told t = {.e = s.e};
    bide_loop_options o = {
        .stall = 20 * MS,
        .host = {.ctx = &t, .report = on_report},
    };
    world_begin_with(&wd, &o);
    bide_loop_hold(wd.loop);
    actor_spawn(&wd, "reader", waits, &s);
    world_run(&wd);
    bide_loop_release(wd.loop);
    bide_loop_counts counts;
    bide_loop_count(wd.loop, &counts);
    CHECK_INT(t.count, 1);
    CHECK_INT(counts.stalls, 1);
    has(t.text, "bide: every task has waited for 0.0");
    has(t.text, " s, and only another thread can wake one:\n  task \"reader\" "
                "waits for Event \"news\" (made at made.c:7): wait, for 0.0");
    drop_scene(&s);
    world_end(&wd);
}

/* -- of the background ---------------------------------------------------- */

static void
beats(actor *a)
{
    BEGIN(a);
    do
        AWAIT(a, bide_sleep_until(&a->w, now(a) + SECOND));
    while (a->rc == 0);
    trace(a, "%s", bide_error_name(a->rc));
    AWAIT(a, bide_sleep_until(&a->w, now(a) + SECOND));
    trace(a, "%s", bide_error_name(a->rc));
    END(a);
}

static void
sleeps(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + 3 * SECOND));
    trace(a, "slept");
    END(a);
}

static void
test_background_task_does_not_keep_the_run(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor *a = actor_spawn_background(&wd, "b", beats, NULL, NULL);
    actor_spawn(&wd, "a", sleeps, NULL);
    CHECK_INT(bide_task_set_background(&a->task, false), BIDE_EBUSY);
    world_expect(&wd, "a:slept b:ECANCELED b:ECANCELED");
}

static void
ticks(actor *a)
{
    BEGIN(a);
    do
        AWAIT(a, bide_interval_tick(a->arg, &a->w));
    while (a->rc == 0);
    END(a);
}

static void
waits_with_deadline(actor *a)
{
    scene *s = a->arg;
    BEGIN(a);
    bide_scope_init(&a->scope);
    bide_scope_enter(&a->scope, &a->task, NULL);
    bide_scope_deadline(&a->scope, now(a) + 60 * SECOND);
    AWAIT(a, bide_event_wait(s->e, &a->w));
    bide_scope_leave(&a->scope);
    END(a);
}

/* Whatever it waits for: time, ticks, a deadline. */
static void
test_background_task_does_not_hide_a_stall(void **state)
{
    (void)state;
    world wd;
    scene s = new_scene();
    bide_interval iv;
    world_begin(&wd, 0);
    CHECK_INT(bide_interval_init(&iv, SECOND, SECOND, BIDE_DELAY), 0);
    actor_spawn_background(&wd, "heart", beats, NULL, NULL);
    actor_spawn_background(&wd, "clock", ticks, &iv, NULL);
    actor_spawn_background(&wd, "guard", waits_with_deadline, &s, NULL);
    actor_spawn(&wd, "main", waits, &s);
    expect_stall(
        &wd, &s,
        (const char *const[]){
            "(ESTALLED):\n  task \"main\" waits for",
            "task \"heart\", of the background, waits for timer: sleep,",
            "task \"clock\", of the background, waits for Interval", NULL});
}

/* Those that were taken on by a background task are so, too. */
static void
starts_below(actor *a)
{
    BEGIN(a);
    bide_scope_init(&a->scope);
    bide_scope_enter(&a->scope, &a->task, NULL);
    bide_scope_init(&a->inner);
    bide_scope_attach(&a->inner, &a->scope);
    actor_spawn_in(a->world, "child", beats, NULL, &a->inner, NULL);
    AWAIT(a, bide_sleep_until(&a->w, now(a) + 60 * SECOND));
    bide_scope_detach(&a->inner);
    bide_scope_leave(&a->scope);
    END(a);
}

static void
test_background_covers_what_is_started_below_it(void **state)
{
    (void)state;
    world wd;
    scene s = new_scene();
    world_begin(&wd, 0);
    actor_spawn_background(&wd, "heart", starts_below, NULL, NULL);
    actor_spawn(&wd, "main", waits, &s);
    expect_stall(&wd, &s,
                 (const char *const[]){
                     "(ESTALLED):\n  task \"main\" waits for",
                     "task \"child\", of the background, waits for", NULL});
}

/* A group as a host makes it: it counts whom it waits for. */
static void
leaves_group(actor *a)
{
    BEGIN(a);
    bide_scope_init(&a->scope);
    bide_scope_enter(&a->scope, &a->task, NULL);
    actor_spawn_background(a->world, "b", beats, NULL, &a->scope);
    a->extra = actor_spawn_in(a->world, "c", sleeps, NULL, &a->scope, NULL);
    AWAIT_OK(a, bide_task_join(&((actor *)a->extra)->task, &a->w));
    bide_scope_cancel_background(&a->scope);
    AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + SECOND));
    CHECK_INT(bide_scope_leave(&a->scope), 0);
    trace(a, "left");
    END(a);
}

static void
test_background_members_end_when_the_others_have(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor_spawn(&wd, "a", leaves_group, NULL);
    world_expect(&wd, "c:slept b:ECANCELED b:ECANCELED a:left");
}

TEST_MAIN("stall", T(stall_names_each_task_with_its_wait_and_age),
          T(stall_lists_first_whom_others_wait_for),
          T(stall_list_is_cut_with_a_count),
          T(stall_text_without_memory_is_an_error),
          T(stall_with_live_threads_is_reported_without_an_end),
          T(background_task_does_not_keep_the_run),
          T(background_task_does_not_hide_a_stall),
          T(background_covers_what_is_started_below_it),
          T(background_members_end_when_the_others_have))
