/* test_tcp_listen.c - listening and accepting. */
#include "support_net.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* -- listening ------------------------------------------------------------ */

static void
listens_again(actor *a)
{
    net *n = a->arg;
    bide_listener *l;
    bide_address address;

    BEGIN(a);
    AWAIT(a, bide_tcp_listen("127.0.0.1", n->port, NULL, &a->w));
    CHECK_INT(a->rc, -98); /* EADDRINUSE */
    CHECK_INT(bide_tcp_listen("127.0.0.1", -1, NULL, &a->w), BIDE_EINVALID);
    CHECK_INT(bide_tcp_listen("127.0.0.1", 65536, NULL, &a->w), BIDE_EINVALID);
    AWAIT(a, bide_tcp_listen("no-such-host.invalid", 0, NULL, &a->w));
    CHECK_INT(a->rc, BIDE_ENAME);
    /* By name, and everywhere. */
    for (a->i = 0; a->i < 2; a->i++) {
        AWAIT_OK(a, bide_tcp_listen(a->i ? "localhost" : NULL, 0, NULL, &a->w));
        l = a->w.value.as.ptr;
        CHECK_INT(bide_listener_address(l, &address), 0);
        CHECK(address.port > 0);
        CHECK(bide_listener_loop(l) == a->world->loop);
        bide_listener_unref(l);
    }
    trace(a, "over");
    END(a);
}

static void
test_tcp_port_in_use_is_an_error(void **state)
{
    (void)state;
    net n;
    net_begin_listening(&n);
    net_spawn(&n, "a", listens_again);
    net_expect(&n, "a:over");
}

static void
shares_a_port(actor *a)
{
    bide_tcp_options o = {.backlog = 8, .reuse_port = true};
    bide_address address;

    BEGIN(a);
    AWAIT_OK(a, bide_tcp_listen("127.0.0.1", 0, &o, &a->w));
    a->extra = a->w.value.as.ptr;
    CHECK_INT(bide_listener_address(a->extra, &address), 0);
    AWAIT_OK(a, bide_tcp_listen("127.0.0.1", address.port, &o, &a->w));
    bide_listener_unref(a->extra);
    bide_listener_unref(a->w.value.as.ptr);
    END(a);
}

static void
test_tcp_port_can_be_shared(void **state)
{
    (void)state;
    net n;
    net_begin_listening(&n);
    net_spawn(&n, "a", shares_a_port);
    world_run(&n.wd);
    net_end(&n);
}

/* -- accepting ------------------------------------------------------------ */

static void
accepts_one(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    AWAIT(a, bide_listener_accept(n->listener, &a->w));
    CHECK_INT(a->rc, a->n);
    trace(a, "%s", bide_error_name(a->rc));
    if (a->rc == 0)
        bide_stream_unref(a->w.value.as.ptr);
    END(a);
}

static void
closes_listener(actor *a)
{
    net *n = a->arg;
    bide_address address;
    bide_listener_close(n->listener);
    bide_listener_close(n->listener);
    CHECK(bide_listener_closed(n->listener));
    CHECK_INT(bide_listener_address(n->listener, &address), BIDE_ECLOSED);
    CHECK_INT(bide_listener_accept(n->listener, &a->w), BIDE_ECLOSED);
    trace(a, "close");
    a->over = true;
}

static void
test_tcp_listener_close_wakes_the_accepts(void **state)
{
    (void)state;
    net n;
    net_begin_listening(&n);
    net_spawn(&n, "a", accepts_one)->n = BIDE_ECLOSED;
    net_spawn(&n, "b", accepts_one)->n = BIDE_ECLOSED;
    net_spawn(&n, "c", closes_listener);
    net_expect(&n, "c:close a:ECLOSED b:ECLOSED");
}

static void
connects_as_peer(actor *a)
{
    net *n = a->arg;
    n->peer = peer_connect(n->port);
    trace(a, "connected");
    a->over = true;
}

static void
test_tcp_cancelled_accept_loses_no_connection(void **state)
{
    (void)state;
    net n;
    net_begin_listening(&n);
    actor *a = net_spawn(&n, "a", accepts_one);
    a->n = BIDE_ECANCELED;
    cancel_later(&n.wd, a);
    net_spawn(&n, "p", connects_as_peer);
    world_run(&n.wd);
    net_spawn(&n, "b", accepts_one);
    net_expect(&n, "p:connected a:ECANCELED b:OK");
}

/* A task that was given a connection and is destroyed gives it on. */
static void
drops_the_first(actor *a)
{
    actor *first = a->extra;

    BEGIN(a);
    AWAIT_UNTIL(a, first->w.state == BIDE_WAIT_FIRED);
    bide_wait_drop(&first->w);
    bide_task_finish(&first->task);
    trace(a, "dropped");
    END(a);
}

