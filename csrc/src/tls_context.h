/* What connections with TLS are made with. */
#ifndef BIDE_TLS_CONTEXT_H
#define BIDE_TLS_CONTEXT_H

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "bide.h"

/** Another context for a name that clients ask for. */
typedef struct bide__tls_name {
    struct bide__tls_name *next;
    bide_tls_context *context; /* counted */
    char name[];
} bide__tls_name;

struct bide_tls_context {
    atomic_size_t refs;
    SSL_CTX *ssl;
    bool server, any_host;
    int64_t handshake_timeout;
    unsigned char *alpn; /* as it travels: each with its length before it */
    size_t alpn_size;
    bide__tls_name *names;
};

/** Writes the oldest of OpenSSL's pending errors, and forgets them all. */
void bide__tls_explain(char *out, size_t size);

#endif
