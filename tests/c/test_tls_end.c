/* test_tls_end.c - TLS that is refused, cut short, cancelled or closed. */
#include "support_tls.h"

/* -- refusals ------------------------------------------------------------- */

static void
shakes(actor *a, int side)
{
    ends *e = a->arg;

    BEGIN(a);
    AWAIT(a, bide_tls_handshake(e->tls[side], &a->w));
    if (a->rc == 0) /* with TLS 1.3 a client may be through before */
        AWAIT(a, bide_stream_read(e->tls[side], 1, &a->w));
    e->shaken[side] = a->rc;
    snprintf(e->reason[side], sizeof e->reason[0], "%s",
             bide_tls_reason(e->tls[side]));
    bide_stream_close(e->tls[side]);
    END(a);
}

static void
client_shakes(actor *a)
{
    shakes(a, 0);
}

static void
server_shakes(actor *a)
{
    shakes(a, 1);
}

static void
refused(ends *e, int side, int code, const char *reason)
{
    ends_start(e);
    actor_spawn(&e->wd, "client", client_shakes, e);
    actor_spawn(&e->wd, "server", server_shakes, e);
    world_run(&e->wd);
    CHECK_INT(e->shaken[side], code);
    CHECK(e->shaken[!side] < 0);
    if (!strstr(e->reason[side], reason))
        print_error("'%s' is not about '%s'\n", e->reason[side], reason);
    CHECK(strstr(e->reason[side], reason) != NULL);
    ends_end(e);
}

static void
test_tls_expired_certificate_is_an_error(void **state)
{
    (void)state;
    ends e;
    ends_begin_with(&e, tls_client_context("ca"),
                    tls_server_context("expired"));
    refused(&e, 0, BIDE_ECERTIFICATE, "certificate has expired");
}

static void
test_tls_self_signed_certificate_is_an_error(void **state)
{
    (void)state;
    ends e;
    ends_begin_with(&e, tls_client_context("ca"), tls_server_context("self"));
    refused(&e, 0, BIDE_ECERTIFICATE, "self-signed certificate");
}

static void
test_tls_unknown_authority_is_an_error(void **state)
{
    (void)state;
    ends e;
    ends_begin_with(&e, tls_client_context("other-ca"),
                    tls_server_context("server"));
    refused(&e, 0, BIDE_ECERTIFICATE, "unable to get local issuer");
}

static void
test_tls_wrong_host_is_an_error(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    e.host = "other.test";
    refused(&e, 0, BIDE_ECERTIFICATE, "not for other.test");
}

static bide_tls_context *
asking_context(void)
{
    return tls_make_context(
        &(bide_tls_config){.server = true, .verify = BIDE_TLS_VERIFY_REQUIRED},
        "server", "ca");
}

static void
test_tls_client_without_its_certificate_is_refused(void **state)
{
    (void)state;
    ends e;
    ends_begin_with(&e, tls_client_context("ca"), asking_context());
    refused(&e, 1, BIDE_ETLS, "peer did not return a certificate");
}

static void
test_tls_client_certificate_of_a_stranger_is_refused(void **state)
{
    (void)state;
    ends e;
    ends_begin_with(
        &e,
        tls_make_context(&(bide_tls_config){.server = false}, "stranger", "ca"),
        asking_context());
    refused(&e, 1, BIDE_ECERTIFICATE, "unable to get local issuer");
}

/* -- ends ----------------------------------------------------------------- */

static void
meets_an_end(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_write(e->under[0], "\x16\x03\x01", 3, &a->w));
    AWAIT_OK(a, bide_stream_shutdown(e->under[0], &a->w));
    AWAIT(a, bide_tls_handshake(e->tls[1], &a->w));
    CHECK_INT(a->rc, BIDE_ETRUNCATED);
    CHECK_INT(bide_stream_read(e->tls[1], 1, &a->w), BIDE_ETRUNCATED);
    END(a);
}

static void
meets_garbage(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    AWAIT_OK(a,
             bide_stream_write(e->under[0], "GET / HTTP/1.0\r\n", 16, &a->w));
    AWAIT(a, bide_tls_handshake(e->tls[1], &a->w));
    CHECK_INT(a->rc, BIDE_ETLS);
    CHECK(strstr(bide_tls_reason(e->tls[1]), "http request") != NULL);
    END(a);
}

static void waits_in_vain(actor *a);
static void is_cancelled_and_waits_again(actor *a);

static void
with_plain_client(actor_body body)
{
    ends e;
    ends_begin(&e);
    if (body == waits_in_vain || body == is_cancelled_and_waits_again) {
        for (int i = 0; i < 2; i++)
            bide_stream_unref(e.under[i]);
        world_end(&e.wd);
        world_begin(&e.wd, 0); /* time passes at once */
        CHECK_INT(bide_stream_pair(e.wd.loop, e.under), 0);
    }
    CHECK_INT(bide_tls_start_server(e.under[1], e.contexts[1], &e.tls[1]), 0);
    e.under[1] = NULL;
    ends_play(&e, body, NULL);
}

static void
test_tls_end_within_the_handshake_is_an_error(void **state)
{
    (void)state;
    with_plain_client(meets_an_end);
}

static void
test_tls_handshake_with_garbage_is_an_error(void **state)
{
    (void)state;
    with_plain_client(meets_garbage);
}

