/* test_watch.c - watching descriptors of the host's. */
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

/* Two ends of a socket pair, the first one watched, and a task that lives until
 * `goal` events were told. */
typedef struct scene {
    world wd;
    int fd[2];
    bide_watch *watch;
    int told, goal;
    int events; /* of all calls */
    void (*react)(struct scene *s, int events);
    bide_wait *parked;
    bide_watch *other;
} scene;

static void
on_ready(void *arg, int events)
{
    scene *s = arg;
    s->told++;
    s->events |= events;
    CHECK(bide_task_current() == NULL);
    if (s->react)
        s->react(s, events);
    if (s->told < s->goal)
        return;
    bide_watch_want(s->watch, 0);
    CHECK(bide_unpark(s->parked, 0));
}

static void
waits_for_goal(actor *a)
{
    scene *s = a->arg;
    BEGIN(a);
    s->parked = &a->w;
    AWAIT_OK(a, bide_park(&a->w));
    END(a);
}

static void
scene_begin(scene *s, int goal)
{
    memset(s, 0, sizeof *s);
    s->goal = goal;
    world_begin_real(&s->wd);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s->fd),
                     0);
    assert_int_equal(
        bide_watch_new(s->wd.loop, s->fd[0], on_ready, s, &s->watch), 0);
}

static void
scene_run(scene *s)
{
    actor_spawn(&s->wd, "a", waits_for_goal, s);
    world_run(&s->wd);
}

static void
scene_end(scene *s)
{
    bide_watch_unref(s->watch);
    close(s->fd[0]);
    close(s->fd[1]);
    world_end(&s->wd);
}

static void
send_byte(scene *s)
{
    assert_int_equal(write(s->fd[1], "x", 1), 1);
}

static void
takes_a_byte(scene *s, int events)
{
    char c;
    (void)events;
    CHECK_INT(read(s->fd[0], &c, 1), 1);
}

static void
test_watch_tells_what_is_ready(void **state)
{
    (void)state;
    scene s;
    scene_begin(&s, 1);
    s.react = takes_a_byte;
    send_byte(&s);
    CHECK_INT(bide_watch_want(s.watch, BIDE_READABLE), 0);
    scene_run(&s);
    CHECK_INT(s.events, BIDE_READABLE);
    scene_end(&s);
}

static void
test_watch_tells_again_while_it_is_ready(void **state)
{
    (void)state;
    scene s;
    scene_begin(&s, 3);
    send_byte(&s);
    CHECK_INT(bide_watch_want(s.watch, BIDE_READABLE), 0);
    scene_run(&s);
    CHECK_INT(s.told, 3);
    scene_end(&s);
}

static void
test_watch_tells_of_both_directions(void **state)
{
    (void)state;
    scene s;
    scene_begin(&s, 1);
    send_byte(&s);
    CHECK_INT(bide_watch_want(s.watch, BIDE_READABLE | BIDE_WRITABLE), 0);
    scene_run(&s);
    CHECK_INT(s.events, BIDE_READABLE | BIDE_WRITABLE);
    scene_end(&s);
}

/* The first event turns reading off; room to write keeps the polls going. */
static void
only_writes_from_now_on(scene *s, int events)
{
    CHECK(s->told == 1 || events == BIDE_WRITABLE);
    CHECK_INT(bide_watch_want(s->watch, BIDE_WRITABLE), 0);
    CHECK_INT(bide_watch_wanted(s->watch), BIDE_WRITABLE);
}

static void
test_watch_does_not_tell_what_is_not_wanted(void **state)
{
    (void)state;
    scene s;
    scene_begin(&s, 4);
    s.react = only_writes_from_now_on;
    send_byte(&s);
    CHECK_INT(bide_watch_want(s.watch, BIDE_READABLE | BIDE_WRITABLE), 0);
    scene_run(&s);
    scene_end(&s);
}

static void
wants_nothing_then_again(scene *s, int events)
{
    (void)events;
    CHECK_INT(bide_watch_want(s->watch, 0), 0);
    CHECK_INT(bide_watch_want(s->watch, BIDE_READABLE), 0);
}

static void
test_watch_wanted_again_goes_on(void **state)
{
    (void)state;
    scene s;
    scene_begin(&s, 3);
    s.react = wants_nothing_then_again;
    send_byte(&s);
    CHECK_INT(bide_watch_want(s.watch, BIDE_READABLE), 0);
    scene_run(&s);
    scene_end(&s);
}

static void
test_watch_tells_of_the_peers_end(void **state)
{
    (void)state;
    scene s;
    scene_begin(&s, 1);
    shutdown(s.fd[1], SHUT_RDWR);
    CHECK_INT(bide_watch_want(s.watch, BIDE_READABLE), 0);
    scene_run(&s);
    CHECK_INT(s.events, BIDE_READABLE);
    scene_end(&s);
}

static void
closes_the_other(scene *s, int events)
{
    (void)events;
    bide_watch_close(s->watch);
    bide_watch_close(s->other);
    CHECK(bide_watch_closed(s->other));
}

/* Both are ready in the same poll: the first to be told closes both. */
static void
test_watch_closed_is_not_told(void **state)
{
    (void)state;
    scene s;
    scene_begin(&s, 1);
    s.react = closes_the_other;
    CHECK_INT(bide_watch_new(s.wd.loop, s.fd[1], on_ready, &s, &s.other), 0);
    CHECK_INT(bide_watch_want(s.watch, BIDE_WRITABLE), 0);
    CHECK_INT(bide_watch_want(s.other, BIDE_WRITABLE), 0);
    scene_run(&s);
    CHECK_INT(s.told, 1);
    CHECK_INT(bide_watch_want(s.other, BIDE_WRITABLE), BIDE_ECLOSED);
    bide_watch_unref(s.other);
    scene_end(&s);
}

