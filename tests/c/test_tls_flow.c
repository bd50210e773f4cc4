/* test_tls_flow.c - TLS: what flows, in whatever pieces, and who is served. */
#include "support_tls.h"

#include <errno.h>

static bool
is_at(const bide_stream *s, const char *text)
{
    size_t len;
    const char *data = bide_stream_data(s, &len);
    return len >= strlen(text) && memcmp(data, text, strlen(text)) == 0;
}

/* What a read was granted, which has to be this. */
static void
takes(bide_stream *s, const bide_wait *w, const char *text)
{
    CHECK_INT(w->u.io.len, strlen(text));
    CHECK(is_at(s, text));
    bide_stream_consume(s, strlen(text));
}

/* -- reading and writing -------------------------------------------------- */

static void
reads_in_all_ways(actor *a)
{
    ends *e = a->arg;
    bide_stream *s = e->tls[0], *far = e->tls[1];
    size_t n;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_write(far, "one\nfour, and the rest", 22, &a->w));
    AWAIT_OK(a, bide_stream_read_until(s, "\n", 1, 100, &a->w));
    takes(s, &a->w, "one\n");
    AWAIT_OK(a, bide_stream_read_exact(s, 4, &a->w));
    takes(s, &a->w, "four");
    AWAIT_OK(a, bide_stream_read(s, 2, &a->w));
    takes(s, &a->w, ", ");
    CHECK_INT(bide_stream_try_read(s, 100, &n), 0);
    CHECK(n == 12 && is_at(s, "and the rest"));
    bide_stream_consume(s, n);
    CHECK_INT(bide_stream_try_read(s, 100, &n), BIDE_EWOULDBLOCK);
    AWAIT_OK(a, bide_stream_write(far, "no end of a line", 16, &a->w));
    AWAIT(a, bide_stream_read_until(s, "\n", 1, 9, &a->w));
    CHECK_INT(a->rc, BIDE_ETOOLONG);
    AWAIT_OK(a, bide_stream_shutdown(far, &a->w));
    AWAIT(a, bide_stream_read_exact(s, 17, &a->w));
    CHECK_INT(a->rc, BIDE_EEOF);
    AWAIT_OK(a, bide_stream_read(s, 100, &a->w));
    takes(s, &a->w, "no end of a line");
    AWAIT_OK(a, bide_stream_read(s, 100, &a->w));
    CHECK_INT(a->w.u.io.len, 0);
    END(a);
}

static void
test_tls_reads_as_a_stream_does(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    ends_start(&e);
    ends_play(&e, reads_in_all_ways, NULL);
}

enum { SOME = 20000 };

static void
writes_at_once(actor *a)
{
    ends *e = a->arg;
    bide_stream *s = e->tls[0];
    const bide_buffer two[] = {{"c", 1}, {"d", 1}};
    size_t done = 0;

    BEGIN(a);
    CHECK_INT(bide_stream_try_write(s, two, 2, &done), BIDE_EWOULDBLOCK);
    AWAIT_OK(a, bide_tls_handshake(s, &a->w));
    CHECK_INT(bide_stream_write_nowait(s, "a", 1), 0);
    CHECK_INT(bide_stream_write_nowait(s, e->data, SOME), 0);
    AWAIT_OK(a, bide_stream_drain(s, &a->w));
    CHECK_INT(bide_stream_try_write(s, two, 2, &done), 0);
    CHECK_INT(done, 2);
    AWAIT_OK(a, bide_stream_read_exact(e->tls[1], SOME + 3, &a->w));
    CHECK(is_at(e->tls[1], "a"));
    bide_stream_consume(e->tls[1], SOME + 1);
    CHECK(is_at(e->tls[1], "cd"));
    bide_stream_consume(e->tls[1], 2);
    END(a);
}

static void
test_tls_writes_without_waiting(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    ends_start(&e);
    e.data = calloc(1, SOME);
    ends_play(&e, writes_at_once, NULL);
}

/* -- several tasks -------------------------------------------------------- */

static void
reads_one(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_read(e->tls[0], 9, &a->w));
    takes(e->tls[0], &a->w, "x");
    END(a);
}

static void
reads_second(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_tls_handshake(e->tls[0], &a->w));
    CHECK_INT(bide_stream_read(e->tls[0], 9, &a->w), BIDE_EBUSY);
    AWAIT_OK(a, bide_stream_write(e->tls[1], "x", 1, &a->w));
    END(a);
}

static void
test_tls_second_reader_is_an_error(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    ends_start(&e);
    ends_play(&e, reads_one, reads_second);
}

