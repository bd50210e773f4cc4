/* test_tcp_write.c - the writing half of a stream, and its ends. */
#include "support_net.h"

enum { BIG = 8 << 20 };

static char
byte_at(size_t i)
{
    return (char)(i % 251);
}

static void
make_data(net *n)
{
    n->size = BIG;
    n->data = malloc(BIG);
    if (!n->data)
        abort();
    for (size_t i = 0; i < BIG; i++)
        n->data[i] = byte_at(i);
}

/* Takes what is there off the peer's side, up to the offset `end`; how much. */
static size_t
peer_drain(int fd, size_t from, size_t end)
{
    static char chunk[1 << 16];
    size_t seen = 0;
    int there;
    while ((there = peer_pending(fd)) > 0 && from + seen < end) {
        size_t want = (size_t)there;
        if (want > end - from - seen)
            want = end - from - seen;
        if (want > sizeof chunk - 1)
            want = sizeof chunk - 1;
        peer_recv(fd, chunk, want);
        for (size_t i = 0; i < want; i++)
            if (chunk[i] != byte_at(from + seen + i)) {
                CHECK(!"the bytes arrive in order");
                return seen + want;
            }
        seen += want;
    }
    return seen;
}

static void
writes_big(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_write(n->stream, n->data, n->size, &a->w));
    CHECK_INT(a->w.u.io.done, n->size);
    trace(a, "written");
    n->flag = true;
    END(a);
}

/* Lets the writer get stuck first, then takes it all. */
static void
reads_slowly(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < 500; a->i++)
        AWAIT_OK(a, bide_yield(&a->w));
    CHECK(!n->flag);
    trace(a, "begin");
    while ((size_t)a->at < n->size) {
        a->at += (int64_t)peer_drain(n->peer, (size_t)a->at, n->size);
        AWAIT_OK(a, bide_yield(&a->w));
    }
    CHECK_INT(a->at, n->size);
    END(a);
}

static void
test_tcp_write_waits_for_a_slow_reader(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    make_data(&n);
    net_spawn(&n, "w", writes_big);
    net_spawn(&n, "r", reads_slowly);
    net_expect(&n, "r:begin w:written");
}

static void
writes_two_parts(actor *a)
{
    net *n = a->arg;
    size_t half = n->size / 2;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_write(n->stream, n->data + (a->n ? half : 0), half,
                                  &a->w));
    trace(a, "written");
    n->flag = a->n;
    END(a);
}

static void
test_tcp_second_writer_queues(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    make_data(&n);
    net_spawn(&n, "a", writes_two_parts);
    net_spawn(&n, "b", writes_two_parts)->n = 1;
    net_spawn(&n, "r", reads_slowly);
    net_expect(&n, "r:begin a:written b:written");
}

static void
writes_nothing(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_write(n->stream, "", 0, &a->w));
    AWAIT_OK(a, bide_stream_write(n->stream, "x", 1, &a->w));
    peer_recv(n->peer, n->text, 1);
    trace(a, "%s", n->text);
    END(a);
}

static void
test_tcp_write_of_nothing_succeeds(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_spawn(&n, "a", writes_nothing);
    net_expect(&n, "a:x");
}

/* -- cancelling ---------------------------------------------------------------
 */

/* Its memory is its own again at once: it is overwritten. */
static void
is_cancelled_writing(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    AWAIT(a, bide_stream_write(n->stream, n->data, n->size, &a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK(a->w.u.io.done > 0 && a->w.u.io.done < n->size);
    memset(n->data, 0xee, n->size);
    trace(a, "cancelled");
    END(a);
}

static void
is_cancelled_in_the_queue(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    AWAIT(a, bide_stream_write(n->stream, "never", 5, &a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK_INT(a->w.u.io.done, 0);
    trace(a, "cancelled");
    END(a);
}

static void
cancels_then_reads(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < 500; a->i++)
        AWAIT_OK(a, bide_yield(&a->w));
    bide_task_cancel(&((actor *)a->extra)->task, number(0));
    while ((size_t)a->at < n->size) {
        a->at += (int64_t)peer_drain(n->peer, (size_t)a->at, n->size);
        AWAIT_OK(a, bide_yield(&a->w));
    }
    CHECK_INT(a->at, n->size);
    /* The stream goes on behind the write that was cancelled. */
    AWAIT_OK(a, bide_stream_write(n->stream, "next", 4, &a->w));
    peer_recv(n->peer, n->text, 4);
    trace(a, "%s", n->text);
    END(a);
}

static void
test_tcp_cancelled_write_keeps_the_stream_in_step(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    make_data(&n);
    actor *w = net_spawn(&n, "w", is_cancelled_writing);
    net_spawn(&n, "r", cancels_then_reads)->extra = w;
    net_expect(&n, "w:cancelled r:next");
}

static void
test_tcp_cancelled_write_in_the_queue_sends_nothing(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    make_data(&n);
    net_spawn(&n, "w", writes_big);
    actor *q = net_spawn(&n, "q", is_cancelled_in_the_queue);
    net_spawn(&n, "r", cancels_then_reads)->extra = q;
    net_expect(&n, "q:cancelled w:written r:next");
}

static void
writes_after(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_write(n->stream, "after", 5, &a->w));
    trace(a, "written");
    n->flag = true;
    END(a);
}

static void
cancels_the_first(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < 500; a->i++)
        AWAIT_OK(a, bide_yield(&a->w));
    bide_task_cancel(&((actor *)a->extra)->task, number(0));
    while ((size_t)a->at < n->size) {
        a->at += (int64_t)peer_drain(n->peer, (size_t)a->at, n->size);
        AWAIT_OK(a, bide_yield(&a->w));
    }
    AWAIT_UNTIL(a, n->flag);
    peer_recv(n->peer, n->text, 5);
    trace(a, "%s", n->text);
    END(a);
}

/* What is left of the cancelled write goes before the write that waits. */
static void
test_tcp_cancelled_write_goes_before_the_next(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    make_data(&n);
    actor *w = net_spawn(&n, "w", is_cancelled_writing);
    net_spawn(&n, "q", writes_after);
    net_spawn(&n, "r", cancels_the_first)->extra = w;
    net_expect(&n, "w:cancelled q:written r:after");
}

/* -- half-close and close ------------------------------------------------- */

static void
shuts_down(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_write(n->stream, "bye", 3, &a->w));
    AWAIT_OK(a, bide_stream_shutdown(n->stream, &a->w));
    peer_recv(n->peer, n->text, 3);
    CHECK(peer_at_end(n->peer));
    AWAIT(a, bide_stream_write(n->stream, "x", 1, &a->w));
    CHECK_INT(a->rc, -32); /* EPIPE */
    AWAIT_OK(a, bide_stream_shutdown(n->stream, &a->w));
    peer_send(n->peer, "later");
    AWAIT_OK(a, bide_stream_read_exact(n->stream, 5, &a->w));
    trace(a, "%s", net_taken(n, &a->w));
    END(a);
}

