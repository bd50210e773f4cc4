/* test_tcp_backlog.c - writing several buffers at once, reading and writing
 * without waiting, and the marks between which a stream buffers. */
#include "support_net.h"

enum { PARTS = 200, BIG = 4 << 20 };

/* Takes all that is on its way to the peer; how much. */
static size_t
peer_drain(net *n, char *out, size_t room)
{
    size_t seen = 0;
    int there;
    while ((there = peer_pending(n->peer)) > 0 && seen + (size_t)there < room) {
        peer_recv(n->peer, out + seen, (size_t)there);
        seen += (size_t)there;
    }
    return seen;
}

/* -- write_many ----------------------------------------------------------- */

static void
writes_many(actor *a)
{
    net *n = a->arg;
    static bide_buffer list[PARTS];
    static char letters[PARTS];

    BEGIN(a);
    for (int i = 0; i < PARTS; i++) { /* every tenth is empty */
        letters[i] = (char)('a' + i % 26);
        list[i] = (bide_buffer){&letters[i], i % 10 != 9};
    }
    AWAIT_OK(a, bide_stream_write_many(n->stream, list, PARTS, &a->w));
    CHECK_INT(a->w.u.io.done, PARTS - PARTS / 10);
    peer_recv(n->peer, n->text, PARTS - PARTS / 10);
    for (int i = 0, k = 0; i < PARTS; i++)
        if (i % 10 != 9)
            CHECK_INT(n->text[k++], letters[i]);
    AWAIT_OK(a, bide_stream_write_many(n->stream, NULL, 0, &a->w));
    list[0].len = list[1].len = SIZE_MAX / 2;
    CHECK_INT(bide_stream_write_many(n->stream, list, 2, &a->w), BIDE_EINVALID);
    trace(a, "all");
    END(a);
}

static void
test_tcp_write_many_sends_all_in_order(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_spawn(&n, "w", writes_many);
    net_expect(&n, "w:all");
}

static void
writes_big_list(actor *a)
{
    net *n = a->arg;
    static bide_buffer list[3];

    BEGIN(a);
    for (int i = 0; i < 3; i++)
        list[i] = (bide_buffer){n->data + i * (BIG / 3), BIG / 3};
    AWAIT_OK(a, bide_stream_write_many(n->stream, list, 3, &a->w));
    n->flag = true;
    END(a);
}

static void
drains_all(actor *a)
{
    net *n = a->arg;
    static char got[BIG];

    BEGIN(a);
    for (a->i = 0; a->i < 300; a->i++)
        AWAIT_OK(a, bide_yield(&a->w));
    CHECK(!n->flag);
    while (a->at < BIG / 3 * 3) {
        a->at +=
            (int64_t)peer_drain(n, got + a->at, sizeof got - (size_t)a->at);
        AWAIT_OK(a, bide_yield(&a->w));
    }
    CHECK(memcmp(got, n->data, BIG / 3 * 3) == 0);
    trace(a, "all");
    END(a);
}

static void
make_data(net *n)
{
    n->data = malloc(BIG + 1);
    if (!n->data)
        abort();
    for (size_t i = 0; i < BIG; i++)
        n->data[i] = (char)(i % 251);
}

static void
test_tcp_write_many_waits_for_a_slow_reader(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    make_data(&n);
    net_spawn(&n, "w", writes_big_list);
    net_spawn(&n, "r", drains_all);
    world_run(&n.wd);
    CHECK(n.flag);
    net_expect(&n, "r:all");
}

/* -- without waiting ------------------------------------------------------ */

static void
tries_to_read(actor *a)
{
    net *n = a->arg;
    size_t got, len;

    BEGIN(a);
    CHECK_INT(bide_stream_try_read(n->stream, 10, &got), BIDE_EWOULDBLOCK);
    CHECK_INT(bide_stream_try_read(n->stream, 0, &got), BIDE_EINVALID);
    peer_send(n->peer, "abcdef");
    CHECK_INT(bide_stream_try_read(n->stream, 4, &got), 0);
    CHECK_INT(got, 4);
    CHECK(memcmp(bide_stream_data(n->stream, &len), "abcd", 4) == 0);
    bide_stream_consume(n->stream, 4);
    CHECK_INT(bide_stream_try_read(n->stream, 4, &got), 0);
    CHECK_INT(got, 2);
    bide_stream_consume(n->stream, 2);
    peer_close(&n->peer);
    CHECK_INT(bide_stream_try_read(n->stream, 4, &got), 0);
    CHECK_INT(got, 0);
    AWAIT_OK(a, bide_stream_read(n->stream, 4, &a->w));
    CHECK_INT(a->w.u.io.len, 0);
    bide_stream_close(n->stream);
    CHECK_INT(bide_stream_try_read(n->stream, 4, &got), BIDE_ECLOSED);
    trace(a, "over");
    END(a);
}

