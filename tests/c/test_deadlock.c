/* test_deadlock.c - waits that would never end are refused and explained. */
#include "support.h"

typedef struct locks {
    bide_mutex *first, *second;
    bide_rwlock *rwlock;
    actor *a, *b;
} locks;

static locks
new_locks(void)
{
    locks l = {0};
    bide_site site = {"dir/made.c", 7};
    assert_int_equal(bide_mutex_new("first", site, &l.first), 0);
    assert_int_equal(bide_mutex_new("second", site, &l.second), 0);
    assert_int_equal(bide_rwlock_new("rw", site, &l.rwlock), 0);
    return l;
}

static void
drop_locks(locks *l)
{
    CHECK(!bide_mutex_owner(l->first));
    CHECK(!bide_mutex_owner(l->second));
    bide_mutex_unref(l->first);
    bide_mutex_unref(l->second);
    bide_rwlock_unref(l->rwlock);
}

static void
unlock(actor *a, bide_mutex *m)
{
    CHECK_INT(bide_mutex_unlock(m, &a->task), 0);
}

static void
locks_in_order(actor *a)
{
    locks *l = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(l->first, &a->w));
    AWAIT_OK(a, bide_yield(&a->w));
    AWAIT_OK(a, bide_mutex_lock(l->second, &a->w));
    trace(a, "both");
    unlock(a, l->second);
    unlock(a, l->first);
    END(a);
}

static void
locks_the_other_way(actor *a)
{
    locks *l = a->arg;
    char text[512];
    size_t length;

    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(l->second, &a->w));
    AWAIT_UNTIL(a, bide_mutex_waiters(l->second) == 1);
    CHECK_INT(bide_mutex_lock(l->first, &a->w), BIDE_EDEADLOCK);
    length = bide_wait_explain(&a->w, text, sizeof text);
    CHECK_INT(length, strlen(text));
    CHECK(strstr(text, "task \"b\" waits for Mutex \"first\""));
    CHECK(strstr(text, "(made at made.c:7) held by task \"a\""));
    CHECK(strstr(text, "which waits for Mutex \"second\""));
    /* It is cut like snprintf's. */
    CHECK_INT(bide_wait_explain(&a->w, text, 10), length);
    CHECK_INT(strlen(text), 9);
    CHECK_INT(bide_wait_explain(&a->w, NULL, 0), length);
    trace(a, "refused");
    unlock(a, l->second);
    END(a);
}

static void
test_lock_that_closes_a_cycle_is_an_error(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    locks l = new_locks();
    actor_spawn(&wd, "a", locks_in_order, &l);
    actor_spawn(&wd, "b", locks_the_other_way, &l);
    world_run(&wd);
    drop_locks(&l);
    world_expect(&wd, "b:refused a:both");
}

