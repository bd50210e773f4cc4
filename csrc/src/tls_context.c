#include "tls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "alloc.h"

enum { TIMEOUT_DEFAULT = 60 };

/* Where a failure is told. */
typedef struct complaint {
    char *why;
    size_t size;
} complaint;

void
bide__tls_explain(char *out, size_t size)
{
    unsigned long code = ERR_get_error();
    const char *text = code ? ERR_reason_error_string(code) : NULL;
    if (size)
        snprintf(out, size, "%s", text ? text : "an unknown error");
    ERR_clear_error();
}

static int
complain(const complaint *c, const char *what, const char *name)
{
    char text[200];
    bide__tls_explain(text, sizeof text);
    if (c->why && c->size)
        snprintf(c->why, c->size, "%s%s%s: %s", what, name ? " " : "",
                 name ? name : "", text);
    return BIDE_ETLS;
}

/* -- life ----------------------------------------------------------------- */

bide_tls_context *
bide_tls_context_ref(bide_tls_context *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void
bide_tls_context_unref(bide_tls_context *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    SSL_CTX_free(c->ssl);
    while (c->names) {
        bide__tls_name *next = c->names->next;
        bide_tls_context_unref(c->names->context);
        bide__free(c->names);
        c->names = next;
    }
    bide__free(c->alpn);
    bide__free(c);
}

/* -- certificates --------------------------------------------------------- */

static BIO *
memory(const char *pem)
{
    return BIO_new_mem_buf(pem, -1);
}

/* Calls `take` with each certificate of the text: how many, -1: an error. */
static int
each_certificate(SSL_CTX *ssl, const char *pem,
                 int (*take)(SSL_CTX *ssl, X509 *x, int at))
{
    BIO *bio = memory(pem);
    X509 *x;
    int count = 0, ok = bio != NULL;
    while (ok && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        ok = take(ssl, x, count++);
        X509_free(x);
    }
    BIO_free(bio);
    if (ok && count)
        ERR_clear_error(); /* of the end of the text */
    return ok && count ? count : -1;
}

static int
trust(SSL_CTX *ssl, X509 *x, int at)
{
    (void)at;
    return X509_STORE_add_cert(SSL_CTX_get_cert_store(ssl), x);
}

static int
use(SSL_CTX *ssl, X509 *x, int at)
{
    return at == 0 ? SSL_CTX_use_certificate(ssl, x)
                   : (int)SSL_CTX_add1_chain_cert(ssl, x);
}

static int
set_authorities(SSL_CTX *ssl, const bide_tls_config *g, const complaint *c)
{
    if ((g->ca_file || g->ca_dir) &&
        !SSL_CTX_load_verify_locations(ssl, g->ca_file, g->ca_dir))
        return complain(c, "ca_file or ca_dir",
                        g->ca_file ? g->ca_file : g->ca_dir);
    if (g->ca_pem && each_certificate(ssl, g->ca_pem, trust) < 0)
        return complain(c, "ca_pem", NULL);
    if (g->ca_file || g->ca_dir || g->ca_pem)
        return 0;
    return SSL_CTX_set_default_verify_paths(ssl)
               ? 0
               : complain(c, "the system's authorities", NULL);
}

static int
give_password(char *out, int size, int writing, void *arg)
{
    (void)writing;
    const char *password = arg;
    if (!password) /* or OpenSSL would ask on the terminal */
        return -1;
    int n = (int)strlen(password);
    if (n > size)
        return -1;
    memcpy(out, password, (size_t)n);
    return n;
}

static int
use_key_pem(SSL_CTX *ssl, const bide_tls_config *g)
{
    BIO *bio = memory(g->key_pem);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, give_password,
                                                  (void *)g->key_password)
                        : NULL;
    int ok = key ? SSL_CTX_use_PrivateKey(ssl, key) : 0;
    EVP_PKEY_free(key);
    BIO_free(bio);
    return ok;
}

static int
set_certificate(SSL_CTX *ssl, const bide_tls_config *g, const complaint *c)
{
    if (!g->cert_file && !g->cert_pem)
        return 0;
    if (g->cert_file && !SSL_CTX_use_certificate_chain_file(ssl, g->cert_file))
        return complain(c, "cert_file", g->cert_file);
    if (g->cert_pem && each_certificate(ssl, g->cert_pem, use) < 0)
        return complain(c, "cert_pem", NULL);
    SSL_CTX_set_default_passwd_cb(ssl, give_password);
    SSL_CTX_set_default_passwd_cb_userdata(ssl, (void *)g->key_password);
    const char *file = g->key_file ? g->key_file : g->cert_file;
    if (g->key_pem ? !use_key_pem(ssl, g)
                   : !file || SSL_CTX_use_PrivateKey_file(
                                  ssl, file, SSL_FILETYPE_PEM) != 1)
        return complain(c, g->key_pem ? "key_pem" : "key_file",
                        g->key_pem ? NULL : file);
    SSL_CTX_set_default_passwd_cb_userdata(ssl, NULL);
    return SSL_CTX_check_private_key(ssl) ? 0 : complain(c, "key", NULL);
}

/* -- protocols ------------------------------------------------------------ */

static int
pick_alpn(SSL *ssl, const unsigned char **out, unsigned char *size,
          const unsigned char *theirs, unsigned their_size, void *arg)
{
    (void)ssl;
    const bide_tls_context *c = arg;
    int rc = SSL_select_next_proto((unsigned char **)out, size, c->alpn,
                                   (unsigned)c->alpn_size, theirs, their_size);
    return rc == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK
                                        : SSL_TLSEXT_ERR_NOACK;
}

