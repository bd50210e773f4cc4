/* test_tcp_faults.c - peers that reset in every phase, addresses that cannot be
 * reached, handles used after their close; and that none of it leaves anything
 * behind. */
#include "support_net.h"

#include <errno.h>
#include <sys/socket.h>

enum { BIG = 16 * 1024 * 1024, ROUNDS = 100 };

static bool
is_reset(int status)
{
    return status == -ECONNRESET || status == -EPIPE;
}

/* -- resets --------------------------------------------------------------- */

static void
is_reset_reading(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    AWAIT(a, bide_stream_read(n->stream, 10, &a->w));
    CHECK_INT(a->rc, -ECONNRESET);
    trace(a, "read");
    END(a);
}

static void
is_reset_writing(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    AWAIT(a, bide_stream_write(n->stream, n->data, BIG, &a->w));
    CHECK(is_reset(a->rc));
    trace(a, "write");
    AWAIT(a, bide_stream_write(n->stream, "x", 1, &a->w));
    CHECK(is_reset(a->rc));
    END(a);
}

static void
is_reset_shutting_down(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    AWAIT(a, bide_stream_shutdown(n->stream, &a->w));
    CHECK(is_reset(a->rc));
    trace(a, "shutdown");
    END(a);
}

static void
resets(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_yield(&a->w));
    peer_reset(&n->peer);
    END(a);
}

/* A peer that has connected and gone again: the accept gets it, its reads tell,
 * and the next one is served. */
static void
accepts_the_gone(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    a->n = peer_connect(n->port);
    peer_reset(&a->n);
    AWAIT_OK(a, bide_listener_accept(n->listener, &a->w));
    a->extra = a->w.value.as.ptr;
    AWAIT(a, bide_stream_read(a->extra, 10, &a->w));
    CHECK_INT(a->rc, -ECONNRESET);
    bide_stream_unref(a->extra);
    a->n = peer_connect(n->port);
    AWAIT_OK(a, bide_listener_accept(n->listener, &a->w));
    bide_stream_unref(a->w.value.as.ptr);
    peer_close(&a->n);
    trace(a, "accept");
    END(a);
}

/* Reset before the loop has seen the connection: connecting or the first read
 * tells. */
static void
connects_in_vain(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_tcp_connect("127.0.0.1", a->n, &a->w));
    if (a->rc == 0) {
        a->extra = a->w.value.as.ptr;
        AWAIT(a, bide_stream_read(a->extra, 10, &a->w));
        bide_stream_unref(a->extra);
    }
    CHECK_INT(a->rc, -ECONNRESET);
    trace(a, "connect");
    END(a);
}

static void
accepts_and_resets(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_yield(&a->w));
    a->i = accept(a->n, NULL, NULL);
    CHECK(a->i >= 0);
    peer_reset(&a->i);
    END(a);
}

static void
test_tcp_reset_in_every_phase_is_told(void **state)
{
    (void)state;
    net n;
    int port;
    net_begin(&n);
    n.data = calloc(1, BIG);
    net_spawn(&n, "a", is_reset_reading);
    net_spawn(&n, "a", is_reset_writing);
    net_spawn(&n, "a", is_reset_shutting_down);
    net_spawn(&n, "p", resets);
    world_run(&n.wd);
    CHECK(strstr(n.wd.trace, "a:read") && strstr(n.wd.trace, "a:write") &&
          strstr(n.wd.trace, "a:shutdown"));
    net_spawn(&n, "b", accepts_the_gone);
    world_run(&n.wd);
    int fd = peer_listen(&port);
    net_spawn(&n, "c", connects_in_vain)->n = port;
    net_spawn(&n, "p", accepts_and_resets)->n = fd;
    world_run(&n.wd);
    peer_close(&fd);
    CHECK(strstr(n.wd.trace, "b:accept c:connect") != NULL);
    net_end(&n);
}

