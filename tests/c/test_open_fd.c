/* test_open_fd.c - pairs of streams, and streams over descriptors of others. */
#include "support_net.h"
#include "support_sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct ends {
    world wd;
    bide_stream *a, *b;
    int fd;
} ends;

static void
begin(ends *e)
{
    memset(e, 0, sizeof *e);
    e->fd = -1;
    world_begin(&e->wd, 0);
}

static void
play(ends *e, actor_body body)
{
    actor *a = actor_spawn(&e->wd, "a", body, e);
    world_run(&e->wd);
    CHECK(a->over);
    bide_stream_unref(e->a);
    bide_stream_unref(e->b);
    peer_close(&e->fd);
    world_end(&e->wd);
}

static bool
is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void
expect(bide_stream *s, bide_wait *w, const char *wanted)
{
    size_t len;
    const char *data = bide_stream_data(s, &len);
    CHECK_INT(w->u.io.len, strlen(wanted));
    CHECK(len >= strlen(wanted) && memcmp(data, wanted, strlen(wanted)) == 0);
    bide_stream_consume(s, w->u.io.len);
}

/* -- pairs ---------------------------------------------------------------- */

static void
talks(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_write(e->a, "there", 5, &a->w));
    AWAIT_OK(a, bide_stream_write(e->b, "back", 4, &a->w));
    AWAIT_OK(a, bide_stream_read(e->b, 9, &a->w));
    expect(e->b, &a->w, "there");
    AWAIT_OK(a, bide_stream_read(e->a, 9, &a->w));
    expect(e->a, &a->w, "back");
    AWAIT_OK(a, bide_stream_shutdown(e->a, &a->w));
    AWAIT_OK(a, bide_stream_read(e->b, 9, &a->w));
    CHECK_INT(a->w.u.io.len, 0);
    END(a);
}

static void
test_socketpair_connects_two_streams(void **state)
{
    (void)state;
    ends e;
    bide_address address;
    bide_stream *pair[2];
    begin(&e);
    CHECK_INT(bide_stream_pair(e.wd.loop, pair), 0);
    e.a = pair[0];
    e.b = pair[1];
    CHECK_INT(bide_stream_peer(e.a, &address), 0);
    CHECK_INT(address.family, BIDE_UNIX);
    CHECK(!*address.host);
    CHECK(fcntl(bide_stream_fd(e.b), F_GETFD) & FD_CLOEXEC);
    play(&e, talks);
}

/* -- sockets -------------------------------------------------------------- */

static void
talks_to_the_peer(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    peer_send(e->fd, "hello");
    AWAIT_OK(a, bide_stream_read(e->a, 9, &a->w));
    expect(e->a, &a->w, "hello");
    bide_stream_close(e->a);
    CHECK(peer_at_end(e->fd));
    END(a);
}

static void
test_open_fd_takes_a_socket(void **state)
{
    (void)state;
    int fds[2], port;
    ends e;
    /* A Unix socket. */
    begin(&e);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    e.fd = fds[1];
    CHECK_INT(bide_stream_open_fd(e.wd.loop, fds[0], &e.a), 0);
    CHECK_INT(bide_stream_fd(e.a), fds[0]);
    CHECK(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    CHECK_INT(bide_tcp_nodelay(e.a, true), BIDE_EINVALID);
    play(&e, talks_to_the_peer);
    /* A TCP socket. */
    begin(&e);
    int listening = peer_listen(&port);
    e.fd = peer_connect(port);
    fds[0] = accept(listening, NULL, NULL);
    CHECK_INT(bide_stream_open_fd(e.wd.loop, fds[0], &e.a), 0);
    CHECK_INT(bide_tcp_nodelay(e.a, true), 0);
    play(&e, talks_to_the_peer);
    CHECK(!is_open(fds[0]));
    close(listening);
}

/* -- pipes ---------------------------------------------------------------- */

static void
uses_a_pipe(actor *a)
{
    ends *e = a->arg;
    bide_address address;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_write(e->b, "through", 7, &a->w));
    AWAIT_OK(a, bide_stream_read(e->a, 99, &a->w));
    expect(e->a, &a->w, "through");
    CHECK_INT(bide_stream_local(e->a, &address), -ENOTSOCK);
    AWAIT(a, bide_stream_read(e->b, 9, &a->w));
    CHECK_INT(a->rc, -ENOTCONN);
    AWAIT(a, bide_stream_write(e->a, "x", 1, &a->w));
    CHECK_INT(a->rc, -EPIPE);
    bide_stream_close(e->b);
    AWAIT_OK(a, bide_stream_read(e->a, 9, &a->w));
    CHECK_INT(a->w.u.io.len, 0);
    END(a);
}

