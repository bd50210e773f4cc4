/* TLS in a library built without OpenSSL. */
#include <errno.h>
#include <stdio.h>

#include "bide.h"

int
bide_tls_context_new(const bide_tls_config *config, bide_tls_context **out,
                     char *why, size_t size)
{
    (void)config;
    (void)out;
    if (why && size)
        snprintf(why, size, "%s",
                 "bide was built without TLS: build it "
                 "with OpenSSL and -DBIDE_TLS=ON");
    return -ENOTSUP;
}

/* There is no context, and so nothing else that could be called. */
bide_tls_context *
bide_tls_context_ref(bide_tls_context *c)
{
    return c;
}

void
bide_tls_context_unref(bide_tls_context *c)
{
    (void)c;
}

int
bide_tls_context_add_name(bide_tls_context *c, const char *name,
                          bide_tls_context *other)
{
    (void)c;
    (void)name;
    (void)other;
    return -ENOTSUP;
}

int
bide_tls_start_client(bide_stream *under, bide_tls_context *c, const char *host,
                      const char *session, size_t session_size,
                      bide_stream **out)
{
    (void)under;
    (void)c;
    (void)host;
    (void)session;
    (void)session_size;
    (void)out;
    return -ENOTSUP;
}

int
bide_tls_start_server(bide_stream *under, bide_tls_context *c,
                      bide_stream **out)
{
    (void)under;
    (void)c;
    (void)out;
    return -ENOTSUP;
}

int
bide_tls_handshake(bide_stream *s, bide_wait *w)
{
    (void)s;
    (void)w;
    return -ENOTSUP;
}

int
bide_tls_connect(const char *host, int port, bide_tls_context *c, bide_wait *w)
{
    (void)host;
    (void)port;
    (void)c;
    (void)w;
    return -ENOTSUP;
}

int
bide_tls_serve(bide_listener *l, bide_tls_context *c)
{
    (void)l;
    (void)c;
    return -ENOTSUP;
}

const char *
bide_tls_reason(const bide_stream *s)
{
    (void)s;
    return "";
}

int
bide_tls_get_info(const bide_stream *s, bide_tls_info *out)
{
    (void)s;
    (void)out;
    return BIDE_EINVALID;
}

int
bide_tls_peer(const bide_stream *s, bide_tls_certificate **out)
{
    (void)s;
    *out = NULL;
    return BIDE_EINVALID;
}

int
bide_tls_session(const bide_stream *s, char **out, size_t *size)
{
    (void)s;
    *out = NULL;
    *size = 0;
    return BIDE_EINVALID;
}

void
bide_tls_free(void *result)
{
    (void)result;
}
