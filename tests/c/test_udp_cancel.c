/* test_udp_cancel.c - datagrams: cancelled, dropped, without memory, and while
 * the system takes no more, for which a pair of Unix datagram sockets stands
 * in: over the loopback interface that never happens. */
#include "support_sweep.h"

#include <sys/socket.h>
#include <unistd.h>

#include "udp.h"

typedef struct talk {
    bide_udp *a, *b;
    size_t sent, got;
    char seen[64];
    int digits[10];
} talk;

static void
open_pair(world *wd, talk *k)
{
    int fds[2];
    CHECK_INT(
        socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
        0);
    CHECK_INT(bide__udp_open(wd->loop, fds[0], AF_INET, &k->a), 0);
    CHECK_INT(bide__udp_open(wd->loop, fds[1], AF_INET, &k->b), 0);
}

static void
close_pair(talk *k)
{
    bide_udp_unref(k->a);
    bide_udp_unref(k->b);
}

static size_t
fill(bide_udp *u)
{
    bide_message m = {"x", 1, NULL};
    size_t sent, n = 0;
    while (bide_udp_try_send(u, &m, 1, &sent) == 0)
        n++;
    CHECK(n > 0);
    return n;
}

/* -- a full system -------------------------------------------------------- */

static void
sends(actor *x)
{
    talk *k = x->arg;
    BEGIN(x);
    AWAIT(x, bide_udp_send(k->b, x->extra, 1, NULL, &x->w));
    trace(x, "%s", bide_error_name(x->rc));
    END(x);
}

static void
sends_two(actor *x)
{
    talk *k = x->arg;
    static const bide_message two[2] = {{"1", 1, NULL}, {"2", 1, NULL}};
    BEGIN(x);
    AWAIT(x, bide_udp_send_many(k->b, two, 2, &x->w));
    trace(x, "%s", bide_error_name(x->rc));
    END(x);
}

/* Takes all, and keeps what is not filling. */
static void
takes(actor *x)
{
    talk *k = x->arg;

    BEGIN(x);
    while (k->got < k->sent) {
        AWAIT_OK(x, bide_udp_recv_many(k->a, 3, &x->w));
        bide_datagram *chain = x->w.value.as.ptr;
        for (bide_datagram *d = chain; d; d = d->next)
            if (k->got++, *d->data != 'x')
                strncat(k->seen, d->data, 1);
        bide_udp_free(k->a, chain);
    }
    END(x);
}

static void
test_udp_send_waits_while_the_buffer_is_full(void **state)
{
    (void)state;
    world wd;
    talk k = {0};
    world_begin(&wd, 0);
    open_pair(&wd, &k);
    k.sent = fill(k.b) + 4;
    actor_spawn(&wd, "a", sends, &k)->extra = "a";
    actor_spawn(&wd, "m", sends_two, &k);
    actor_spawn(&wd, "b", sends, &k)->extra = "b";
    actor_spawn(&wd, "t", takes, &k);
    world_run(&wd);
    CHECK(strcmp(k.seen, "a12b") == 0);
    world_traced(&wd, "a:OK m:OK b:OK");
    close_pair(&k);
    world_end(&wd);
}

static void
test_udp_cancelled_send_sends_nothing(void **state)
{
    (void)state;
    world wd;
    talk k = {0};
    world_begin(&wd, 0);
    open_pair(&wd, &k);
    k.sent = fill(k.b) + 1;
    actor *a = actor_spawn(&wd, "a", sends, &k);
    a->extra = "a";
    actor *m = actor_spawn(&wd, "m", sends_two, &k);
    actor_spawn(&wd, "b", sends, &k)->extra = "b";
    cancel_later(&wd, a);
    cancel_later(&wd, m);
    actor_spawn(&wd, "t", takes, &k);
    world_run(&wd);
    CHECK(strcmp(k.seen, "b") == 0);
    world_traced(&wd, "a:ECANCELED m:ECANCELED b:OK");
    close_pair(&k);
    world_end(&wd);
}