static void
test_watch_is_closed_with_its_loop(void **state)
{
    (void)state;
    scene s;
    scene_begin(&s, 1);
    CHECK_INT(bide_watch_want(s.watch, BIDE_READABLE), 0);
    CHECK_INT(bide_loop_close(s.wd.loop, 0, NULL, NULL), 0);
    CHECK(bide_watch_closed(s.watch));
    CHECK_INT(bide_watch_new(s.wd.loop, s.fd[1], on_ready, &s, &s.other),
              BIDE_ECLOSED);
    scene_end(&s);
}

static void
test_watch_says_what_is_wrong(void **state)
{
    (void)state;
    scene s;
    scene_begin(&s, 1);
    bide_loop *l = s.wd.loop;
    CHECK_INT(bide_watch_new(l, -1, on_ready, &s, &s.other), BIDE_EINVALID);
    CHECK_INT(bide_watch_new(l, 987654, on_ready, &s, &s.other), -EBADF);
    CHECK_INT(bide_watch_want(s.watch, 4), BIDE_EINVALID);
    CHECK_INT(bide_watch_want(s.watch, BIDE_READABLE), 0);
    CHECK_INT(bide_watch_new(l, s.fd[0], on_ready, &s, &s.other), -EEXIST);
    CHECK_INT(bide_watch_want(s.watch, 0), 0);
    scene_end(&s);
}

/* libuv would end the process. */
static void
test_watch_of_a_descriptor_closed_too_early_is_an_error(void **state)
{
    (void)state;
    scene s;
    scene_begin(&s, 1);
    int fd = dup(s.fd[0]);
    CHECK_INT(bide_watch_new(s.wd.loop, fd, on_ready, &s, &s.other), 0);
    close(fd);
    CHECK_INT(bide_watch_want(s.other, BIDE_READABLE), -EBADF);
    bide_watch_unref(s.other);
    scene_end(&s);
}

static void
gives_the_other_up(scene *s, int events)
{
    (void)events;
    CHECK_INT(bide_watch_want(s->other, BIDE_READABLE), -EBADF);
    CHECK_INT(bide_watch_want(s->other, 0), 0);
}

/* So it would if the descriptor is closed between the call and the poll. */
static void
test_watch_of_a_descriptor_closed_before_the_poll_is_silent(void **state)
{
    (void)state;
    scene s;
    scene_begin(&s, 1);
    s.react = gives_the_other_up;
    int fd = dup(s.fd[0]);
    CHECK_INT(bide_watch_new(s.wd.loop, fd, on_ready, &s, &s.other), 0);
    CHECK_INT(bide_watch_want(s.other, BIDE_WRITABLE), 0);
    close(fd);
    CHECK_INT(bide_watch_want(s.watch, BIDE_WRITABLE), 0);
    scene_run(&s);
    CHECK_INT(s.told, 1);
    bide_watch_unref(s.other);
    scene_end(&s);
}

static void *
unrefs(void *arg)
{
    bide_watch_unref(arg);
    return NULL;
}

static void
test_watch_may_be_dropped_by_any_thread(void **state)
{
    (void)state;
    scene s;
    pthread_t thread;
    scene_begin(&s, 1);
    CHECK_INT(bide_watch_new(s.wd.loop, s.fd[1], on_ready, &s, &s.other), 0);
    CHECK_INT(pthread_create(&thread, NULL, unrefs, s.other), 0);
    CHECK_INT(pthread_join(thread, NULL), 0);
    CHECK_INT(bide_watch_want(s.watch, BIDE_WRITABLE), 0);
    scene_run(&s);
    scene_end(&s);
}

/* A watch alone is no reason to call the run stalled. */
static void
test_watch_keeps_the_loop_from_stalling(void **state)
{
    (void)state;
    scene s;
    bide_loop_counts counts;
    scene_begin(&s, 1);
    CHECK_INT(bide_watch_want(s.watch, BIDE_READABLE), 0);
    bide_loop_count(s.wd.loop, &counts);
    CHECK_INT(counts.io_waits, 1);
    CHECK_INT(bide_watch_want(s.watch, 0), 0);
    bide_loop_count(s.wd.loop, &counts);
    CHECK_INT(counts.io_waits, 0);
    scene_end(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_watch_tells_what_is_ready),
        cmocka_unit_test(test_watch_tells_again_while_it_is_ready),
        cmocka_unit_test(test_watch_tells_of_both_directions),
        cmocka_unit_test(test_watch_does_not_tell_what_is_not_wanted),
        cmocka_unit_test(test_watch_wanted_again_goes_on),
        cmocka_unit_test(test_watch_tells_of_the_peers_end),
        cmocka_unit_test(test_watch_closed_is_not_told),
        cmocka_unit_test(test_watch_is_closed_with_its_loop),
        cmocka_unit_test(test_watch_says_what_is_wrong),
        cmocka_unit_test(
            test_watch_of_a_descriptor_closed_too_early_is_an_error),
        cmocka_unit_test(
            test_watch_of_a_descriptor_closed_before_the_poll_is_silent),
        cmocka_unit_test(test_watch_may_be_dropped_by_any_thread),
        cmocka_unit_test(test_watch_keeps_the_loop_from_stalling),
    };
    return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
