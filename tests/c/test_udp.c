/* test_udp.c - datagrams between two sockets of one loop. */
#include "support_sweep.h"

#include <sys/socket.h>
#include <unistd.h>

#include "udp.h"

typedef struct udp_pair {
    bide_udp *a, *b; /* b is connected to a */
    int port;
    bide_sockaddr to; /* a */
    size_t count;
    char order[256];
} udp_pair;

static void
opens(actor *x)
{
    udp_pair *p = x->arg;
    bide_address address;

    BEGIN(x);
    AWAIT_OK(x, bide_udp_bind("127.0.0.1", 0, NULL, &x->w));
    p->a = x->w.value.as.ptr;
    CHECK_INT(bide_udp_local(p->a, &address), 0);
    p->port = address.port;
    CHECK_INT(bide_sockaddr_parse("127.0.0.1", p->port, &p->to), 0);
    AWAIT_OK(x, bide_udp_connect("127.0.0.1", p->port, NULL, &x->w));
    p->b = x->w.value.as.ptr;
    END(x);
}

static void
begin(world *wd, udp_pair *p)
{
    memset(p, 0, sizeof *p);
    world_begin(wd, 0);
    actor_spawn(wd, "opens", opens, p);
    world_run(wd);
}

static void
end(world *wd, udp_pair *p)
{
    bide_udp_unref(p->a);
    bide_udp_unref(p->b);
    world_end(wd);
}

static void
run_one(actor_body body, const char *wanted)
{
    world wd;
    udp_pair p;
    begin(&wd, &p);
    actor_spawn(&wd, "x", body, &p);
    world_run(&wd);
    world_traced(&wd, wanted);
    end(&wd, &p);
}

static void
send_now(bide_udp *u, const char *text)
{
    bide_message m = {text, strlen(text), NULL};
    size_t sent;
    CHECK_INT(bide_udp_try_send(u, &m, 1, &sent), 0);
    CHECK_INT(sent, 1);
}

/* Checks and frees the datagram of a wait. */
static void
expect(udp_pair *p, bide_wait *w, const char *text)
{
    bide_datagram *d = w->value.as.ptr;
    CHECK(d && d->len == strlen(text) && memcmp(d->data, text, d->len) == 0);
    bide_udp_free(p->a, d);
}

/* -- talking -------------------------------------------------------------- */

static void
echoes(actor *x)
{
    udp_pair *p = x->arg;
    bide_address from, mine;

    BEGIN(x);
    AWAIT_OK(x, bide_udp_send(p->b, "hello", 5, NULL, &x->w));
    AWAIT_OK(x, bide_udp_recv(p->a, 65535, &x->w));
    bide_datagram *d = x->w.value.as.ptr;
    CHECK_INT(bide_sockaddr_text(&d->from, &from), 0);
    CHECK_INT(bide_udp_local(p->b, &mine), 0);
    CHECK(from.port == mine.port && strcmp(from.host, "127.0.0.1") == 0);
    p->to = d->from;
    x->extra = d;
    AWAIT_OK(x, bide_udp_send(p->a, d->data, d->len, &p->to, &x->w));
    bide_udp_free(p->a, x->extra);
    AWAIT_OK(x, bide_udp_recv(p->b, 65535, &x->w));
    expect(p, &x->w, "hello");
    trace(x, "over");
    END(x);
}

static void
test_udp_echo(void **state)
{
    (void)state;
    run_one(echoes, "x:over");
}

static void
keeps_borders(actor *x)
{
    udp_pair *p = x->arg;

    BEGIN(x);
    send_now(p->b, "one");
    send_now(p->b, "");
    send_now(p->b, "three");
    AWAIT_OK(x, bide_udp_recv(p->a, 100, &x->w));
    expect(p, &x->w, "one");
    AWAIT_OK(x, bide_udp_recv(p->a, 100, &x->w));
    expect(p, &x->w, "");
    AWAIT_OK(x, bide_udp_recv(p->a, 100, &x->w));
    expect(p, &x->w, "three");
    trace(x, "over");
    END(x);
}

static void
test_udp_recv_gives_one_datagram(void **state)
{
    (void)state;
    run_one(keeps_borders, "x:over");
}

