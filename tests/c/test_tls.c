/* test_tls.c - TLS: the handshake, and what flows. */
#include "support_tls.h"

#include <errno.h>
#include <fcntl.h>

#include "support_file.h"

static bool
is_at(const bide_stream *s, const char *text)
{
    size_t len;
    const char *data = bide_stream_data(s, &len);
    return len >= strlen(text) && memcmp(data, text, strlen(text)) == 0;
}

/* -- the handshake, and what flows ---------------------------------------- */

static void
asks(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_tls_handshake(e->tls[0], &a->w));
    AWAIT_OK(a, bide_stream_write(e->tls[0], "hello", 5, &a->w));
    AWAIT_OK(a, bide_stream_read_exact(e->tls[0], 5, &a->w));
    CHECK(is_at(e->tls[0], "HELLO"));
    bide_stream_consume(e->tls[0], 5);
    AWAIT_OK(a, bide_stream_shutdown(e->tls[0], &a->w));
    CHECK_INT(bide_stream_write(e->tls[0], "x", 1, &a->w), -EPIPE);
    AWAIT_OK(a, bide_stream_read(e->tls[0], 9, &a->w));
    CHECK_INT(a->w.u.io.len, 0);
    END(a);
}

static void
answers(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_read_exact(e->tls[1], 5, &a->w));
    bide_stream_consume(e->tls[1], 5);
    AWAIT_OK(a, bide_stream_read(e->tls[1], 9, &a->w));
    CHECK_INT(a->w.u.io.len, 0); /* the other half is still open */
    AWAIT_OK(a, bide_stream_write(e->tls[1], "HELLO", 5, &a->w));
    AWAIT_OK(a, bide_stream_shutdown(e->tls[1], &a->w));
    END(a);
}

static void
answers_first(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_read_exact(e->tls[1], 5, &a->w));
    bide_stream_consume(e->tls[1], 5);
    AWAIT_OK(a, bide_stream_write(e->tls[1], "HELLO", 5, &a->w));
    AWAIT_OK(a, bide_stream_read(e->tls[1], 9, &a->w));
    AWAIT_OK(a, bide_stream_shutdown(e->tls[1], &a->w));
    END(a);
}

static void
test_tls_echo(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    ends_start(&e);
    ends_play(&e, asks, answers_first);
}

static void
ends_first(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_write(e->tls[0], "hello", 5, &a->w));
    AWAIT_OK(a, bide_stream_shutdown(e->tls[0], &a->w));
    AWAIT_OK(a, bide_stream_read_exact(e->tls[0], 5, &a->w));
    bide_stream_consume(e->tls[0], 5);
    END(a);
}

static void
test_tls_shutdown_ends_the_sending_half(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    ends_start(&e);
    ends_play(&e, ends_first, answers);
}

static void
test_tls_over_tls(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    ends_start(&e);
    e.under[0] = e.tls[0];
    e.under[1] = e.tls[1];
    ends_start(&e);
    ends_play(&e, asks, answers_first);
}

static void
looks(actor *a)
{
    ends *e = a->arg;
    bide_tls_info info;
    bide_tls_certificate *c;

    BEGIN(a);
    CHECK_INT(bide_tls_get_info(e->tls[0], &info), 0);
    CHECK(!info.shaken);
    AWAIT_OK(a, bide_tls_handshake(e->tls[0], &a->w));
    CHECK_INT(bide_tls_get_info(e->tls[0], &info), 0);
    CHECK(info.shaken && !info.session_reused);
    CHECK(strcmp(info.version, "TLSv1.3") == 0);
    CHECK(strncmp(info.cipher, "TLS_", 4) == 0);
    CHECK(strcmp(bide_tls_reason(e->tls[0]), "") == 0);
    CHECK_INT(bide_tls_peer(e->tls[0], &c), 0);
    CHECK(strstr(c->names, "DNS:localhost") != NULL);
    CHECK(strstr(c->subject, "CN=server") != NULL);
    CHECK_INT(strlen(c->fingerprint), 64);
    bide_tls_free(c);
    AWAIT_OK(a, bide_tls_handshake(e->tls[1], &a->w));
    CHECK_INT(bide_tls_peer(e->tls[1], &c), 0);
    CHECK(c == NULL);
    bide_stream_close(e->tls[0]);
    CHECK_INT(bide_tls_get_info(e->tls[0], &info), BIDE_ECLOSED);
    END(a);
}

static void
test_tls_info_is_told(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    ends_start(&e);
    ends_play(&e, looks, NULL);
}

/* -- much ----------------------------------------------------------------- */

enum { MUCH = 3000000 };

static void
sends_much(actor *a)
{
    ends *e = a->arg;
    bide_stream *s = e->tls[a->i];

    BEGIN(a);
    AWAIT_OK(a, bide_stream_write(s, e->data, MUCH, &a->w));
    CHECK_INT(a->w.u.io.done, MUCH);
    AWAIT_OK(a, bide_stream_shutdown(s, &a->w));
    END(a);
}

