/* test_tcp_race.c - a name with two addresses, of which the first does not
 * answer: a getaddrinfo of our own tells 127.0.0.2 and 127.0.0.1, and the
 * listener on the former has no room. */
#include "support_net.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 8 };

static struct sockaddr_in
address(int last, int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(0x7f000000u + (unsigned)last);
    return a;
}

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
            struct addrinfo **out)
{
    static struct sockaddr_in where[2];
    static struct addrinfo found[2];
    (void)node;
    (void)service;
    (void)hints;
    for (int i = 0; i < 2; i++) {
        where[i] = address(2 - i, 0);
        found[i] = (struct addrinfo){.ai_family = AF_INET,
                                     .ai_addr = (struct sockaddr *)&where[i],
                                     .ai_addrlen = sizeof where[i],
                                     .ai_next = i ? NULL : &found[1]};
    }
    *out = found;
    return 0;
}

void
freeaddrinfo(struct addrinfo *found)
{
    (void)found;
}

/* Descriptors of a listener without room: fds[0] listens, the others fill it.
 */
static void
block_port(int port, int fds[MOST])
{
    struct sockaddr_in a = address(2, port);
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(bind(fds[0], (struct sockaddr *)&a, sizeof a), 0);
    CHECK_INT(listen(fds[0], 0), 0);
    for (int i = 1; i < MOST; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(fds[i], (struct sockaddr *)&a, sizeof a);
    }
}

static void
unblock(const int fds[MOST])
{
    for (int i = 0; i < MOST; i++)
        close(fds[i]);
}

static void
connects(actor *a)
{
    net *n = a->arg;
    bide_address peer;

    BEGIN(a);
    AWAIT(a, bide_tcp_connect("both.test", n->port, &a->w));
    CHECK_INT(a->rc, a->n);
    trace(a, "%s", bide_error_name(a->rc));
    if (a->rc == 0) {
        n->stream = a->w.value.as.ptr;
        CHECK_INT(bide_stream_peer(n->stream, &peer), 0);
        CHECK(strcmp(peer.host, "127.0.0.1") == 0);
    }
    END(a);
}

static void
check_handles(net *n, size_t wanted)
{
    bide_loop_counts counts;
    bide_loop_count(n->wd.loop, &counts);
    CHECK_INT(counts.handles, wanted);
    CHECK_INT(counts.io_waits, 0);
}

static void
test_tcp_connect_tries_the_next_address_beside_a_slow_one(void **state)
{
    (void)state;
    net n;
    int fds[MOST];
    net_begin_listening(&n);
    block_port(n.port, fds);
    net_spawn(&n, "a", connects);
    world_run(&n.wd);
    check_handles(&n, 2); /* the listener and the winner */
    unblock(fds);
    net_expect(&n, "a:OK");
}

static void
test_tcp_cancelled_race_leaves_nothing(void **state)
{
    (void)state;
    net n;
    int fds[MOST];
    net_begin_listening(&n);
    block_port(n.port, fds);
    bide_listener_close(n.listener);
    actor *a = net_spawn(&n, "a", connects);
    a->n = BIDE_ECANCELED;
    cancel_later(&n.wd, a);
    world_run(&n.wd);
    check_handles(&n, 0);
    unblock(fds);
    net_expect(&n, "a:ECANCELED");
}

/* The first is refused: the second is tried at once. */
static void
test_tcp_connect_tries_the_next_address_after_a_refusal(void **state)
{
    (void)state;
    net n;
    net_begin_listening(&n);
    net_spawn(&n, "a", connects);
    world_run(&n.wd);
    check_handles(&n, 2);
    net_expect(&n, "a:OK");
}

TEST_MAIN("tcp race", T(tcp_connect_tries_the_next_address_beside_a_slow_one),
          T(tcp_cancelled_race_leaves_nothing),
          T(tcp_connect_tries_the_next_address_after_a_refusal))