/* A write larger than the pipe goes on as the reader reads; then the reader
 * goes away. */
static void
fills_a_pipe(actor *a)
{
    ends *e = a->arg;
    static char data[300 * 1000];

    BEGIN(a);
    AWAIT(a, bide_stream_write(e->b, data, sizeof data, &a->w));
    CHECK_INT(a->rc, -EPIPE);
    trace(a, "EPIPE");
    END(a);
}

static void
reads_some(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_read_exact(e->a, 200 * 1000, &a->w));
    trace(a, "read");
    bide_stream_close(e->a);
    END(a);
}

static void
open_pipe(ends *e)
{
    int fds[2];
    begin(e);
    CHECK_INT(pipe(fds), 0);
    CHECK_INT(bide_stream_open_fd(e->wd.loop, fds[0], &e->a), 0);
    CHECK_INT(bide_stream_open_fd(e->wd.loop, fds[1], &e->b), 0);
}

static void
test_open_fd_takes_a_pipe(void **state)
{
    (void)state;
    ends e;
    open_pipe(&e);
    play(&e, uses_a_pipe);
    open_pipe(&e);
    actor_spawn(&e.wd, "r", reads_some, &e);
    actor_spawn(&e.wd, "w", fills_a_pipe, &e);
    world_run(&e.wd);
    world_traced(&e.wd, "r:read w:EPIPE");
    bide_stream_unref(e.a);
    bide_stream_unref(e.b);
    world_end(&e.wd);
}

/* -- our own, and FIFOs --------------------------------------------------- */

static void
uses_pipe(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_write(e->b, "through", 7, &a->w));
    AWAIT_OK(a, bide_stream_read(e->a, 99, &a->w));
    expect(e->a, &a->w, "through");
    AWAIT(a, bide_stream_shutdown(e->b, &a->w));
    CHECK_INT(a->rc, -ENOTSOCK);
    bide_stream_close(e->b);
    AWAIT_OK(a, bide_stream_read(e->a, 99, &a->w));
    CHECK_INT(a->w.u.io.len, 0);
    END(a);
}

static void
test_open_pipe_connects_two_streams(void **state)
{
    (void)state;
    ends e;
    bide_stream *pair[2];
    begin(&e);
    CHECK_INT(bide_stream_open_pipe(e.wd.loop, pair), 0);
    e.a = pair[0];
    e.b = pair[1];
    CHECK(fcntl(bide_stream_fd(e.a), F_GETFD) & FD_CLOEXEC);
    play(&e, uses_pipe);
}

static char path[64];

static void
reads_fifo(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_read(e->a, 99, &a->w)); /* no end before a start */
    expect(e->a, &a->w, "in");
    AWAIT_OK(a, bide_stream_read(e->a, 99, &a->w));
    CHECK_INT(a->w.u.io.len, 0);
    END(a);
}

static void
writes_fifo(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    a->i = 9;
    AWAIT_UNTIL(a, a->i-- == 0);
    CHECK_INT(bide_stream_open_fifo(e->wd.loop, path, true, &e->b), 0);
    AWAIT_OK(a, bide_stream_write(e->b, "in", 2, &a->w));
    bide_stream_close(e->b);
    END(a);
}

