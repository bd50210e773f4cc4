/* A stream with TLS: a bide_stream whose filter is OpenSSL, over another one
 * that it has tapped.
 *
 * Invariants
 * - Ciphertext lives in `feed`, borrowed for one call of the tap, of which
 *   OpenSSL keeps what it cannot use yet; and in `out`, until bide__tls_flush.
 * - `shaken` is set once the handshake is over, `failed` (an error) when TLS
 *   cannot go on; before either `shakers` may wait.
 * - Callbacks of the stream below that come while we write to it are ours. */
#ifndef BIDE_TLS_STATE_H
#define BIDE_TLS_STATE_H

#include "stream_state.h"
#include "tls_context.h"

typedef struct bide__tls {
    bide_stream stream;
    bide__tap tap;
    bide_tls_context *context;
    SSL *ssl;
    struct {
        const char *data;
        size_t len;
        bool ended;
    } feed;
    bide__buffer out;
    bide_link shakers;
    bide_timer deadline;
    int failed;
    bool shaken, flushing;
    char *host; /* what a client asked for */
    char reason[256];
} bide__tls;

extern const bide__filter bide__tls_filter;

/** NULL: the stream has no TLS. */
static inline bide__tls *
bide__tls_of(const bide_stream *s)
{
    return s->filter == &bide__tls_filter ? (bide__tls *)s : NULL;
}

/** Gives `t->ssl` the BIO over `feed` and `out`. BIDE_ENOMEMORY. */
int bide__tls_link(bide__tls *t);

/** Hands `out` to the stream below: 0 or an error of that. */
int bide__tls_flush(bide__tls *t);

/** Asks for and checks `host`, and lets `t` tell why a certificate was refused.
 * BIDE_ENOMEMORY. */
int bide__tls_expect(bide__tls *t, const char *host);

/** The code of what OpenSSL has just failed with; its words are in `reason`. */
int bide__tls_diagnose(bide__tls *t);

#endif