static void
receives_much(actor *a)
{
    ends *e = a->arg;
    bide_stream *s = e->tls[a->i];
    size_t len;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_read_exact(s, MUCH, &a->w));
    CHECK(memcmp(bide_stream_data(s, &len), e->data, MUCH) == 0);
    bide_stream_consume(s, MUCH);
    AWAIT_OK(a, bide_stream_read(s, 1, &a->w));
    CHECK_INT(a->w.u.io.len, 0);
    END(a);
}

static void
test_tls_large_transfers_in_both_directions(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    ends_start(&e);
    e.data = malloc(MUCH);
    for (int i = 0; i < MUCH; i++)
        e.data[i] = (char)(i * 7 + i / 251);
    for (int i = 0; i < 2; i++) {
        actor_spawn(&e.wd, "sender", sends_much, &e)->i = i;
        actor_spawn(&e.wd, "receiver", receives_much, &e)->i = i;
    }
    world_run(&e.wd);
    ends_end(&e);
}

/* -- over TCP ------------------------------------------------------------- */

static void
accepts(actor *a)
{
    ends *e = a->arg;
    bide_listener **l = (bide_listener **)&a->extra;
    bide_address address;

    BEGIN(a);
    AWAIT_OK(a, bide_tcp_listen("127.0.0.1", 0, NULL, &a->w));
    a->extra = a->w.value.as.ptr;
    CHECK_INT(bide_tls_serve(*l, e->contexts[0]), BIDE_EINVALID);
    CHECK_INT(bide_tls_serve(*l, e->contexts[1]), 0);
    CHECK_INT(bide_listener_address(*l, &address), 0);
    e->port = address.port;
    AWAIT_OK(a, bide_listener_accept(*l, &a->w));
    e->tls[1] = a->w.value.as.ptr;
    AWAIT_OK(a, bide_stream_write(e->tls[1], "hello", 5, &a->w));
    bide_listener_unref(*l);
    END(a);
}

static void
connects(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    AWAIT_UNTIL(a, e->port);
    AWAIT_OK(a, bide_tls_connect("127.0.0.1", e->port, e->contexts[0], &a->w));
    e->tls[0] = a->w.value.as.ptr;
    AWAIT_OK(a, bide_stream_read_exact(e->tls[0], 5, &a->w));
    CHECK(is_at(e->tls[0], "hello"));
    bide_stream_consume(e->tls[0], 5);
    CHECK_INT(bide_tcp_nodelay(e->tls[0], true), 0);
    CHECK(bide_stream_fd(e->tls[0]) >= 0);
    END(a);
}

static void
test_tls_connects_over_tcp(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    ends_play(&e, connects, accepts);
}

/* -- files ---------------------------------------------------------------- */

enum { AMOUNT = 1500 * 1000 };

static void
sends_file(actor *a)
{
    ends *e = a->arg;
    bide_file *f = a->extra;

    BEGIN(a);
    put_content("a", e->data, AMOUNT);
    AWAIT_OK(a, bide_file_open(scratch("a"), O_RDONLY, 0, &a->w));
    a->extra = f = a->w.value.as.ptr;
    AWAIT_OK(a, bide_stream_sendfile(e->tls[0], f, 0, -1, &a->w));
    CHECK_INT(a->w.u.io.done, AMOUNT);
    AWAIT_OK(a, bide_stream_sendfile(e->tls[0], f, 1, 3, &a->w));
    bide_file_unref(f);
    END(a);
}

static void
gets_file(actor *a)
{
    ends *e = a->arg;
    size_t len;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_read_exact(e->tls[1], AMOUNT, &a->w));
    CHECK(memcmp(bide_stream_data(e->tls[1], &len), e->data, AMOUNT) == 0);
    bide_stream_consume(e->tls[1], AMOUNT);
    AWAIT_OK(a, bide_stream_read_exact(e->tls[1], 3, &a->w));
    CHECK(is_at(e->tls[1], "\1\2\3"));
    bide_stream_consume(e->tls[1], 3);
    END(a);
}

static void
test_sendfile_over_tls(void **state)
{
    (void)state;
    ends e;
    scratch_begin();
    ends_begin(&e);
    ends_start(&e);
    e.data = malloc(AMOUNT);
    if (!e.data)
        abort();
    for (int i = 0; i < AMOUNT; i++)
        e.data[i] = (char)(i % 251);
    ends_play(&e, sends_file, gets_file);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls_echo),
        cmocka_unit_test(test_tls_shutdown_ends_the_sending_half),
        cmocka_unit_test(test_tls_over_tls),
        cmocka_unit_test(test_tls_info_is_told),
        cmocka_unit_test(test_tls_large_transfers_in_both_directions),
        cmocka_unit_test(test_tls_connects_over_tcp),
        cmocka_unit_test(test_sendfile_over_tls),
    };
    return cmocka_run_group_tests(tests, tls_make_certificates,
                                  tls_remove_certificates);
}
