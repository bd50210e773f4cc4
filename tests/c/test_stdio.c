/* test_stdio.c - standard input and output, terminals. */
#include "support_process.h"
#include "support_sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

typedef struct place {
    world wd;
    bide_stream *a, *b;
    int kept, number; /* a descriptor that was replaced */
    int fds[2];
    int before;
} place;

/* libuv opens a pipe for good with the first loop of the process. */
static void
warm_up(void)
{
    bide_loop *l;
    CHECK_INT(bide_loop_new(NULL, &l), 0);
    CHECK_INT(bide_loop_close(l, 0, NULL, NULL), 0);
    bide_loop_unref(l);
}

static void
begin(place *p)
{
    warm_up();
    memset(p, 0, sizeof *p);
    p->kept = -1;
    fflush(NULL);
    p->before = open_descriptors();
    world_begin_real(&p->wd);
}

/* Puts `fd`, which is closed, in the place of `number`. */
static void
replace(place *p, int number, int fd)
{
    CHECK(fd >= 0);
    p->kept = dup(number);
    p->number = number;
    dup2(fd, number);
    close(fd);
}

static void
put_back(place *p)
{
    if (p->kept < 0)
        return;
    dup2(p->kept, p->number);
    close(p->kept);
    p->kept = -1;
}

static void
finish(place *p)
{
    bide_stream_unref(p->a);
    bide_stream_unref(p->b);
    world_end(&p->wd);
    put_back(p);
    CHECK_INT(open_descriptors(), p->before);
    check_end();
}

static void
play(place *p, actor_body body)
{
    actor *a = actor_spawn(&p->wd, "a", body, p);
    world_run(&p->wd);
    CHECK(a->over);
    finish(p);
}

static void
expect(bide_stream *s, const bide_wait *w, const char *wanted)
{
    size_t len;
    const char *data = bide_stream_data(s, &len);
    CHECK_INT(w->u.io.len, strlen(wanted));
    CHECK(len >= strlen(wanted) && memcmp(data, wanted, strlen(wanted)) == 0);
    bide_stream_consume(s, w->u.io.len);
}