static void
test_tcp_shutdown_ends_the_sending_half(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_spawn(&n, "a", shuts_down);
    net_expect(&n, "a:later");
}

static void
shuts_down_behind(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_shutdown(n->stream, &a->w));
    trace(a, "shut");
    END(a);
}

/* The end comes after all that was written before. */
static void
test_tcp_shutdown_waits_for_the_writes(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    make_data(&n);
    net_spawn(&n, "w", writes_big);
    net_spawn(&n, "s", shuts_down_behind);
    net_spawn(&n, "r", reads_slowly);
    world_run(&n.wd);
    CHECK(peer_at_end(n.peer));
    net_expect(&n, "r:begin w:written s:shut");
}

static void
expects_closed(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    if (a->n)
        AWAIT(a, bide_stream_write(n->stream, n->data, n->size, &a->w));
    else
        AWAIT(a, bide_stream_read(n->stream, 1, &a->w));
    CHECK_INT(a->rc, BIDE_ECLOSED);
    trace(a, "closed");
    END(a);
}

static void
closes(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < 300; a->i++)
        AWAIT_OK(a, bide_yield(&a->w));
    CHECK(!bide_stream_closed(n->stream));
    CHECK(bide_stream_fd(n->stream) >= 0);
    bide_stream_close(n->stream);
    bide_stream_close(n->stream);
    CHECK(bide_stream_closed(n->stream));
    CHECK_INT(bide_stream_fd(n->stream), BIDE_ECLOSED);
    CHECK_INT(bide_stream_read(n->stream, 1, &a->w), BIDE_ECLOSED);
    CHECK_INT(bide_stream_write(n->stream, "x", 1, &a->w), BIDE_ECLOSED);
    CHECK_INT(bide_stream_shutdown(n->stream, &a->w), BIDE_ECLOSED);
    trace(a, "close");
    END(a);
}

static void
test_tcp_close_wakes_the_waits(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    make_data(&n);
    net_spawn(&n, "r", expects_closed);
    net_spawn(&n, "w", expects_closed)->n = 1;
    net_spawn(&n, "c", closes);
    net_expect(&n, "c:close r:closed w:closed");
}

/* -- the last reference --------------------------------------------------- */

static void
unrefs_stream(void *arg)
{
    net *n = arg;
    bide_stream_unref(n->stream);
    bide_loop_release(n->wd.loop);
}

static void
awaits_end_of_peer(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    AWAIT_UNTIL(a, peer_at_end(n->peer));
    trace(a, "end");
    END(a);
}

static void
test_tcp_last_unref_in_a_thread_closes(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    bide_loop_hold(n.wd.loop);
    thread *t = thread_start(unrefs_stream, &n);
    net_spawn(&n, "a", awaits_end_of_peer);
    world_run(&n.wd);
    thread_join(t);
    n.stream = NULL;
    net_expect(&n, "a:end");
}

/* The loop closes what is open; the memory waits for the last reference. */
static void
test_tcp_stream_outlives_its_loop(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    CHECK_INT(bide_loop_close(n.wd.loop, 0, NULL, NULL), 0);
    CHECK(bide_stream_closed(n.stream));
    CHECK(bide_listener_closed(n.listener));
    CHECK(peer_at_end(n.peer));
    net_end(&n);
}

TEST_MAIN("tcp write", T(tcp_write_waits_for_a_slow_reader),
          T(tcp_second_writer_queues), T(tcp_write_of_nothing_succeeds),
          T(tcp_cancelled_write_keeps_the_stream_in_step),
          T(tcp_cancelled_write_in_the_queue_sends_nothing),
          T(tcp_cancelled_write_goes_before_the_next),
          T(tcp_shutdown_ends_the_sending_half),
          T(tcp_shutdown_waits_for_the_writes), T(tcp_close_wakes_the_waits),
          T(tcp_last_unref_in_a_thread_closes), T(tcp_stream_outlives_its_loop))
