/* support_tls.h - two ends of a connection with TLS, over a pair of streams,
 * and the certificates that tests/certs.sh makes. */
#ifndef BIDE_TEST_SUPPORT_TLS_H
#define BIDE_TEST_SUPPORT_TLS_H

#include "support.h"

/* A world with two ends of a connection, and what each does. */
typedef struct ends {
    world wd;
    bide_stream *under[2], *tls[2];
    bide_tls_context *contexts[2]; /* client's, server's */
    const char *host;
    int shaken[2];
    char reason[2][256];
    char *data;
    size_t size;
    int64_t at;
    int port;
} ends;

/** Contexts with a certificate and an authority of tests/certs.sh; either may
 * be NULL. */
bide_tls_context *tls_make_context(bide_tls_config *g, const char *cert,
                                   const char *ca);
bide_tls_context *tls_server_context(const char *cert);
bide_tls_context *tls_client_context(const char *ca);

/** A world on the real clock with the streams and contexts, which are its. */
void ends_begin_with(ends *e, bide_tls_context *client,
                     bide_tls_context *server);
void ends_begin(ends *e);
void ends_end(ends *e);

/** Puts TLS on both ends; they are `tls` from then on. */
void ends_start(ends *e);

/** Runs the bodies, of which the second may be NULL, and ends. */
void ends_play(ends *e, actor_body one, actor_body other);

/** Of the group of tests: makes the certificates, removes them. */
int tls_make_certificates(void **state);
int tls_remove_certificates(void **state);

/** As TEST_MAIN, with the certificates: memory is counted, too. */
#define TLS_TEST_MAIN(group, ...)                                              \
    int main(void)                                                             \
    {                                                                          \
        const struct CMUnitTest tests[] = {__VA_ARGS__};                       \
        if (tls_make_certificates(NULL))                                       \
            return 1;                                                          \
        int rc = run_group(group, tests, COUNT(tests));                        \
        tls_remove_certificates(NULL);                                         \
        return rc;                                                             \
    }

#endif