static void
test_tcp_try_read_does_not_wait(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_spawn(&n, "a", tries_to_read);
    net_expect(&n, "a:over");
}

static void
waits_to_read(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_read(n->stream, 10, &a->w));
    trace(a, "%s", net_taken(n, &a->w));
    END(a);
}

static void
tries_beside(actor *a)
{
    net *n = a->arg;
    size_t got;
    CHECK_INT(bide_stream_try_read(n->stream, 10, &got), BIDE_EBUSY);
    peer_send(n->peer, "it");
    a->over = true;
}

static void
test_tcp_try_read_beside_a_reader_is_an_error(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_spawn(&n, "a", waits_to_read);
    net_spawn(&n, "b", tries_beside);
    net_expect(&n, "a:it");
}

static void
tries_to_write(actor *a)
{
    net *n = a->arg;
    static char got[BIG];
    bide_buffer two[2] = {{"ab", 2}, {n->data, BIG}};
    size_t done, sent;
    CHECK_INT(bide_stream_try_write(n->stream, NULL, 0, &done), 0);
    CHECK_INT(bide_stream_try_write(n->stream, two, 2, &done), 0);
    CHECK(done > 2 && done < BIG);
    sent = done;
    while (bide_stream_try_write(n->stream, two + 1, 1, &done) == 0)
        sent += done;
    CHECK_INT(bide_stream_try_write(n->stream, two, 1, &done),
              BIDE_EWOULDBLOCK);
    CHECK_INT(done, 0);
    CHECK_INT(bide_stream_unsent(n->stream), 0);
    CHECK(peer_drain(n, got, sizeof got) > 0);
    CHECK(memcmp(got, "ab", 2) == 0);
    bide_stream_close(n->stream);
    CHECK_INT(bide_stream_try_write(n->stream, two, 1, &done), BIDE_ECLOSED);
    CHECK(sent > 0);
    trace(a, "over");
    a->over = true;
}

static void
test_tcp_try_write_takes_what_fits(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    make_data(&n);
    net_spawn(&n, "a", tries_to_write);
    net_expect(&n, "a:over");
}

/* -- write_nowait and drain ----------------------------------------------- */

/* In step with the writes before and after it. */
static void
writes_without_waiting(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    CHECK_INT(bide_stream_write_nowait(n->stream, n->data, BIG - 20000), 0);
    CHECK(bide_stream_unsent(n->stream) > 0);
    for (a->i = BIG - 20000; a->i < BIG - 10000; a->i += 100)
        CHECK_INT(bide_stream_write_nowait(n->stream, n->data + a->i, 100), 0);
    CHECK(bide_stream_unsent(n->stream) >= 10000);
    AWAIT_OK(a, bide_stream_write(n->stream, n->data + a->i, 10000, &a->w));
    CHECK_INT(bide_stream_unsent(n->stream), 0);
    AWAIT_OK(a, bide_stream_shutdown(n->stream, &a->w));
    CHECK_INT(bide_stream_write_nowait(n->stream, "x", 1), -32); /* EPIPE */
    AWAIT_OK(a, bide_stream_drain(n->stream, &a->w));
    END(a);
}

static void
takes_all(actor *a)
{
    net *n = a->arg;
    static char got[BIG + 1];

    BEGIN(a);
    while (a->at < BIG) {
        a->at +=
            (int64_t)peer_drain(n, got + a->at, sizeof got - (size_t)a->at);
        AWAIT_OK(a, bide_yield(&a->w));
    }
    CHECK(memcmp(got, n->data, BIG) == 0);
    AWAIT_UNTIL(a, peer_at_end(n->peer));
    trace(a, "all");
    END(a);
}

static void
test_tcp_write_nowait_is_sent_in_the_background(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    make_data(&n);
    net_spawn(&n, "w", writes_without_waiting);
    net_spawn(&n, "r", takes_all);
    net_expect(&n, "r:all");
}

static void
drains(actor *a)
{
    net *n = a->arg;
    bide_stream_limits limits;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_drain(n->stream, &a->w)); /* nothing to wait for */
    bide_stream_get_limits(n->stream, &limits);
    limits.write_high = 1 << 20;
    limits.write_low = 1 << 19;
    CHECK_INT(bide_stream_set_limits(n->stream, &limits), 0);
    while (bide_stream_unsent(n->stream) <= limits.write_high)
        CHECK_INT(bide_stream_write_nowait(n->stream, n->data, 100000), 0);
    trace(a, "full");
    n->flag = true;
    AWAIT(a, bide_stream_drain(n->stream, &a->w));
    CHECK_INT(a->rc, a->n);
    if (a->rc == 0)
        CHECK(bide_stream_unsent(n->stream) <= 1 << 19);
    trace(a, "%s", bide_error_name(a->rc));
    END(a);
}

