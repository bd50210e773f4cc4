/* test_tls_absent.c - a library built without OpenSSL (BIDE_TLS=OFF). */
#include "support.h"

#include <errno.h>

static void
test_tls_absent_is_said(void **state)
{
    (void)state;
    world wd;
    bide_wait w = {0};
    bide_stream *s[2], *out = NULL;
    bide_tls_context *c = NULL;
    bide_tls_certificate *peer;
    bide_tls_info info;
    char why[128], *session;
    size_t size;

    world_begin(&wd, 0);
    CHECK_INT(bide_stream_pair(wd.loop, s), 0);
    CHECK_INT(bide_tls_context_new(&(bide_tls_config){.server = false}, &c, why,
                                   sizeof why),
              -ENOTSUP);
    CHECK(strstr(why, "BIDE_TLS=ON") != NULL && !c);
    CHECK_INT(
        bide_tls_context_new(&(bide_tls_config){.server = true}, &c, NULL, 0),
        -ENOTSUP);
    CHECK_INT(bide_tls_start_client(s[0], c, "x", NULL, 0, &out), -ENOTSUP);
    CHECK_INT(bide_tls_start_server(s[1], c, &out), -ENOTSUP);
    CHECK_INT(bide_tls_connect("localhost", 1, c, &w), -ENOTSUP);
    CHECK_INT(bide_tls_handshake(s[0], &w), -ENOTSUP);
    CHECK_INT(bide_tls_get_info(s[0], &info), BIDE_EINVALID);
    CHECK_INT(bide_tls_peer(s[0], &peer), BIDE_EINVALID);
    CHECK_INT(bide_tls_session(s[0], &session, &size), BIDE_EINVALID);
    CHECK(strcmp(bide_tls_reason(s[0]), "") == 0);
    CHECK(!out && !bide_stream_closed(s[0]));
    bide_tls_context_unref(bide_tls_context_ref(c));
    bide_tls_free(NULL);
    bide_stream_unref(s[0]);
    bide_stream_unref(s[1]);
    world_end(&wd);
}

TEST_MAIN("tls absent", T(tls_absent_is_said))