static void
test_open_fifo_never_waits(void **state)
{
    (void)state;
    ends e;
    begin(&e);
    snprintf(path, sizeof path, "/tmp/bide-fifo-%d", getpid());
    bide_loop *l = e.wd.loop;
    CHECK_INT(bide_stream_open_fifo(l, path, false, &e.a), -ENOENT);
    CHECK_INT(bide_stream_open_fifo(l, "/dev/null", false, &e.a),
              BIDE_EINVALID);
    CHECK_INT(mkfifo(path, 0600), 0);
    CHECK_INT(bide_stream_open_fifo(l, path, true, &e.a), -ENXIO);
    CHECK_INT(bide_stream_open_fifo(l, path, false, &e.a), 0);
    actor_spawn(&e.wd, "w", writes_fifo, &e);
    play(&e, reads_fifo);
    unlink(path);
}

/* -- refusals ------------------------------------------------------------- */

static void
refuses(bide_loop *l, int fd, int wanted)
{
    bide_stream *s = NULL;
    CHECK(fd >= 0);
    CHECK_INT(bide_stream_open_fd(l, fd, &s), wanted);
    CHECK(!s && is_open(fd));
    close(fd);
}

static void
test_open_fd_of_what_is_no_stream_is_an_error(void **state)
{
    (void)state;
    world wd;
    bide_stream *s = NULL;
    int port;
    world_begin(&wd, 0);
    refuses(wd.loop, open("/proc/self/exe", O_RDONLY), BIDE_EINVALID);
    refuses(wd.loop, open("/", O_RDONLY), BIDE_EINVALID);
    refuses(wd.loop, open("/dev/null", O_RDWR), BIDE_EINVALID);
    int terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    if (terminal >= 0) /* not where /dev/pts is not mounted */
        refuses(wd.loop, terminal, BIDE_EINVALID);
    refuses(wd.loop, socket(AF_INET, SOCK_DGRAM, 0), BIDE_EINVALID);
    refuses(wd.loop, socket(AF_UNIX, SOCK_DGRAM, 0), BIDE_EINVALID);
    refuses(wd.loop, socket(AF_INET, SOCK_STREAM, 0), -ENOTCONN);
    refuses(wd.loop, socket(AF_UNIX, SOCK_STREAM, 0), -ENOTCONN);
    refuses(wd.loop, peer_listen(&port), -ENOTCONN);
    int closed = open("/", O_RDONLY);
    close(closed);
    CHECK_INT(bide_stream_open_fd(wd.loop, closed, &s), -EBADF);
    CHECK_INT(bide_stream_open_fd(wd.loop, -1, &s), BIDE_EINVALID);
    world_end(&wd);
}

/* -- memory --------------------------------------------------------------- */

static int
attempt(void)
{
    bide_loop *l;
    bide_stream *pair[2], *s;
    int fds[2];
    int rc = bide_loop_new(NULL, &l);
    if (rc)
        return rc;
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    rc = bide_stream_pair(l, pair);
    if (rc == 0) {
        bide_stream_unref(pair[0]);
        bide_stream_unref(pair[1]);
        rc = bide_stream_open_fd(l, fds[0], &s);
        CHECK(is_open(fds[0]));
        if (rc == 0)
            bide_stream_unref(s);
    }
    if (rc)
        close(fds[0]);
    close(fds[1]);
    CHECK_INT(bide_loop_close(l, SECOND, NULL, NULL), 0);
    bide_loop_unref(l);
    CHECK(!is_open(fds[0]));
    return rc;
}

static void
test_open_fd_without_memory(void **state)
{
    (void)state;
    sweep_memory(attempt);
}

TEST_MAIN("open fd", T(socketpair_connects_two_streams),
          T(open_fd_takes_a_socket), T(open_fd_takes_a_pipe),
          T(open_pipe_connects_two_streams), T(open_fifo_never_waits),
          T(open_fd_of_what_is_no_stream_is_an_error),
          T(open_fd_without_memory))