static void
closes_full(actor *x)
{
    talk *k = x->arg;
    bide_udp_close(k->b);
    x->over = true;
}

static void
test_udp_close_wakes_the_senders(void **state)
{
    (void)state;
    world wd;
    talk k = {0};
    world_begin(&wd, 0);
    open_pair(&wd, &k);
    fill(k.b);
    actor_spawn(&wd, "a", sends, &k)->extra = "a";
    actor_spawn(&wd, "m", sends_two, &k);
    actor_spawn(&wd, "c", closes_full, &k);
    world_run(&wd);
    world_traced(&wd, "a:ECLOSED m:ECLOSED");
    close_pair(&k);
    world_end(&wd);
}

/* -- receiving, cancelled and dropped ------------------------------------- */

static void
receives(actor *x)
{
    talk *k = x->arg;
    BEGIN(x);
    AWAIT(x, bide_udp_recv_many(k->a, 2, &x->w));
    bide_datagram *chain = x->rc ? NULL : x->w.value.as.ptr;
    for (bide_datagram *d = chain; d; d = d->next)
        trace(x, "%.*s", (int)d->len, d->data);
    bide_udp_free(k->a, chain);
    if (x->rc)
        trace(x, "%s", bide_error_name(x->rc));
    END(x);
}

static void
put(bide_udp *u, const char *text)
{
    bide_message m = {text, strlen(text), NULL};
    size_t sent;
    CHECK_INT(bide_udp_try_send(u, &m, 1, &sent), 0);
}

static void
test_udp_cancelled_recv_loses_nothing(void **state)
{
    (void)state;
    world wd;
    talk k = {0};
    world_begin(&wd, 0);
    open_pair(&wd, &k);
    cancel_later(&wd, actor_spawn(&wd, "a", receives, &k));
    world_run(&wd);
    put(k.b, "1");
    actor_spawn(&wd, "b", receives, &k);
    world_run(&wd);
    world_traced(&wd, "a:ECANCELED b:1");
    close_pair(&k);
    world_end(&wd);
}

static void
drops_the_first(actor *x)
{
    actor *first = x->extra;
    BEGIN(x);
    AWAIT_UNTIL(x, first->w.state == BIDE_WAIT_FIRED);
    bide_wait_drop(&first->w);
    bide_task_finish(&first->task);
    END(x);
}

/* A task that was given datagrams and is destroyed gives them on, in order. */
static void
test_udp_dropped_recv_gives_them_on(void **state)
{
    (void)state;
    world wd;
    talk k = {0};
    world_begin(&wd, 0);
    open_pair(&wd, &k);
    actor *first = actor_spawn(&wd, "a", receives, &k);
    actor_spawn(&wd, "d", drops_the_first, &k)->extra = first;
    put(k.b, "1");
    put(k.b, "2");
    put(k.b, "3");
    world_run(&wd);
    actor_spawn(&wd, "b", receives, &k);
    actor_spawn(&wd, "c", receives, &k);
    world_run(&wd);
    world_traced(&wd, "b:1 b:2 c:3");
    close_pair(&k);
    world_end(&wd);
}

/* What arrives while nobody asks waits in the system beyond a mark. */
static void
test_udp_queue_has_a_mark(void **state)
{
    (void)state;
    world wd;
    talk k = {0};
    world_begin(&wd, 0);
    open_pair(&wd, &k);
    k.sent = fill(k.b);
    actor_spawn(&wd, "t", takes, &k);
    world_run(&wd);
    for (int i = 0; i < 100; i++) {
        k.sent += fill(k.b);
        actor_spawn(&wd, "t", takes, &k);
        world_run(&wd);
    }
    CHECK_INT(k.got, k.sent);
    close_pair(&k);
    world_end(&wd);
}

/* -- swept ---------------------------------------------------------------- */

enum { COUNT_OF_ALL = 40 };

