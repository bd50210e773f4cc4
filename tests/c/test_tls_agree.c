/* test_tls_agree.c - TLS: what two ends agree on, and what is refused before
 * they talk. */
#include "support_tls.h"

#include <errno.h>

/* Both ends are through, and have a look. */
static void
both(actor *a, void (*look)(ends *e))
{
    ends *e = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_tls_handshake(e->tls[0], &a->w));
    AWAIT_OK(a, bide_tls_handshake(e->tls[1], &a->w));
    look(e);
    END(a);
}

static bide_tls_info
info_of(const bide_stream *s)
{
    bide_tls_info info = {.version = ""};
    CHECK_INT(bide_tls_get_info(s, &info), 0);
    CHECK(info.shaken);
    return info;
}

static void
peer_is(const bide_stream *s, const char *subject)
{
    bide_tls_certificate *c = NULL;
    CHECK_INT(bide_tls_peer(s, &c), 0);
    CHECK(c && strstr(c->subject, subject) != NULL);
    bide_tls_free(c);
}

/* -- client certificates -------------------------------------------------- */

static void
look_at_clients(ends *e)
{
    peer_is(e->tls[0], "CN=server");
    peer_is(e->tls[1], "CN=client");
}

static void
knows_the_client(actor *a)
{
    both(a, look_at_clients);
}

static void
test_tls_client_certificate(void **state)
{
    (void)state;
    ends e;
    bide_tls_config ours = {.server = false};
    bide_tls_config theirs = {.server = true,
                              .verify = BIDE_TLS_VERIFY_REQUIRED};
    ends_begin_with(&e, tls_make_context(&ours, "client", "ca"),
                    tls_make_context(&theirs, "server", "ca"));
    ends_start(&e);
    ends_play(&e, knows_the_client, NULL);
}

/* -- protocols ------------------------------------------------------------ */

static void
look_at_alpn(ends *e)
{
    for (int i = 0; i < 2; i++)
        CHECK(strcmp(info_of(e->tls[i]).alpn, "http/1.1") == 0);
}

static void
knows_the_protocol(actor *a)
{
    both(a, look_at_alpn);
}

static void
test_tls_alpn_is_agreed_on(void **state)
{
    (void)state;
    ends e;
    const char *const few[] = {"http/1.1", NULL};
    const char *const many[] = {"h2", "http/1.1", NULL};
    bide_tls_config ours = {.alpn = few};
    bide_tls_config theirs = {.server = true, .alpn = many};
    ends_begin_with(&e, tls_make_context(&ours, NULL, "ca"),
                    tls_make_context(&theirs, "server", NULL));
    ends_start(&e);
    ends_play(&e, knows_the_protocol, NULL);
}

/* -- names ---------------------------------------------------------------- */

static void
look_at_names(ends *e)
{
    bool wild = strstr(e->host, "wild") != NULL;
    CHECK(strcmp(info_of(e->tls[1]).host, e->host) == 0);
    peer_is(e->tls[0], wild ? "CN=example" : "CN=server");
}

static void
knows_the_name(actor *a)
{
    both(a, look_at_names);
}

static void
test_tls_server_name_picks_the_certificate(void **state)
{
    (void)state;
    const char *const hosts[] = {"a.wild.test", "localhost"};
    for (int i = 0; i < 2; i++) {
        ends e;
        bide_tls_context *other = tls_server_context("example");
        ends_begin(&e);
        CHECK_INT(
            bide_tls_context_add_name(e.contexts[1], "*.wild.test", other), 0);
        bide_tls_context_unref(other);
        e.host = hosts[i];
        ends_start(&e);
        ends_play(&e, knows_the_name, NULL);
    }
}

/* -- sessions ------------------------------------------------------------- */

/* Of one connection after the other; the ticket comes with the first data. */
static void
resumes(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < 2; a->i++) {
        if (a->i)
            CHECK_INT(bide_stream_pair(e->wd.loop, e->under), 0);
        CHECK_INT(bide_tls_start_client(e->under[0], e->contexts[0], e->host,
                                        e->data, e->size, &e->tls[0]),
                  0);
        CHECK_INT(
            bide_tls_start_server(e->under[1], e->contexts[1], &e->tls[1]), 0);
        e->under[0] = e->under[1] = NULL;
        AWAIT_OK(a, bide_stream_write(e->tls[1], "x", 1, &a->w));
        AWAIT_OK(a, bide_stream_read(e->tls[0], 1, &a->w));
        bide_stream_consume(e->tls[0], 1);
        CHECK_INT(info_of(e->tls[0]).session_reused, a->i == 1);
        CHECK_INT(info_of(e->tls[1]).session_reused, a->i == 1);
        bide_tls_free(e->data);
        CHECK_INT(bide_tls_session(e->tls[0], &e->data, &e->size), 0);
        CHECK(e->data && e->size);
        for (a->n = 0; a->n < 2; a->n++) {
            bide_stream_unref(e->tls[a->n]);
            e->tls[a->n] = NULL;
        }
    }
    bide_tls_free(e->data);
    e->data = NULL;
    END(a);
}

