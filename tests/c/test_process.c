/* test_process.c - child processes: starting them, talking to them. */
#include "support_process.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BIG = 1 << 20 };

/* Opens the process of `h`, which is in `a->arg`. */
#define OPEN(a, h)                                                             \
    AWAIT_OK(a, bide_process_open(&(h)->o, &(a)->w));                          \
    (h)->p = (a)->w.value.as.ptr

/* Reads what the child says up to its end into h->text. */
#define HEAR(a, h)                                                             \
    AWAIT(a, bide_stream_read_exact(home_stream(h, 1), sizeof(h)->text,        \
                                    &(a)->w));                                 \
    CHECK_INT((a)->rc, BIDE_EEOF);                                             \
    take_text(h)

static void
take_text(home *h)
{
    size_t n;
    const char *data = bide_stream_data(home_stream(h, 1), &n);
    CHECK(n < sizeof h->text);
    memcpy(h->text, data, n);
    h->text[n] = 0;
    bide_stream_consume(home_stream(h, 1), n);
}

#define ENDS(a, h, code)                                                       \
    AWAIT_OK(a, bide_process_wait((h)->p, &(a)->w));                           \
    CHECK_INT((a)->w.value.as.integer, code)

/* -- its end -------------------------------------------------------------- */

static void
exits(actor *a)
{
    home *h = a->arg;
    int code;

    BEGIN(a);
    home_shell(h, "exit 3");
    OPEN(a, h);
    CHECK(bide_process_pid(h->p) > 0);
    CHECK(bide_process_loop(h->p) == h->wd.loop);
    CHECK(bide_process_stream(h->p, 1) == NULL);
    ENDS(a, h, 3);
    CHECK_INT(bide_process_poll(h->p, &code), 0);
    CHECK_INT(code, 3);
    ENDS(a, h, 3);
    home_drop(h);
    home_shell(h, "kill -9 $$");
    OPEN(a, h);
    ENDS(a, h, -9);
    END(a);
}

static void
test_process_gives_its_exit_code(void **state)
{
    (void)state;
    home_play(exits);
}

/* -- pipes ---------------------------------------------------------------- */

static void
writes_much(actor *a)
{
    home *h = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_write(home_stream(h, 0), h->data, BIG, &a->w));
    bide_stream_close(home_stream(h, 0));
    END(a);
}

static void
talks_much(actor *a)
{
    home *h = a->arg;
    size_t n;

    BEGIN(a);
    home_run(h, "cat")->stdio[0].kind = BIDE_STDIO_PIPE;
    h->o.stdio[1].kind = BIDE_STDIO_PIPE;
    OPEN(a, h);
    h->data = malloc(BIG);
    memset(h->data, 'x', BIG);
    actor_spawn(&h->wd, "writer", writes_much, h);
    AWAIT_OK(a, bide_stream_read_exact(home_stream(h, 1), BIG, &a->w));
    CHECK_INT(memcmp(bide_stream_data(home_stream(h, 1), &n), h->data, BIG), 0);
    bide_stream_consume(home_stream(h, 1), BIG);
    AWAIT_OK(a, bide_stream_read(home_stream(h, 1), 1, &a->w));
    CHECK_INT(a->w.u.io.len, 0);
    ENDS(a, h, 0);
    free(h->data);
    END(a);
}

static void
test_process_talks_through_pipes(void **state)
{
    (void)state;
    home_play(talks_much);
}

/* It says much on both before it ends; we listen to the second first. */
static void
is_read_ahead(actor *a)
{
    home *h = a->arg;
    size_t n;

    BEGIN(a);
    home_shell(h, "head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2");
    h->o.stdio[1].kind = h->o.stdio[2].kind = BIDE_STDIO_PIPE;
    OPEN(a, h);
    CHECK_INT(bide_stream_read_ahead(home_stream(h, 1)), 0);
    AWAIT(a, bide_stream_read_exact(home_stream(h, 2), SIZE_MAX, &a->w));
    CHECK_INT(a->rc, BIDE_EEOF);
    AWAIT(a, bide_stream_read_exact(home_stream(h, 1), SIZE_MAX, &a->w));
    CHECK_INT(a->rc, BIDE_EEOF);
    bide_stream_data(home_stream(h, 1), &n);
    CHECK_INT(n, 1000000);
    bide_stream_data(home_stream(h, 2), &n);
    CHECK_INT(n, 1000000);
    ENDS(a, h, 0);
    bide_stream_close(home_stream(h, 1));
    CHECK_INT(bide_stream_read_ahead(home_stream(h, 1)), BIDE_ECLOSED);
    END(a);
}