static void
sends_all(actor *x)
{
    talk *k = x->arg;
    static const char digits[] = "0123456789";

    BEGIN(x);
    while (k->sent < COUNT_OF_ALL) {
        AWAIT_OK(x, bide_udp_send(k->b, &digits[k->sent % 10], 1, NULL, &x->w));
        k->sent++;
    }
    END(x);
}

/* The victim and the other take turns; each notes what it got. */
static void
takes_some(actor *x)
{
    talk *k = x->arg;

    BEGIN(x);
    while (k->got < COUNT_OF_ALL) {
        AWAIT(x, bide_udp_recv_many(k->a, 3, &x->w));
        if (x->rc)
            break;
        bide_datagram *chain = x->w.value.as.ptr;
        for (bide_datagram *d = chain; d; d = d->next)
            k->got++, k->digits[*d->data - '0']++;
        bide_udp_free(k->a, chain);
    }
    if (k->got >= COUNT_OF_ALL)
        bide_udp_close(k->a);
    END(x);
}

static actor *
build(world *wd, void *state)
{
    talk *k = state;
    open_pair(wd, k);
    actor *victim = actor_spawn(wd, "victim", takes_some, k);
    actor_spawn(wd, "other", takes_some, k);
    actor_spawn(wd, "s", sends_all, k);
    return victim;
}

static void
verify(world *wd, void *state, bool hit)
{
    talk *k = state;
    (void)wd;
    (void)hit;
    CHECK_INT(k->got, COUNT_OF_ALL);
    for (int i = 0; i < 10; i++)
        CHECK_INT(k->digits[i], COUNT_OF_ALL / 10);
    close_pair(k);
}

static void
test_udp_cancel_at_every_park(void **state)
{
    (void)state;
    static const scenario s = {sizeof(talk), build, verify};
    sweep_cancel(&s);
}

/* -- without memory ------------------------------------------------------- */

static void
opens_and_talks(actor *x)
{
    talk *k = x->arg;
    bide_address address;

    BEGIN(x);
    AWAIT(x, bide_udp_bind("127.0.0.1", 0, NULL, &x->w));
    if (x->rc)
        goto out;
    k->a = x->w.value.as.ptr;
    CHECK_INT(bide_udp_local(k->a, &address), 0);
    AWAIT(x, bide_udp_connect(x->n ? "localhost" : "127.0.0.1", address.port,
                              NULL, &x->w));
    if (x->rc)
        goto out;
    k->b = x->w.value.as.ptr;
    AWAIT(x, bide_udp_send(k->b, "x", 1, NULL, &x->w));
    if (x->rc || x->n) /* localhost may be IPv6, where nobody is */
        goto out;
    AWAIT(x, bide_udp_recv(k->a, 9, &x->w));
    if (x->rc == 0)
        bide_udp_free(k->a, x->w.value.as.ptr);
out:
    CHECK(x->rc == 0 || x->rc == BIDE_ENOMEMORY || x->rc == -111);
    END(x);
}

static void
test_udp_without_memory(void **state)
{
    (void)state;
    for (int by_name = 0; by_name < 2; by_name++) {
        bool failed = true;
        for (size_t i = 1; failed; i++) {
            world wd;
            talk k = {0};
            world_begin(&wd, 0);
            actor_spawn(&wd, "x", opens_and_talks, &k)->n = by_name;
            memory_fail_at(i, false);
            world_run(&wd);
            failed = memory_failed();
            memory_fail_at(0, false);
            close_pair(&k);
            world_end(&wd);
        }
    }
}

TEST_MAIN("udp cancel", T(udp_send_waits_while_the_buffer_is_full),
          T(udp_cancelled_send_sends_nothing), T(udp_close_wakes_the_senders),
          T(udp_cancelled_recv_loses_nothing),
          T(udp_dropped_recv_gives_them_on), T(udp_queue_has_a_mark),
          T(udp_cancel_at_every_park), T(udp_without_memory))
