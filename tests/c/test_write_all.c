/* test_write_all.c - a whole text to a descriptor. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>
#include <uv.h>

#include "report.h"
#include "write_all.h"

enum { SIZE = 1 << 18, SIGNALS = 20 }; /* more than a pipe holds */

typedef struct scene {
    int ends[2];
    char sent[SIZE], got[SIZE];
    size_t filling; /* bytes that are in the pipe before */
    pthread_t writer;
} scene;

static scene *
begin(bool blocking)
{
    scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    for (size_t i = 0; i < SIZE; i++)
        s->sent[i] = (char)('a' + (i + i / 251) % 26);
    int flags = blocking ? 0 : UV_NONBLOCK_PIPE;
    assert_int_equal(uv_pipe(s->ends, 0, flags), 0);
    s->writer = pthread_self();
    return s;
}

static void
fill(scene *s)
{
    ssize_t n;
    while ((n = write(s->ends[1], "", 1)) == 1)
        s->filling++;
    assert_int_equal(errno, EAGAIN);
}

static void
end(scene *s)
{
    close(s->ends[0]);
    if (s->ends[1] >= 0)
        close(s->ends[1]);
    free(s);
    check_end();
}

static void
read_all(void *arg)
{
    scene *s = arg;
    char byte;
    for (size_t i = 0; i < s->filling; i++)
        CHECK_INT(read(s->ends[0], &byte, 1), 1);
    for (size_t done = 0; done < SIZE;) {
        ssize_t n = read(s->ends[0], s->got + done, SIZE - done);
        CHECK(n > 0);
        if (n <= 0)
            return;
        done += (size_t)n;
    }
}

/* The reader ends at the end of what was written, if not before. */
static void
join(scene *s, thread *reader)
{
    close(s->ends[1]);
    s->ends[1] = -1;
    thread_join(reader);
    CHECK(memcmp(s->got, s->sent, SIZE) == 0);
}

static void
writes_while(scene *s, void (*fn)(void *arg))
{
    thread *t = thread_start(fn, s);
    CHECK_INT(bide__write_all(s->ends[1], s->sent, SIZE), 0);
    join(s, t);
}

static void
test_write_all_goes_on_after_a_part(void **state)
{
    (void)state;
    scene *s = begin(true);
    writes_while(s, read_all);
    end(s);
}

static void
test_write_all_waits_for_room(void **state)
{
    (void)state;
    scene *s = begin(false);
    fill(s);
    writes_while(s, read_all);
    end(s);
}

static void
test_write_all_gives_up_on_who_does_not_read(void **state)
{
    (void)state;
    scene *s = begin(false);
    fill(s);
    CHECK_INT(bide__write_all(s->ends[1], "lost", 4), UV_EAGAIN);
    end(s);
}

/* A program, or a parent it shares standard error with, made it so. */
static void
test_report_waits_for_room_on_standard_error(void **state)
{
    (void)state;
    scene *s = begin(false);
    fill(s);
    int kept = dup(STDERR_FILENO);
    bide__report *r = bide__report_new(NULL, BIDE_REPORT_FORGOTTEN);
    assert_non_null(r);
    bide__text_add(&r->texts[0], "%.*s", (int)SIZE, s->sent);
    dup2(s->ends[1], STDERR_FILENO);
    thread *t = thread_start(read_all, s);
    bide__report_send(r);
    dup2(kept, STDERR_FILENO);
    close(kept);
    join(s, t);
    end(s);
}

static atomic_int interruptions;

static void
on_signal(int signum)
{
    (void)signum;
    interruptions++;
}

/* The writer is somewhere in the call, and is in the system for good from the
 * first signals on: nobody reads yet. */
static void
interrupts_and_reads(void *arg)
{
    scene *s = arg;
    for (int i = 1; i <= SIGNALS; i++) {
        pthread_kill(s->writer, SIGUSR1);
        while (interruptions < i)
            sched_yield();
    }
    read_all(s);
}

static void
test_write_all_goes_on_after_a_signal(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = on_signal}, before;
    sigemptyset(&action.sa_mask);
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    for (int blocking = 0; blocking <= 1; blocking++) {
        scene *s = begin(blocking);
        interruptions = 0;
        writes_while(s, interrupts_and_reads);
        end(s);
    }
    sigaction(SIGUSR1, &before, NULL);
}

static void
test_write_all_says_that_the_reader_has_gone(void **state)
{
    (void)state;
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    scene *s = begin(true);
    close(s->ends[0]);
    CHECK_INT(bide__write_all(s->ends[1], "lost", 4), UV_EPIPE);
    CHECK_INT(bide__write_all(s->ends[1], "", 0), 0);
    s->ends[0] = dup(s->ends[1]); /* for end */
    end(s);
    signal(SIGPIPE, before);
}

TEST_MAIN("write_all", T(write_all_goes_on_after_a_part),
          T(write_all_waits_for_room),
          T(write_all_gives_up_on_who_does_not_read),
          T(report_waits_for_room_on_standard_error),
          T(write_all_goes_on_after_a_signal),
          T(write_all_says_that_the_reader_has_gone))