static void
test_process_run_does_not_deadlock(void **state)
{
    (void)state;
    home_play(is_read_ahead);
}

static void
joins_outputs(actor *a)
{
    home *h = a->arg;

    BEGIN(a);
    home_shell(h, "echo one; echo two >&2");
    h->o.stdio[1].kind = BIDE_STDIO_PIPE;
    h->o.stdio[2].kind = BIDE_STDIO_STDOUT;
    OPEN(a, h);
    HEAR(a, h);
    CHECK(strcmp(h->text, "one\ntwo\n") == 0);
    ENDS(a, h, 0);
    END(a);
}

static void
test_process_stderr_goes_to_stdout(void **state)
{
    (void)state;
    home_play(joins_outputs);
}

static void
closes_early(actor *a)
{
    home *h = a->arg;

    BEGIN(a);
    home_shell(h, "exec <&-; echo; exec sleep 60");
    h->o.stdio[0].kind = BIDE_STDIO_PIPE;
    h->o.stdio[1].kind = BIDE_STDIO_PIPE;
    OPEN(a, h);
    AWAIT_OK(a, bide_stream_read(home_stream(h, 1), 1, &a->w));
    bide_stream_consume(home_stream(h, 1), 1);
    AWAIT(a, bide_stream_write(home_stream(h, 0), "x", 1, &a->w));
    CHECK_INT(a->rc, -EPIPE);
    bide_process_stop(h->p, 0);
    ENDS(a, h, -9);
    END(a);
}

static void
test_process_that_closes_its_input_is_an_error(void **state)
{
    (void)state;
    home_play(closes_early);
}

static void
moves_stream(actor *a)
{
    home *h = a->arg;
    bide_stream *ends[2];

    BEGIN(a);
    home_run(h, "cat")->stdio[0].kind = BIDE_STDIO_STREAM;
    h->o.stdio[1].kind = BIDE_STDIO_STREAM;
    CHECK_INT(bide_stream_pair(h->wd.loop, ends), 0);
    a->extra = ends[0];
    h->o.stdio[0].stream = h->o.stdio[1].stream = ends[1];
    OPEN(a, h);
    CHECK(bide_stream_closed(h->o.stdio[0].stream));
    AWAIT_OK(a, bide_stream_write(a->extra, "hello", 5, &a->w));
    AWAIT_OK(a, bide_stream_read_exact(a->extra, 5, &a->w));
    bide_stream_consume(a->extra, 5);
    AWAIT_OK(a, bide_stream_shutdown(a->extra, &a->w));
    ENDS(a, h, 0);
    bide_stream_unref(a->extra);
    bide_stream_unref(h->o.stdio[0].stream);
    END(a);
}

static void
test_process_takes_a_stream_over(void **state)
{
    (void)state;
    home_play(moves_stream);
}

/* -- how it is started ---------------------------------------------------- */