/* A write is told of the reset, which the system tells once: the reads are told
 * as well, they must not take it for the end. */
static void
is_told_writing(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    peer_reset(&n->peer);
    AWAIT(a, bide_stream_write(n->stream, "x", 1, &a->w));
    CHECK_INT(a->rc, -ECONNRESET);
    AWAIT(a, bide_stream_read(n->stream, 10, &a->w));
    CHECK_INT(a->rc, -ECONNRESET);
    trace(a, "told");
    END(a);
}

static void
test_tcp_reset_told_to_a_write_is_no_end_to_reads(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_spawn(&n, "a", is_told_writing);
    net_expect(&n, "a:told");
}

/* The first write after a reset that was read is refused by the system. */
static void
writes_to_nobody(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    peer_reset(&n->peer);
    AWAIT(a, bide_stream_read(n->stream, 10, &a->w));
    CHECK_INT(a->rc, -ECONNRESET);
    AWAIT(a, bide_stream_write(n->stream, "x", 1, &a->w));
    CHECK_INT(a->rc, -EPIPE);
    AWAIT(a, bide_stream_write(n->stream, "x", 1, &a->w));
    CHECK_INT(a->rc, -EPIPE);
    trace(a, "EPIPE");
    END(a);
}

static void
test_tcp_write_after_a_reset_is_a_broken_pipe(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_spawn(&n, "a", writes_to_nobody);
    net_expect(&n, "a:EPIPE");
}

/* -- nowhere, and closed -------------------------------------------------- */

/* TCP has no broadcast. */
static void
connects_nowhere(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_tcp_connect("255.255.255.255", 9, &a->w));
    CHECK(a->rc == -ENETUNREACH || a->rc == -EHOSTUNREACH || a->rc == -EACCES ||
          a->rc == -EADDRNOTAVAIL);
    trace(a, "unreachable");
    END(a);
}

static void
test_tcp_unreachable_address_is_an_error(void **state)
{
    (void)state;
    net n;
    net_begin_listening(&n);
    net_spawn(&n, "a", connects_nowhere);
    net_expect(&n, "a:unreachable");
}

static void
uses_closed(actor *a)
{
    net *n = a->arg;
    bide_stream *s = n->stream;
    bide_address address;
    size_t done;
    static const bide_buffer one = {"x", 1};
    bide_stream_close(s);
    bide_stream_close(s);
    CHECK(bide_stream_closed(s));
    CHECK_INT(bide_stream_read(s, 1, &a->w), BIDE_ECLOSED);
    CHECK_INT(bide_stream_read_exact(s, 1, &a->w), BIDE_ECLOSED);
    CHECK_INT(bide_stream_read_until(s, "\n", 1, 9, &a->w), BIDE_ECLOSED);
    CHECK_INT(bide_stream_write(s, "x", 1, &a->w), BIDE_ECLOSED);
    CHECK_INT(bide_stream_shutdown(s, &a->w), BIDE_ECLOSED);
    CHECK_INT(bide_stream_drain(s, &a->w), BIDE_ECLOSED);
    CHECK_INT(bide_stream_try_read(s, 1, &done), BIDE_ECLOSED);
    CHECK_INT(bide_stream_try_write(s, &one, 1, &done), BIDE_ECLOSED);
    CHECK_INT(bide_stream_write_nowait(s, "x", 1), BIDE_ECLOSED);
    CHECK_INT(bide_stream_local(s, &address), BIDE_ECLOSED);
    CHECK_INT(bide_stream_peer(s, &address), BIDE_ECLOSED);
    CHECK_INT(bide_stream_fd(s), BIDE_ECLOSED);
    CHECK_INT(bide_tcp_nodelay(s, true), BIDE_ECLOSED);
    CHECK_INT(bide_tcp_keepalive(s, true, 1), BIDE_ECLOSED);
    bide_listener_close(n->listener);
    CHECK_INT(bide_listener_accept(n->listener, &a->w), BIDE_ECLOSED);
    CHECK_INT(bide_listener_address(n->listener, &address), BIDE_ECLOSED);
    trace(a, "closed");
    a->over = true;
}

