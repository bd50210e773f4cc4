/* test_sendfile.c - files sent to streams. */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support_file.h"
#include "support_net.h"
#include "support_sweep.h"

enum { BIG = 8 << 20 };

typedef struct sending {
    net n;
    bide_file *file;
    bool over, closing;
} sending;

static char
byte_at(size_t i)
{
    return (char)(i % 251);
}

/* A connection, and a file of `size` bytes. */
static void
begin(sending *s, size_t size)
{
    memset(s, 0, sizeof *s);
    scratch_begin();
    net_begin(&s->n);
    s->n.size = size;
    s->n.data = malloc(size + 1);
    if (!s->n.data)
        abort();
    for (size_t i = 0; i < size; i++)
        s->n.data[i] = byte_at(i);
    put_content("a", s->n.data, size);
    int fd = open(scratch("a"), O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(bide_file_open_fd(s->n.wd.loop, fd, &s->file), 0);
}

static void
expect(sending *s, const char *wanted)
{
    world_run(&s->n.wd);
    bide_file_unref(s->file);
    net_expect(&s->n, wanted);
}

static actor *
spawn(sending *s, const char *name, actor_body body)
{
    return net_spawn(&s->n, name, body);
}

/* -- what is sent --------------------------------------------------------- */

static void
sends_all(actor *a)
{
    sending *s = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_file_seek(s->file, 2, SEEK_SET, &a->w));
    AWAIT_OK(a, bide_stream_sendfile(s->n.stream, s->file, 0, -1, &a->w));
    CHECK_INT(a->w.u.io.done, 5);
    CHECK_INT(bide_file_position(s->file), 2);
    AWAIT_OK(a, bide_stream_sendfile(s->n.stream, s->file, 1, 3, &a->w));
    CHECK_INT(a->w.u.io.done, 3);
    AWAIT_OK(a, bide_stream_sendfile(s->n.stream, s->file, 0, 0, &a->w));
    CHECK_INT(a->w.u.io.done, 0);
    peer_recv(s->n.peer, s->n.text, 8);
    CHECK(memcmp(s->n.text, "\0\1\2\3\4\1\2\3", 8) == 0);
    trace(a, "sent");
    END(a);
}

static void
test_sendfile_sends_a_file_or_a_range(void **state)
{
    (void)state;
    sending s;
    begin(&s, 5);
    spawn(&s, "a", sends_all);
    expect(&s, "a:sent");
}

static void
sends_too_much(actor *a)
{
    sending *s = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_sendfile(s->n.stream, s->file, 3, 1 << 30, &a->w));
    CHECK_INT(a->w.u.io.done, 2);
    AWAIT_OK(a, bide_stream_sendfile(s->n.stream, s->file, 9, -1, &a->w));
    CHECK_INT(a->w.u.io.done, 0);
    AWAIT_OK(a, bide_stream_sendfile(s->n.stream, s->file, 9, 1, &a->w));
    CHECK_INT(a->w.u.io.done, 0);
    AWAIT_OK(a, bide_stream_write(s->n.stream, "x", 1, &a->w));
    peer_recv(s->n.peer, s->n.text, 3);
    CHECK(memcmp(s->n.text, "\3\4x", 3) == 0);
    trace(a, "sent");
    END(a);
}

static void
test_sendfile_ends_where_the_file_ends(void **state)
{
    (void)state;
    sending s;
    begin(&s, 5);
    spawn(&s, "a", sends_too_much);
    expect(&s, "a:sent");
}

/* -- in order ------------------------------------------------------------- */

/* Takes what is there: the bytes of the file over and over. */
static void
drain(sending *s, actor *a, size_t end)
{
    static char chunk[1 << 16];
    int there;
    while ((there = peer_pending(s->n.peer)) > 0 && (size_t)a->at < end) {
        size_t want = (size_t)there, at = (size_t)a->at;
        if (want > end - at)
            want = end - at;
        if (want > sizeof chunk - 1)
            want = sizeof chunk - 1;
        peer_recv(s->n.peer, chunk, want);
        for (size_t i = 0; i < want; i++)
            if (chunk[i] != byte_at((at + i) % s->n.size)) {
                CHECK(!"the bytes arrive in order");
                a->at = (int64_t)end;
                return;
            }
        a->at += (int64_t)want;
    }
}