static void
makes_room(actor *a)
{
    net *n = a->arg;
    static char got[BIG];

    BEGIN(a);
    AWAIT_UNTIL(a, n->flag);
    trace(a, "reads");
    while (bide_stream_unsent(n->stream) > 1 << 19) {
        peer_drain(n, got, sizeof got);
        AWAIT_OK(a, bide_yield(&a->w));
    }
    END(a);
}

static void
test_tcp_drain_waits_for_the_low_mark(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    make_data(&n);
    net_spawn(&n, "w", drains);
    net_spawn(&n, "r", makes_room);
    net_expect(&n, "w:full r:reads w:OK");
}

static void
test_tcp_cancelled_drain_changes_nothing(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    make_data(&n);
    actor *w = net_spawn(&n, "w", drains);
    w->n = BIDE_ECANCELED;
    cancel_later(&n.wd, w);
    world_run(&n.wd);
    CHECK(bide_stream_unsent(n.stream) > 1 << 19);
    net_spawn(&n, "r", makes_room);
    net_expect(&n, "w:full w:ECANCELED r:reads");
}

static void
ends_the_drain(actor *a)
{
    net *n = a->arg;
    if (a->n)
        bide_stream_close(n->stream);
    else
        peer_reset(&n->peer);
    a->over = true;
}

static void
test_tcp_drain_ends_with_the_stream(void **state)
{
    (void)state;
    for (int closed = 0; closed < 2; closed++) {
        net n;
        net_begin(&n);
        make_data(&n);
        net_spawn(&n, "w", drains)->n = closed ? BIDE_ECLOSED : -104;
        net_spawn(&n, "x", ends_the_drain)->n = closed;
        net_expect(&n, closed ? "w:full w:ECLOSED" : "w:full w:ECONNRESET");
    }
}

/* -- marks of reading ----------------------------------------------------- */

static void
lets_it_fill(actor *a)
{
    net *n = a->arg;
    bide_stream_limits limits;
    size_t len;

    BEGIN(a);
    bide_stream_get_limits(n->stream, &limits);
    limits.read_high = 0;
    CHECK_INT(bide_stream_set_limits(n->stream, &limits), BIDE_EINVALID);
    limits.read_high = 1000;
    CHECK_INT(bide_stream_set_limits(n->stream, &limits), BIDE_EINVALID);
    limits.read_low = 100;
    CHECK_INT(bide_stream_set_limits(n->stream, &limits), 0);
    peer_send_bytes(n->peer, n->data, 1000);
    AWAIT_OK(a, bide_stream_read_exact(n->stream, 1, &a->w));
    bide_stream_data(n->stream, &len);
    CHECK_INT(len, 1000); /* nothing is read on from here */
    peer_send_bytes(n->peer, n->data, 500);
    for (a->i = 0; a->i < 200; a->i++)
        AWAIT_OK(a, bide_yield(&a->w));
    bide_stream_data(n->stream, &len);
    CHECK_INT(len, 1000);
    bide_stream_consume(n->stream, 900);
    AWAIT_UNTIL(a, net_has(n->stream, 600));
    trace(a, "over");
    END(a);
}

static void
test_tcp_reading_stops_at_the_high_mark(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    make_data(&n);
    net_spawn(&n, "a", lets_it_fill);
    net_expect(&n, "a:over");
}

/* -- without memory ------------------------------------------------------- */

static void
test_tcp_write_nowait_without_memory(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    make_data(&n);
    bide_buffer all = {n.data, BIG};
    size_t done;
    while (bide_stream_try_write(n.stream, &all, 1, &done) == 0)
        continue;
    for (size_t k = 1; k <= 2; k++) {
        memory_fail_at(k, false);
        CHECK_INT(bide_stream_write_nowait(n.stream, "x", 1), BIDE_ENOMEMORY);
        memory_fail_at(0, false);
        CHECK_INT(bide_stream_unsent(n.stream), 0);
    }
    CHECK_INT(bide_stream_write_nowait(n.stream, "x", 1), 0);
    net_end(&n);
}

TEST_MAIN("tcp backlog", T(tcp_write_many_sends_all_in_order),
          T(tcp_write_many_waits_for_a_slow_reader),
          T(tcp_try_read_does_not_wait),
          T(tcp_try_read_beside_a_reader_is_an_error),
          T(tcp_try_write_takes_what_fits),
          T(tcp_write_nowait_is_sent_in_the_background),
          T(tcp_drain_waits_for_the_low_mark),
          T(tcp_cancelled_drain_changes_nothing),
          T(tcp_drain_ends_with_the_stream),
          T(tcp_reading_stops_at_the_high_mark),
          T(tcp_write_nowait_without_memory))
