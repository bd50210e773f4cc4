/* test_rwlock.c - many readers or one writer. */
#include "support.h"

static bide_rwlock *
new_rwlock(void)
{
    bide_rwlock *rw;
    assert_int_equal(bide_rwlock_new("rw", HERE, &rw), 0);
    return rw;
}

static void
reads(actor *a)
{
    bide_rwlock *rw = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_rwlock_read(rw, &a->w));
    CHECK(bide_rwlock_writer(rw) == NULL);
    trace(a, "in%zu", bide_rwlock_readers(rw));
    AWAIT_OK(a, bide_yield(&a->w));
    AWAIT_OK(a, bide_yield(&a->w));
    trace(a, "out");
    CHECK_INT(bide_rwlock_read_unlock(rw), 0);
    END(a);
}

static void
writes(actor *a)
{
    bide_rwlock *rw = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_rwlock_write(rw, &a->w));
    CHECK(bide_rwlock_writer(rw) == &a->task);
    CHECK_INT(bide_rwlock_readers(rw), 0);
    trace(a, "in");
    AWAIT_OK(a, bide_yield(&a->w));
    AWAIT_OK(a, bide_yield(&a->w));
    trace(a, "out");
    CHECK_INT(bide_rwlock_write_unlock(rw, &a->task), 0);
    END(a);
}

static void
test_rwlock_readers_share(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_rwlock *rw = new_rwlock();
    actor_spawn(&wd, "a", reads, rw);
    actor_spawn(&wd, "b", reads, rw);
    world_run(&wd);
    CHECK_INT(bide_rwlock_readers(rw), 0);
    bide_rwlock_unref(rw);
    world_expect(&wd, "a:in1 b:in2 a:out b:out");
}

static void
test_rwlock_writer_excludes_the_others(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_rwlock *rw = new_rwlock();
    actor_spawn(&wd, "w", writes, rw);
    actor_spawn(&wd, "a", reads, rw);
    actor_spawn(&wd, "v", writes, rw);
    world_run(&wd);
    bide_rwlock_unref(rw);
    world_expect(&wd, "w:in w:out a:in1 a:out v:in v:out");
}

static void
test_rwlock_waiting_writer_is_not_overtaken(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_rwlock *rw = new_rwlock();
    actor_spawn(&wd, "a", reads, rw);
    actor_spawn(&wd, "w", writes, rw);
    actor_spawn(&wd, "b", reads, rw);
    world_run(&wd);
    bide_rwlock_unref(rw);
    world_expect(&wd, "a:in1 a:out w:in w:out b:in1 b:out");
}

static void
test_rwlock_readers_in_a_row_enter_together(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_rwlock *rw = new_rwlock();
    actor_spawn(&wd, "w", writes, rw);
    actor_spawn(&wd, "a", reads, rw);
    actor_spawn(&wd, "b", reads, rw);
    actor_spawn(&wd, "v", writes, rw);
    actor_spawn(&wd, "c", reads, rw);
    world_run(&wd);
    bide_rwlock_unref(rw);
    world_expect(&wd,
                 "w:in w:out a:in2 b:in2 a:out b:out v:in v:out c:in1 c:out");
}

static void
tries(actor *a)
{
    bide_rwlock *rw = a->arg;

    BEGIN(a);
    /* A reader is inside, a writer waits. */
    CHECK_INT(bide_rwlock_waiters(rw), 1);
    CHECK_INT(bide_rwlock_try_write(rw, &a->task), BIDE_EWOULDBLOCK);
    CHECK_INT(bide_rwlock_try_read(rw, &a->task), BIDE_EWOULDBLOCK);
    AWAIT_UNTIL(a, bide_rwlock_writer(rw));
    CHECK_INT(bide_rwlock_try_read(rw, &a->task), BIDE_EWOULDBLOCK);
    AWAIT_UNTIL(a, !bide_rwlock_writer(rw));
    CHECK_INT(bide_rwlock_try_read(rw, &a->task), 0);
    CHECK_INT(bide_rwlock_try_read(rw, &a->task), 0);
    CHECK_INT(bide_rwlock_try_write(rw, &a->task), BIDE_EWOULDBLOCK);
    CHECK_INT(bide_rwlock_read_unlock(rw), 0);
    CHECK_INT(bide_rwlock_read_unlock(rw), 0);
    CHECK_INT(bide_rwlock_try_write(rw, &a->task), 0);
    CHECK_INT(bide_rwlock_write_unlock(rw, &a->task), 0);
    END(a);
}

static void
test_rwlock_try_never_waits(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_rwlock *rw = new_rwlock();
    actor_spawn(&wd, "a", reads, rw);
    actor_spawn(&wd, "w", writes, rw);
    actor_spawn(&wd, "t", tries, rw);
    world_run(&wd);
    bide_rwlock_unref(rw);
    world_expect(&wd, "a:in1 a:out w:in w:out");
}

