/* test_tcp_connect.c - connecting. */
#include "support_net.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* -- connecting ----------------------------------------------------------- */

static void
connects(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_tcp_connect(a->extra, n->port, &a->w));
    n->stream = a->w.value.as.ptr;
    CHECK(bide_stream_loop(n->stream) == a->world->loop);
    AWAIT_OK(a, bide_stream_write(n->stream, "hello", 5, &a->w));
    trace(a, "written");
    END(a);
}

static void
greets(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_listener_accept(n->listener, &a->w));
    a->extra = a->w.value.as.ptr;
    AWAIT_OK(a, bide_stream_read_exact(a->extra, 5, &a->w));
    trace(a, "read");
    bide_stream_unref(a->extra);
    END(a);
}

static void
connect_to(const char *host)
{
    net n;
    net_begin_listening(&n);
    net_spawn(&n, "s", greets);
    net_spawn(&n, "c", connects)->extra = (void *)host;
    net_expect(&n, "c:written s:read");
}

static void
test_tcp_connects_to_an_address(void **state)
{
    (void)state;
    connect_to("127.0.0.1");
}

static void
test_tcp_connects_by_name(void **state)
{
    (void)state;
    connect_to("localhost");
}

static void
reads_addresses(actor *a)
{
    net *n = a->arg;
    bide_address local, peer, listening;

    BEGIN(a);
    AWAIT_OK(a, bide_tcp_connect("127.0.0.1", n->port, &a->w));
    n->stream = a->w.value.as.ptr;
    CHECK_INT(bide_stream_local(n->stream, &local), 0);
    CHECK_INT(bide_stream_peer(n->stream, &peer), 0);
    CHECK_INT(bide_listener_address(n->listener, &listening), 0);
    CHECK(strcmp(local.host, "127.0.0.1") == 0);
    CHECK(strcmp(peer.host, "127.0.0.1") == 0);
    CHECK_INT(peer.port, n->port);
    CHECK_INT(listening.port, n->port);
    CHECK(local.port > 0 && local.port != n->port);
    CHECK_INT(local.family, 4);
    bide_stream_close(n->stream);
    CHECK_INT(bide_stream_local(n->stream, &local), BIDE_ECLOSED);
    CHECK_INT(bide_stream_peer(n->stream, &peer), BIDE_ECLOSED);
    trace(a, "over");
    END(a);
}

static void
test_tcp_addresses_are_told(void **state)
{
    (void)state;
    net n;
    net_begin_listening(&n);
    net_spawn(&n, "a", reads_addresses);
    net_expect(&n, "a:over");
}

static void
test_tcp_options_can_be_set(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    CHECK_INT(bide_tcp_nodelay(n.stream, false), 0);
    CHECK_INT(bide_tcp_nodelay(n.stream, true), 0);
    CHECK_INT(bide_tcp_keepalive(n.stream, true, 30), 0);
    CHECK_INT(bide_tcp_keepalive(n.stream, true, 0), BIDE_EINVALID);
    CHECK_INT(bide_tcp_keepalive(n.stream, false, 0), 0);
    bide_stream_close(n.stream);
    CHECK_INT(bide_tcp_nodelay(n.stream, true), BIDE_ECLOSED);
    net_end(&n);
}

static void
connects_in_vain(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    AWAIT(a, bide_tcp_connect(a->extra, a->n, &a->w));
    CHECK_INT(a->rc, a->at);
    CHECK(a->w.value.as.ptr == NULL);
    trace(a, "%s", bide_error_name(a->rc));
    n->flag = true;
    END(a);
}

static void
expect_connect_error(net *n, const char *host, int port, int error)
{
    actor *a = net_spawn(n, "c", connects_in_vain);
    a->extra = (void *)host;
    a->n = port;
    a->at = error;
    world_run(&n->wd);
}

static void
test_tcp_refused_connection_is_an_error(void **state)
{
    (void)state;
    net n;
    int port;
    net_begin_listening(&n);
    int fd = peer_listen(&port);
    peer_close(&fd); /* nobody listens there any more */
    expect_connect_error(&n, "127.0.0.1", port, -111);
    expect_connect_error(&n, "localhost", port, -111);
    net_expect(&n, "c:ECONNREFUSED c:ECONNREFUSED");
}

static void
test_tcp_unknown_name_is_an_error(void **state)
{
    (void)state;
    net n;
    net_begin_listening(&n);
    expect_connect_error(&n, "no-such-host.invalid", 80, BIDE_ENAME);
    expect_connect_error(&n, "", 80, BIDE_EINVALID);
    expect_connect_error(&n, "127.0.0.1", 0, BIDE_EINVALID);
    expect_connect_error(&n, "127.0.0.1", 65536, BIDE_EINVALID);
    net_expect(&n, "c:ENAME c:EINVALID c:EINVALID c:EINVALID");
}