enum { WRITERS = 3, LETTERS = 700000 };

static void
writes_letters(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_write(e->tls[0], e->data + (size_t)a->i * LETTERS,
                                  LETTERS, &a->w));
    END(a);
}

static void
reads_letters(actor *a)
{
    ends *e = a->arg;
    size_t len;

    BEGIN(a);
    for (a->i = 0; a->i < WRITERS; a->i++) {
        AWAIT_OK(a, bide_stream_read_exact(e->tls[1], LETTERS, &a->w));
        CHECK(memcmp(bide_stream_data(e->tls[1], &len),
                     e->data + (size_t)a->i * LETTERS, LETTERS) == 0);
        bide_stream_consume(e->tls[1], LETTERS);
    }
    END(a);
}

static void
test_tls_second_writer_queues(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    ends_start(&e);
    e.data = malloc((size_t)WRITERS * LETTERS);
    for (int i = 0; i < WRITERS; i++) {
        memset(e.data + (size_t)i * LETTERS, 'a' + i, LETTERS);
        actor_spawn(&e.wd, "writer", writes_letters, &e)->i = i;
    }
    ends_play(&e, reads_letters, NULL);
}

/* -- in pieces ------------------------------------------------------------ */

/* Hands on what comes, byte by byte, as long as somebody is there. */
typedef struct hose {
    bide_stream *from, *to;
} hose;

static void
drips(actor *a)
{
    hose *h = a->arg;
    size_t len;

    BEGIN(a);
    for (;;) {
        AWAIT(a, bide_stream_read(h->from, 1, &a->w));
        if (a->rc || a->w.u.io.len == 0)
            break;
        AWAIT(a, bide_stream_write(h->to, bide_stream_data(h->from, &len), 1,
                                   &a->w));
        if (a->rc)
            break;
        bide_stream_consume(h->from, 1);
        AWAIT_OK(a, bide_yield(&a->w));
    }
    END(a);
}

static void
talks_through_it(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_write(e->tls[0], "hello", 5, &a->w));
    AWAIT_OK(a, bide_stream_read_exact(e->tls[1], 5, &a->w));
    takes(e->tls[1], &a->w, "hello");
    AWAIT_OK(a, bide_stream_write(e->tls[1], "there", 5, &a->w));
    AWAIT_OK(a, bide_stream_shutdown(e->tls[1], &a->w));
    AWAIT_OK(a, bide_stream_read_exact(e->tls[0], 5, &a->w));
    takes(e->tls[0], &a->w, "there");
    AWAIT_OK(a, bide_stream_read(e->tls[0], 1, &a->w));
    CHECK_INT(a->w.u.io.len, 0);
    bide_stream_close(e->tls[0]);
    bide_stream_close(e->tls[1]);
    END(a);
}

static void
test_tls_byte_by_byte(void **state)
{
    (void)state;
    ends e;
    bide_stream *second[2];
    ends_begin(&e); /* under[0] - first end of the hoses, and the other way */
    CHECK_INT(bide_stream_pair(e.wd.loop, second), 0);
    hose there = {e.under[1], second[0]}, back = {second[0], e.under[1]};
    e.under[1] = second[1];
    ends_start(&e);
    actor_spawn(&e.wd, "there", drips, &there);
    actor_spawn(&e.wd, "back", drips, &back);
    actor *a = actor_spawn(&e.wd, "talk", talks_through_it, &e);
    world_run(&e.wd);
    CHECK(a->over);
    bide_stream_unref(there.from);
    bide_stream_unref(there.to);
    ends_end(&e);
}

/* -- start_tls ------------------------------------------------------------ */

static void
starts_later(actor *a)
{
    ends *e = a->arg;
    size_t len;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_write(e->under[0], "STARTTLS\n", 9, &a->w));
    CHECK_INT(bide_tls_start_client(e->under[0], e->contexts[0], e->host, NULL,
                                    0, &e->tls[0]),
              0);
    e->under[0] = NULL;
    AWAIT_OK(a, bide_stream_read_until(e->under[1], "\n", 1, 99, &a->w));
    takes(e->under[1], &a->w, "STARTTLS\n");
    AWAIT_UNTIL(a, (bide_stream_data(e->under[1], &len), len > 0));
    CHECK_INT(bide_tls_start_server(e->under[1], e->contexts[1], &e->tls[1]),
              0);
    e->under[1] = NULL;
    AWAIT_OK(a, bide_stream_write(e->tls[0], "first", 5, &a->w));
    AWAIT_OK(a, bide_stream_read_exact(e->tls[1], 5, &a->w));
    takes(e->tls[1], &a->w, "first");
    END(a);
}

