/* test_thread_time.c - how long a thread has been at something, less the time
 * in which no processor was free. What the system says of a thread is made up,
 * except where it is asked about this one. */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "thread_time.h"

/* `passed` ms go by, after which it has run and waited for so many in all. */
static int64_t
add(bide__spell *s, int64_t passed, int64_t ran, int64_t waited, bool ready)
{
    const bide__thread_time now = {(100 + ran) * MS, (50 + waited) * MS, ready};
    return bide__spell_add(s, passed * MS, &now) / MS;
}

static bide__spell
begun(void)
{
    bide__spell s;
    bide__spell_begin(&s,
                      &(bide__thread_time){.ran = 100 * MS, .waited = 50 * MS});
    return s;
}

static void
test_thread_time_of_one_that_runs(void **state)
{
    (void)state;
    bide__spell s = begun();
    assert_int_equal(add(&s, 5, 5, 0, true), 5);
    assert_int_equal(add(&s, 5, 8, 2, true), 8);
}

static void
test_thread_time_of_one_that_sleeps(void **state)
{
    (void)state;
    bide__spell s = begun();
    assert_int_equal(add(&s, 5, 1, 0, false), 5);
    assert_int_equal(add(&s, 5, 1, 0, false), 10);
    assert_int_equal(add(&s, 5, 1, 3, false), 12);
    assert_int_equal(add(&s, 5, 5, 4, true), 16); /* and runs from then on */
}

/* The system has not counted it yet, and then does, all at once. */
static void
test_thread_time_without_a_processor_does_not_count(void **state)
{
    (void)state;
    bide__spell s = begun();
    for (int i = 0; i < 100; i++)
        assert_int_equal(add(&s, 5, 1, 0, true), 1);
    assert_int_equal(add(&s, 5, 2, 503, true), 2);
    assert_int_equal(add(&s, 5, 2, 503, false), 7);
}

/* As when it was ready before it began: the count catches up with that. */
static void
test_thread_time_never_shrinks(void **state)
{
    (void)state;
    bide__spell s = begun();
    assert_int_equal(add(&s, 5, 1, 0, false), 5);
    assert_int_equal(add(&s, 5, 1, 40, false), 5);
    assert_int_equal(add(&s, 5, 2, 40, true), 6);
}

/* Where the system tells nothing, all that passes counts. */
static void
test_thread_time_is_what_passes_otherwise(void **state)
{
    (void)state;
    const bide__thread_time none = {0};
    bide__spell s;
    bide__spell_begin(&s, &none);
    assert_int_equal(bide__spell_add(&s, 5 * MS, &none), 5 * MS);
    assert_int_equal(bide__spell_add(&s, 7 * MS, &none), 12 * MS);
}

#if defined(__linux__)
typedef struct asleep {
    int fds[2];
    atomic_long number;
} asleep;

static void *
tells_and_sleeps(void *arg)
{
    asleep *a = arg;
    char byte;
    atomic_store(&a->number, bide__thread_number());
    return read(a->fds[0], &byte, 1) == 1 ? a : NULL;
}

static void
test_thread_time_is_read_of_another_thread(void **state)
{
    (void)state;
    asleep a = {0};
    pthread_t thread;
    bide__thread_time now;
    assert_int_equal(pipe(a.fds), 0);
    assert_int_equal(pthread_create(&thread, NULL, tells_and_sleeps, &a), 0);
    do
        bide__thread_time_read(thread, atomic_load(&a.number), &now);
    while (!atomic_load(&a.number) || now.ready || !now.ran);
    assert_int_equal(write(a.fds[1], "x", 1), 1);
    pthread_join(thread, NULL);
    close(a.fds[0]);
    close(a.fds[1]);
    bide__thread_time_read(pthread_self(), bide__thread_number(), &now);
    assert_true(now.ready);
    int64_t ran = now.ran;
    bide__thread_time_read(pthread_self(), bide__thread_number(), &now);
    assert_true(now.ran > ran);
}
#define READ_OF_ANOTHER T(thread_time_is_read_of_another_thread),
#else
#define READ_OF_ANOTHER
#endif

TEST_MAIN("thread_time", READ_OF_ANOTHER T(thread_time_of_one_that_runs),
          T(thread_time_of_one_that_sleeps),
          T(thread_time_without_a_processor_does_not_count),
          T(thread_time_never_shrinks), T(thread_time_is_what_passes_otherwise))