static void
fails(actor *a)
{
    home *h = a->arg;

    BEGIN(a);
    AWAIT(a, bide_process_open(home_run(h, "bide-no-such-program"), &a->w));
    CHECK_INT(a->rc, -ENOENT);
    CHECK_INT(a->w.value.as.integer, BIDE_SPAWN_EXEC);
    AWAIT(a, bide_process_open(home_run(h, "/bide/nowhere"), &a->w));
    CHECK_INT(a->rc, -ENOENT);
    AWAIT(a, bide_process_open(home_run(h, ""), &a->w));
    CHECK_INT(a->rc, -ENOENT);
    AWAIT(a, bide_process_open(home_run(h, "/etc/passwd"), &a->w));
    CHECK_INT(a->rc, -EACCES);
    CHECK_INT(a->w.value.as.integer, BIDE_SPAWN_EXEC);
    home_run(h, "true")->cwd = "/bide/nowhere";
    AWAIT(a, bide_process_open(&h->o, &a->w));
    CHECK_INT(a->rc, -ENOENT);
    CHECK_INT(a->w.value.as.integer, BIDE_SPAWN_CWD);
    h->argv[0] = NULL;
    AWAIT(a, bide_process_open(&h->o, &a->w));
    CHECK_INT(a->rc, BIDE_EINVALID);
    home_run(h, "true")->stdio[0].kind = BIDE_STDIO_STDOUT;
    AWAIT(a, bide_process_open(&h->o, &a->w));
    CHECK_INT(a->rc, BIDE_EINVALID);
    home_run(h, "true")->stdio[0] = (bide_stdio){BIDE_STDIO_FD, 999, NULL};
    AWAIT(a, bide_process_open(&h->o, &a->w));
    CHECK_INT(a->rc, -EBADF);
    CHECK_INT(a->w.value.as.integer, BIDE_SPAWN_STDIO);
    END(a);
}

static void
test_process_that_cannot_be_started_is_an_error(void **state)
{
    (void)state;
    home_play(fails);
}

static const char *const whole[] = {"A=1", "PATH=/usr/bin:/bin", NULL};
static const char *const more[] = {"A=2", "BIDE_TEST_GONE", NULL};

static void
has_surroundings(actor *a)
{
    home *h = a->arg;

    BEGIN(a);
    home_shell(h, "pwd; echo $A$BIDE_TEST_GONE$BIDE_TEST_STAYS; umask");
    h->o.cwd = "/";
    h->o.env = whole;
    h->o.flags = BIDE_PROCESS_UMASK;
    h->o.umask = 027;
    h->o.stdio[1].kind = BIDE_STDIO_PIPE;
    setenv("BIDE_TEST_GONE", "x", 1);
    setenv("BIDE_TEST_STAYS", "y", 1);
    OPEN(a, h);
    HEAR(a, h);
    CHECK(strcmp(h->text, "/\n1\n0027\n") == 0);
    ENDS(a, h, 0);
    home_drop(h);
    h->o.env = more;
    h->o.flags |= BIDE_PROCESS_EXTEND_ENV;
    OPEN(a, h);
    HEAR(a, h);
    CHECK(strcmp(h->text, "/\n2y\n0027\n") == 0);
    ENDS(a, h, 0);
    END(a);
}

static void
test_process_has_the_environment_and_directory_asked_for(void **state)
{
    (void)state;
    home_play(has_surroundings);
}

/* One descriptor of ours is not closed on exec, as those of other libraries. */
static void
lists_descriptors(actor *a)
{
    home *h = a->arg;

    BEGIN(a);
    h->fds[0] = dup(0);
    /* The shell's own: ls is run by exec, and opens the directory as the lowest
     * free number. */
    home_shell(h, "exec ls /proc/self/fd");
    h->o.stdio[1].kind = BIDE_STDIO_PIPE;
    OPEN(a, h);
    HEAR(a, h);
    CHECK(strcmp(h->text, "0\n1\n2\n3\n") == 0);
    ENDS(a, h, 0);
    close(h->fds[0]);
    END(a);
}

static void
test_process_gets_no_other_descriptors(void **state)
{
    (void)state;
    home_play(lists_descriptors);
}