/* With a deadline on one side the cycle ends by itself: no error. */
static void
times_out(actor *a)
{
    locks *l = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(l->second, &a->w));
    AWAIT_UNTIL(a, bide_mutex_waiters(l->second) == 1);
    bide_scope_init(&a->scope);
    CHECK_INT(bide_scope_enter(&a->scope, &a->task, NULL), 0);
    CHECK_INT(bide_scope_deadline(&a->scope, now(a) + SECOND), 0);
    AWAIT(a, bide_mutex_lock(l->first, &a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK_INT(bide_scope_leave(&a->scope), BIDE_ETIMEDOUT);
    trace(a, "late");
    unlock(a, l->second);
    END(a);
}

static void
test_cycle_with_a_deadline_is_none(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    locks l = new_locks();
    actor_spawn(&wd, "a", locks_in_order, &l);
    actor_spawn(&wd, "b", times_out, &l);
    world_run(&wd);
    drop_locks(&l);
    world_expect(&wd, "b:late a:both");
}

/* The same with the deadline on the side that waits already. */
static void
waits_with_a_deadline(actor *a)
{
    locks *l = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(l->first, &a->w));
    AWAIT_OK(a, bide_yield(&a->w));
    bide_scope_init(&a->scope);
    CHECK_INT(bide_scope_enter(&a->scope, &a->task, NULL), 0);
    CHECK_INT(bide_scope_deadline(&a->scope, now(a) + SECOND), 0);
    AWAIT(a, bide_mutex_lock(l->second, &a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK_INT(bide_scope_leave(&a->scope), BIDE_ETIMEDOUT);
    trace(a, "late");
    unlock(a, l->first);
    END(a);
}

static void
locks_both_in_the_end(actor *a)
{
    locks *l = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(l->second, &a->w));
    AWAIT_UNTIL(a, bide_mutex_waiters(l->second) == 1);
    AWAIT_OK(a, bide_mutex_lock(l->first, &a->w));
    trace(a, "both");
    unlock(a, l->first);
    unlock(a, l->second);
    END(a);
}

static void
test_cycle_with_a_deadline_elsewhere_is_none(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    locks l = new_locks();
    actor_spawn(&wd, "a", waits_with_a_deadline, &l);
    actor_spawn(&wd, "b", locks_both_in_the_end, &l);
    world_run(&wd);
    drop_locks(&l);
    world_expect(&wd, "a:late b:both");
}

/* -- join and rwlock in the chain ----------------------------------------- */

static void
joins_holding(actor *a)
{
    locks *l = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_rwlock_write(l->rwlock, &a->w));
    AWAIT_OK(a, bide_task_join(&l->b->task, &a->w));
    CHECK_INT(bide_rwlock_write_unlock(l->rwlock, &a->task), 0);
    trace(a, "joined");
    END(a);
}

static void
reads_what_its_joiner_holds(actor *a)
{
    locks *l = a->arg;
    char text[512];

    BEGIN(a);
    AWAIT_UNTIL(a, l->a->w.state == BIDE_WAIT_PARKED);
    CHECK_INT(bide_rwlock_read(l->rwlock, &a->w), BIDE_EDEADLOCK);
    bide_wait_explain(&a->w, text, sizeof text);
    CHECK(strstr(text, "RwLock \"rw\""));
    CHECK(strstr(text, "which waits for task \"b\""));
    CHECK_INT(bide_task_join(&l->a->task, &a->w), BIDE_EDEADLOCK);
    trace(a, "refused");
    END(a);
}

static void
test_cycle_through_a_join_is_an_error(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    locks l = new_locks();
    l.a = actor_spawn(&wd, "a", joins_holding, &l);
    l.b = actor_spawn(&wd, "b", reads_what_its_joiner_holds, &l);
    world_run(&wd);
    drop_locks(&l);
    world_expect(&wd, "b:refused a:joined");
}

/* -- a cycle that was let through ----------------------------------------- */

/* A race of one operand: allowed to close the cycle, since it might have had
 * others. */
static void
races_into_the_cycle(actor *a)
{
    locks *l = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(l->second, &a->w));
    AWAIT_UNTIL(a, bide_mutex_waiters(l->second) == 1);
    bide_race_begin(&a->task);
    CHECK_INT(bide_mutex_lock(l->first, &a->w), BIDE_PARKED);
    CHECK(bide_race_end(&a->task, false));
    AWAIT(a, BIDE_PARKED);
    CHECK_INT(a->rc, BIDE_ECANCELED);
    trace(a, "cancelled");
    unlock(a, l->second);
    END(a);
}

/* Comes to wait for a member of the cycle: the look for cycles must end. */
static void
locks_from_outside(actor *a)
{
    locks *l = a->arg;
    char text[512];

    BEGIN(a);
    AWAIT_UNTIL(a, bide_mutex_waiters(l->first) == 1);
    CHECK_INT(bide_mutex_lock(l->first, &a->w), BIDE_PARKED);
    CHECK(bide_wait_explain(&a->w, text, sizeof text) < sizeof text);
    bide_task_cancel(&l->b->task, number(0));
    AWAIT_OK(a, BIDE_PARKED);
    trace(a, "locked");
    unlock(a, l->first);
    END(a);
}

