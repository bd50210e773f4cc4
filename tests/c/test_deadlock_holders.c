/* test_deadlock_holders.c - deadlocks through what several tasks can hold:
 * permits, read locks, groups. */
#include "support.h"

static void
unlock(actor *a, bide_mutex *m)
{
    CHECK_INT(bide_mutex_unlock(m, &a->task), 0);
}

/* -- semaphores ----------------------------------------------------------- */

typedef struct permits {
    bide_semaphore *s;
    bide_mutex *m;
    bide_rwlock *rw;
    actor *a;
} permits;

static permits
new_permits(size_t n)
{
    permits p = {0};
    bide_site site = {"dir/made.c", 7};
    assert_int_equal(bide_semaphore_new(n, false, "gate", site, &p.s), 0);
    assert_int_equal(bide_mutex_new("ledger", site, &p.m), 0);
    assert_int_equal(bide_rwlock_new("table", site, &p.rw), 0);
    return p;
}

static void
drop_permits(permits *p)
{
    bide_semaphore_unref(p->s);
    bide_mutex_unref(p->m);
    bide_rwlock_unref(p->rw);
}

/* Holds a permit, then locks. */
static void
permit_then_lock(actor *a)
{
    permits *p = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_semaphore_hold(p->s, 1, &a->w));
    AWAIT_OK(a, bide_yield(&a->w));
    AWAIT_OK(a, bide_mutex_lock(p->m, &a->w));
    trace(a, "both");
    unlock(a, p->m);
    CHECK_INT(bide_semaphore_drop(p->s, 2, &a->task), BIDE_ENOTOWNER);
    CHECK_INT(bide_semaphore_drop(p->s, 1, &a->task), 0);
    END(a);
}

/* Locks, then wants a permit once `n` others wait for the lock. */
static void
lock_then_permit(actor *a)
{
    permits *p = a->arg;
    char text[512];

    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(p->m, &a->w));
    AWAIT_UNTIL(a, bide_mutex_waiters(p->m) == (size_t)a->n);
    AWAIT(a, bide_semaphore_hold(p->s, 1, &a->w));
    if (a->rc == BIDE_EDEADLOCK) {
        bide_wait_explain(&a->w, text, sizeof text);
        CHECK(strstr(text, "waits for Semaphore \"gate\" (made at made.c:7) "
                           "held by task \"a\", which waits for Mutex"));
        trace(a, "refused");
    } else {
        trace(a, "passed");
        CHECK_INT(bide_semaphore_drop(p->s, 1, &a->task), 0);
    }
    unlock(a, p->m);
    END(a);
}

static void
test_cycle_through_a_semaphore_is_an_error(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    permits p = new_permits(1);
    actor_spawn(&wd, "a", permit_then_lock, &p);
    actor_spawn(&wd, "b", lock_then_permit, &p)->n = 1;
    world_run(&wd);
    drop_permits(&p);
    world_expect(&wd, "b:refused a:both");
}

static void
test_cycle_through_all_holders_of_a_semaphore_is_an_error(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    permits p = new_permits(2);
    actor_spawn(&wd, "a", permit_then_lock, &p);
    actor_spawn(&wd, "a", permit_then_lock, &p);
    actor_spawn(&wd, "b", lock_then_permit, &p)->n = 2;
    world_run(&wd);
    drop_permits(&p);
    world_expect(&wd, "b:refused a:both a:both");
}

static void
holds_a_while(actor *a)
{
    permits *p = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_semaphore_hold(p->s, 1, &a->w));
    AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + SECOND));
    CHECK_INT(bide_semaphore_drop(p->s, 1, &a->task), 0);
    END(a);
}

/* The other permit comes back. */
static void
test_semaphore_with_a_live_holder_is_no_cycle(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    permits p = new_permits(2);
    actor_spawn(&wd, "a", permit_then_lock, &p);
    actor_spawn(&wd, "c", holds_a_while, &p);
    actor_spawn(&wd, "b", lock_then_permit, &p)->n = 1;
    world_run(&wd);
    drop_permits(&p);
    world_expect(&wd, "b:passed a:both");
}

/* As a dispatcher does, whose workers release. */
static void
acquires_twice(actor *a)
{
    permits *p = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_semaphore_acquire(p->s, 1, &a->w));
    AWAIT_OK(a, bide_semaphore_acquire(p->s, 1, &a->w));
    trace(a, "twice");
    END(a);
}

static void
releases(actor *a)
{
    permits *p = a->arg;
    CHECK_INT(bide_semaphore_release(p->s, 1), 0);
    a->over = true;
}

static void
test_semaphore_released_by_others_is_no_cycle(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    permits p = new_permits(1);
    actor_spawn(&wd, "a", acquires_twice, &p);
    actor_spawn(&wd, "b", releases, &p);
    world_run(&wd);
    drop_permits(&p);
    world_expect(&wd, "a:twice");
}

static void
ends_holding(actor *a)
{
    permits *p = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_semaphore_hold(p->s, 1, &a->w));
    AWAIT_OK(a, bide_yield(&a->w));
    END(a);
}

