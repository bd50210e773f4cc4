/* test_readiness.c - waiting for descriptors of others. */
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

typedef struct ends {
    world wd;
    int fd[2]; /* -1: closed */
} ends;

static void
ends_begin(ends *e)
{
    world_begin(&e->wd, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, e->fd),
                     0);
}

static void
shut_end(ends *e, int i)
{
    if (e->fd[i] >= 0)
        close(e->fd[i]);
    e->fd[i] = -1;
}

static void
ends_expect(ends *e, const char *wanted)
{
    world_run(&e->wd);
    shut_end(e, 0);
    shut_end(e, 1);
    world_expect(&e->wd, wanted);
}

static size_t
io_waits(const actor *a)
{
    bide_loop_counts counts;
    bide_loop_count(a->world->loop, &counts);
    return counts.io_waits;
}

/* Waits and traces how it ended. */
static void
waits_to_read(actor *a)
{
    ends *e = a->arg;
    BEGIN(a);
    AWAIT(a, bide_wait_readable(e->fd[0], &a->w));
    trace(a, "%s", a->rc ? bide_error_name(a->rc) : "readable");
    END(a);
}

static void
waits_to_write(actor *a)
{
    ends *e = a->arg;
    BEGIN(a);
    AWAIT(a, bide_wait_writable(e->fd[0], &a->w));
    trace(a, "%s", a->rc ? bide_error_name(a->rc) : "writable");
    END(a);
}

/* Once `n` tasks wait, sends a byte to the first end. */
static void
sends(actor *a)
{
    ends *e = a->arg;
    BEGIN(a);
    AWAIT_UNTIL(a, io_waits(a) == (size_t)a->n);
    trace(a, "sends");
    CHECK_INT(write(e->fd[1], "x", 1), 1);
    END(a);
}

/* Fills what the first end can send. */
static void
fill(ends *e)
{
    char block[4096] = {0};
    while (write(e->fd[0], block, sizeof block) > 0)
        ;
}

/* Once `n` tasks wait, takes all that the first end has sent. */
static void
drains(actor *a)
{
    ends *e = a->arg;
    char block[4096];
    BEGIN(a);
    AWAIT_UNTIL(a, io_waits(a) == (size_t)a->n);
    trace(a, "drains");
    while (read(e->fd[1], block, sizeof block) > 0)
        ;
    END(a);
}

static void
test_readable_wakes_when_data_arrives(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    actor_spawn(&e.wd, "a", waits_to_read, &e);
    actor_spawn(&e.wd, "b", sends, &e)->n = 1;
    ends_expect(&e, "b:sends a:readable");
}

static void
test_readable_with_data_there_does_not_hang(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    CHECK_INT(write(e.fd[1], "x", 1), 1);
    actor_spawn(&e.wd, "a", waits_to_read, &e);
    ends_expect(&e, "a:readable");
}

static void
test_writable_wakes_when_there_is_room(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    fill(&e);
    actor_spawn(&e.wd, "a", waits_to_write, &e);
    actor_spawn(&e.wd, "b", drains, &e)->n = 1;
    ends_expect(&e, "b:drains a:writable");
}

static void
test_readiness_in_both_directions_at_once(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    fill(&e);
    actor_spawn(&e.wd, "r", waits_to_read, &e);
    actor_spawn(&e.wd, "w", waits_to_write, &e);
    actor_spawn(&e.wd, "a", sends, &e)->n = 2;
    actor_spawn(&e.wd, "b", drains, &e)->n = 1;
    ends_expect(&e, "a:sends b:drains r:readable w:writable");
}

static void
test_readiness_wakes_all_waiters_in_order(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    for (int i = 0; i < 3; i++)
        actor_spawn(&e.wd, &"a\0b\0c"[2 * i], waits_to_read, &e);
    actor_spawn(&e.wd, "s", sends, &e)->n = 3;
    ends_expect(&e, "s:sends a:readable b:readable c:readable");
}

static void
test_readiness_cancelled_wait_leaves_the_others(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    actor *a = actor_spawn(&e.wd, "a", waits_to_read, &e);
    actor_spawn(&e.wd, "b", waits_to_read, &e);
    cancel_later(&e.wd, a);
    actor_spawn(&e.wd, "s", sends, &e)->n = 1;
    ends_expect(&e, "s:sends a:ECANCELED b:readable");
}

