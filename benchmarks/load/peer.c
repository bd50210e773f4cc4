#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void
die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

void
target_init(target *t)
{
    if (!t->tls)
        return;
    t->context = SSL_CTX_new(TLS_client_method());
    if (!t->context)
        die("no TLS context");
    SSL_CTX_set_mode(t->context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                     SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(t->context, SSL_OP_IGNORE_UNEXPECTED_EOF);
}

static int
new_socket(int family, int type)
{
    int fd = socket(family, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket: %s", strerror(errno));
    return fd;
}

static int
open_unix(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof to.sun_path)
        die("the path is too long: %s", path);
    strcpy(to.sun_path, path);
    int fd = new_socket(AF_UNIX, SOCK_STREAM);
    if (connect(fd, (const struct sockaddr *)&to, sizeof to) < 0)
        die("connect to %s: %s", path, strerror(errno));
    return fd;
}

/** Takes the next of 200 source addresses. */
static void
bind_somewhere(int fd, target *t)
{
    int on = 1;
    struct sockaddr_in from = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + t->next_address++ % 200);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&from, sizeof from) < 0)
        die("bind: %s", strerror(errno));
}

static int
open_inet(target *t)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)t->port)};
    if (inet_pton(AF_INET, t->host, &to.sin_addr) != 1)
        die("--host must be an IPv4 address");
    int on = 1, fd = new_socket(AF_INET, t->udp ? SOCK_DGRAM : SOCK_STREAM);
    if (t->many_addresses)
        bind_somewhere(fd, t);
    if (connect(fd, (const struct sockaddr *)&to, sizeof to) < 0)
        die("connect to port %d: %s", t->port, strerror(errno));
    if (!t->udp)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

peer
peer_open(target *t)
{
    peer p = {t->path ? open_unix(t->path) : open_inet(t), NULL};
    if (!t->tls)
        return p;
    p.ssl = SSL_new(t->context);
    if (!p.ssl || !SSL_set_fd(p.ssl, p.fd) || SSL_connect(p.ssl) != 1)
        die("the TLS handshake failed");
    return p;
}

void
peer_unblock(peer *p)
{
    fcntl(p->fd, F_SETFL, O_NONBLOCK);
}

void
peer_close(peer *p)
{
    SSL_free(p->ssl);
    close(p->fd);
}

/** What SSL_read or SSL_write returned, as recv or send would. */
static ssize_t
tls_result(peer *p, int n)
{
    if (n > 0)
        return n;
    int error = SSL_get_error(p->ssl, n);
    if (error == SSL_ERROR_ZERO_RETURN)
        return 0;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        errno = EAGAIN;
    else if (error != SSL_ERROR_SYSCALL)
        errno = EPROTO;
    return -1;
}

ssize_t
peer_send(peer *p, const void *data, size_t len)
{
    if (p->ssl)
        return tls_result(p, SSL_write(p->ssl, data, (int)len));
    return send(p->fd, data, len, MSG_NOSIGNAL);
}

ssize_t
peer_recv(peer *p, void *data, size_t len)
{
    if (!p->ssl)
        return recv(p->fd, data, len, 0);
    /* All that has come: what OpenSSL keeps, poll does not see. */
    size_t got = 0;
    while (got < len) {
        int n = SSL_read(p->ssl, (char *)data + got, (int)(len - got));
        if (n <= 0)
            return got > 0 ? (ssize_t)got : tls_result(p, n);
        got += (size_t)n;
    }
    return (ssize_t)got;
}