/* `n` times the whole file, once the senders are stuck. */
static void
reads_slowly(actor *a)
{
    sending *s = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < 300; a->i++)
        AWAIT_OK(a, bide_yield(&a->w));
    AWAIT_UNTIL(a, !s->closing);
    CHECK(!s->over);
    if (a->extra)
        bide_task_cancel(&((actor *)a->extra)->task, number(0));
    trace(a, "begin");
    while ((size_t)a->at < s->n.size * (size_t)a->n) {
        drain(s, a, s->n.size * (size_t)a->n);
        AWAIT_OK(a, bide_yield(&a->w));
    }
    AWAIT_OK(a, bide_stream_write(s->n.stream, "next", 4, &a->w));
    peer_recv(s->n.peer, s->n.text, 4);
    trace(a, "%s", s->n.text);
    END(a);
}

static void
sends_or_writes(actor *a)
{
    sending *s = a->arg;

    BEGIN(a);
    if (a->n)
        AWAIT_OK(a,
                 bide_stream_write(s->n.stream, s->n.data, s->n.size, &a->w));
    else
        AWAIT_OK(a, bide_stream_sendfile(s->n.stream, s->file, 0, -1, &a->w));
    CHECK_INT(a->w.u.io.done, s->n.size);
    s->over = true;
    trace(a, "out");
    END(a);
}

static void
test_sendfile_keeps_its_place_among_writes(void **state)
{
    (void)state;
    sending s;
    begin(&s, BIG);
    spawn(&s, "a", sends_or_writes)->n = 1;
    spawn(&s, "b", sends_or_writes);
    spawn(&s, "c", sends_or_writes)->n = 1;
    spawn(&s, "d", sends_or_writes);
    spawn(&s, "r", reads_slowly)->n = 4;
    expect(&s, "r:begin a:out b:out c:out d:out r:next");
}

/* From the disk, as far as the system lets go of what it has. */
static void
test_sendfile_of_what_is_not_in_memory(void **state)
{
    (void)state;
    sending s;
    begin(&s, BIG);
    int fd = bide_file_fd(s.file);
    CHECK_INT(fsync(fd), 0);
#ifdef POSIX_FADV_DONTNEED
    CHECK_INT(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
#endif
    spawn(&s, "a", sends_or_writes);
    spawn(&s, "b", sends_or_writes);
    spawn(&s, "r", reads_slowly)->n = 2;
    expect(&s, "r:begin a:out b:out r:next");
}

static void
closes_file(actor *a)
{
    sending *s = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_file_close(s->file, &a->w));
    trace(a, "closed");
    s->closing = false;
    END(a);
}

static void
test_sendfile_of_a_file_that_is_closed_meanwhile(void **state)
{
    (void)state;
    sending s;
    begin(&s, BIG);
    spawn(&s, "a", sends_or_writes);
    spawn(&s, "c", closes_file);
    s.closing = true;
    spawn(&s, "r", reads_slowly)->n = 1;
    expect(&s, "c:closed r:begin a:out r:next");
}

/* -- cancelling ----------------------------------------------------------- */