static int
set_alpn(bide_tls_context *t, const char *const *list)
{
    size_t size = 0;
    if (!list || !list[0])
        return 0;
    for (size_t i = 0; list[i]; i++) {
        size_t n = strlen(list[i]);
        if (n == 0 || n > 255)
            return BIDE_EINVALID;
        size += n + 1;
    }
    unsigned char *at = t->alpn = bide__realloc(NULL, size);
    if (!at)
        return BIDE_ENOMEMORY;
    t->alpn_size = size;
    for (size_t i = 0; list[i]; i++) {
        size_t n = strlen(list[i]);
        *at++ = (unsigned char)n;
        memcpy(at, list[i], n);
        at += n;
    }
    if (t->server)
        SSL_CTX_set_alpn_select_cb(t->ssl, pick_alpn, t);
    else if (SSL_CTX_set_alpn_protos(t->ssl, t->alpn, (unsigned)size))
        return BIDE_ENOMEMORY;
    return 0;
}

static int
set_versions(SSL_CTX *ssl, const bide_tls_config *g, const complaint *c)
{
    int least = g->min_version ? g->min_version : TLS1_2_VERSION;
    if (!SSL_CTX_set_min_proto_version(ssl, least) ||
        !SSL_CTX_set_max_proto_version(ssl, g->max_version))
        return complain(c, "min_version or max_version", NULL);
    if (g->ciphers && !SSL_CTX_set_cipher_list(ssl, g->ciphers))
        return complain(c, "ciphers", g->ciphers);
    if (g->ciphersuites && !SSL_CTX_set_ciphersuites(ssl, g->ciphersuites))
        return complain(c, "ciphersuites", g->ciphersuites);
    return 0;
}

static void
set_verify(bide_tls_context *t, const bide_tls_config *g)
{
    int mode = SSL_VERIFY_NONE;
    if (g->verify == BIDE_TLS_VERIFY_REQUIRED ||
        (g->verify == BIDE_TLS_VERIFY_DEFAULT && !g->server))
        mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    else if (g->verify == BIDE_TLS_VERIFY_OPTIONAL)
        mode = SSL_VERIFY_PEER;
    SSL_CTX_set_verify(t->ssl, mode, NULL);
}

static void
set_sessions(bide_tls_context *t, const bide_tls_config *g)
{
    static const unsigned char id[] = "bide";
    SSL_CTX_set_session_id_context(t->ssl, id, sizeof id - 1);
    if (g->no_sessions) {
        SSL_CTX_set_session_cache_mode(t->ssl, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_options(t->ssl, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(t->ssl, 0);
    }
}

/* -- names ---------------------------------------------------------------- */

static bool
matches(const char *pattern, const char *name)
{
    if (strncmp(pattern, "*.", 2) != 0)
        return strcasecmp(pattern, name) == 0;
    const char *dot = strchr(name, '.');
    return dot && dot != name && strcasecmp(pattern + 1, dot) == 0;
}

static int
on_name(SSL *ssl, int *alert, void *arg)
{
    (void)alert;
    const bide_tls_context *c = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    for (bide__tls_name *n = name ? c->names : NULL; n; n = n->next)
        if (matches(n->name, name)) {
            SSL_set_SSL_CTX(ssl, n->context->ssl);
            return SSL_TLSEXT_ERR_OK;
        }
    return name ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

int
bide_tls_context_add_name(bide_tls_context *c, const char *name,
                          bide_tls_context *other)
{
    if (!c->server || !other->server || c == other || !name || !*name)
        return BIDE_EINVALID;
    size_t size = strlen(name) + 1;
    bide__tls_name *n = bide__realloc(NULL, sizeof *n + size);
    if (!n)
        return BIDE_ENOMEMORY;
    memcpy(n->name, name, size);
    n->context = bide_tls_context_ref(other);
    n->next = c->names;
    c->names = n;
    SSL_CTX_set_tlsext_servername_callback(c->ssl, on_name);
    SSL_CTX_set_tlsext_servername_arg(c->ssl, c);
    return 0;
}

/* -- making one ----------------------------------------------------------- */

static int
configure(bide_tls_context *t, const bide_tls_config *g, const complaint *c)
{
    SSL_CTX_set_options(t->ssl, SSL_OP_NO_COMPRESSION |
                                    SSL_OP_NO_RENEGOTIATION |
                                    SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(t->ssl, SSL_MODE_RELEASE_BUFFERS |
                                 SSL_MODE_ENABLE_PARTIAL_WRITE |
                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    set_verify(t, g);
    set_sessions(t, g);
    int rc = set_versions(t->ssl, g, c);
    if (rc == 0 && SSL_CTX_get_verify_mode(t->ssl) != SSL_VERIFY_NONE)
        rc = set_authorities(t->ssl, g, c);
    if (rc == 0)
        rc = set_certificate(t->ssl, g, c);
    return rc ? rc : set_alpn(t, g->alpn);
}

int
bide_tls_context_new(const bide_tls_config *g, bide_tls_context **out,
                     char *why, size_t size)
{
    complaint c = {why, size};
    if (why && size)
        *why = '\0';
    bide_tls_context *t = bide__alloc(sizeof *t);
    if (!t)
        return BIDE_ENOMEMORY;
    atomic_init(&t->refs, 1);
    t->server = g->server;
    t->any_host = g->any_host;
    t->handshake_timeout = g->handshake_timeout
                               ? g->handshake_timeout
                               : TIMEOUT_DEFAULT * INT64_C(1000000000);
    t->ssl = SSL_CTX_new(TLS_method());
    int rc = t->ssl ? configure(t, g, &c) : BIDE_ENOMEMORY;
    ERR_clear_error();
    if (rc)
        bide_tls_context_unref(t);
    else
        *out = t;
    return rc;
}
