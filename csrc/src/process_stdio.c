#include "process_stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "loop.h"
#include "pipe.h"
#include "pty.h"
#include "stream_state.h"

static int
give(bide__stdio *io, int number, int fd, bool opened)
{
    io->child[number] = fd;
    io->opened[number] = opened;
    return 0;
}

static int
open_null(bide__stdio *io, int number)
{
    int fd = open("/dev/null", (number ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
    return fd < 0 ? -errno : give(io, number, fd, true);
}

/* Only our end is non-blocking: the two are different files to the system. */
static int
open_pipe(bide__stdio *io, bide_loop *l, int number)
{
    uv_file fds[2];
    int rc = uv_pipe(fds, 0, 0);
    if (rc)
        return rc;
    int ours = number ? fds[0] : fds[1], childs = number ? fds[1] : fds[0];
    rc = bide__pipe_adopt(l, ours, &io->ours[number]);
    if (rc) {
        close(ours);
        close(childs);
        return rc;
    }
    return give(io, number, childs, true);
}

static int
share_terminal(bide__stdio *io, int number, int first)
{
    io->ours[number] = bide_stream_ref(io->ours[first]);
    return give(io, number, io->child[first], false);
}

static int
open_terminal(bide__stdio *io, bide_loop *l, const bide_process_options *o,
              int number)
{
    for (int i = 0; i < number; i++)
        if (o->stdio[i].kind == BIDE_STDIO_PTY)
            return share_terminal(io, number, i);
    int slave;
    int rc = bide__pty_open(l, o->rows, o->columns, &io->ours[number], &slave);
    if (rc)
        return rc;
    io->terminal = true;
    return give(io, number, slave, true);
}

/* Bytes that have been read ahead would be missing in the child. */
static int
move_stream(bide__stdio *io, bide_loop *l, bide_stream *s, int number)
{
    size_t len;
    if (bide_stream_loop(s) != l)
        return BIDE_EWRONGLOOP;
    int fd = bide_stream_fd(s);
    if (fd < 0)
        return fd;
    bide_stream_data(s, &len);
    if (len || s->reader || s->sending)
        return BIDE_EBUSY;
    return give(io, number, fd, false);
}

static int
open_one(bide__stdio *io, bide_loop *l, const bide_process_options *o,
         int number)
{
    const bide_stdio *what = &o->stdio[number];
    switch (what->kind) {
    case BIDE_STDIO_INHERIT:
        return give(io, number, fcntl(number, F_GETFD) < 0 ? -1 : number,
                    false);
    case BIDE_STDIO_NULL:
        return open_null(io, number);
    case BIDE_STDIO_PIPE:
        return open_pipe(io, l, number);
    case BIDE_STDIO_FD:
        return what->fd < 0 ? BIDE_EINVALID : give(io, number, what->fd, false);
    case BIDE_STDIO_STREAM:
        return what->stream ? move_stream(io, l, what->stream, number)
                            : BIDE_EINVALID;
    case BIDE_STDIO_STDOUT:
        return number == 2 ? give(io, number, io->child[1], false)
                           : BIDE_EINVALID;
    case BIDE_STDIO_PTY:
        return open_terminal(io, l, o, number);
    default:
        return BIDE_EINVALID;
    }
}

/* A stream is non-blocking, and so would be what the child gets: it is the same
 * file to the system. */
static void
set_blocking(const bide__stdio *io, const bide_process_options *o, bool on)
{
    for (int i = 0; i < BIDE__STDIO; i++) {
        if (o->stdio[i].kind != BIDE_STDIO_STREAM || io->child[i] < 0)
            continue;
        int flags = fcntl(io->child[i], F_GETFL);
        fcntl(io->child[i], F_SETFL,
              on ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
    }
}

int
bide__stdio_open(bide__stdio *io, bide_loop *l, const bide_process_options *o)
{
    *io = (bide__stdio){.child = {-1, -1, -1}};
    int rc = 0;
    for (int i = 0; i < BIDE__STDIO && rc == 0; i++)
        rc = open_one(io, l, o, i);
    if (rc) {
        bide__stdio_close(io, o, false);
        bide__stdio_drop(io);
    } else {
        set_blocking(io, o, true);
    }
    return rc;
}

void
bide__stdio_close(bide__stdio *io, const bide_process_options *o, bool started)
{
    if (!started)
        set_blocking(io, o, false);
    for (int i = 0; i < BIDE__STDIO; i++) {
        if (io->opened[i])
            close(io->child[i]);
        io->opened[i] = false;
        if (started && o->stdio[i].kind == BIDE_STDIO_STREAM)
            bide_stream_close(o->stdio[i].stream);
    }
}

void
bide__stdio_drop(bide__stdio *io)
{
    for (int i = 0; i < BIDE__STDIO; i++) {
        bide_stream_unref(io->ours[i]);
        io->ours[i] = NULL;
    }
}