/* The numbers cross over: what is 3 here is 4 there, and the reverse. */
static void
maps_descriptors(actor *a)
{
    home *h = a->arg;
    bide_fd_map *map = (bide_fd_map *)h->text;

    BEGIN(a);
    CHECK_INT(pipe(h->fds), 0);
    map[0] = (bide_fd_map){h->fds[0], h->fds[1]};
    map[1] = (bide_fd_map){h->fds[1], h->fds[0]};
    h->data = malloc(64);
    snprintf(h->data, 64, "echo there >/dev/fd/%d", h->fds[0]);
    home_shell(h, h->data);
    h->o.fds = map;
    h->o.fd_count = 2;
    OPEN(a, h);
    ENDS(a, h, 0);
    CHECK_INT(read(h->fds[0], h->text, 8), 6);
    CHECK_INT(memcmp(h->text, "there\n", 6), 0);
    map[1] = map[0] = (bide_fd_map){h->fds[1], 7};
    AWAIT(a, bide_process_open(&h->o, &a->w));
    CHECK_INT(a->rc, BIDE_EINVALID);
    map[1].child_fd = 2;
    AWAIT(a, bide_process_open(&h->o, &a->w));
    CHECK_INT(a->rc, BIDE_EINVALID);
    close(h->fds[0]);
    close(h->fds[1]);
    free(h->data);
    END(a);
}

static void
test_process_gets_the_descriptors_mapped(void **state)
{
    (void)state;
    home_play(maps_descriptors);
}

static int64_t
mask_in(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at ? strtoll(at + strlen(name) + 1, NULL, 16) : -1;
}

/* What is caught, blocked or ignored here does not matter there, but for what
 * we were told to ignore. The shell would not reset them itself. */
static void
shows_signals(actor *a)
{
    home *h = a->arg;
    sigset_t blocked;

    BEGIN(a);
    signal(SIGHUP, SIG_IGN);
    signal(SIGUSR1, (void (*)(int))abort);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
    home_shell(h, "exec grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status");
    h->o.stdio[1].kind = BIDE_STDIO_PIPE;
    OPEN(a, h);
    HEAR(a, h);
    CHECK_INT(mask_in(h->text, "SigBlk"), 0);
    CHECK_INT(mask_in(h->text, "SigCgt") & 0x200, 0); /* SIGUSR1 */
    /* Bit 0: SIGHUP, 12: SIGPIPE. */
    CHECK_INT(mask_in(h->text, "SigIgn") & 0x1001, 1);
    ENDS(a, h, 0);
    signal(SIGHUP, SIG_DFL);
    signal(SIGUSR1, SIG_DFL);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR2);
    pthread_sigmask(SIG_UNBLOCK, &blocked, NULL);
    END(a);
}

static void
test_process_signals_are_at_their_defaults(void **state)
{
    (void)state;
    home_play(shows_signals);
}

/* -- terminals ------------------------------------------------------------ */

static void
has_terminal(actor *a)
{
    home *h = a->arg;

    BEGIN(a);
    home_shell(h, "stty -echo -onlcr; stty size; read line </dev/tty;"
                  "echo got $line");
    h->o.rows = 30;
    h->o.columns = 90;
    for (int i = 0; i < 3; i++)
        h->o.stdio[i].kind = BIDE_STDIO_PTY;
    OPEN(a, h);
    CHECK(home_stream(h, 0) == home_stream(h, 2));
    AWAIT_OK(a, bide_stream_read_until(home_stream(h, 1), "\n", 1, 99, &a->w));
    CHECK_INT(a->w.u.io.len, 6);
    bide_stream_consume(home_stream(h, 1), 6);
    AWAIT_OK(a, bide_stream_write(home_stream(h, 0), "this\n", 5, &a->w));
    HEAR(a, h);
    CHECK(strcmp(h->text, "got this\n") == 0);
    ENDS(a, h, 0);
    END(a);
}

static void
test_process_on_a_terminal(void **state)
{
    (void)state;
    home_play(has_terminal);
}

TEST_MAIN("process", T(process_gives_its_exit_code),
          T(process_talks_through_pipes), T(process_stderr_goes_to_stdout),
          T(process_run_does_not_deadlock),
          T(process_that_closes_its_input_is_an_error),
          T(process_takes_a_stream_over),
          T(process_that_cannot_be_started_is_an_error),
          T(process_has_the_environment_and_directory_asked_for),
          T(process_gets_no_other_descriptors),
          T(process_gets_the_descriptors_mapped),
          T(process_signals_are_at_their_defaults), T(process_on_a_terminal))