static void
sends_large(actor *x)
{
    udp_pair *p = x->arg;
    static char big[65507], more[65508];

    BEGIN(x);
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(i % 251);
    for (x->i = 0; x->i < 3; x->i++)
        AWAIT_OK(x, bide_udp_send(p->b, big, sizeof big - (size_t)x->i, NULL,
                                  &x->w));
    for (x->i = 0; x->i < 3; x->i++) {
        AWAIT_OK(x, bide_udp_recv(p->a, 65535, &x->w));
        bide_datagram *d = x->w.value.as.ptr;
        CHECK_INT(d->len, sizeof big - (size_t)x->i);
        CHECK(memcmp(d->data, big, d->len) == 0);
        bide_udp_free(p->a, d);
    }
    AWAIT(x, bide_udp_send(p->b, more, sizeof more, NULL, &x->w));
    CHECK_INT(x->rc, -90); /* EMSGSIZE */
    AWAIT(x, bide_udp_send(p->a, "x", 1, NULL, &x->w));
    CHECK_INT(x->rc, -89); /* EDESTADDRREQ */
    trace(x, "over");
    END(x);
}

static void
test_udp_large_datagrams_arrive_whole(void **state)
{
    (void)state;
    run_one(sends_large, "x:over");
}

static void
asks_for_less(actor *x)
{
    udp_pair *p = x->arg;
    bide_datagram *d;

    BEGIN(x);
    send_now(p->b, "long");
    AWAIT(x, bide_udp_recv(p->a, 3, &x->w));
    CHECK_INT(x->rc, -90); /* EMSGSIZE, parked */
    AWAIT(x, bide_udp_recv(p->a, 3, &x->w));
    CHECK_INT(x->rc, -90); /* and at once */
    CHECK_INT(bide_udp_try_recv(p->a, 3, &d), -90);
    AWAIT_OK(x, bide_udp_recv(p->a, 4, &x->w));
    expect(p, &x->w, "long");
    CHECK_INT(bide_udp_recv(p->a, 0, &x->w), BIDE_EINVALID);
    CHECK_INT(bide_udp_recv(p->a, 65536, &x->w), BIDE_EINVALID);
    CHECK_INT(bide_udp_recv_many(p->a, 0, &x->w), BIDE_EINVALID);
    trace(x, "over");
    END(x);
}

static void
test_udp_longer_than_asked_for_is_an_error(void **state)
{
    (void)state;
    run_one(asks_for_less, "x:over");
}

/* -- many ----------------------------------------------------------------- */

static void
sends_many(actor *x)
{
    udp_pair *p = x->arg;
    static bide_message list[150];
    static char text[100150]; /* also for one that is too long */

    BEGIN(x);
    for (int i = 0; i < 150; i++) {
        text[i] = (char)i;
        list[i] = (bide_message){&text[i], 1, i % 2 ? NULL : &p->to};
    }
    AWAIT_OK(x, bide_udp_send_many(p->b, list, 150, &x->w));
    CHECK_INT(x->w.u.io.done, 150);
    while (p->count < 150) {
        AWAIT_OK(x, bide_udp_recv_many(p->a, 40, &x->w));
        CHECK(x->w.u.many.count >= 1 && x->w.u.many.count <= 40);
        bide_datagram *chain = x->w.value.as.ptr;
        for (bide_datagram *d = chain; d; d = d->next)
            CHECK_INT(d->data[0], text[p->count++]);
        bide_udp_free(p->a, chain);
    }
    AWAIT_OK(x, bide_udp_send_many(p->b, NULL, 0, &x->w));
    list[1].len = 100000;
    AWAIT(x, bide_udp_send_many(p->b, list, 3, &x->w));
    CHECK_INT(x->rc, -90);
    CHECK_INT(x->w.u.io.done, 1);
    trace(x, "over");
    END(x);
}

static void
test_udp_many_go_in_order(void **state)
{
    (void)state;
    run_one(sends_many, "x:over");
}

static void
receives(actor *x)
{
    udp_pair *p = x->arg;

    BEGIN(x);
    AWAIT(x, bide_udp_recv(p->a, 100, &x->w));
    if (x->rc == 0) {
        bide_datagram *d = x->w.value.as.ptr;
        trace(x, "%.*s", (int)d->len, d->data);
        bide_udp_free(p->a, d);
    } else {
        trace(x, "%s", bide_error_name(x->rc));
    }
    END(x);
}

