/* support_net.c - see support_net.h. */
#include "support_net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in
loopback(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

int
peer_connect(int port)
{
    struct sockaddr_in a = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    CHECK_INT(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

int
peer_listen(int *port)
{
    struct sockaddr_in a = loopback(0);
    socklen_t size = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    CHECK_INT(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    CHECK_INT(listen(fd, 16), 0);
    CHECK_INT(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    *port = ntohs(a.sin_port);
    return fd;
}

void
peer_send_bytes(int fd, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, data, n, MSG_NOSIGNAL);
        CHECK(sent > 0);
        if (sent <= 0)
            return;
        data += sent;
        n -= (size_t)sent;
    }
}

void
peer_send(int fd, const char *text)
{
    peer_send_bytes(fd, text, strlen(text));
}

void
peer_recv(int fd, char *out, size_t n)
{
    size_t got = 0;
    while (got < n) {
        ssize_t more = recv(fd, out + got, n - got, 0);
        CHECK(more > 0);
        if (more <= 0)
            break;
        got += (size_t)more;
    }
    out[got] = 0;
}

int
peer_pending(int fd)
{
    int n = 0;
    CHECK_INT(ioctl(fd, FIONREAD, &n), 0);
    return n;
}

bool
peer_at_end(int fd)
{
    char c;
    return recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void
peer_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void
peer_reset(int *fd)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    CHECK_INT(setsockopt(*fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
    peer_close(fd);
}

/* -- the connection -----------------------------------------------------------
 */

static void
listens(actor *a)
{
    net *n = a->arg;
    bide_address address;

    BEGIN(a);
    AWAIT_OK(a, bide_tcp_listen("127.0.0.1", 0, NULL, &a->w));
    n->listener = a->w.value.as.ptr;
    CHECK_INT(bide_listener_address(n->listener, &address), 0);
    n->port = address.port;
    END(a);
}

static void
accepts(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    n->peer = peer_connect(n->port);
    AWAIT_OK(a, bide_listener_accept(n->listener, &a->w));
    n->stream = a->w.value.as.ptr;
    END(a);
}

void
net_listen(net *n)
{
    net_spawn(n, "listens", listens);
    world_run(&n->wd);
}

void
net_begin_listening(net *n)
{
    memset(n, 0, sizeof *n);
    n->peer = -1;
    world_begin(&n->wd, 0);
    net_listen(n);
}

void
net_begin(net *n)
{
    net_begin_listening(n);
    net_spawn(n, "accepts", accepts);
    world_run(&n->wd);
}

void
net_end(net *n)
{
    bide_stream_unref(n->stream);
    bide_listener_unref(n->listener);
    peer_close(&n->peer);
    free(n->data);
    world_end(&n->wd);
}

void
net_expect(net *n, const char *wanted)
{
    world_run(&n->wd);
    world_traced(&n->wd, wanted);
    net_end(n);
}

actor *
net_spawn(net *n, const char *name, actor_body body)
{
    return actor_spawn(&n->wd, name, body, n);
}

bool
net_has(const bide_stream *s, size_t n)
{
    size_t len;
    bide_stream_data(s, &len);
    return len >= n;
}

const char *
net_taken(net *n, bide_wait *w)
{
    size_t len, granted = w->u.io.len;
    const char *data = bide_stream_data(n->stream, &len);
    CHECK(granted <= len);
    CHECK(granted < sizeof n->text);
    memcpy(n->text, data, granted);
    n->text[granted] = 0;
    bide_stream_consume(n->stream, granted);
    return n->text;
}