static void
test_wait_for_a_member_of_a_cycle_ends(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    locks l = new_locks();
    actor_spawn(&wd, "a", locks_in_order, &l);
    l.b = actor_spawn(&wd, "b", races_into_the_cycle, &l);
    actor_spawn(&wd, "c", locks_from_outside, &l);
    world_run(&wd);
    drop_locks(&l);
    world_expect(&wd, "b:cancelled a:both c:locked");
}

/* -- long cycles ---------------------------------------------------------- */

/* Each joins the one spawned after it, the last one the first. */
static void
joins_the_next(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_task_join(&((actor *)a->extra)->task, &a->w));
    if (a->rc == BIDE_EDEADLOCK)
        trace(a, "refused");
    END(a);
}

static int
run_ring(size_t length, const char *wanted)
{
    world wd;
    world_begin(&wd, 0);
    actor *first = actor_spawn(&wd, "first", joins_the_next, NULL);
    actor *last = first;
    for (size_t i = 1; i < length; i++) {
        actor *a = actor_spawn(&wd, "other", joins_the_next, NULL);
        last->extra = a;
        last = a;
    }
    last->extra = first;
    int rc = bide_loop_run(wd.loop, NULL);
    if (rc)
        bide_scope_cancel(bide_loop_root(wd.loop), number(0));
    world_run(&wd);
    world_expect(&wd, wanted);
    return rc;
}

static void
test_cycle_of_any_length_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(run_ring(2, "other:refused"), 0);
    assert_int_equal(run_ring(10000, "other:refused"), 0);
}

/* -- tasks that another program steps ------------------------------------- */

enum { ATTACHED = 3 };

static void
never_resumed(bide_task *t)
{
    (void)t;
    CHECK(!"a task that waits for the next one is not resumed");
}

static int
occurrences(const char *text, const char *word)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, word)); at++)
        n++;
    return n;
}

static void
test_cycle_of_attached_tasks_is_an_error(void **state)
{
    (void)state;
    world wd;
    bide_task tasks[ATTACHED];
    bide_wait waits[ATTACHED];
    bide_mutex *locks[ATTACHED];
    world_begin(&wd, 0);
    for (int i = 0; i < ATTACHED; i++) {
        bide_task_init(&tasks[i], never_resumed);
        assert_int_equal(bide_task_attach(&tasks[i], wd.loop, NULL), 0);
        assert_int_equal(bide_mutex_new(NULL, HERE, &locks[i]), 0);
        bide_wait_init(&waits[i], &tasks[i]);
        assert_int_equal(bide_mutex_try_lock(locks[i], &tasks[i]), 0);
    }
    for (int i = 0; i < ATTACHED; i++)
        assert_int_equal(bide_mutex_lock(locks[(i + 1) % ATTACHED], &waits[i]),
                         i < ATTACHED - 1 ? BIDE_PARKED : BIDE_EDEADLOCK);
    char text[512];
    bide_wait_explain(&waits[ATTACHED - 1], text, sizeof text);
    assert_int_equal(occurrences(text, "waits for"), ATTACHED);
    for (int i = 0; i < ATTACHED; i++) {
        bide_task_finish(&tasks[i]);
        bide_mutex_unref(locks[i]);
    }
    world_end(&wd);
}

TEST_MAIN("deadlock", T(lock_that_closes_a_cycle_is_an_error),
          T(cycle_with_a_deadline_is_none),
          T(cycle_with_a_deadline_elsewhere_is_none),
          T(cycle_through_a_join_is_an_error),
          T(wait_for_a_member_of_a_cycle_ends),
          T(cycle_of_any_length_is_an_error),
          T(cycle_of_attached_tasks_is_an_error))