static void
sends_three(actor *x)
{
    udp_pair *p = x->arg;
    send_now(p->b, "1");
    send_now(p->b, "2");
    send_now(p->b, "3");
    x->over = true;
}

static void
test_udp_receivers_are_served_in_order(void **state)
{
    (void)state;
    world wd;
    udp_pair p;
    begin(&wd, &p);
    actor_spawn(&wd, "a", receives, &p);
    actor_spawn(&wd, "b", receives, &p);
    actor_spawn(&wd, "s", sends_three, &p);
    world_run(&wd);
    actor_spawn(&wd, "c", receives, &p);
    world_run(&wd);
    world_traced(&wd, "a:1 b:2 c:3");
    end(&wd, &p);
}

static void
tries(actor *x)
{
    udp_pair *p = x->arg;
    bide_datagram *d;
    bide_message m = {"x", 1, NULL};
    size_t sent;
    CHECK_INT(bide_udp_try_recv(p->a, 9, &d), BIDE_EWOULDBLOCK);
    CHECK_INT(bide_udp_try_recv(p->a, 0, &d), BIDE_EINVALID);
    CHECK_INT(bide_udp_try_send(p->a, &m, 1, &sent), -89);
    send_now(p->b, "there");
    CHECK_INT(bide_udp_try_recv(p->a, 9, &d), 0);
    CHECK_INT(d->len, 5);
    bide_udp_free(p->a, d);
    bide_udp_free(p->a, NULL);
    trace(x, "over");
    x->over = true;
}

static void
test_udp_try_recv_does_not_wait(void **state)
{
    (void)state;
    run_one(tries, "x:over");
}

/* -- errors --------------------------------------------------------------- */

static void
is_refused(actor *x)
{
    udp_pair *p = x->arg;

    BEGIN(x);
    bide_udp_close(p->a);
    send_now(p->b, "anybody?");
    AWAIT(x, bide_udp_recv(p->b, 9, &x->w));
    CHECK_INT(x->rc, -111); /* ECONNREFUSED */
    send_now(p->b, "anybody?");
    AWAIT(x, bide_udp_send(p->b, "x", 1, NULL, &x->w));
    CHECK_INT(x->rc, -111);
    trace(x, "over");
    END(x);
}

static void
test_udp_refused_is_told_on_a_connected_socket(void **state)
{
    (void)state;
    run_one(is_refused, "x:over");
}

static void
closes(actor *x)
{
    udp_pair *p = x->arg;
    bide_datagram *d;
    bide_address address;
    size_t sent;
    int value;
    bide_udp_close(p->a);
    bide_udp_close(p->a);
    CHECK(bide_udp_closed(p->a));
    CHECK_INT(bide_udp_recv(p->a, 9, &x->w), BIDE_ECLOSED);
    CHECK_INT(bide_udp_recv_many(p->a, 9, &x->w), BIDE_ECLOSED);
    CHECK_INT(bide_udp_send(p->a, "x", 1, &p->to, &x->w), BIDE_ECLOSED);
    CHECK_INT(bide_udp_send_many(p->a, NULL, 0, &x->w), BIDE_ECLOSED);
    CHECK_INT(bide_udp_try_recv(p->a, 9, &d), BIDE_ECLOSED);
    CHECK_INT(bide_udp_try_send(p->a, NULL, 0, &sent), BIDE_ECLOSED);
    CHECK_INT(bide_udp_local(p->a, &address), BIDE_ECLOSED);
    CHECK_INT(bide_udp_fd(p->a), BIDE_ECLOSED);
    CHECK_INT(bide_udp_set(p->a, BIDE_UDP_TTL, 3), BIDE_ECLOSED);
    CHECK_INT(bide_udp_get(p->a, BIDE_UDP_TTL, &value), BIDE_ECLOSED);
    CHECK_INT(bide_udp_join(p->a, "239.1.2.3", NULL), BIDE_ECLOSED);
    x->over = true;
}

static void
test_udp_close_wakes_the_waits(void **state)
{
    (void)state;
    world wd;
    udp_pair p;
    begin(&wd, &p);
    actor_spawn(&wd, "a", receives, &p);
    actor_spawn(&wd, "b", receives, &p);
    actor_spawn(&wd, "c", closes, &p);
    world_run(&wd);
    world_traced(&wd, "a:ECLOSED b:ECLOSED");
    end(&wd, &p);
}

