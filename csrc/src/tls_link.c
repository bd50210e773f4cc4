/* Ciphertext between OpenSSL and the stream below: a BIO of our own, so that it
 * is copied once in each direction. */
#include "tls_state.h"

#include <string.h>

static int
link_read(BIO *bio, char *out, int size)
{
    bide__tls *t = BIO_get_data(bio);
    size_t n = t->feed.len < (size_t)size ? t->feed.len : (size_t)size;
    BIO_clear_retry_flags(bio);
    if (n == 0) {
        if (!t->feed.ended)
            BIO_set_retry_read(bio);
        return t->feed.ended ? 0 : -1;
    }
    memcpy(out, t->feed.data, n);
    t->feed.data += n;
    t->feed.len -= n;
    return (int)n;
}

static int
link_write(BIO *bio, const char *data, int size)
{
    bide__tls *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    bide__spares *spares = &t->stream.base.object.loop->spares;
    if (bide__buffer_reserve(&t->out, (size_t)size, spares))
        return -1;
    memcpy(t->out.bytes + t->out.tail, data, (size_t)size);
    t->out.tail += (size_t)size;
    return size;
}

static long
link_control(BIO *bio, int command, long number, void *pointer)
{
    const bide__tls *t = BIO_get_data(bio);
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_EOF)
        return t->feed.ended && t->feed.len == 0;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *link_method;

static void
make_method(void)
{
    BIO_METHOD *m =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bide");
    if (!m)
        return;
    BIO_meth_set_read(m, link_read);
    BIO_meth_set_write(m, link_write);
    BIO_meth_set_ctrl(m, link_control);
    link_method = m;
}

int
bide__tls_link(bide__tls *t)
{
    static uv_once_t once = UV_ONCE_INIT;
    uv_once(&once, make_method);
    BIO *bio = link_method ? BIO_new(link_method) : NULL;
    if (!bio)
        return BIDE_ENOMEMORY;
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio); /* which owns it */
    return 0;
}

/* An idle connection keeps no memory for what it sends. */
int
bide__tls_flush(bide__tls *t)
{
    bide__spares *spares = &t->stream.base.object.loop->spares;
    size_t n = bide__buffer_len(&t->out);
    if (n == 0)
        return 0;
    t->flushing = true;
    int rc = bide_stream_write_nowait(t->stream.under,
                                      t->out.bytes + t->out.head, n);
    t->flushing = false;
    bide__buffer_consume(&t->out, n, spares);
    return rc;
}