/* Closes the peer's end. */
static void
hangs_up(actor *a)
{
    ends *e = a->arg;
    BEGIN(a);
    AWAIT_UNTIL(a, io_waits(a) == 2);
    trace(a, "closes");
    shut_end(e, 1);
    END(a);
}

static void
test_readiness_wakes_when_the_peer_hangs_up(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    fill(&e);
    actor_spawn(&e.wd, "r", waits_to_read, &e);
    actor_spawn(&e.wd, "w", waits_to_write, &e);
    actor_spawn(&e.wd, "a", hangs_up, &e);
    ends_expect(&e, "a:closes r:readable w:writable");
}

static void
closes(actor *a)
{
    ends *e = a->arg;
    BEGIN(a);
    AWAIT_UNTIL(a, io_waits(a) == 2);
    bide_notify_closing(a->task.loop, e->fd[0]);
    bide_notify_closing(a->task.loop, 100000); /* never waited for */
    bide_notify_closing(a->task.loop, -1);
    shut_end(e, 0);
    CHECK_INT(io_waits(a), 0);
    END(a);
}

static void
test_readiness_notify_closing_ends_the_waits(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    fill(&e);
    actor_spawn(&e.wd, "r", waits_to_read, &e);
    actor_spawn(&e.wd, "w", waits_to_write, &e);
    actor_spawn(&e.wd, "a", closes, &e);
    ends_expect(&e, "r:ECLOSED w:ECLOSED");
}

/* Puts another pair in the place of the one that is waited for. */
static void
reuses(actor *a)
{
    ends *e = a->arg;
    int fresh[2];
    BEGIN(a);
    AWAIT_UNTIL(a, io_waits(a) == 1);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fresh), 0);
    CHECK_INT(dup2(fresh[0], e->fd[0]), e->fd[0]);
    close(fresh[0]);
    shut_end(e, 1);
    e->fd[1] = fresh[1];
    actor_spawn(a->world, "new", waits_to_read, e);
    actor_spawn(a->world, "s", sends, e)->n = 1;
    END(a);
}

static void
test_readiness_of_a_reused_descriptor_ends_the_old_waits(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    actor_spawn(&e.wd, "old", waits_to_read, &e);
    actor_spawn(&e.wd, "a", reuses, &e);
    ends_expect(&e, "s:sends old:ECLOSED new:readable");
}

/* Both waits of the race are for the same number; in between, it changes. */
static void
races(actor *a)
{
    ends *e = a->arg;
    int fresh[2];
    BEGIN(a);
    bide_race_begin(&a->task);
    CHECK_INT(bide_wait_readable(e->fd[0], &a->w), BIDE_PARKED);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fresh), 0);
    CHECK_INT(dup2(fresh[0], e->fd[0]), e->fd[0]);
    close(fresh[0]);
    shut_end(e, 1);
    e->fd[1] = fresh[1];
    bide_wait_init(&a->w2, &a->task);
    CHECK_INT(bide_wait_writable(e->fd[0], &a->w2), BIDE_ECLOSED);
    CHECK(!bide_race_end(&a->task, true));
    CHECK_INT(io_waits(a), 0);
    AWAIT_OK(a, bide_wait_writable(e->fd[0], &a->w));
    trace(a, "writable");
    END(a);
}

static void
test_readiness_race_for_a_reused_descriptor_is_decided(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    actor_spawn(&e.wd, "a", races, &e);
    ends_expect(&e, "a:writable");
}

/* The old descriptor lives on as a duplicate, whose events mean nothing. */
static void
reuses_with_a_duplicate(actor *a)
{
    ends *e = a->arg;
    BEGIN(a);
    AWAIT_UNTIL(a, io_waits(a) == 1);
    a->n = dup(e->fd[0]);
    a->i = e->fd[1];
    int fresh[2];
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fresh), 0);
    CHECK_INT(dup2(fresh[0], e->fd[0]), e->fd[0]);
    close(fresh[0]);
    e->fd[1] = fresh[1];
    actor_spawn(a->world, "new", waits_to_read, e);
    AWAIT_UNTIL(a, live_tasks(a->world) == 2 && io_waits(a) == 1);
    CHECK_INT(write(a->i, "x", 1), 1);
    for (a->parks = 0; a->parks < 300; a->parks++) /* polls go by */
        AWAIT_OK(a, bide_yield(&a->w));
    CHECK_INT(io_waits(a), 1);
    close(a->n);
    close(a->i);
    trace(a, "sends");
    CHECK_INT(write(e->fd[1], "x", 1), 1);
    END(a);
}