static void
test_tcp_dropped_accept_gives_the_connection_on(void **state)
{
    (void)state;
    net n;
    net_begin_listening(&n);
    actor *first = net_spawn(&n, "a", accepts_one);
    /* The wait fires in a poll while d is ready: d comes first. */
    actor *d = net_spawn(&n, "d", drops_the_first);
    d->extra = first;
    n.peer = peer_connect(n.port);
    world_run(&n.wd);
    net_spawn(&n, "b", accepts_one);
    net_expect(&n, "d:dropped b:OK");
}

/* -- out of descriptors --------------------------------------------------- */

enum { FEW = 64 };

/* Leaves no descriptor free below the limit. */
static void
use_up(int *fds, rlim_t *limit)
{
    struct rlimit r;
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &r), 0);
    *limit = r.rlim_cur;
    r.rlim_cur = FEW;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &r), 0);
    for (int i = 0; i < FEW; i++)
        fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK(fds[FEW - 1] < 0);
}

static void
give_back(int *fds, rlim_t limit)
{
    struct rlimit r;
    for (int i = 0; i < FEW; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    getrlimit(RLIMIT_NOFILE, &r);
    r.rlim_cur = limit;
    setrlimit(RLIMIT_NOFILE, &r);
}

static void
accepts_without_descriptors(actor *a)
{
    net *n = a->arg;
    static int fds[FEW];
    static rlim_t limit;

    BEGIN(a);
    n->peer = peer_connect(n->port);
    use_up(fds, &limit);
    AWAIT(a, bide_listener_accept(n->listener, &a->w));
    CHECK_INT(a->rc, -24); /* EMFILE */
    trace(a, "EMFILE");
    AWAIT(a, bide_listener_accept(n->listener, &a->w));
    CHECK_INT(a->rc, -24);
    give_back(fds, limit);
    /* The connection still waits. */
    AWAIT_OK(a, bide_listener_accept(n->listener, &a->w));
    bide_stream_unref(a->w.value.as.ptr);
    trace(a, "accepted");
    END(a);
}

/* The first is told, and makes room: the second gets the connection. */
static void
fails_and_makes_room(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    n->peer = peer_connect(n->port);
    use_up(a->world->state, (rlim_t *)a->extra);
    AWAIT(a, bide_listener_accept(n->listener, &a->w));
    CHECK_INT(a->rc, -24); /* EMFILE */
    trace(a, "EMFILE");
    give_back(a->world->state, *(rlim_t *)a->extra);
    END(a);
}

static void
test_tcp_no_more_descriptors_spares_the_second(void **state)
{
    (void)state;
    net n;
    int fds[FEW];
    rlim_t limit;
    net_begin_listening(&n);
    n.wd.state = fds;
    net_spawn(&n, "a", fails_and_makes_room)->extra = &limit;
    net_spawn(&n, "b", accepts_one);
    net_expect(&n, "a:EMFILE b:OK");
}

static void
test_tcp_no_more_descriptors_ends_one_accept(void **state)
{
    (void)state;
    net n;
    net_begin_listening(&n);
    net_spawn(&n, "a", accepts_without_descriptors);
    net_expect(&n, "a:EMFILE a:accepted");
}

/* A loop around accept: it pauses, ever longer, tells once and goes on. */
static void
serves_on(actor *a)
{
    net *n = a->arg;
    static bide_shortage shortage;
    bool tell;
    int64_t when;

    BEGIN(a);
    shortage = (bide_shortage){0};
    n->peer = peer_connect(n->port);
    use_up(a->world->state, (rlim_t *)a->extra);
    a->at = now(a);
    for (;;) {
        AWAIT(a, bide_listener_accept(n->listener, &a->w));
        if (a->rc == 0)
            break;
        when = bide_shortage_retry(&shortage, a->world->loop, a->rc, &tell);
        CHECK(when > now(a));
        a->n += tell;
        if (++a->i == 7)
            give_back(a->world->state, *(rlim_t *)a->extra);
        AWAIT_OK(a, bide_sleep_until(&a->w, when));
    }
    bide_shortage_over(&shortage);
    bide_stream_unref(a->w.value.as.ptr);
    CHECK_INT(a->n, 1);
    CHECK_INT(now(a) - a->at, (10 + 20 + 40 + 80 + 160 + 250 + 250) * MS);
    /* The next shortage comes soon: not told. */
    CHECK_INT(bide_shortage_retry(&shortage, a->world->loop, -ENFILE, &tell),
              now(a) + 10 * MS);
    CHECK(!tell);
    bide_shortage_over(&shortage);
    AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + 10 * SECOND));
    CHECK(bide_shortage_retry(&shortage, a->world->loop, -ENFILE, &tell) > 0);
    CHECK(tell);
    CHECK_INT(
        bide_shortage_retry(&shortage, a->world->loop, BIDE_ECLOSED, &tell), 0);
    CHECK(!tell);
    trace(a, "served");
    END(a);
}

