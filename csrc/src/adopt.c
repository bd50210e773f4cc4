/* Streams over descriptors that others made, and pairs of streams. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "pipe.h"
#include "socket.h"
#include "stream_state.h"
#include "tcp.h"

static int
adopt_socket(bide_loop *l, int fd, bide_stream **out,
             int (*adopt)(bide_loop *, int, bide_stream **))
{
    bide__sockaddr peer;
    int rc = bide__socket_peer(fd, &peer); /* ENOTCONN: not connected */
    return rc ? rc : adopt(l, fd, out);
}

static int
adopt(bide_loop *l, int fd, bide_stream **out)
{
    bide__sockaddr name;
    switch (uv_guess_handle(fd)) {
    case UV_TCP:
        return adopt_socket(l, fd, out, bide__tcp_adopt);
    case UV_NAMED_PIPE:
        if (bide__socket_name(fd, &name) == UV_ENOTSOCK)
            return bide__pipe_adopt(l, fd, out);
        return adopt_socket(l, fd, out, bide__pipe_adopt);
    default:
        return BIDE_EINVALID;
    }
}

int
bide_stream_open_fd(bide_loop *l, int fd, bide_stream **out)
{
    bide_stream *s;
    if (bide_loop_closed(l))
        return BIDE_ECLOSED;
    if (fd < 0)
        return BIDE_EINVALID;
    int flags = fcntl(fd, F_GETFD);
    if (flags < 0)
        return -errno;
    int rc = adopt(l, fd, &s);
    if (rc)
        return rc;
    fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
    *out = s;
    return 0;
}

int
bide_stream_pair(bide_loop *l, bide_stream *out[2])
{
    uv_os_sock_t fds[2];
    bide_stream *first, *second;
    if (bide_loop_closed(l))
        return BIDE_ECLOSED;
    int rc =
        uv_socketpair(SOCK_STREAM, 0, fds, UV_NONBLOCK_PIPE, UV_NONBLOCK_PIPE);
    if (rc)
        return rc;
    rc = bide__pipe_adopt(l, fds[0], &first);
    if (rc) {
        bide__socket_close(fds[0]);
        bide__socket_close(fds[1]);
        return rc;
    }
    rc = bide__pipe_adopt(l, fds[1], &second);
    if (rc) {
        bide_stream_unref(first);
        bide__socket_close(fds[1]);
        return rc;
    }
    out[0] = first;
    out[1] = second;
    return 0;
}