static void
test_tls_starts_with_what_is_buffered(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    ends_play(&e, starts_later, NULL);
}

/* -- listeners ------------------------------------------------------------ */

typedef struct service {
    ends ends; /* the client's are in its `tls` */
    bide_listener *listener;
    bide_stream *stuck;
} service;

static void
echoes(actor *a)
{
    bide_stream *s = a->extra;
    size_t len;

    BEGIN(a);
    AWAIT(a, bide_stream_read(s, 99, &a->w));
    if (a->rc == 0 && a->w.u.io.len)
        AWAIT(a, bide_stream_write(s, bide_stream_data(s, &len), a->w.u.io.len,
                                   &a->w));
    bide_stream_unref(s);
    END(a);
}

/* Two connections; each is looked after by a task. */
static void
serves_two(actor *a)
{
    service *v = a->arg;
    bide_address address;
    bide_tls_info info;

    BEGIN(a);
    AWAIT_OK(a, bide_tcp_listen("127.0.0.1", 0, NULL, &a->w));
    v->listener = a->w.value.as.ptr;
    CHECK_INT(bide_tls_serve(v->listener, v->ends.contexts[1]), 0);
    CHECK_INT(bide_listener_address(v->listener, &address), 0);
    v->ends.port = address.port;
    for (a->i = 0; a->i < 2; a->i++) {
        AWAIT_OK(a, bide_listener_accept(v->listener, &a->w));
        CHECK_INT(bide_tls_get_info(a->w.value.as.ptr, &info), 0);
        CHECK(!info.shaken);
        actor_spawn(a->world, "echo", echoes, v)->extra = a->w.value.as.ptr;
    }
    END(a);
}

static void
comes_after_a_stuck_one(actor *a)
{
    service *v = a->arg;
    ends *e = &v->ends;

    BEGIN(a);
    AWAIT_UNTIL(a, e->port);
    AWAIT_OK(a, bide_tcp_connect("127.0.0.1", e->port, &a->w));
    v->stuck = a->w.value.as.ptr;
    AWAIT_OK(a, bide_stream_write(v->stuck, "\x16\x03", 2, &a->w));
    AWAIT_OK(a, bide_tls_connect("127.0.0.1", e->port, e->contexts[0], &a->w));
    e->tls[0] = a->w.value.as.ptr;
    AWAIT_OK(a, bide_stream_write(e->tls[0], "hello", 5, &a->w));
    AWAIT_OK(a, bide_stream_read_exact(e->tls[0], 5, &a->w));
    takes(e->tls[0], &a->w, "hello");
    bide_stream_close(v->stuck);
    bide_listener_close(v->listener);
    END(a);
}

static void
comes_twice(actor *a)
{
    service *v = a->arg;
    ends *e = &v->ends;

    BEGIN(a);
    AWAIT_UNTIL(a, e->port);
    for (a->i = 0; a->i < 2; a->i++) {
        AWAIT_OK(a,
                 bide_tls_connect("127.0.0.1", e->port, e->contexts[0], &a->w));
        bide_stream_unref(e->tls[0]);
        e->tls[0] = a->w.value.as.ptr;
        AWAIT_OK(a, bide_stream_write(e->tls[0], "hello", 5, &a->w));
        AWAIT_OK(a, bide_stream_read_exact(e->tls[0], 5, &a->w));
        takes(e->tls[0], &a->w, "hello");
    }
    bide_listener_close(v->listener);
    END(a);
}

static void
serve(actor_body client)
{
    service v = {.listener = NULL};
    ends_begin(&v.ends);
    actor_spawn(&v.ends.wd, "server", serves_two, &v);
    actor *a = actor_spawn(&v.ends.wd, "client", client, &v);
    world_run(&v.ends.wd);
    CHECK(a->over);
    bide_stream_unref(v.stuck);
    bide_listener_unref(v.listener);
    ends_end(&v.ends);
}

static void
test_tls_stuck_handshake_delays_nobody(void **state)
{
    (void)state;
    serve(comes_after_a_stuck_one);
}

static void
test_tls_accept_makes_the_handshake_when_used(void **state)
{
    (void)state;
    serve(comes_twice);
}

TLS_TEST_MAIN("tls flow", T(tls_reads_as_a_stream_does),
              T(tls_writes_without_waiting), T(tls_second_reader_is_an_error),
              T(tls_second_writer_queues), T(tls_byte_by_byte),
              T(tls_starts_with_what_is_buffered),
              T(tls_stuck_handshake_delays_nobody),
              T(tls_accept_makes_the_handshake_when_used))