/* Cancelled while it looks up or connects: nothing is left of it. */
static void
is_cancelled_connecting(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    AWAIT(a, bide_tcp_connect(a->extra, n->port, &a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK(a->w.value.as.ptr == NULL);
    trace(a, "cancelled");
    END(a);
}

static void
test_tcp_cancelled_connect_leaves_nothing(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "localhost"};
    for (int i = 0; i < 2; i++) {
        net n;
        bide_loop_counts counts;
        net_begin_listening(&n);
        actor *a = net_spawn(&n, "a", is_cancelled_connecting);
        a->extra = (void *)hosts[i];
        cancel_later(&n.wd, a);
        world_run(&n.wd);
        bide_loop_count(n.wd.loop, &counts);
        CHECK_INT(counts.handles, 1); /* the listener */
        net_expect(&n, "a:cancelled");
    }
}

/* -- several addresses, options ------------------------------------------- */

/* "localhost" is 127.0.0.1 and maybe ::1, where nobody listens: the report
 * names what has failed, unless there was but one that answered. */
static void
reports(actor *a)
{
    net *n = a->arg;
    static char report[256];
    static const bide_tcp_connect_options plain = {
        .report = report, .report_size = sizeof report};
    bide_tcp_connect_options o = plain;

    BEGIN(a);
    AWAIT(a, bide_tcp_connect_with("localhost", a->n, &plain, &a->w));
    CHECK_INT(a->rc, -111);
    CHECK(strstr(report, "127.0.0.1 port ") != NULL);
    CHECK(strstr(report, "connection refused") != NULL);
    o.local_host = "127.0.0.2";
    AWAIT_OK(a, bide_tcp_connect_with("127.0.0.1", n->port, &o, &a->w));
    n->stream = a->w.value.as.ptr;
    bide_address local;
    CHECK_INT(bide_stream_local(n->stream, &local), 0);
    CHECK(strcmp(local.host, "127.0.0.2") == 0);
    o.local_host = "::1";
    CHECK_INT(bide_tcp_connect_with("127.0.0.1", n->port, &o, &a->w), -97);
    o.local_host = "name";
    CHECK_INT(bide_tcp_connect_with("127.0.0.1", n->port, &o, &a->w),
              BIDE_EINVALID);
    o.local_host = NULL;
    o.local_port = 70000;
    CHECK_INT(bide_tcp_connect_with("127.0.0.1", n->port, &o, &a->w),
              BIDE_EINVALID);
    trace(a, "over");
    END(a);
}

static void
test_tcp_connect_tells_each_address_that_failed(void **state)
{
    (void)state;
    net n;
    int port;
    net_begin_listening(&n);
    int fd = peer_listen(&port);
    peer_close(&fd); /* nobody listens there any more */
    net_spawn(&n, "a", reports)->n = port;
    net_expect(&n, "a:over");
}

static void
aborts(actor *a)
{
    net *n = a->arg;
    bide_stream_abort(n->stream);
    bide_stream_abort(n->stream);
    CHECK(bide_stream_closed(n->stream));
    char c;
    CHECK(recv(n->peer, &c, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET);
    a->over = true;
}

static void
test_tcp_abort_resets_the_connection(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_spawn(&n, "a", aborts);
    net_expect(&n, "");
}

static void
test_tcp_keepalive_has_its_probes(void **state)
{
    (void)state;
    net n;
    int value[2];
    socklen_t size = sizeof(int);
    net_begin(&n);
    CHECK_INT(bide_tcp_keepalive(n.stream, true, 30), 0);
    CHECK_INT(bide_tcp_keepalive_probes(n.stream, 7, 3), 0);
    CHECK_INT(bide_tcp_keepalive_probes(n.stream, 0, 0), 0);
    int fd = bide_stream_fd(n.stream);
    getsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &value[0], &size);
    getsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &value[1], &size);
    CHECK_INT(value[0], 7);
    CHECK_INT(value[1], 3);
    bide_stream_close(n.stream);
    CHECK_INT(bide_tcp_keepalive_probes(n.stream, 7, 3), BIDE_ECLOSED);
    net_end(&n);
}

/* -- without memory ------------------------------------------------------- */

static void
opens_all(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_tcp_listen("127.0.0.1", 0, NULL, &a->w));
    if (a->rc == 0) {
        net *n = a->arg;
        bide_address address;
        n->listener = a->w.value.as.ptr;
        bide_listener_address(n->listener, &address);
        AWAIT(a, bide_tcp_connect(a->n ? "localhost" : "127.0.0.1",
                                  address.port, &a->w));
    }
    if (a->rc == 0) {
        net *n = a->arg;
        n->stream = a->w.value.as.ptr;
        AWAIT(a, bide_listener_accept(n->listener, &a->w));
    }
    CHECK(a->rc == 0 || a->rc == BIDE_ENOMEMORY);
    if (a->rc == 0)
        bide_stream_unref(a->w.value.as.ptr);
    END(a);
}

static void
test_tcp_without_memory(void **state)
{
    (void)state;
    for (int by_name = 0; by_name < 2; by_name++) {
        bool failed = true;
        for (size_t k = 1; failed; k++) {
            net n;
            memset(&n, 0, sizeof n);
            n.peer = -1;
            world_begin(&n.wd, 0);
            net_spawn(&n, "a", opens_all)->n = by_name;
            memory_fail_at(k, false);
            world_run(&n.wd);
            failed = memory_failed();
            memory_fail_at(0, false);
            net_end(&n);
        }
    }
}

TEST_MAIN("tcp connect", T(tcp_connects_to_an_address), T(tcp_connects_by_name),
          T(tcp_addresses_are_told), T(tcp_options_can_be_set),
          T(tcp_refused_connection_is_an_error),
          T(tcp_unknown_name_is_an_error),
          T(tcp_cancelled_connect_leaves_nothing),
          T(tcp_connect_tells_each_address_that_failed),
          T(tcp_abort_resets_the_connection), T(tcp_keepalive_has_its_probes),
          T(tcp_without_memory))
