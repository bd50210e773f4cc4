/* test_tcp_end.c - reads that meet an end, an error or a cancel. */
#include "support_net.h"

#include <errno.h>

/* Sends the parts of a->extra, separated by '|', each when the one before has
 * arrived; then closes if a->n. */
static void
sends_parts(actor *a)
{
    net *n = a->arg;
    const char *parts = a->extra;
    size_t len;

    BEGIN(a);
    while (*(parts = (const char *)a->extra + a->i)) {
        len = strcspn(parts, "|");
        peer_send_bytes(n->peer, parts, len);
        a->at += (int64_t)len;
        a->i += (int)len + (parts[len] == '|');
        AWAIT_UNTIL(a, n->flag || net_has(n->stream, (size_t)a->at));
    }
    if (a->n)
        peer_close(&n->peer);
    END(a);
}

static void
spawn_parts(net *n, const char *parts, bool close)
{
    actor *a = net_spawn(n, "p", sends_parts);
    a->extra = (void *)parts;
    a->n = close;
}

static void
reads_to_the_end(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    for (;;) {
        AWAIT_OK(a, bide_stream_read(n->stream, 3, &a->w));
        if (a->w.u.io.len == 0)
            break;
        trace(a, "%s", net_taken(n, &a->w));
    }
    AWAIT_OK(a, bide_stream_read(n->stream, 3, &a->w));
    CHECK_INT(a->w.u.io.len, 0);
    trace(a, "end");
    END(a);
}

static void
test_tcp_end_of_stream_is_told(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    peer_send(n.peer, "abcd");
    peer_close(&n.peer);
    net_spawn(&n, "a", reads_to_the_end);
    net_expect(&n, "a:abc a:d a:end");
}

static void
reads_too_much(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    AWAIT(a, bide_stream_read_exact(n->stream, 10, &a->w));
    CHECK_INT(a->rc, BIDE_EEOF);
    AWAIT(a, bide_stream_read_until(n->stream, "\n", 1, 100, &a->w));
    CHECK_INT(a->rc, BIDE_EEOF);
    AWAIT_OK(a, bide_stream_read_exact(n->stream, 4, &a->w));
    trace(a, "%s", net_taken(n, &a->w));
    AWAIT(a, bide_stream_read_exact(n->stream, 1, &a->w));
    CHECK_INT(a->rc, BIDE_EEOF);
    END(a);
}

static void
test_tcp_end_inside_read_exact_is_an_error(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_spawn(&n, "a", reads_too_much);
    spawn_parts(&n, "ab|cd", true);
    net_expect(&n, "a:abcd");
}

static void
is_reset(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    peer_reset(&n->peer);
    AWAIT(a, bide_stream_read(n->stream, 10, &a->w));
    CHECK_INT(a->rc, -104); /* ECONNRESET */
    AWAIT(a, bide_stream_read(n->stream, 10, &a->w));
    CHECK_INT(a->rc, -104);
    AWAIT(a, bide_stream_write(n->stream, "x", 1, &a->w));
    CHECK(a->rc < 0);
    CHECK(bide_stream_lost(n->stream, a->rc));
    trace(a, "reset");
    END(a);
}

static void
test_tcp_reset_by_the_peer_is_an_error(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_spawn(&n, "a", is_reset);
    net_expect(&n, "a:reset");
}

/* What the program did itself is no loss. */
static void
ends_and_writes(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    CHECK(bide_stream_lost(n->stream, -EPIPE));
    CHECK(bide_stream_lost(n->stream, -ECONNRESET));
    CHECK(bide_stream_lost(n->stream, BIDE_ETRUNCATED));
    AWAIT_OK(a, bide_stream_shutdown(n->stream, &a->w));
    AWAIT(a, bide_stream_write(n->stream, "x", 1, &a->w));
    CHECK_INT(a->rc, -EPIPE);
    CHECK(!bide_stream_lost(n->stream, a->rc));
    CHECK(!bide_stream_lost(n->stream, BIDE_EEOF));
    CHECK(!bide_stream_lost(n->stream, BIDE_EBUSY));
    CHECK(!bide_stream_lost(n->stream, 0));
    trace(a, "own");
    END(a);
}

static void
test_tcp_own_end_is_no_loss(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_spawn(&n, "a", ends_and_writes);
    net_expect(&n, "a:own");
}

static void
reads_one(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_read(n->stream, 10, &a->w));
    trace(a, "%s", net_taken(n, &a->w));
    END(a);
}

static void
reads_second(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    CHECK_INT(bide_stream_read(n->stream, 10, &a->w), BIDE_EBUSY);
    CHECK_INT(bide_stream_read_exact(n->stream, 1, &a->w), BIDE_EBUSY);
    trace(a, "busy");
    peer_send(n->peer, "abc");
    END(a);
}

static void
test_tcp_second_reader_is_an_error(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_spawn(&n, "a", reads_one);
    net_spawn(&n, "b", reads_second);
    net_expect(&n, "b:busy a:abc");
}

static void
is_cancelled_reading(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    AWAIT(a, bide_stream_read_exact(n->stream, 6, &a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    trace(a, "cancelled");
    n->flag = true;
    END(a);
}

/* Cancels the reader when a part is in its buffer, then reads all. */
static void
reads_after_cancel(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    peer_send(n->peer, "abc");
    AWAIT_UNTIL(a, net_has(n->stream, 3));
    bide_task_cancel(&((actor *)a->extra)->task, number(0));
    AWAIT_UNTIL(a, n->flag);
    peer_send(n->peer, "def");
    AWAIT_OK(a, bide_stream_read_exact(n->stream, 6, &a->w));
    trace(a, "%s", net_taken(n, &a->w));
    END(a);
}

static void
test_tcp_cancelled_read_loses_nothing(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    actor *a = net_spawn(&n, "a", is_cancelled_reading);
    net_spawn(&n, "b", reads_after_cancel)->extra = a;
    net_expect(&n, "a:cancelled b:abcdef");
}

static void
times_out_reading(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    bide_scope_init(&a->scope);
    CHECK_INT(bide_scope_enter(&a->scope, &a->task, NULL), 0);
    CHECK_INT(bide_scope_deadline(&a->scope, now(a) + SECOND), 0);
    AWAIT(a, bide_stream_read(n->stream, 6, &a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK_INT(bide_scope_leave(&a->scope), BIDE_ETIMEDOUT);
    CHECK_INT(now(a), SECOND);
    /* Overdue, but there. */
    peer_send(n->peer, "abc");
    AWAIT_OK(a, bide_stream_read_exact(n->stream, 3, &a->w));
    bide_scope_init(&a->scope);
    CHECK_INT(bide_scope_enter(&a->scope, &a->task, NULL), 0);
    CHECK_INT(bide_scope_deadline(&a->scope, 0), 0);
    AWAIT_OK(a, bide_stream_read(n->stream, 6, &a->w));
    trace(a, "%s", net_taken(n, &a->w));
    CHECK_INT(bide_scope_leave(&a->scope), 0);
    END(a);
}

static void
test_tcp_read_under_a_timeout(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_spawn(&n, "a", times_out_reading);
    net_expect(&n, "a:abc");
}

TEST_MAIN("tcp end", T(tcp_end_of_stream_is_told),
          T(tcp_end_inside_read_exact_is_an_error),
          T(tcp_reset_by_the_peer_is_an_error), T(tcp_own_end_is_no_loss),
          T(tcp_second_reader_is_an_error), T(tcp_cancelled_read_loses_nothing),
          T(tcp_read_under_a_timeout))