static void
opens_badly(actor *x)
{
    udp_pair *p = x->arg;
    static const bide_udp_options share = {.reuse_port = true};
    static const bide_udp_options bad = {.local_host = "name"};
    static const bide_udp_options other = {.local_host = "::1"};
    bide_address address;

    BEGIN(x);
    AWAIT(x, bide_udp_bind("127.0.0.1", p->port, NULL, &x->w));
    CHECK_INT(x->rc, -98); /* EADDRINUSE */
    CHECK_INT(bide_udp_bind("127.0.0.1", 65536, NULL, &x->w), BIDE_EINVALID);
    CHECK_INT(bide_udp_connect("", 1, NULL, &x->w), BIDE_EINVALID);
    CHECK_INT(bide_udp_connect("::1", 0, NULL, &x->w), BIDE_EINVALID);
    CHECK_INT(bide_udp_connect("127.0.0.1", 1, &bad, &x->w), BIDE_EINVALID);
    CHECK_INT(bide_udp_connect("127.0.0.1", 1, &other, &x->w), -97);
    AWAIT(x, bide_udp_connect("no-such-host.invalid", 1, NULL, &x->w));
    CHECK_INT(x->rc, BIDE_ENAME);
    AWAIT_OK(x, bide_udp_bind("localhost", 0, &share, &x->w));
    x->extra = x->w.value.as.ptr;
    CHECK_INT(bide_udp_local(x->extra, &address), 0);
    AWAIT_OK(x, bide_udp_bind(address.host, address.port, &share, &x->w));
    bide_udp_unref(x->w.value.as.ptr);
    bide_udp_unref(x->extra);
    trace(x, "over");
    END(x);
}

static void
test_udp_port_in_use_is_an_error(void **state)
{
    (void)state;
    run_one(opens_badly, "x:over");
}

/* -- options and groups --------------------------------------------------- */

static void
tunes(actor *x)
{
    udp_pair *p = x->arg;
    int value;
    CHECK_INT(bide_udp_set(p->a, BIDE_UDP_TTL, 7), 0);
    CHECK_INT(bide_udp_get(p->a, BIDE_UDP_TTL, &value), 0);
    CHECK_INT(value, 7);
    for (int i = 0; i <= BIDE_UDP_SEND_BUFFER; i++) {
        CHECK_INT(bide_udp_set(p->a, i, 1), 0);
        CHECK_INT(bide_udp_get(p->a, i, &value), 0);
        CHECK(value >= 1);
        CHECK_INT(bide_udp_set(p->a, i, -1), BIDE_EINVALID);
    }
    CHECK_INT(bide_udp_set(p->a, BIDE_UDP_TTL, 256), BIDE_EINVALID);
    CHECK_INT(bide_udp_set(p->a, 99, 1), BIDE_EINVALID);
    CHECK_INT(bide_udp_get(p->a, -1, &value), BIDE_EINVALID);
    CHECK_INT(bide_udp_join(p->a, "127.0.0.1", NULL), BIDE_EINVALID);
    CHECK_INT(bide_udp_join(p->a, "::1", NULL), BIDE_EINVALID);
    CHECK_INT(bide_udp_join(p->a, "x", NULL), BIDE_EINVALID);
    CHECK_INT(bide_udp_join(p->a, "239.1.2.3", "nosuch0"), -19); /* ENODEV */
    CHECK_INT(bide_udp_multicast_via(p->a, "nosuch0"), -19);
    trace(x, "over");
    x->over = true;
}

static void
test_udp_options_can_be_set(void **state)
{
    (void)state;
    run_one(tunes, "x:over");
}

static void
multicasts(actor *x)
{
    udp_pair *p = x->arg;
    bide_sockaddr group;
    bide_address address;

    BEGIN(x);
    AWAIT_OK(x, bide_udp_bind("0.0.0.0", 0, NULL, &x->w));
    x->extra = x->w.value.as.ptr;
    CHECK_INT(bide_udp_local(x->extra, &address), 0);
    CHECK_INT(bide_udp_join(x->extra, "239.255.7.7", "127.0.0.1"), 0);
    CHECK_INT(bide_udp_multicast_via(p->a, "127.0.0.1"), 0);
    CHECK_INT(bide_sockaddr_parse("239.255.7.7", address.port, &group), 0);
    AWAIT_OK(x, bide_udp_send(p->a, "all", 3, &group, &x->w));
    AWAIT_OK(x, bide_udp_recv(x->extra, 9, &x->w));
    expect(p, &x->w, "all");
    CHECK_INT(bide_udp_leave(x->extra, "239.255.7.7", "127.0.0.1"), 0);
    CHECK_INT(bide_udp_leave(x->extra, "239.255.7.7", "127.0.0.1"), -99);
    bide_udp_unref(x->extra);
    trace(x, "over");
    END(x);
}