static void
waits_in_vain(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    e->at = bide_loop_now(e->wd.loop, false);
    AWAIT(a, bide_tls_handshake(e->tls[1], &a->w));
    CHECK_INT(a->rc, BIDE_ETIMEDOUT);
    CHECK(bide_loop_now(e->wd.loop, false) - e->at >= 60 * SECOND);
    END(a);
}

static void
test_tls_handshake_has_a_deadline(void **state)
{
    (void)state;
    with_plain_client(waits_in_vain);
}

/* -- cancelling ----------------------------------------------------------- */

static void
is_cancelled_and_waits_again(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    bide_scope_init(&a->scope);
    CHECK_INT(bide_scope_enter(&a->scope, &a->task, NULL), 0);
    CHECK_INT(
        bide_scope_deadline(&a->scope, bide_loop_now(e->wd.loop, false) + 1),
        0);
    AWAIT(a, bide_tls_handshake(e->tls[1], &a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK_INT(bide_scope_leave(&a->scope), BIDE_ETIMEDOUT);
    CHECK_INT(bide_tls_start_client(e->under[0], e->contexts[0], e->host, NULL,
                                    0, &e->tls[0]),
              0);
    e->under[0] = NULL;
    AWAIT_OK(a, bide_tls_handshake(e->tls[1], &a->w));
    END(a);
}

static void
test_tls_cancelled_handshake_can_be_waited_for_again(void **state)
{
    (void)state;
    with_plain_client(is_cancelled_and_waits_again);
}

static void
closes(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_tls_handshake(e->tls[0], &a->w));
    AWAIT_OK(a, bide_yield(&a->w));
    bide_stream_close(e->tls[0]);
    END(a);
}

static void
reads_on(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    AWAIT(a, bide_stream_read(e->tls[0], 1, &a->w));
    CHECK_INT(a->rc, BIDE_ECLOSED);
    AWAIT_OK(a, bide_stream_read(e->tls[1], 1, &a->w));
    CHECK_INT(a->w.u.io.len, 0); /* and the peer was told */
    END(a);
}

static void
test_tls_close_tells_the_peer(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    ends_start(&e);
    ends_play(&e, closes, reads_on);
}

/* -- memory --------------------------------------------------------------- */

static struct {
    int left; /* allocations until one fails; negative: none */
} scarce;

static void *
scarce_realloc(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    if (scarce.left == 0)
        return NULL;
    if (scarce.left > 0)
        scarce.left--;
    return realloc(ptr, size);
}

static void
scarce_free(void *ctx, void *ptr)
{
    (void)ctx;
    free(ptr);
}

static void
tries(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    AWAIT(a, bide_tls_handshake(e->tls[a->i], &a->w));
    if (a->rc == 0)
        AWAIT(a, bide_stream_write(e->tls[a->i], "hello", 5, &a->w));
    if (a->rc == 0)
        AWAIT(a, bide_stream_read_exact(e->tls[a->i], 5, &a->w));
    bide_stream_close(e->tls[a->i]);
    END(a);
}

/* Each allocation of a connection's life fails in turn: an error, no crash, and
 * nothing is left. */
static void
test_tls_without_memory_is_an_error(void **state)
{
    (void)state;
    static const bide_allocator allocator = {scarce_realloc, scarce_free, NULL};
    scarce.left = -1;
    bide_set_allocator(&allocator);
    for (int k = 0; k < 40; k++) {
        ends e;
        ends_begin(&e);
        bide_stream *out;
        scarce.left = k;
        if (bide_tls_start_client(e.under[0], e.contexts[0], "localhost", NULL,
                                  0, &out) == 0) {
            e.tls[0] = out;
            e.under[0] = NULL;
        }
        if (bide_tls_start_server(e.under[1], e.contexts[1], &out) == 0) {
            e.tls[1] = out;
            e.under[1] = NULL;
        }
        int left = scarce.left;
        scarce.left = -1;
        for (int i = 0; i < 2; i++)
            if (e.tls[0] && e.tls[1])
                actor_spawn(&e.wd, "end", tries, &e)->i = i;
        scarce.left = left;
        CHECK_INT(bide_loop_run(e.wd.loop, NULL), 0);
        scarce.left = -1;
        for (int i = 0; i < 2; i++)
            if (e.tls[i])
                bide_stream_close(e.tls[i]);
        ends_end(&e);
    }
    bide_set_allocator(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls_expired_certificate_is_an_error),
        cmocka_unit_test(test_tls_self_signed_certificate_is_an_error),
        cmocka_unit_test(test_tls_unknown_authority_is_an_error),
        cmocka_unit_test(test_tls_wrong_host_is_an_error),
        cmocka_unit_test(test_tls_client_without_its_certificate_is_refused),
        cmocka_unit_test(test_tls_client_certificate_of_a_stranger_is_refused),
        cmocka_unit_test(test_tls_end_within_the_handshake_is_an_error),
        cmocka_unit_test(test_tls_handshake_with_garbage_is_an_error),
        cmocka_unit_test(test_tls_handshake_has_a_deadline),
        cmocka_unit_test(test_tls_cancelled_handshake_can_be_waited_for_again),
        cmocka_unit_test(test_tls_close_tells_the_peer),
        cmocka_unit_test(test_tls_without_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, tls_make_certificates,
                                  tls_remove_certificates);
}
