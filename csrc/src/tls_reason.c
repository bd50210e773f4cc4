/* Who the peer has to be, and why TLS failed, in words. */
#include "tls_state.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

/* The names of a certificate, or its common name, as one line. */
static void
write_names(X509 *x, char *out, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int at = X509_get_ext_by_NID(x, NID_subject_alt_name, -1);
    *out = '\0';
    if (!bio)
        return;
    if (at >= 0)
        X509V3_EXT_print(bio, X509_get_ext(x, at), 0, 0);
    else
        X509_NAME_print_ex(bio, X509_get_subject_name(x), 0, XN_FLAG_RFC2253);
    int n = BIO_read(bio, out, (int)size - 1);
    out[n > 0 ? n : 0] = '\0';
    BIO_free(bio);
}

static bool
is_mismatch(int error)
{
    return error == X509_V_ERR_HOSTNAME_MISMATCH ||
           error == X509_V_ERR_IP_ADDRESS_MISMATCH;
}

/* OpenSSL's verdict stands; this only notes it, with the names at hand. */
static int
on_verify(int ok, X509_STORE_CTX *store)
{
    SSL *ssl =
        X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    bide__tls *t = ssl ? SSL_get_app_data(ssl) : NULL;
    X509 *x = X509_STORE_CTX_get_current_cert(store);
    int error = X509_STORE_CTX_get_error(store);
    if (ok || !t)
        return ok;
    const char *text = X509_verify_cert_error_string(error);
    char names[120];
    if (is_mismatch(error) && x && t->host) {
        write_names(x, names, sizeof names);
        snprintf(t->reason, sizeof t->reason,
                 "certificate verify failed: %s: it is for %s, not for %s",
                 text, names, t->host);
    } else {
        snprintf(t->reason, sizeof t->reason, "certificate verify failed: %s",
                 text);
    }
    return ok;
}

static int
copy_host(bide__tls *t, const char *host)
{
    size_t size = strlen(host) + 1;
    t->host = bide__realloc(NULL, size);
    if (!t->host)
        return BIDE_ENOMEMORY;
    memcpy(t->host, host, size);
    return 0;
}

static bool
is_address(const char *host)
{
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
    ASN1_OCTET_STRING_free(address);
    ERR_clear_error();
    return address != NULL;
}

/* Addresses are checked as such, and not asked for: RFC 6066. */
int
bide__tls_expect(bide__tls *t, const char *host)
{
    int mode = SSL_get_verify_mode(t->ssl);
    SSL_set_app_data(t->ssl, t);
    SSL_set_verify(t->ssl, mode, on_verify);
    if (!host || !*host)
        return 0;
    int rc = copy_host(t, host);
    if (rc)
        return rc;
    bool address = is_address(host);
    if (!address && !SSL_set_tlsext_host_name(t->ssl, host))
        return BIDE_EINVALID;
    if (t->context->any_host)
        return 0;
    X509_VERIFY_PARAM *want = SSL_get0_param(t->ssl);
    X509_VERIFY_PARAM_set_hostflags(want, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    int ok = address ? X509_VERIFY_PARAM_set1_ip_asc(want, host)
                     : X509_VERIFY_PARAM_set1_host(want, host, 0);
    return ok ? 0 : BIDE_ENOMEMORY;
}

int
bide__tls_diagnose(bide__tls *t)
{
    unsigned long code = ERR_peek_error();
    bool refused = ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED;
    if (refused && *t->reason) {
        ERR_clear_error();
        return BIDE_ECERTIFICATE;
    }
    if (code)
        bide__tls_explain(t->reason, sizeof t->reason);
    if (!t->feed.ended || t->feed.len)
        return refused ? BIDE_ECERTIFICATE : BIDE_ETLS;
    if (!code || strstr(t->reason, "eof")) {
        snprintf(t->reason, sizeof t->reason,
                 "the connection ended without an end of TLS");
        return BIDE_ETRUNCATED;
    }
    return BIDE_ETLS;
}
