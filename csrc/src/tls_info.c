/* What two ends have agreed on, and who the peer is. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "tls_state.h"

const char *
bide_tls_reason(const bide_stream *s)
{
    const bide__tls *t = bide__tls_of(s);
    return t ? t->reason : "";
}

static const char *
or_empty(const char *text)
{
    return text ? text : "";
}

int
bide_tls_get_info(const bide_stream *s, bide_tls_info *out)
{
    const bide__tls *t = bide__tls_of(s);
    const unsigned char *alpn;
    unsigned n;
    if (!t || !t->ssl)
        return t ? BIDE_ECLOSED : BIDE_EINVALID;
    *out = (bide_tls_info){.version = "", .cipher = "", .host = ""};
    if (!t->shaken)
        return 0;
    out->shaken = true;
    out->session_reused = SSL_session_reused(t->ssl) == 1;
    out->version = SSL_get_version(t->ssl);
    out->cipher = or_empty(SSL_get_cipher_name(t->ssl));
    out->host = or_empty(
        t->host ? t->host
                : SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name));
    SSL_get0_alpn_selected(t->ssl, &alpn, &n);
    if (n)
        memcpy(out->alpn, alpn, n);
    return 0;
}

/* -- the peer's certificate ----------------------------------------------- */

enum { PARTS = 4, PART_MAX = 64 * 1024 };

static int
print_part(BIO *bio, X509 *x, int part)
{
    int at = X509_get_ext_by_NID(x, NID_subject_alt_name, -1);
    switch (part) {
    case 0:
        return X509_NAME_print_ex(bio, X509_get_subject_name(x), 0,
                                  XN_FLAG_RFC2253) >= 0;
    case 1:
        return X509_NAME_print_ex(bio, X509_get_issuer_name(x), 0,
                                  XN_FLAG_RFC2253) >= 0;
    case 2:
        return at < 0 || X509V3_EXT_print(bio, X509_get_ext(x, at), 0, 0);
    default:
        return PEM_write_bio_X509(bio, x);
    }
}

static int
write_fingerprint(X509 *x, char out[65])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n;
    if (!X509_digest(x, EVP_sha256(), digest, &n))
        return BIDE_ENOMEMORY;
    for (unsigned i = 0; i < n && i < 32; i++)
        snprintf(out + (size_t)2 * i, 3, "%02x", digest[i]);
    return 0;
}

/* All in one block: the texts lie behind the struct, each with a zero. */
static bide_tls_certificate *
gather(BIO *const parts[PARTS])
{
    size_t sizes[PARTS], all = sizeof(bide_tls_certificate);
    char *data[PARTS];
    for (int i = 0; i < PARTS; i++) {
        sizes[i] = (size_t)BIO_get_mem_data(parts[i], &data[i]);
        all += sizes[i] + 1;
    }
    bide_tls_certificate *c = bide__realloc(NULL, all);
    if (!c)
        return NULL;
    char **const slots[PARTS] = {&c->subject, &c->issuer, &c->names, &c->pem};
    char *at = (char *)(c + 1);
    for (int i = 0; i < PARTS; i++) {
        *slots[i] = at;
        if (sizes[i])
            memcpy(at, data[i], sizes[i]);
        at[sizes[i]] = '\0';
        at += sizes[i] + 1;
    }
    return c;
}

static int
describe(X509 *x, bide_tls_certificate **out)
{
    BIO *parts[PARTS] = {NULL};
    int ok = 1;
    for (int i = 0; i < PARTS && ok; i++) {
        parts[i] = BIO_new(BIO_s_mem());
        ok = parts[i] && print_part(parts[i], x, i);
    }
    bide_tls_certificate *c = ok ? gather(parts) : NULL;
    for (int i = 0; i < PARTS; i++)
        BIO_free(parts[i]);
    ERR_clear_error();
    int rc = c ? write_fingerprint(x, c->fingerprint) : BIDE_ENOMEMORY;
    if (rc)
        bide__free(c);
    else
        *out = c;
    return rc;
}

int
bide_tls_peer(const bide_stream *s, bide_tls_certificate **out)
{
    const bide__tls *t = bide__tls_of(s);
    *out = NULL;
    if (!t || !t->ssl)
        return t ? BIDE_ECLOSED : BIDE_EINVALID;
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
    X509 *x = SSL_get1_peer_certificate(t->ssl);
#else
    X509 *x = SSL_get_peer_certificate(t->ssl);
#endif
    int rc = x ? describe(x, out) : 0;
    X509_free(x);
    return rc;
}

/* -- the session ---------------------------------------------------------- */

int
bide_tls_session(const bide_stream *s, char **out, size_t *size)
{
    const bide__tls *t = bide__tls_of(s);
    *out = NULL;
    *size = 0;
    if (!t || !t->ssl)
        return t ? BIDE_ECLOSED : BIDE_EINVALID;
    SSL_SESSION *session = SSL_get1_session(t->ssl);
    int n = session && SSL_SESSION_is_resumable(session)
                ? i2d_SSL_SESSION(session, NULL)
                : 0;
    char *bytes = n > 0 ? bide__realloc(NULL, (size_t)n) : NULL;
    if (bytes) {
        unsigned char *at = (unsigned char *)bytes;
        i2d_SSL_SESSION(session, &at);
        *out = bytes;
        *size = (size_t)n;
    }
    SSL_SESSION_free(session);
    return n > 0 && !bytes ? BIDE_ENOMEMORY : 0;
}

void
bide_tls_free(void *result)
{
    bide__free(result);
}