static void
test_tls_session_is_resumed(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    ends_play(&e, resumes, NULL);
}

/* -- what has no TLS, and what is no context ------------------------------ */

static void
test_tls_of_a_plain_stream_is_none(void **state)
{
    (void)state;
    ends e;
    bide_tls_info info;
    bide_tls_certificate *c;
    char *session;
    size_t size;
    ends_begin(&e);
    CHECK_INT(bide_tls_get_info(e.under[0], &info), BIDE_EINVALID);
    CHECK_INT(bide_tls_peer(e.under[0], &c), BIDE_EINVALID);
    CHECK_INT(bide_tls_session(e.under[0], &session, &size), BIDE_EINVALID);
    CHECK(strcmp(bide_tls_reason(e.under[0]), "") == 0);
    CHECK(!c && !session && !size);
    ends_end(&e);
}

static void
complains(const bide_tls_config *g, const char *about)
{
    bide_tls_context *c = NULL;
    char why[256] = "";
    CHECK_INT(bide_tls_context_new(g, &c, why, sizeof why), BIDE_ETLS);
    if (!strstr(why, about))
        print_error("'%s' does not name '%s'\n", why, about);
    CHECK(strstr(why, about) != NULL && !c);
    CHECK_INT(bide_tls_context_new(g, &c, NULL, 0), BIDE_ETLS);
}

static void
check_contexts(void)
{
    static const char *const empty[] = {"", NULL};
    bide_tls_context *c = NULL;
    complains(&(bide_tls_config){.ca_file = "/nowhere"}, "/nowhere");
    complains(&(bide_tls_config){.ca_pem = "no certificate"}, "ca_pem");
    complains(&(bide_tls_config){.cert_file = "/nowhere"}, "cert_file");
    complains(&(bide_tls_config){.cert_pem = "nothing"}, "cert_pem");
    complains(&(bide_tls_config){.ciphers = "none of these"}, "ciphers");
    complains(&(bide_tls_config){.ciphersuites = "nor these"}, "ciphersuites");
    complains(&(bide_tls_config){.min_version = 7}, "min_version");
    CHECK_INT(
        bide_tls_context_new(&(bide_tls_config){.alpn = empty}, &c, NULL, 0),
        BIDE_EINVALID);
}

static void
test_tls_bad_arguments_are_errors(void **state)
{
    (void)state;
    ends e;
    bide_stream *out = NULL;
    ends_begin(&e);
    check_contexts();
    CHECK_INT(
        bide_tls_start_client(e.under[0], e.contexts[1], NULL, NULL, 0, &out),
        BIDE_EINVALID);
    CHECK_INT(bide_tls_start_server(e.under[0], e.contexts[0], &out),
              BIDE_EINVALID);
    CHECK_INT(
        bide_tls_start_client(e.under[0], e.contexts[0], NULL, "junk", 4, &out),
        BIDE_EINVALID);
    CHECK_INT(bide_tls_context_add_name(e.contexts[0], "x", e.contexts[1]),
              BIDE_EINVALID);
    CHECK_INT(bide_tls_context_add_name(e.contexts[1], "", e.contexts[1]),
              BIDE_EINVALID);
    CHECK(!bide_stream_closed(e.under[0]) && !out);
    bide_stream_close(e.under[0]);
    CHECK_INT(
        bide_tls_start_client(e.under[0], e.contexts[0], NULL, NULL, 0, &out),
        BIDE_ECLOSED);
    ends_end(&e);
}

TLS_TEST_MAIN("tls agree", T(tls_client_certificate), T(tls_alpn_is_agreed_on),
              T(tls_server_name_picks_the_certificate),
              T(tls_session_is_resumed), T(tls_of_a_plain_stream_is_none),
              T(tls_bad_arguments_are_errors))