/* An unlinked file with `text` in it, read from the start. */
static int
file_with(const char *text)
{
    char path[] = "/tmp/bide-XXXXXX";
    int fd = mkstemp(path);
    unlink(path);
    CHECK_INT(write(fd, text, strlen(text)), strlen(text));
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static bool
is_nonblocking(int fd)
{
    return fcntl(fd, F_GETFL) & O_NONBLOCK;
}

/* -- files ---------------------------------------------------------------- */

static void
reads_file(actor *a)
{
    place *p = a->arg;

    BEGIN(a);
    CHECK_INT(bide_stream_open_stdio(p->wd.loop, 0, &p->a), 0);
    AWAIT_OK(a, bide_stream_read_until(p->a, "\n", 1, 99, &a->w));
    expect(p->a, &a->w, "one\n");
    AWAIT_OK(a, bide_stream_read(p->a, 99, &a->w));
    expect(p->a, &a->w, "two\n");
    AWAIT_OK(a, bide_stream_read(p->a, 99, &a->w));
    CHECK_INT(a->w.u.io.len, 0);
    AWAIT(a, bide_stream_write(p->a, "x", 1, &a->w));
    CHECK_INT(a->rc, -EBADF);
    END(a);
}

static void
test_stdio_reads_a_file(void **state)
{
    (void)state;
    place p;
    begin(&p);
    int fd = file_with("one\ntwo\n");
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int reading = open(link, O_RDONLY);
    close(fd);
    replace(&p, 0, reading);
    play(&p, reads_file);
}

enum { MUCH = 300 * 1000 };

static void
writes_file(actor *a)
{
    place *p = a->arg;
    static char data[MUCH];

    BEGIN(a);
    CHECK_INT(bide_stream_open_stdio(p->wd.loop, 1, &p->a), 0);
    CHECK(!bide_stream_is_tty(p->a));
    AWAIT_OK(a, bide_stream_write(p->a, data, sizeof data, &a->w));
    AWAIT_OK(a, bide_stream_shutdown(p->a, &a->w));
    CHECK_INT(lseek(1, 0, SEEK_END), MUCH);
    AWAIT(a, bide_stream_write(p->a, data, 1, &a->w));
    CHECK_INT(a->rc, -EPIPE);
    END(a);
}

static void
test_stdio_writes_a_file(void **state)
{
    (void)state;
    place p;
    begin(&p);
    replace(&p, 1, file_with(""));
    play(&p, writes_file);
}

/* A device that is always full. */
static void
fails_to_write(actor *a)
{
    place *p = a->arg;

    BEGIN(a);
    CHECK_INT(bide_stream_open_stdio(p->wd.loop, 1, &p->a), 0);
    AWAIT_OK(a, bide_stream_write(p->a, "x", 1, &a->w));
    AWAIT(a, bide_stream_shutdown(p->a, &a->w));
    CHECK_INT(a->rc, -ENOSPC);
    AWAIT(a, bide_stream_write(p->a, "x", 1, &a->w));
    CHECK_INT(a->rc, -ENOSPC);
    END(a);
}

static void
test_stdio_full_disk_is_an_error(void **state)
{
    (void)state;
    int fd = open("/dev/full", O_WRONLY);
    if (fd < 0)
        skip();
    close(fd);
    place p;
    begin(&p);
    replace(&p, 1, open("/dev/full", O_WRONLY));
    play(&p, fails_to_write);
}

static void
leaves_bytes(actor *a)
{
    place *p = a->arg;
    static char data[MUCH];

    BEGIN(a);
    CHECK_INT(bide_stream_open_stdio(p->wd.loop, 1, &p->a), 0);
    CHECK_INT(bide_stream_write_nowait(p->a, data, MUCH), 0);
    CHECK(bide_stream_unsent(p->a) > 0);
    END(a);
}

static void
test_stdio_writes_what_is_left_at_the_end(void **state)
{
    (void)state;
    place p;
    begin(&p);
    int fd = file_with("");
    replace(&p, 1, dup(fd));
    actor_spawn(&p.wd, "a", leaves_bytes, &p);
    world_run(&p.wd);
    CHECK_INT(bide_loop_close(p.wd.loop, BIDE_FOREVER, NULL, NULL), 0);
    CHECK_INT(lseek(fd, 0, SEEK_END), MUCH);
    close(fd);
    finish(&p);
}

/* -- pipes and sockets ---------------------------------------------------- */

static void
reads_standard(actor *a)
{
    place *p = a->arg;

    BEGIN(a);
    CHECK_INT(bide_stream_open_stdio(p->wd.loop, 0, &p->a), 0);
    CHECK_INT(write(p->fds[1], "hello", 5), 5);
    AWAIT_OK(a, bide_stream_read(p->a, 99, &a->w));
    expect(p->a, &a->w, "hello");
    trace(a, is_nonblocking(0) ? "shared" : "blocking");
    bide_stream_close(p->a);
    CHECK(!is_nonblocking(0));
    close(p->fds[1]);
    END(a);
}

static void
test_stdio_pipe_stays_blocking(void **state)
{
    (void)state;
    place p;
    begin(&p);
    CHECK_INT(pipe(p.fds), 0);
    replace(&p, 0, p.fds[0]);
    actor_spawn(&p.wd, "a", reads_standard, &p);
    world_run(&p.wd);
#ifdef __linux__
    world_traced(&p.wd, "a:blocking");
#endif
    finish(&p);
}

static void
test_stdio_socket_is_blocking_again(void **state)
{
    (void)state;
    place p;
    begin(&p);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, p.fds), 0);
    replace(&p, 0, p.fds[0]);
    actor_spawn(&p.wd, "a", reads_standard, &p);
    world_run(&p.wd);
    world_traced(&p.wd, "a:shared");
    finish(&p);
}

static void
test_stdio_of_what_is_no_stream_is_an_error(void **state)
{
    (void)state;
    place p;
    begin(&p);
    replace(&p, 0, open("/", O_RDONLY));
    CHECK_INT(bide_stream_open_stdio(p.wd.loop, 0, &p.a), BIDE_EINVALID);
    CHECK_INT(bide_stream_open_stdio(p.wd.loop, 3, &p.a), BIDE_EINVALID);
    close(0);
    CHECK_INT(bide_stream_open_stdio(p.wd.loop, 0, &p.a), -EBADF);
    finish(&p);
}

/* -- terminals ------------------------------------------------------------ */

