/* test_tcp_read.c - the reading half of a stream. */
#include "support_net.h"

static void
echoes(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    for (;;) {
        AWAIT_OK(a, bide_stream_read(n->stream, 4096, &a->w));
        if (a->w.u.io.len == 0)
            break;
        net_taken(n, &a->w);
        AWAIT_OK(a,
                 bide_stream_write(n->stream, n->text, strlen(n->text), &a->w));
        CHECK_INT(a->w.u.io.done, strlen(n->text));
        trace(a, "%s", n->text);
        a->world->state = a;
    }
    END(a);
}

static void
talks(actor *a)
{
    net *n = a->arg;
    char answer[8];

    BEGIN(a);
    for (a->i = 0; a->i < 3; a->i++) {
        a->world->state = NULL;
        peer_send(n->peer, &"one\0two\0six"[4 * a->i]);
        AWAIT_UNTIL(a, a->world->state);
        peer_recv(n->peer, answer, 3);
        CHECK(strcmp(answer, &"one\0two\0six"[4 * a->i]) == 0);
    }
    peer_close(&n->peer);
    END(a);
}

static void
test_tcp_echo(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_spawn(&n, "e", echoes);
    net_spawn(&n, "t", talks);
    net_expect(&n, "e:one e:two e:six");
}

static void
reads_four(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    CHECK_INT(bide_stream_read(n->stream, 0, &a->w), BIDE_EINVALID);
    peer_send(n->peer, "abcdefghij");
    for (a->i = 0; a->i < 3; a->i++) {
        AWAIT_OK(a, bide_stream_read(n->stream, 4, &a->w));
        trace(a, "%s", net_taken(n, &a->w));
    }
    END(a);
}

static void
test_tcp_read_takes_at_most_what_was_asked(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_spawn(&n, "a", reads_four);
    net_expect(&n, "a:abcd a:efgh a:ij");
}

/* What was granted and is not consumed is there for the next read. */
static void
consumes_little(actor *a)
{
    net *n = a->arg;
    size_t len;

    BEGIN(a);
    peer_send(n->peer, "abcdef");
    AWAIT_OK(a, bide_stream_read_exact(n->stream, 6, &a->w));
    CHECK(memcmp(bide_stream_data(n->stream, &len), "abcdef", 6) == 0);
    CHECK_INT(len, 6);
    bide_stream_consume(n->stream, 1);
    AWAIT_OK(a, bide_stream_read(n->stream, 2, &a->w));
    trace(a, "%s", net_taken(n, &a->w));
    AWAIT_OK(a, bide_stream_read_exact(n->stream, 3, &a->w));
    trace(a, "%s", net_taken(n, &a->w));
    AWAIT_OK(a, bide_stream_read_exact(n->stream, 0, &a->w));
    END(a);
}

static void
test_tcp_bytes_not_consumed_stay(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_spawn(&n, "a", consumes_little);
    net_expect(&n, "a:bc a:def");
}

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
reads_exactly(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_read_exact(n->stream, 8, &a->w));
    n->flag = true;
    trace(a, "%s", net_taken(n, &a->w));
    AWAIT_OK(a, bide_stream_read_exact(n->stream, 2, &a->w));
    trace(a, "%s", net_taken(n, &a->w));
    END(a);
}

static void
test_tcp_read_exact_across_segments(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_spawn(&n, "a", reads_exactly);
    spawn_parts(&n, "ab|cdefg|hij", false);
    net_expect(&n, "a:abcdefgh a:ij");
}

static void
reads_lines(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < a->n; a->i++) {
        AWAIT_OK(a, bide_stream_read_until(n->stream, "\r\n", 2, 100, &a->w));
        n->flag = true;
        net_taken(n, &a->w);
        CHECK(strstr(n->text, "\r\n") == n->text + strlen(n->text) - 2);
        trace(a, "%.*s", (int)strlen(n->text) - 2, n->text);
    }
    END(a);
}

static void
test_tcp_read_until_across_segments(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_spawn(&n, "a", reads_lines)->n = 3;
    spawn_parts(&n, "on|e\r|\ntwo\r\n\r\n", false);
    net_expect(&n, "a:one a:two a:");
}