static void
is_cancelled(actor *a)
{
    sending *s = a->arg;

    BEGIN(a);
    AWAIT(a, bide_stream_sendfile(s->n.stream, s->file, 0, -1, &a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK_INT(a->w.u.io.done > 0, a->n);
    CHECK(a->w.u.io.done < s->n.size);
    AWAIT(a, bide_file_close(s->file, &a->w));
    trace(a, "cancelled");
    END(a);
}

/* The rest follows by itself. */
static void
test_sendfile_cancelled_keeps_the_stream_in_step(void **state)
{
    (void)state;
    sending s;
    begin(&s, BIG);
    actor *a = spawn(&s, "a", is_cancelled);
    a->n = 1;
    actor *r = spawn(&s, "r", reads_slowly);
    r->n = 1;
    r->extra = a;
    expect(&s, "r:begin a:cancelled r:next");
}

static void
test_sendfile_cancelled_in_the_queue_sends_nothing(void **state)
{
    (void)state;
    sending s;
    begin(&s, BIG);
    spawn(&s, "w", sends_or_writes)->n = 1;
    actor *a = spawn(&s, "a", is_cancelled);
    actor *r = spawn(&s, "r", reads_slowly);
    r->n = 1;
    r->extra = a;
    expect(&s, "r:begin a:cancelled w:out r:next");
}

/* -- errors --------------------------------------------------------------- */

static void
ends_with(actor *a)
{
    sending *s = a->arg;

    BEGIN(a);
    AWAIT(a, bide_stream_sendfile(s->n.stream, s->file, 0, -1, &a->w));
    s->over = true;
    trace(a, "%s", bide_error_name(a->rc));
    END(a);
}

static void
breaks(actor *a)
{
    sending *s = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < 300; a->i++)
        AWAIT_OK(a, bide_yield(&a->w));
    CHECK(!s->over);
    if (a->n)
        peer_reset(&s->n.peer);
    else
        bide_stream_close(s->n.stream);
    END(a);
}

static void
test_sendfile_to_a_stream_that_is_closed(void **state)
{
    (void)state;
    sending s;
    begin(&s, BIG);
    spawn(&s, "a", ends_with);
    spawn(&s, "b", ends_with);
    spawn(&s, "c", breaks);
    world_run(&s.n.wd);
    spawn(&s, "d", ends_with);
    expect(&s, "a:ECLOSED b:ECLOSED d:ECLOSED");
}

static void
test_sendfile_to_a_peer_that_resets(void **state)
{
    (void)state;
    sending s;
    begin(&s, BIG);
    spawn(&s, "a", ends_with);
    spawn(&s, "c", breaks)->n = 1;
    expect(&s, "a:ECONNRESET");
}

static void
asks_wrongly(actor *a)
{
    sending *s = a->arg;
    bide_stream *to = s->n.stream;
    int ends[2];

    BEGIN(a);
    CHECK_INT(bide_stream_sendfile(to, s->file, -1, 1, &a->w), BIDE_EINVALID);
    CHECK_INT(bide_stream_sendfile(to, s->file, 2, INT64_MAX - 1, &a->w),
              BIDE_EINVALID);
    AWAIT_OK(a, bide_file_close(s->file, &a->w));
    CHECK_INT(bide_stream_sendfile(to, s->file, 0, 1, &a->w), -EBADF);
    bide_file_unref(s->file);
    CHECK_INT(pipe(ends), 0);
    close(ends[1]);
    CHECK_INT(bide_file_open_fd(a->world->loop, ends[0], &s->file), 0);
    CHECK_INT(bide_stream_sendfile(to, s->file, 0, 1, &a->w), -ESPIPE);
    trace(a, "refused");
    END(a);
}

static void
test_sendfile_refuses_what_it_cannot_send(void **state)
{
    (void)state;
    sending s;
    begin(&s, 5);
    spawn(&s, "a", asks_wrongly);
    expect(&s, "a:refused");
}

static void
has_no_descriptors(actor *a)
{
    sending *s = a->arg;
    static struct rlimit before;
    struct rlimit none;

    BEGIN(a);
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 3;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &none), 0);
    CHECK_INT(bide_stream_sendfile(s->n.stream, s->file, 0, -1, &a->w),
              -EMFILE);
    CHECK_INT(a->w.u.io.done, 0);
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &before), 0);
    AWAIT_OK(a, bide_stream_write(s->n.stream, "next", 4, &a->w));
    peer_recv(s->n.peer, s->n.text, 4);
    trace(a, "%s", s->n.text);
    END(a);
}

static void
test_sendfile_without_descriptors_is_an_error(void **state)
{
    (void)state;
    sending s;
    begin(&s, BIG);
    spawn(&s, "a", has_no_descriptors);
    expect(&s, "a:next");
}

/* -- other streams -------------------------------------------------------- */

static void
sends_to_pipe(actor *a)
{
    sending *s = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_sendfile(a->extra, s->file, 0, -1, &a->w));
    CHECK_INT(a->w.u.io.done, s->n.size);
    bide_stream_close(a->extra);
    trace(a, "sent");
    END(a);
}

