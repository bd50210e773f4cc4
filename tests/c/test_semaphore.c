/* test_semaphore.c - permits. */
#include "support.h"

static bide_semaphore *
new_semaphore(size_t permits, bool bounded)
{
    bide_semaphore *s;
    assert_int_equal(bide_semaphore_new(permits, bounded, "s", HERE, &s), 0);
    return s;
}

/* Takes a->n permits (none given: 1), yields twice, gives them back. */
static void
holds(actor *a)
{
    bide_semaphore *s = a->arg;
    size_t n = a->n ? (size_t)a->n : 1;

    BEGIN(a);
    AWAIT_OK(a, bide_semaphore_acquire(s, n, &a->w));
    trace(a, "in");
    AWAIT_OK(a, bide_yield(&a->w));
    AWAIT_OK(a, bide_yield(&a->w));
    trace(a, "out");
    CHECK_INT(bide_semaphore_release(s, n), 0);
    END(a);
}

static void
wants(world *wd, const char *name, bide_semaphore *s, int n)
{
    actor_spawn(wd, name, holds, s)->n = n;
}

static void
test_semaphore_limits_its_holders(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_semaphore *s = new_semaphore(2, true);
    wants(&wd, "a", s, 1);
    wants(&wd, "b", s, 1);
    wants(&wd, "c", s, 1);
    world_run(&wd);
    CHECK_INT(bide_semaphore_permits(s), 2);
    bide_semaphore_unref(s);
    world_expect(&wd, "a:in b:in a:out b:out c:in c:out");
}

static void
test_semaphore_hands_over_in_fifo_order(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_semaphore *s = new_semaphore(1, false);
    for (int i = 0; i < 4; i++)
        wants(&wd, &"a\0b\0c\0d"[2 * i], s, 1);
    world_run(&wd);
    bide_semaphore_unref(s);
    world_expect(&wd, "a:in a:out b:in b:out c:in c:out d:in d:out");
}

static void
test_semaphore_large_request_is_not_overtaken(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_semaphore *s = new_semaphore(3, true);
    wants(&wd, "a", s, 2);
    wants(&wd, "b", s, 3);
    wants(&wd, "c", s, 1); /* one is free, but b came first */
    world_run(&wd);
    bide_semaphore_unref(s);
    world_expect(&wd, "a:in a:out b:in b:out c:in c:out");
}

static void
tries(actor *a)
{
    bide_semaphore *s = a->arg;

    BEGIN(a);
    /* One of three is free, and b waits for all. */
    CHECK_INT(bide_semaphore_permits(s), 1);
    CHECK_INT(bide_semaphore_waiters(s), 1);
    CHECK_INT(bide_semaphore_try_acquire(s, 1), BIDE_EWOULDBLOCK);
    AWAIT_UNTIL(a, bide_semaphore_waiters(s) == 0);
    AWAIT_UNTIL(a, bide_semaphore_permits(s) == 3);
    CHECK_INT(bide_semaphore_try_acquire(s, 2), 0);
    CHECK_INT(bide_semaphore_try_acquire(s, 2), BIDE_EWOULDBLOCK);
    CHECK_INT(bide_semaphore_permits(s), 1);
    CHECK_INT(bide_semaphore_release(s, 2), 0);
    END(a);
}

static void
test_semaphore_try_acquire_never_waits(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_semaphore *s = new_semaphore(3, true);
    wants(&wd, "a", s, 2);
    wants(&wd, "b", s, 3);
    actor_spawn(&wd, "c", tries, s);
    world_run(&wd);
    bide_semaphore_unref(s);
    world_expect(&wd, "a:in a:out b:in b:out");
}

static void
test_semaphore_release_above_its_bound_is_an_error(void **state)
{
    (void)state;
    bide_semaphore *s = new_semaphore(2, true);
    assert_int_equal(bide_semaphore_release(s, 1), BIDE_EOVERFLOW);
    assert_int_equal(bide_semaphore_permits(s), 2);
    bide_semaphore_unref(s);
    s = new_semaphore(2, false);
    assert_int_equal(bide_semaphore_release(s, 1), 0);
    assert_int_equal(bide_semaphore_permits(s), 3);
    assert_int_equal(bide_semaphore_release(s, SIZE_MAX), BIDE_EOVERFLOW);
    assert_int_equal(bide_semaphore_permits(s), 3);
    bide_semaphore_unref(s);
}

static void
asks_wrongly(actor *a)
{
    bide_semaphore *s = a->arg;
    CHECK_INT(bide_semaphore_acquire(s, 0, &a->w), BIDE_EINVALID);
    CHECK_INT(bide_semaphore_acquire(s, 3, &a->w), BIDE_EINVALID);
    CHECK_INT(bide_semaphore_try_acquire(s, 0), BIDE_EINVALID);
    CHECK_INT(bide_semaphore_try_acquire(s, 3), BIDE_EINVALID);
    CHECK_INT(bide_semaphore_permits(s), 2);
    a->over = true;
}

static void
test_semaphore_impossible_request_is_an_error(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_semaphore *s = new_semaphore(2, true);
    actor_spawn(&wd, "a", asks_wrongly, s);
    world_run(&wd);
    bide_semaphore_unref(s);
    world_end(&wd);
}

static void
expects_cancel(actor *a)
{
    bide_semaphore *s = a->arg;

    BEGIN(a);
    AWAIT(a, bide_semaphore_acquire(s, (size_t)a->n, &a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    trace(a, "cancelled");
    END(a);
}

static void
test_semaphore_cancelled_waiter_took_nothing(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_semaphore *s = new_semaphore(1, true);
    wants(&wd, "a", s, 1);
    actor *b = actor_spawn(&wd, "b", expects_cancel, s);
    b->n = 1;
    cancel_later(&wd, b);
    world_run(&wd);
    CHECK_INT(bide_semaphore_permits(s), 1);
    CHECK_INT(bide_semaphore_waiters(s), 0);
    bide_semaphore_unref(s);
    world_expect(&wd, "a:in b:cancelled a:out");
}

static void
test_semaphore_cancelled_head_lets_the_next_pass(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_semaphore *s = new_semaphore(3, true);
    wants(&wd, "a", s, 2);
    actor *b = actor_spawn(&wd, "b", expects_cancel, s);
    b->n = 3;
    wants(&wd, "c", s, 1);
    wants(&wd, "d", s, 2);
    cancel_later(&wd, b);
    world_run(&wd);
    bide_semaphore_unref(s);
    world_expect(&wd, "a:in c:in b:cancelled a:out d:in c:out d:out");
}

TEST_MAIN("semaphore", T(semaphore_limits_its_holders),
          T(semaphore_hands_over_in_fifo_order),
          T(semaphore_large_request_is_not_overtaken),
          T(semaphore_try_acquire_never_waits),
          T(semaphore_release_above_its_bound_is_an_error),
          T(semaphore_impossible_request_is_an_error),
          T(semaphore_cancelled_waiter_took_nothing),
          T(semaphore_cancelled_head_lets_the_next_pass))