static void
reads_a_long_line(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    CHECK_INT(bide_stream_read_until(n->stream, "", 0, 4, &a->w),
              BIDE_EINVALID);
    CHECK_INT(bide_stream_read_until(n->stream, "\n", 1, 0, &a->w),
              BIDE_EINVALID);
    peer_send(n->peer, "abcdefgh\n");
    AWAIT(a, bide_stream_read_until(n->stream, "\n", 1, 4, &a->w));
    CHECK_INT(a->rc, BIDE_ETOOLONG);
    AWAIT(a, bide_stream_read_until(n->stream, "\n", 1, 8, &a->w));
    CHECK_INT(a->rc, BIDE_ETOOLONG);
    /* The limit counts the separator. */
    AWAIT_OK(a, bide_stream_read_until(n->stream, "\n", 1, 9, &a->w));
    trace(a, "%.8s", net_taken(n, &a->w));
    END(a);
}

static void
test_tcp_read_until_over_its_limit_is_an_error(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_spawn(&n, "a", reads_a_long_line);
    net_expect(&n, "a:abcdefgh");
}

/* -- closed meanwhile ----------------------------------------------------- */

static void
reads_three(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    AWAIT(a, bide_stream_read(n->stream, 100, &a->w));
    trace(a, "%s", a->rc ? bide_error_name(a->rc) : net_taken(n, &a->w));
    CHECK_INT(bide_stream_read(n->stream, 1, &a->w2), BIDE_ECLOSED);
    END(a);
}

/* In the turn in which the reader has been given the bytes. */
static void
closes_under_it(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_yield(&a->w));
    peer_send(n->peer, "abc");
    AWAIT_UNTIL(a, net_has(n->stream, 3));
    if (a->extra)
        bide_task_cancel(&((actor *)a->extra)->task, number(0));
    bide_stream_close(n->stream);
    trace(a, "close");
    END(a);
}

static void
test_tcp_read_granted_before_a_close(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_spawn(&n, "r", reads_three);
    net_spawn(&n, "c", closes_under_it);
    net_expect(&n, "c:close r:abc");
}

/* -- much at once --------------------------------------------------------- */

enum { MUCH = 200000, PART = 25000 };

/* Cancelled after its first part; the next read gets it all. */
static void
reads_much(actor *a)
{
    net *n = a->arg;
    size_t len;

    BEGIN(a);
    bide_scope_init(&a->scope);
    CHECK_INT(bide_scope_enter(&a->scope, &a->task, NULL), 0);
    bide_stream_expect(n->stream, MUCH);
    AWAIT(a, bide_stream_read_exact(n->stream, MUCH, &a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK_INT(bide_scope_leave(&a->scope), BIDE_ECANCELED);
    bide_stream_expect(n->stream, MUCH + PART); /* never comes: no matter */
    AWAIT_OK(a, bide_stream_read_exact(n->stream, MUCH, &a->w));
    CHECK(memcmp(bide_stream_data(n->stream, &len), n->data, MUCH) == 0);
    CHECK_INT(len, MUCH);
    bide_stream_consume(n->stream, MUCH);
    trace(a, "all");
    END(a);
}

static void
sends_much(actor *a)
{
    net *n = a->arg;
    actor *reader = a->extra;

    BEGIN(a);
    AWAIT_OK(a, bide_yield(&a->w));
    for (a->i = 0; a->i < MUCH / PART; a->i++) {
        peer_send_bytes(n->peer, n->data + a->i * PART, PART);
        AWAIT_UNTIL(a, a->i == MUCH / PART - 1 ||
                           net_has(n->stream, (size_t)(a->i + 1) * PART));
        if (a->i == 0)
            bide_scope_cancel(&reader->scope, number(0));
    }
    END(a);
}

static void
test_tcp_read_exact_of_much(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    n.data = malloc(MUCH);
    for (int i = 0; i < MUCH; i++)
        n.data[i] = (char)(i * 7 + i / 251);
    actor *reader = net_spawn(&n, "r", reads_much);
    net_spawn(&n, "s", sends_much)->extra = reader;
    net_expect(&n, "r:all");
}

/* More than a poll takes: what is left over comes with the next ones. */
enum { PAIRS = 8 };

static void
fills(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_write(a->extra, n->data, MUCH, &a->w));
    bide_stream_unref(a->extra);
    END(a);
}

static void
drains(actor *a)
{
    net *n = a->arg;
    size_t len;

    BEGIN(a);
    for (a->i = 0; a->i < MUCH; a->i += (int)a->w.u.io.len) {
        AWAIT_OK(a, bide_stream_read(a->extra, MUCH, &a->w));
        const char *data = bide_stream_data(a->extra, &len);
        CHECK(memcmp(data, n->data + a->i, a->w.u.io.len) == 0);
        bide_stream_consume(a->extra, a->w.u.io.len);
    }
    n->size++;
    bide_stream_unref(a->extra);
    END(a);
}

static void
test_tcp_much_on_many_streams_all_arrives(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    n.data = malloc(MUCH);
    n.size = 0;
    for (int i = 0; i < MUCH; i++)
        n.data[i] = (char)(i * 7 + i / 251);
    for (int i = 0; i < PAIRS; i++) {
        bide_stream *ends[2];
        assert_int_equal(bide_stream_pair(n.wd.loop, ends), 0);
        net_spawn(&n, "w", fills)->extra = ends[0];
        net_spawn(&n, "r", drains)->extra = ends[1];
    }
    net_expect(&n, "");
    assert_int_equal(n.size, PAIRS);
}

static const size_t lengths[] = {10, 20000, 70000, 300000, 5, 140000, 1};
enum { LENGTHS = sizeof lengths / sizeof lengths[0] };

/* Message i begins at byte i. */
static void
sends_lengths(actor *a)
{
    net *n = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < LENGTHS; a->i++) {
        AWAIT_OK(a, bide_stream_write(a->extra, n->data + a->i, lengths[a->i],
                                      &a->w));
        AWAIT_UNTIL(a, n->size > (size_t)a->i);
    }
    bide_stream_unref(a->extra);
    END(a);
}