static void
reads_pipe(actor *a)
{
    sending *s = a->arg;
    size_t len;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_read_exact(a->extra, s->n.size, &a->w));
    CHECK(memcmp(bide_stream_data(a->extra, &len), s->n.data, s->n.size) == 0);
    bide_stream_consume(a->extra, s->n.size);
    trace(a, "read");
    END(a);
}

/* `ends`: those of a pipe, or of a pair of sockets. */
static void
through(int ends[2])
{
    sending s;
    bide_stream *from = NULL, *to = NULL;
    begin(&s, 1 << 20);
    CHECK_INT(bide_stream_open_fd(s.n.wd.loop, ends[0], &from), 0);
    CHECK_INT(bide_stream_open_fd(s.n.wd.loop, ends[1], &to), 0);
    spawn(&s, "w", sends_to_pipe)->extra = to;
    spawn(&s, "r", reads_pipe)->extra = from;
    world_run(&s.n.wd);
    bide_stream_unref(from);
    bide_stream_unref(to);
    expect(&s, "w:sent r:read");
}

static void
test_sendfile_to_a_pipe(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    through(ends);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    through(ends);
}

/* -- cancelled and failed anywhere ---------------------------------------- */

/* Whatever becomes of the task, the bytes arrive in order, and once it has
 * closed the stream nothing is left. */
static void
sweeps(actor *a)
{
    sending *s = a->arg;

    BEGIN(a);
    AWAIT(a, bide_stream_sendfile(s->n.stream, s->file, 0, -1, &a->w));
    if (a->rc == 0)
        AWAIT(a, bide_stream_sendfile(s->n.stream, s->file, 0, -1, &a->w));
    bide_stream_close(s->n.stream);
    s->over = true;
    END(a);
}

static void
drains(actor *a)
{
    sending *s = a->arg;

    BEGIN(a);
    while (!s->over || peer_pending(s->n.peer) > 0) {
        drain(s, a, SIZE_MAX);
        AWAIT_OK(a, bide_yield(&a->w));
    }
    END(a);
}

static actor *
build(world *wd, void *state)
{
    sending *s = state;
    s->n.wd = *wd;
    s->n.peer = -1;
    s->n.size = 3 << 20;
    s->n.data = calloc(1, s->n.size);
    if (!s->n.data)
        abort();
    for (size_t i = 0; i < s->n.size; i++)
        s->n.data[i] = byte_at(i);
    put_content("a", s->n.data, s->n.size);
    int pair[2], fd = open(scratch("a"), O_RDWR);
    CHECK_INT(bide_file_open_fd(wd->loop, fd, &s->file), 0);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    s->n.peer = pair[0];
    CHECK_INT(bide_stream_open_fd(wd->loop, pair[1], &s->n.stream), 0);
    actor_spawn(wd, "r", drains, s);
    return actor_spawn(wd, "a", sweeps, s);
}

static void
verify(world *wd, void *state, bool hit)
{
    sending *s = state;
    (void)wd;
    (void)hit;
    CHECK(s->over);
    bide_stream_unref(s->n.stream);
    bide_file_unref(s->file);
    peer_close(&s->n.peer);
    free(s->n.data);
}

static void
test_sendfile_cancelled_anywhere(void **state)
{
    (void)state;
    static const scenario s = {sizeof(sending), build, verify};
    scratch_begin();
    int before = open_descriptors();
    sweep_cancel(&s);
    assert_int_equal(open_descriptors(), before);
}

TEST_MAIN("sendfile", T(sendfile_sends_a_file_or_a_range),
          T(sendfile_ends_where_the_file_ends),
          T(sendfile_keeps_its_place_among_writes),
          T(sendfile_of_what_is_not_in_memory),
          T(sendfile_of_a_file_that_is_closed_meanwhile),
          T(sendfile_cancelled_keeps_the_stream_in_step),
          T(sendfile_cancelled_in_the_queue_sends_nothing),
          T(sendfile_to_a_stream_that_is_closed),
          T(sendfile_to_a_peer_that_resets),
          T(sendfile_refuses_what_it_cannot_send),
          T(sendfile_without_descriptors_is_an_error), T(sendfile_to_a_pipe),
          T(sendfile_cancelled_anywhere))
