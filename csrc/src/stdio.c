/* Standard input, output and error as streams; pipes and FIFOs.
 *
 * A non-blocking file is that for every process that shares it, a shell for
 * one. So a pipe or terminal is opened anew where the system can do that; what
 * cannot be opened anew, such as a socket, is shared and put back later. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop.h"
#include "mended.h"
#include "pipe.h"
#include "slow.h"
#include "stand_in.h"
#include "stream_state.h"
#include "tcp.h"

/* -- descriptors anew ----------------------------------------------------- */

/* The same file in a file description of its own, or an error. The name of a
 * pty's master stands for the next pair of terminals. */
static int
open_anew(int number, int flags)
{
#ifdef __linux__
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", number);
#else
    char path[128];
    if (!isatty(number) || ttyname_r(number, path, sizeof path))
        return -ENOTSUP;
#endif
    int fd = open(path, (flags & (O_ACCMODE | O_APPEND)) | O_NONBLOCK |
                            O_CLOEXEC | O_NOCTTY);
    return fd < 0 ? -errno : fd;
}

static bool
is_master(int fd)
{
#ifdef __linux__
    char name[128];
    return ptsname_r(fd, name, sizeof name) == 0;
#else
    return ptsname(fd) != NULL;
#endif
}

static int
duplicate(int number)
{
    int fd = fcntl(number, F_DUPFD_CLOEXEC, 3);
    return fd < 0 ? -errno : fd;
}

/* -- the kinds ------------------------------------------------------------ */

typedef int adopt(bide_loop *l, int fd, bide_stream **out);

static int
adopt_or_close(bide_loop *l, int fd, adopt *as, bide_stream **out)
{
    if (fd < 0)
        return fd;
    int rc = as(l, fd, out);
    if (rc)
        close(fd);
    return rc;
}

static int
share(bide_loop *l, int number, adopt *as, bide_stream **out)
{
    bide__mended_enter();
    int rc = adopt_or_close(l, duplicate(number), as, out);
    if (rc)
        bide__mended_leave();
    else
        (*out)->shared = true;
    return rc;
}

static int
open_pipe_end(bide_loop *l, int number, int flags, bide_stream **out)
{
    struct stat st;
    int fd = -1;
    if (fstat(number, &st) == 0 && S_ISFIFO(st.st_mode))
        fd = open_anew(number, flags);
    return fd < 0 ? share(l, number, bide__pipe_adopt, out)
                  : adopt_or_close(l, fd, bide__pipe_adopt, out);
}

static int
open_terminal(bide_loop *l, int number, int flags, bide_stream **out)
{
    int fd = is_master(number) ? -1 : open_anew(number, flags);
    int rc = fd < 0 ? share(l, number, bide__pipe_adopt, out)
                    : adopt_or_close(l, fd, bide__pipe_adopt, out);
    if (rc == 0)
        (*out)->terminal = true;
    return rc;
}

int
bide_stream_open_stdio(bide_loop *l, int number, bide_stream **out)
{
    if (bide_loop_closed(l))
        return BIDE_ECLOSED;
    if (number < 0 || number > 2)
        return BIDE_EINVALID;
    int flags = fcntl(number, F_GETFL);
    if (flags < 0)
        return -errno;
    if (bide__stands_in(number))
        return -EBADF;
    switch (uv_guess_handle(number)) {
    case UV_FILE:
        return bide__slow_open(l, number, flags & O_ACCMODE, out);
    case UV_TTY:
        return open_terminal(l, number, flags, out);
    case UV_NAMED_PIPE:
        return open_pipe_end(l, number, flags, out);
    case UV_TCP:
        return share(l, number, bide__tcp_adopt, out);
    default:
        return BIDE_EINVALID;
    }
}

/* -- pipes ---------------------------------------------------------------- */

int
bide_stream_open_pipe(bide_loop *l, bide_stream *out[2])
{
    uv_file fds[2];
    bide_stream *reader;
    if (bide_loop_closed(l))
        return BIDE_ECLOSED;
    int rc = uv_pipe(fds, UV_NONBLOCK_PIPE, UV_NONBLOCK_PIPE);
    if (rc)
        return rc;
    rc = adopt_or_close(l, fds[0], bide__pipe_adopt, &reader);
    if (rc) {
        close(fds[1]);
        return rc;
    }
    rc = adopt_or_close(l, fds[1], bide__pipe_adopt, &out[1]);
    if (rc)
        bide_stream_unref(reader);
    else
        out[0] = reader;
    return rc;
}

int
bide_stream_open_fifo(bide_loop *l, const char *path, bool write,
                      bide_stream **out)
{
    struct stat st;
    if (bide_loop_closed(l))
        return BIDE_ECLOSED;
    if (!path)
        return BIDE_EINVALID;
    if (stat(path, &st))
        return -errno;
    if (!S_ISFIFO(st.st_mode))
        return BIDE_EINVALID;
    int fd = open(path, (write ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_CLOEXEC |
                            O_NOCTTY);
    return adopt_or_close(l, fd < 0 ? -errno : fd, bide__pipe_adopt, out);
}