static void
takes_lengths(actor *a)
{
    net *n = a->arg;
    size_t len;

    BEGIN(a);
    for (n->size = 0; n->size < LENGTHS; n->size++) {
        for (a->i = 0; a->i < (int)lengths[n->size];
             a->i += (int)a->w.u.io.len) {
            AWAIT_OK(a, bide_stream_read(a->extra, 1 << 20, &a->w));
            CHECK(a->w.u.io.len > 0);
            const char *data = bide_stream_data(a->extra, &len);
            CHECK(memcmp(data, n->data + n->size + a->i, a->w.u.io.len) == 0);
            bide_stream_consume(a->extra, a->w.u.io.len);
        }
        CHECK_INT(a->i, (int)lengths[n->size]);
    }
    AWAIT_OK(a, bide_stream_read(a->extra, 1, &a->w));
    CHECK_INT(a->w.u.io.len, 0);
    bide_stream_unref(a->extra);
    trace(a, "all");
    END(a);
}

static void
test_tcp_messages_of_all_lengths_arrive_whole(void **state)
{
    (void)state;
    enum { LONGEST = 300000 };
    bide_stream *ends[2];
    net n;
    net_begin(&n);
    n.data = malloc(LONGEST + LENGTHS);
    n.size = 0;
    for (int i = 0; i < LONGEST + LENGTHS; i++)
        n.data[i] = (char)(i * 7 + i / 251);
    assert_int_equal(bide_stream_pair(n.wd.loop, ends), 0);
    net_spawn(&n, "w", sends_lengths)->extra = ends[0];
    net_spawn(&n, "r", takes_lengths)->extra = ends[1];
    net_expect(&n, "r:all");
}

TEST_MAIN("tcp read", T(tcp_echo), T(tcp_read_takes_at_most_what_was_asked),
          T(tcp_bytes_not_consumed_stay), T(tcp_read_exact_across_segments),
          T(tcp_read_until_across_segments),
          T(tcp_read_until_over_its_limit_is_an_error),
          T(tcp_read_granted_before_a_close), T(tcp_read_exact_of_much),
          T(tcp_much_on_many_streams_all_arrives),
          T(tcp_messages_of_all_lengths_arrive_whole))