static void
test_tcp_closed_handles_used_again_are_errors(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_spawn(&n, "a", uses_closed);
    net_expect(&n, "a:closed");
}

/* -- a hundred of each ---------------------------------------------------- */

/* Serves `n` connections, one after the other, to whatever end they come. */
static void
serves(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < a->n; a->i++) {
        AWAIT_OK(a, bide_listener_accept(n->listener, &a->w));
        a->extra = a->w.value.as.ptr;
        do {
            AWAIT(a, bide_stream_read_until(a->extra, "\n", 1, 64, &a->w));
            if (a->rc == 0) {
                n->flag = true;
                bide_stream_consume(a->extra, a->w.u.io.len);
                AWAIT(a, bide_stream_write(a->extra, n->data, BIG / 16, &a->w));
            }
        } while (a->rc == 0);
        bide_stream_unref(a->extra);
    }
    END(a);
}

/* The peer resets at once, or before it has read the answer; closes within a
 * line; or sends one that is too long. */
static void
fails_in_turns(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < 4 * ROUNDS; a->i++) {
        n->flag = false;
        a->n = peer_connect(n->port);
        if (a->i % 4 == 1) {
            peer_send(a->n, "line\n");
            AWAIT_UNTIL(a, n->flag);
        } else if (a->i % 4 == 2) {
            peer_send(a->n, "half");
        } else if (a->i % 4 == 3) {
            memset(n->text, 'x', 80);
            peer_send_bytes(a->n, n->text, 80);
        }
        if (a->i % 4 == 2)
            peer_close(&a->n);
        else
            peer_reset(&a->n);
        AWAIT(a, bide_tcp_connect("127.0.0.1", 1, &a->w));
        CHECK_INT(a->rc, -ECONNREFUSED);
        CHECK_INT(bide_tcp_connect("255.255.255.255", 9, &a->w) < 0, true);
    }
    n->flag = false;
    peer_close(&n->peer);
    n->peer = peer_connect(n->port);
    peer_send(n->peer, "line\n");
    peer_close(&n->peer);
    trace(a, "over");
    END(a);
}

static void
test_tcp_faults_leave_nothing_open(void **state)
{
    (void)state;
    net n;
    net_begin(&n); /* what a loop's first stream opens is open now */
    n.data = calloc(1, BIG);
    int before = open_descriptors();
    net_spawn(&n, "s", serves)->n = 4 * ROUNDS + 1;
    net_spawn(&n, "a", fails_in_turns);
    world_run(&n.wd);
    CHECK_INT(open_descriptors(), before - 1); /* without n.peer's first */
    CHECK(n.flag); /* the last one was served, too */
    net_expect(&n, "a:over");
}

/* -- behind data ----------------------------------------------------------- */

static void
reads_past_the_data(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    peer_send(n->peer, "half");
    peer_reset(&n->peer);
    AWAIT_OK(a, bide_stream_read(n->stream, 9, &a->w));
    trace(a, "%s", net_taken(n, &a->w));
    AWAIT(a, bide_stream_read(n->stream, 9, &a->w));
    CHECK_INT(a->rc, -ECONNRESET);
    END(a);
}

static void
test_tcp_reset_behind_data_is_no_end(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_spawn(&n, "a", reads_past_the_data);
    net_expect(&n, "a:half");
}

TEST_MAIN("tcp faults", T(tcp_reset_in_every_phase_is_told),
          T(tcp_reset_behind_data_is_no_end),
          T(tcp_reset_told_to_a_write_is_no_end_to_reads),
          T(tcp_write_after_a_reset_is_a_broken_pipe),
          T(tcp_unreachable_address_is_an_error),
          T(tcp_closed_handles_used_again_are_errors),
          T(tcp_faults_leave_nothing_open))