static void
test_udp_multicast_reaches_the_group(void **state)
{
    (void)state;
    run_one(multicasts, "x:over");
}

static void
broadcasts(actor *x)
{
    udp_pair *p = x->arg;
    bide_sockaddr all;
    bide_address address;

    BEGIN(x);
    AWAIT_OK(x, bide_udp_bind("0.0.0.0", 0, NULL, &x->w));
    x->extra = x->w.value.as.ptr;
    CHECK_INT(bide_udp_local(x->extra, &address), 0);
    CHECK_INT(bide_sockaddr_parse("127.255.255.255", address.port, &all), 0);
    p->to = all;
    AWAIT(x, bide_udp_send(p->a, "all", 3, &p->to, &x->w));
    CHECK_INT(x->rc, -13); /* EACCES */
    CHECK_INT(bide_udp_set(p->a, BIDE_UDP_BROADCAST, 1), 0);
    AWAIT_OK(x, bide_udp_send(p->a, "all", 3, &p->to, &x->w));
    AWAIT_OK(x, bide_udp_recv(x->extra, 9, &x->w));
    expect(p, &x->w, "all");
    bide_udp_unref(x->extra);
    trace(x, "over");
    END(x);
}

static void
test_udp_broadcast_needs_its_option(void **state)
{
    (void)state;
    run_one(broadcasts, "x:over");
}

static void
serves_both(actor *x)
{
    udp_pair *p = x->arg;
    bide_address address;
    static const char *const hosts[] = {"127.0.0.1", "::1"};

    BEGIN(x);
    AWAIT_OK(x, bide_udp_bind(NULL, 0, NULL, &x->w));
    x->extra = x->w.value.as.ptr;
    for (x->i = 0; x->i < 2; x->i++) {
        CHECK_INT(bide_udp_local(x->extra, &address), 0);
        if (address.family == 4 && x->i == 1)
            break; /* the system has no IPv6 */
        bide_udp_unref(p->b);
        p->b = NULL;
        AWAIT_OK(x, bide_udp_connect(hosts[x->i], address.port, NULL, &x->w));
        p->b = x->w.value.as.ptr;
        send_now(p->b, "you?");
        AWAIT_OK(x, bide_udp_recv(x->extra, 9, &x->w));
        bide_datagram *d = x->w.value.as.ptr;
        CHECK_INT(bide_sockaddr_text(&d->from, &address), 0);
        CHECK(strcmp(address.host, hosts[x->i]) == 0);
        /* By its text as well: IPv4 is mapped on the way out. */
        CHECK_INT(bide_sockaddr_parse(address.host, address.port, &p->to), 0);
        bide_udp_free(p->a, d);
        AWAIT_OK(x, bide_udp_send(x->extra, "me!", 3, &p->to, &x->w));
        AWAIT_OK(x, bide_udp_recv(p->b, 9, &x->w));
        expect(p, &x->w, "me!");
    }
    bide_udp_unref(x->extra);
    trace(x, "over");
    END(x);
}

static void
test_udp_dual_stack_serves_both_families(void **state)
{
    (void)state;
    run_one(serves_both, "x:over");
}

TEST_MAIN("udp", T(udp_echo), T(udp_recv_gives_one_datagram),
          T(udp_large_datagrams_arrive_whole),
          T(udp_longer_than_asked_for_is_an_error), T(udp_many_go_in_order),
          T(udp_receivers_are_served_in_order), T(udp_try_recv_does_not_wait),
          T(udp_refused_is_told_on_a_connected_socket),
          T(udp_close_wakes_the_waits), T(udp_port_in_use_is_an_error),
          T(udp_options_can_be_set), T(udp_multicast_reaches_the_group),
          T(udp_broadcast_needs_its_option),
          T(udp_dual_stack_serves_both_families))