static void
test_readiness_ignores_a_duplicate_of_the_old_descriptor(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    actor_spawn(&e.wd, "old", waits_to_read, &e);
    actor_spawn(&e.wd, "a", reuses_with_a_duplicate, &e);
    ends_expect(&e, "old:ECLOSED a:sends new:readable");
}

static void
waits_for_nonsense(actor *a)
{
    BEGIN(a);
    CHECK_INT(bide_wait_readable(-1, &a->w), BIDE_EINVALID);
    CHECK_INT(bide_wait_writable(-7, &a->w), BIDE_EINVALID);
    CHECK_INT(bide_wait_readable(99999, &a->w), -EBADF);
    CHECK_INT(bide_wait_readable(2000000000, &a->w), -EBADF);
    a->n = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(a->n);
    CHECK_INT(bide_wait_readable(a->n, &a->w), -EBADF);
    a->n = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    CHECK(a->n >= 0);
    CHECK_INT(bide_wait_readable(a->n, &a->w), -EPERM);
    close(a->n);
    CHECK_INT(io_waits(a), 0);
    trace(a, "refused");
    END(a);
}

static void
test_readiness_of_what_cannot_be_polled_is_an_error(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor_spawn(&wd, "a", waits_for_nonsense, NULL);
    world_expect(&wd, "a:refused");
}

/* An eventfd that is its own peer. */
static void
counts_events(actor *a)
{
    eventfd_t got;
    BEGIN(a);
    for (a->i = 0; a->i < 200; a->i++) {
        CHECK_INT(eventfd_write(a->n, 1), 0);
        AWAIT_OK(a, bide_wait_readable(a->n, &a->w));
        CHECK_INT(eventfd_read(a->n, &got), 0);
        CHECK_INT(got, 1);
    }
    trace(a, "%d", a->i);
    END(a);
}

static void
test_readiness_of_many_descriptors(void **state)
{
    (void)state;
    int fds[80];
    world wd;
    world_begin(&wd, 7);
    for (size_t i = 0; i < COUNT(fds); i++) {
        fds[i] = eventfd(0, EFD_NONBLOCK);
        CHECK(fds[i] >= 0);
        actor_spawn(&wd, "e", counts_events, NULL)->n = fds[i];
    }
    world_run(&wd);
    CHECK_INT(wd.traced, COUNT(fds) * strlen("e:200 "));
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
    world_end(&wd);
}

static void
test_readiness_survives_allocation_failures(void **state)
{
    (void)state;
    for (size_t k = 1; k < 20; k++) {
        ends e;
        ends_begin(&e);
        actor *a = actor_spawn(&e.wd, "a", waits_to_read, &e);
        CHECK_INT(write(e.fd[1], "x", 1), 1);
        memory_fail_at(k, false);
        world_run(&e.wd);
        bool failed = memory_failed();
        memory_fail_at(0, false);
        CHECK(a->rc == 0 || (failed && a->rc == BIDE_ENOMEMORY));
        shut_end(&e, 0);
        shut_end(&e, 1);
        world_end(&e.wd);
        if (!failed)
            return;
    }
    fail_msg("the sweep does not end");
}

TEST_MAIN("readiness", T(readable_wakes_when_data_arrives),
          T(readable_with_data_there_does_not_hang),
          T(writable_wakes_when_there_is_room),
          T(readiness_in_both_directions_at_once),
          T(readiness_wakes_all_waiters_in_order),
          T(readiness_cancelled_wait_leaves_the_others),
          T(readiness_wakes_when_the_peer_hangs_up),
          T(readiness_notify_closing_ends_the_waits),
          T(readiness_of_a_reused_descriptor_ends_the_old_waits),
          T(readiness_race_for_a_reused_descriptor_is_decided),
          T(readiness_ignores_a_duplicate_of_the_old_descriptor),
          T(readiness_of_what_cannot_be_polled_is_an_error),
          T(readiness_of_many_descriptors),
          T(readiness_survives_allocation_failures))
