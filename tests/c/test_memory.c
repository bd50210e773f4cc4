/* test_memory.c - each allocation fails in turn: an error comes back, nothing
 * leaks, nothing hangs. */
#include "support_sweep.h"

/* An attempt stops at the first error and gives back what it has. */
#define TRY(call)                                                              \
    do {                                                                       \
        rc = (call);                                                           \
        if (rc)                                                                \
            goto out;                                                          \
    } while (0)

static void
close_loop(bide_loop *l)
{
    if (!l)
        return;
    CHECK_INT(bide_loop_close(l, 60 * SECOND, NULL, NULL), 0);
    bide_loop_unref(l);
}

static int
make_all_objects(void)
{
    bide_mutex *m = NULL;
    bide_semaphore *s = NULL;
    bide_rwlock *rw = NULL;
    bide_event *e = NULL;
    bide_condition *c = NULL;
    bide_barrier *b = NULL;
    bide_channel *ch = NULL;
    bide_future *f = NULL;
    bide_token *k = NULL, *child = NULL;
    int rc;

    TRY(bide_mutex_new("m", HERE, &m));
    TRY(bide_semaphore_new(1, true, "s", HERE, &s));
    TRY(bide_rwlock_new("rw", HERE, &rw));
    TRY(bide_event_new("e", HERE, &e));
    TRY(bide_condition_new(m, "c", HERE, &c));
    TRY(bide_barrier_new(2, "b", HERE, &b));
    TRY(bide_channel_new(1, "ch", HERE, &ch));
    TRY(bide_future_new(&f));
    TRY(bide_token_new(NULL, &k));
    TRY(bide_token_new(k, &child));
out:
    bide_token_unref(child);
    bide_token_unref(k);
    bide_future_unref(f);
    bide_channel_unref(ch);
    bide_barrier_unref(b);
    bide_condition_unref(c);
    bide_event_unref(e);
    bide_rwlock_unref(rw);
    bide_semaphore_unref(s);
    bide_mutex_unref(m);
    return rc;
}

static void
test_objects_without_memory(void **state)
{
    (void)state;
    sweep_memory(make_all_objects);
}

/* -- channel: a value whose send failed is not in the channel ----------------
 */

static int
fill_channel(void)
{
    bide_channel *ch = NULL;
    bide_value v;
    int sent = 0, rc;

    TRY(bide_channel_new_unbounded("ch", HERE, &ch));
    for (; sent < 100; sent++)
        TRY(bide_channel_try_send(ch, number(sent)));
out:
    for (int i = 0; ch && i < sent; i++) {
        CHECK_INT(bide_channel_try_recv(ch, &v), 0);
        CHECK_INT(v.as.integer, i);
    }
    CHECK(!ch || bide_channel_len(ch) == 0);
    bide_channel_unref(ch);
    return rc;
}

static void
test_channel_without_memory(void **state)
{
    (void)state;
    sweep_memory(fill_channel);
}

/* -- a run with timers, a timeout and a job -----------------------------------
 */

static int first_error;

static void
note(actor *a)
{
    CHECK(a->rc == 0 || a->rc == BIDE_ENOMEMORY || a->rc == BIDE_ECANCELED);
    if (a->rc == BIDE_ENOMEMORY && !first_error)
        first_error = a->rc;
}

static void
sleeps_with_timeout(actor *a)
{
    BEGIN(a);
    bide_scope_init(&a->scope);
    a->rc = bide_scope_enter(&a->scope, &a->task, NULL);
    a->rc = bide_scope_deadline(&a->scope, now(a) + SECOND);
    note(a);
    AWAIT(a, bide_sleep_until(&a->w, now(a) + (a->n + 1) * 20 * MS));
    note(a);
    CHECK(a->rc == 0 || a->rc == BIDE_ENOMEMORY);
    CHECK_INT(bide_scope_leave(&a->scope), 0);
    END(a);
}

static void
doubles(bide_job *j)
{
    ((actor *)j->host)->n *= 2;
}

static void
is_done(bide_job *j, int status)
{
    bide_unpark(&((actor *)j->host)->w, status);
}

static void
works(actor *a)
{
    bide_job *j = a->arg;

    BEGIN(a);
    *j = (bide_job){.run = doubles, .done = is_done, .name = "j", .host = a};
    a->n = 4;
    a->rc = bide_job_submit(a->world->loop, j);
    note(a);
    if (a->rc == 0) {
        AWAIT_OK(a, bide_park(&a->w));
        CHECK_INT(a->n, 8);
    }
    END(a);
}

static int
run_tasks(void)
{
    world wd = {0};
    bide_job j;
    int rc =
        bide_loop_new(&(bide_loop_options){.virtual_clock = true}, &wd.loop);
    if (rc)
        return rc;
    first_error = 0;
    for (int i = 0; i < 40; i++)
        actor_spawn(&wd, "a", sleeps_with_timeout, NULL)->n = i;
    actor_spawn(&wd, "j", works, &j);
    CHECK_INT(bide_loop_run(wd.loop, NULL), 0);
    close_loop(wd.loop);
    while (wd.actors) {
        actor *a = wd.actors;
        wd.actors = a->next;
        free(a);
    }
    return first_error;
}

static void
test_run_without_memory(void **state)
{
    (void)state;
    sweep_memory(run_tasks);
}

/* -- a shield whose grace cannot be timed ends at once ------------------------
 */

static void
cleans_up(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_park(&a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    bide_scope_init(&a->scope);
    bide_scope_shield(&a->scope, SECOND);
    CHECK_INT(bide_scope_enter(&a->scope, &a->task, NULL), 0);
    AWAIT(a, bide_sleep_until(&a->w, now(a) + MS));
    if (a->rc == BIDE_ECANCELED || a->rc == BIDE_ENOMEMORY)
        first_error = BIDE_ENOMEMORY;
    CHECK_INT(bide_scope_leave(&a->scope), 0);
    END(a);
}

static int
run_cleanup(void)
{
    world wd = {0};
    int rc =
        bide_loop_new(&(bide_loop_options){.virtual_clock = true}, &wd.loop);
    if (rc)
        return rc;
    first_error = 0;
    cancel_later(&wd, actor_spawn(&wd, "a", cleans_up, NULL));
    CHECK_INT(bide_loop_run(wd.loop, NULL), 0);
    close_loop(wd.loop);
    free(wd.actors->next);
    free(wd.actors);
    return first_error;
}

static void
test_cleanup_without_memory(void **state)
{
    (void)state;
    sweep_memory(run_cleanup);
}

/* -- other ways to make the system refuse -------------------------------------
 */

static void
test_loop_without_memory_is_an_error(void **state)
{
    (void)state;
    bide_loop *l = NULL;
    memory_fail_at(1, true);
    assert_int_equal(bide_loop_new(NULL, &l), BIDE_ENOMEMORY);
    memory_fail_at(0, false);
    assert_null(l);
    assert_int_equal(memory_held(), 0);
}

TEST_MAIN("memory", T(objects_without_memory), T(channel_without_memory),
          T(run_without_memory), T(cleanup_without_memory),
          T(loop_without_memory_is_an_error))