static void
test_tcp_serving_outlasts_a_shortage_of_descriptors(void **state)
{
    (void)state;
    net n;
    int fds[FEW];
    rlim_t limit;
    net_begin_listening(&n);
    n.wd.state = fds;
    net_spawn(&n, "a", serves_on)->extra = &limit;
    net_expect(&n, "a:served");
}

/* -- options, families ---------------------------------------------------- */

static int
option(const bide_stream *s, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;
    getsockopt(bide_stream_fd(s), level, name, &value, &size);
    return value;
}

static void
listens_with_options(actor *a)
{
    static const bide_tcp_options o[2] = {{.delay = true,
                                           .keepalive = 30,
                                           .keepalive_interval = 7,
                                           .keepalive_count = 3},
                                          {0}};
    bide_address address;
    bide_stream *s;

    BEGIN(a);
    for (a->i = 0; a->i < 2; a->i++) {
        AWAIT_OK(a, bide_tcp_listen("127.0.0.1", 0, &o[a->i], &a->w));
        a->extra = a->w.value.as.ptr;
        CHECK_INT(bide_listener_address(a->extra, &address), 0);
        a->n = peer_connect(address.port);
        AWAIT_OK(a, bide_listener_accept(a->extra, &a->w));
        s = a->w.value.as.ptr;
        CHECK_INT(option(s, IPPROTO_TCP, TCP_NODELAY) != 0, a->i == 1);
        CHECK_INT(option(s, SOL_SOCKET, SO_KEEPALIVE) != 0, a->i == 0);
        if (a->i == 0) {
            CHECK_INT(option(s, IPPROTO_TCP, TCP_KEEPINTVL), 7);
            CHECK_INT(option(s, IPPROTO_TCP, TCP_KEEPCNT), 3);
#ifdef TCP_KEEPIDLE
            CHECK_INT(option(s, IPPROTO_TCP, TCP_KEEPIDLE), 30);
#endif
        }
        bide_stream_unref(s);
        bide_listener_unref(a->extra);
        peer_close(&a->n);
    }
    trace(a, "over");
    END(a);
}

static void
test_tcp_listen_options_reach_the_connections(void **state)
{
    (void)state;
    net n;
    net_begin_listening(&n);
    net_spawn(&n, "a", listens_with_options);
    net_expect(&n, "a:over");
}

/* Everywhere: by IPv4, and by IPv6 where the system has it; then IPv6 alone. */
static void
listens_for_both(actor *a)
{
    static const bide_tcp_options alone = {.v6_only = true};
    bide_listener *l = a->extra;
    bide_address address;

    BEGIN(a);
    for (a->i = 0; a->i < 2; a->i++) {
        AWAIT(a, bide_tcp_listen(a->i ? "::" : NULL, 0, a->i ? &alone : NULL,
                                 &a->w));
        if (a->i && a->rc) /* no IPv6 */
            break;
        a->extra = l = a->w.value.as.ptr;
        CHECK_INT(bide_listener_address(l, &address), 0);
        a->n = address.port;
        AWAIT(a, bide_tcp_connect("127.0.0.1", a->n, &a->w));
        CHECK_INT(a->rc, a->i ? -ECONNREFUSED : 0);
        bide_stream_unref(a->rc ? NULL : a->w.value.as.ptr);
        bide_listener_address(a->extra, &address);
        if (address.family == 6) {
            AWAIT(a, bide_tcp_connect("::1", a->n, &a->w));
            CHECK(a->rc == 0 || a->rc == -EADDRNOTAVAIL);
            bide_stream_unref(a->rc ? NULL : a->w.value.as.ptr);
        }
        bide_listener_unref(a->extra);
    }
    trace(a, "over");
    END(a);
}

static void
test_tcp_dual_stack_listener_serves_both_families(void **state)
{
    (void)state;
    net n;
    net_begin_listening(&n);
    net_spawn(&n, "a", listens_for_both);
    net_expect(&n, "a:over");
}

TEST_MAIN("tcp listen", T(tcp_port_in_use_is_an_error),
          T(tcp_port_can_be_shared), T(tcp_listener_close_wakes_the_accepts),
          T(tcp_cancelled_accept_loses_no_connection),
          T(tcp_dropped_accept_gives_the_connection_on),
          T(tcp_no_more_descriptors_ends_one_accept),
          T(tcp_no_more_descriptors_spares_the_second),
          T(tcp_serving_outlasts_a_shortage_of_descriptors),
          T(tcp_listen_options_reach_the_connections),
          T(tcp_dual_stack_listener_serves_both_families))