static void
locks_again(actor *a)
{
    bide_rwlock *rw = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_rwlock_write(rw, &a->w));
    AWAIT(a, bide_rwlock_write(rw, &a->w));
    CHECK_INT(a->rc, BIDE_EDEADLOCK);
    AWAIT(a, bide_rwlock_read(rw, &a->w));
    CHECK_INT(a->rc, BIDE_EDEADLOCK);
    CHECK_INT(bide_rwlock_try_read(rw, &a->task), BIDE_EWOULDBLOCK);
    CHECK_INT(bide_rwlock_try_write(rw, &a->task), BIDE_EWOULDBLOCK);
    CHECK_INT(bide_rwlock_write_unlock(rw, &a->task), 0);
    END(a);
}

static void
test_rwlock_lock_by_its_writer_is_a_deadlock_error(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_rwlock *rw = new_rwlock();
    actor_spawn(&wd, "a", locks_again, rw);
    world_run(&wd);
    bide_rwlock_unref(rw);
    world_end(&wd);
}

static void
unlocks_wrongly(actor *a)
{
    bide_rwlock *rw = a->arg;
    CHECK_INT(bide_rwlock_read_unlock(rw), BIDE_ENOTOWNER);
    CHECK_INT(bide_rwlock_write_unlock(rw, &a->task), BIDE_ENOTOWNER);
    CHECK(bide_rwlock_writer(rw) != NULL);
    a->over = true;
}

static void
test_rwlock_unlock_without_holding_is_an_error(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_rwlock *rw = new_rwlock();
    actor_spawn(&wd, "w", writes, rw);
    actor_spawn(&wd, "b", unlocks_wrongly, rw);
    world_run(&wd);
    bide_rwlock_unref(rw);
    world_expect(&wd, "w:in w:out");
}

static void
expects_cancel(actor *a)
{
    bide_rwlock *rw = a->arg;

    BEGIN(a);
    AWAIT(a, bide_rwlock_write(rw, &a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK(bide_rwlock_writer(rw) != &a->task);
    trace(a, "cancelled");
    END(a);
}

static void
test_rwlock_cancelled_writer_lets_the_readers_pass(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_rwlock *rw = new_rwlock();
    actor_spawn(&wd, "a", reads, rw);
    actor *w = actor_spawn(&wd, "w", expects_cancel, rw);
    actor_spawn(&wd, "b", reads, rw);
    actor_spawn(&wd, "c", reads, rw);
    cancel_later(&wd, w);
    world_run(&wd);
    bide_rwlock_unref(rw);
    world_expect(&wd, "a:in1 b:in3 c:in3 w:cancelled a:out b:out c:out");
}

static void
ends_writing(actor *a)
{
    bide_rwlock *rw = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_rwlock_write(rw, &a->w));
    AWAIT_OK(a, bide_yield(&a->w));
    END(a);
}

static void
finds_it_broken(actor *a)
{
    bide_rwlock *rw = a->arg;

    BEGIN(a);
    AWAIT(a, bide_rwlock_read(rw, &a->w));
    CHECK_INT(a->rc, BIDE_EBROKEN);
    AWAIT(a, bide_rwlock_write(rw, &a->w));
    CHECK_INT(a->rc, BIDE_EBROKEN);
    CHECK_INT(bide_rwlock_try_read(rw, &a->task), BIDE_EBROKEN);
    CHECK_INT(bide_rwlock_try_write(rw, &a->task), BIDE_EBROKEN);
    bide_rwlock_reset(rw);
    AWAIT_OK(a, bide_rwlock_write(rw, &a->w));
    CHECK_INT(bide_rwlock_write_unlock(rw, &a->task), 0);
    trace(a, "reset");
    END(a);
}

static void
test_rwlock_of_an_ended_writer_is_broken(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_rwlock *rw = new_rwlock();
    actor_spawn(&wd, "culprit", ends_writing, rw);
    actor_spawn(&wd, "b", finds_it_broken, rw);
    world_run(&wd);
    bide_rwlock_unref(rw);
    world_expect(&wd, "b:reset");
}

TEST_MAIN("rwlock", T(rwlock_readers_share),
          T(rwlock_writer_excludes_the_others),
          T(rwlock_waiting_writer_is_not_overtaken),
          T(rwlock_readers_in_a_row_enter_together), T(rwlock_try_never_waits),
          T(rwlock_lock_by_its_writer_is_a_deadlock_error),
          T(rwlock_unlock_without_holding_is_an_error),
          T(rwlock_cancelled_writer_lets_the_readers_pass),
          T(rwlock_of_an_ended_writer_is_broken))
