#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

#ifndef SOCK_CLOEXEC
static int
prepare(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
        fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}
#endif

int
bide__socket_open(int family, int type)
{
#ifdef SOCK_CLOEXEC
    int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd < 0 ? -errno : fd;
#else
    int fd = socket(family, type, 0);
    return fd < 0 ? -errno : prepare(fd);
#endif
}

static int
set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) ? -errno : 0;
}

/* Connections have from their listener what is set here. */
static int
set_for_connections(int fd, const bide_tcp_options *o)
{
    const struct {
        int option;
        unsigned value;
    } probes[] = {
#if defined(TCP_KEEPIDLE)
        {TCP_KEEPIDLE, o->keepalive},
#elif defined(TCP_KEEPALIVE)
        {TCP_KEEPALIVE, o->keepalive},
#endif
#if defined(TCP_KEEPINTVL) && defined(TCP_KEEPCNT)
        {TCP_KEEPINTVL, o->keepalive_interval},
        {TCP_KEEPCNT, o->keepalive_count},
#endif
    };
    int rc = set(fd, IPPROTO_TCP, TCP_NODELAY, !o->delay);
    if (rc || o->keepalive == 0)
        return rc;
    rc = set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    for (size_t i = 0; rc == 0 && i < sizeof probes / sizeof *probes; i++)
        if (probes[i].value)
            rc = set(fd, IPPROTO_TCP, probes[i].option, (int)probes[i].value);
    return rc;
}

static int
set_up(int fd, const bide__sockaddr *a, const bide_tcp_options *o)
{
    bool v6 = a->any.sa_family == AF_INET6;
    int rc = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (rc == 0 && v6)
        rc = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, o->v6_only);
    if (rc == 0 && o->reuse_port)
#ifdef SO_REUSEPORT
        rc = set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
#else
        rc = UV_ENOTSUP;
#endif
    if (rc == 0)
        rc = set_for_connections(fd, o);
    if (rc)
        return rc;
    if (bind(fd, &a->any, v6 ? sizeof a->v6 : sizeof a->v4))
        return -errno;
    return listen(fd, o->backlog > 0 ? o->backlog : BACKLOG) ? -errno : 0;
}

int
bide__socket_listen(const bide__sockaddr *a, const bide_tcp_options *o)
{
    int fd = bide__socket_open(a->any.sa_family, SOCK_STREAM);
    if (fd < 0)
        return fd;
    int rc = set_up(fd, a, o);
    if (rc == 0)
        return fd;
    close(fd);
    return rc;
}

static int
accept_one(int fd)
{
#ifdef SOCK_CLOEXEC
    int got = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    return got < 0 ? -errno : got;
#else
    int got = accept(fd, NULL, NULL);
    return got < 0 ? -errno : prepare(got);
#endif
}

/* What Linux hands on from a connection that is already gone again; accept(2)
 * asks to treat these as "try once more". */
static bool
is_passing(int error)
{
    switch (error) {
    case UV_EINTR:
    case UV_ECONNABORTED:
    case UV_EPROTO:
    case UV_ENETDOWN:
    case UV_EHOSTUNREACH:
    case UV_ENETUNREACH:
    case UV_ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

int
bide__socket_accept(int fd)
{
    int got;
    do {
        got = accept_one(fd);
    } while (got < 0 && is_passing(got));
    return got;
}

/* Zeroed, so that a Unix name, which may have no end of its own, shows where
 * it ends. */
int
bide__socket_name(int fd, bide__sockaddr *out)
{
    socklen_t size = sizeof *out;
    memset(out, 0, sizeof *out);
    return getsockname(fd, &out->any, &size) ? -errno : 0;
}

int
bide__socket_peer(int fd, bide__sockaddr *out)
{
    socklen_t size = sizeof *out;
    memset(out, 0, sizeof *out);
    return getpeername(fd, &out->any, &size) ? -errno : 0;
}

void
bide__socket_close(int fd)
{
    close(fd);
}