static void
finds_it_broken(actor *a)
{
    permits *p = a->arg;

    BEGIN(a);
    AWAIT(a, bide_semaphore_hold(p->s, 1, &a->w));
    CHECK_INT(a->rc, BIDE_EBROKEN);
    CHECK(strcmp(bide_semaphore_breaker(p->s), "a") == 0);
    CHECK_INT(bide_semaphore_try_acquire(p->s, 1), BIDE_EBROKEN);
    bide_semaphore_reset(p->s);
    CHECK(!bide_semaphore_breaker(p->s));
    CHECK_INT(bide_semaphore_permits(p->s), 1);
    trace(a, "reset");
    END(a);
}

static void
test_semaphore_of_an_ended_holder_is_broken(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    permits p = new_permits(1);
    actor_spawn(&wd, "a", ends_holding, &p);
    actor_spawn(&wd, "b", finds_it_broken, &p);
    world_run(&wd);
    drop_permits(&p);
    world_expect(&wd, "b:reset");
}

/* -- read locks ----------------------------------------------------------- */

static void
reads_twice(actor *a)
{
    permits *p = a->arg;
    char text[512];

    BEGIN(a);
    AWAIT_OK(a, bide_rwlock_read(p->rw, &a->w));
    CHECK_INT(bide_rwlock_write(p->rw, &a->w), BIDE_EDEADLOCK);
    AWAIT_UNTIL(a, bide_rwlock_waiters(p->rw) == 1);
    CHECK_INT(bide_rwlock_read(p->rw, &a->w), BIDE_EDEADLOCK);
    bide_wait_explain(&a->w, text, sizeof text);
    CHECK(strstr(text, "waits for RwLock \"table\" (made at made.c:7), behind "
                       "task \"b\", which waits for RwLock"));
    CHECK(strstr(text, "held by task \"a\""));
    trace(a, "refused");
    CHECK_INT(bide_rwlock_read_unlock(p->rw), 0);
    END(a);
}

static void
writes(actor *a)
{
    permits *p = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_rwlock_write(p->rw, &a->w));
    trace(a, "wrote");
    CHECK_INT(bide_rwlock_write_unlock(p->rw, &a->task), 0);
    END(a);
}

static void
test_read_lock_behind_a_writer_that_waits_for_it_is_an_error(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    permits p = new_permits(1);
    actor_spawn(&wd, "a", reads_twice, &p);
    actor_spawn(&wd, "b", writes, &p);
    world_run(&wd);
    drop_permits(&p);
    world_expect(&wd, "a:refused b:wrote");
}

/* -- groups --------------------------------------------------------------- */

static void
wants_the_lock(actor *a)
{
    permits *p = a->arg;
    char text[512];

    BEGIN(a);
    AWAIT(a, bide_mutex_lock(p->m, &a->w));
    CHECK_INT(a->rc, BIDE_EDEADLOCK);
    bide_wait_explain(&a->w, text, sizeof text);
    CHECK(strstr(text, "held by task \"parent\", which waits for its "
                       "TaskGroup, where task \"child\""));
    trace(a, "refused");
    bide_unpark(&p->a->w, 0);
    END(a);
}

/* Leaves a group while it holds the lock that its task waits for. */
static void
leaves_a_group(actor *a)
{
    permits *p = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_mutex_lock(p->m, &a->w));
    bide_scope_init(&a->scope);
    CHECK_INT(bide_scope_enter(&a->scope, &a->task, NULL), 0);
    a->extra =
        actor_spawn_in(a->world, "child", wants_the_lock, p, &a->scope, NULL);
    AWAIT_UNTIL(a, a->n || bide_mutex_waiters(p->m) == 1);
    AWAIT_OK(a, bide_park_for(&a->scope, &a->w));
    bide_scope_leave(&a->scope);
    unlock(a, p->m);
    trace(a, "left");
    END(a);
}

static void
run_group_of_one(int late)
{
    world wd;
    world_begin(&wd, 0);
    permits p = new_permits(1);
    p.a = actor_spawn(&wd, "parent", leaves_a_group, &p);
    p.a->n = late;
    world_run(&wd);
    drop_permits(&p);
    world_expect(&wd, "child:refused parent:left");
}

static void
test_group_whose_task_waits_for_the_leaver_is_an_error(void **state)
{
    (void)state;
    run_group_of_one(0); /* the parent comes last ... */
    run_group_of_one(1); /* ... or the child */
}

TEST_MAIN("deadlock holders", T(cycle_through_a_semaphore_is_an_error),
          T(cycle_through_all_holders_of_a_semaphore_is_an_error),
          T(semaphore_with_a_live_holder_is_no_cycle),
          T(semaphore_released_by_others_is_no_cycle),
          T(semaphore_of_an_ended_holder_is_broken),
          T(read_lock_behind_a_writer_that_waits_for_it_is_an_error),
          T(group_whose_task_waits_for_the_leaver_is_an_error))