static void
open_terminals(place *p)
{
    bide_stream *ends[2];
    begin(p);
    CHECK_INT(bide_pty_open(p->wd.loop, 30, 90, ends), 0);
    p->a = ends[0];
    p->b = ends[1];
}

static bool
echoes(bide_stream *s)
{
    struct termios t;
    CHECK_INT(tcgetattr(bide_stream_fd(s), &t), 0);
    return t.c_lflag & ECHO;
}

static void
talks(actor *a)
{
    place *p = a->arg;
    unsigned short rows, columns;

    BEGIN(a);
    CHECK(bide_stream_is_tty(p->a) && bide_stream_is_tty(p->b));
    CHECK_INT(bide_tty_size(p->b, &rows, &columns), 0);
    CHECK_INT(rows * 1000 + columns, 30090);
    CHECK_INT(bide_tty_resize(p->a, 40, 100), 0);
    CHECK_INT(bide_tty_size(p->b, &rows, &columns), 0);
    CHECK_INT(rows * 1000 + columns, 40100);
    AWAIT_OK(a, bide_stream_write(p->a, "ls\n", 3, &a->w));
    AWAIT_OK(a, bide_stream_read(p->b, 99, &a->w));
    expect(p->b, &a->w, "ls\n");
    AWAIT_OK(a, bide_stream_read_exact(p->a, 4, &a->w));
    expect(p->a, &a->w, "ls\r\n"); /* the echo */
    AWAIT_OK(a, bide_stream_write(p->b, "out", 3, &a->w));
    AWAIT_OK(a, bide_stream_read(p->a, 99, &a->w));
    expect(p->a, &a->w, "out");
    AWAIT_OK(a, bide_stream_write(p->a, "\4", 1, &a->w)); /* ^D */
    AWAIT_OK(a, bide_stream_read(p->b, 99, &a->w));
    CHECK_INT(a->w.u.io.len, 0);
    bide_stream_close(p->b);
    AWAIT_OK(a, bide_stream_read(p->a, 99, &a->w));
    CHECK_INT(a->w.u.io.len, 0);
    END(a);
}

static void
test_pty_dialogue(void **state)
{
    (void)state;
    place p;
    open_terminals(&p);
    play(&p, talks);
}

static void
goes_raw(actor *a)
{
    place *p = a->arg;

    BEGIN(a);
    CHECK(echoes(p->b));
    CHECK_INT(bide_tty_raw(p->b, true), 0);
    CHECK_INT(bide_tty_raw(p->b, true), 0);
    CHECK_INT(bide_tty_raw(p->a, true), 0); /* the same terminal */
    CHECK(!echoes(p->b));
    AWAIT_OK(a, bide_stream_write(p->a, "q\3", 2, &a->w)); /* ^C is a key */
    AWAIT_OK(a, bide_stream_read_exact(p->b, 2, &a->w));
    expect(p->b, &a->w, "q\3");
    CHECK_INT(bide_tty_raw(p->a, false), 0);
    CHECK(!echoes(p->b));
    bide_stream_close(p->b);
    CHECK(echoes(p->a));
    END(a);
}

static void
test_tty_raw_mode_ends_with_its_streams(void **state)
{
    (void)state;
    place p;
    bide_stream *ends[2];
    open_terminals(&p);
    CHECK_INT(bide_stream_pair(p.wd.loop, ends), 0);
    CHECK_INT(bide_tty_raw(ends[0], true), -ENOTTY);
    CHECK(!bide_stream_is_tty(ends[0]));
    bide_stream_unref(ends[0]);
    bide_stream_unref(ends[1]);
    play(&p, goes_raw);
}

/* A child that ends in raw mode: by `signum`, or by exit. */
static void
dies_raw(bide_stream *s, int signum)
{
    pid_t child = fork();
    if (child == 0) {
        /* A loop of a forked process is not for use: a stream is. */
        if (bide_tty_raw(s, true) || echoes(s))
            _exit(9);
        if (signum)
            raise(signum);
        exit(0);
    }
    int status;
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK_INT(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
              signum);
    CHECK(echoes(s));
}

static void
test_tty_raw_mode_ends_with_the_process(void **state)
{
    (void)state;
    place p;
    open_terminals(&p);
    dies_raw(p.b, 0);
    dies_raw(p.b, SIGTERM);
    dies_raw(p.b, SIGHUP);
    finish(&p);
}

static void
reads_terminal(actor *a)
{
    place *p = a->arg;

    BEGIN(a);
    CHECK_INT(bide_stream_open_stdio(p->wd.loop, 0, &p->b), 0);
    CHECK(bide_stream_is_tty(p->b));
    CHECK(!is_nonblocking(0));
    AWAIT_OK(a, bide_stream_write(p->a, "line\n", 5, &a->w));
    AWAIT_OK(a, bide_stream_read(p->b, 99, &a->w));
    expect(p->b, &a->w, "line\n");
    CHECK_INT(bide_tty_raw(p->b, true), 0);
    bide_stream_close(p->b);
    CHECK(echoes(p->a));
    END(a);
}

static void
test_stdio_terminal_stays_blocking(void **state)
{
    (void)state;
    place p;
    open_terminals(&p);
    int fd = dup(bide_stream_fd(p.b));
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    replace(&p, 0, fd);
    bide_stream_unref(p.b);
    p.b = NULL;
    play(&p, reads_terminal);
}

/* -- faults --------------------------------------------------------------- */

/* A file read and written: the victim never loses or doubles a byte. */
static void
copies(actor *a)
{
    place *p = a->world->state;

    BEGIN(a);
    for (a->i = 0; a->i < 3; a->i++) {
        AWAIT(a, bide_stream_read_exact(p->a, 2, &a->w));
        if (a->rc)
            break;
        bide_stream_consume(p->a, 2);
        a->n++;
        AWAIT(a, bide_yield(&a->w));
        if (a->rc)
            break;
    }
    END(a);
}

static actor *
build(world *wd, void *state)
{
    place *p = state;
    p->kept = -1;
    replace(p, 0, file_with("aabbcc"));
    CHECK_INT(bide_stream_open_stdio(wd->loop, 0, &p->a), 0);
    return actor_spawn(wd, "victim", copies, p);
}

static void
verify(world *wd, void *state, bool hit)
{
    place *p = state;
    size_t left;
    bide_stream_data(p->a, &left);
    CHECK(hit || wd->victim->n == 3);
    CHECK(left == 0 || left == (size_t)(6 - 2 * wd->victim->n));
    bide_stream_unref(p->a);
    put_back(p);
}

static void
test_stdio_cancel_at_every_park(void **state)
{
    (void)state;
    static const scenario s = {sizeof(place), build, verify};
    fflush(NULL);
    sweep_cancel(&s);
}

static int
attempt(void)
{
    bide_loop *l;
    bide_stream *ends[2], *s = NULL;
    int rc = bide_loop_new(NULL, &l);
    if (rc)
        return rc;
    rc = bide_stream_open_pipe(l, ends);
    if (rc == 0) {
        bide_stream_unref(ends[0]);
        bide_stream_unref(ends[1]);
        rc = bide_pty_open(l, 0, 0, ends);
    }
    if (rc == 0) {
        bide_stream_unref(ends[0]);
        bide_stream_unref(ends[1]);
        rc = bide_stream_open_stdio(l, 0, &s);
    }
    bide_stream_unref(s);
    CHECK_INT(bide_loop_close(l, 0, NULL, NULL), 0);
    bide_loop_unref(l);
    return rc;
}

static void
test_stdio_without_memory_is_an_error(void **state)
{
    (void)state;
    place p = {.kept = -1};
    fflush(NULL);
    int before = open_descriptors();
    replace(&p, 0, open("/dev/null", O_RDWR));
    sweep_memory(attempt);
    put_back(&p);
    CHECK_INT(open_descriptors(), before);
    check_end();
}

TEST_MAIN("stdio", T(stdio_reads_a_file), T(stdio_writes_a_file),
          T(stdio_full_disk_is_an_error),
          T(stdio_writes_what_is_left_at_the_end), T(stdio_pipe_stays_blocking),
          T(stdio_socket_is_blocking_again), T(stdio_terminal_stays_blocking),
          T(stdio_of_what_is_no_stream_is_an_error), T(pty_dialogue),
          T(tty_raw_mode_ends_with_its_streams),
          T(tty_raw_mode_ends_with_the_process), T(stdio_cancel_at_every_park),
          T(stdio_without_memory_is_an_error))
