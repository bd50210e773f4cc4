/* The life of a stream with TLS: what arrives, what leaves, how it ends. */
#include "tls_state.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>

#include "intake.h"
#include "reader.h"
#include "stream.h"
#include "writer.h"

enum {
    RECORD = 16 * 1024,
    BATCH = 128 * 1024, /* of ciphertext, handed down at a time */
    OVERHEAD = 128,     /* of a record at most */
    LINE = 64           /* of the processor's cache */
};

static bide__tls *
of_tap(bide__tap *tap)
{
    return bide__of(tap, bide__tls, tap);
}

/* -- failing -------------------------------------------------------------- */

/* TLS cannot go on in either direction; an alert may still go out. */
static void
fail(bide__tls *t, int status)
{
    bide_stream *s = &t->stream;
    if (t->failed)
        return;
    t->failed = status;
    bide_timer_stop(s->base.object.loop, &t->deadline);
    bide__tls_flush(t);
    if (!s->read_end)
        s->read_end = status;
    bide__io_fire_all(&t->shakers, status);
    bide__writer_ready(s, status);
    bide__reader_pushed(s);
}

/* After a call that did not succeed: 0, OpenSSL waits for more ciphertext. */
static int
trouble(bide__tls *t, int result)
{
    int error = SSL_get_error(t->ssl, result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return 0;
    return bide__tls_diagnose(t);
}

/* -- the handshake -------------------------------------------------------- */

static void
on_deadline(bide_timer *timer)
{
    fail(bide__of(timer, bide__tls, deadline), BIDE_ETIMEDOUT);
}

static void
shake(bide__tls *t)
{
    ERR_clear_error();
    int rc = SSL_do_handshake(t->ssl);
    int status = rc == 1 ? 0 : trouble(t, rc);
    if (rc != 1 && status) {
        fail(t, status);
        return;
    }
    /* A peer that is gone may have said why, or all it had to say: what can be
     * read is read. */
    status = bide__tls_flush(t);
    if (rc != 1)
        return;
    t->shaken = true;
    bide_timer_stop(t->stream.base.object.loop, &t->deadline);
    bide__io_fire_all(&t->shakers, 0);
    bide__writer_ready(&t->stream, status);
}

/* -- what arrives --------------------------------------------------------- */

static int
keep(bide_stream *s, const char *data, size_t n)
{
    return bide__buffer_append(&s->in, data, n, &s->base.object.loop->spares);
}

/* A reader that has much to come has room of its own: decrypt there. */
static int
decrypt(bide__tls *t)
{
    char block[RECORD];
    bide_stream *s = &t->stream;
    bool direct = s->in.room - s->in.tail >= RECORD;
    int n = SSL_read(t->ssl, direct ? s->in.bytes + s->in.tail : block, RECORD);
    if (n <= 0)
        return n;
    if (direct)
        s->in.tail += (size_t)n;
    else if (keep(s, block, (size_t)n))
        fail(t, BIDE_ENOMEMORY);
    return n;
}

/* Of what is known to come as plaintext, without memory: by way of the stack.
 */
static void
make_room(bide__tls *t)
{
    bide_stream *s = &t->stream;
    bide__intake_expect(s);
    if (t->feed.len > RECORD && s->in.room - s->in.tail < RECORD)
        bide__buffer_reserve(&s->in, t->feed.len + RECORD,
                             &s->base.object.loop->spares);
}

/* Whether OpenSSL could have more for us: asking it in vain costs as much as a
 * small record. */
static bool
has_more(const bide__tls *t)
{
    return t->feed.len > 0 || SSL_has_pending(t->ssl) || t->feed.ended;
}

static void
take_plaintext(bide__tls *t)
{
    bide_stream *s = &t->stream;
    int n;
    make_room(t);
    ERR_clear_error();
    do {
        n = decrypt(t);
    } while (n > 0 && !t->failed && has_more(t));
    if (t->failed)
        return;
    int status = 0;
    if (n <= 0 && SSL_get_error(t->ssl, n) == SSL_ERROR_ZERO_RETURN)
        s->read_end = BIDE_EEOF;
    else if (n <= 0)
        status = trouble(t, n);
    if (status) {
        fail(t, status);
        return;
    }
    bide__tls_flush(t); /* what it had to say by itself */
    if (s->tap) {
        size_t have = bide__buffer_len(&s->in);
        if (have)
            s->tap->received(s->tap, s->in.bytes + s->in.head, have);
        bide__buffer_consume(&s->in, have, &s->base.object.loop->spares);
        if (s->read_end)
            s->tap->ended(s->tap, s->read_end);
        return;
    }
    bide__reader_pushed(s);
}

static void
advance(bide__tls *t)
{
    if (!t->shaken && !t->failed)
        shake(t);
    if (t->shaken && !t->failed && !t->stream.read_end)
        take_plaintext(t);
}

static void
received(bide__tap *tap, const char *data, size_t n)
{
    bide__tls *t = of_tap(tap);
    t->feed.data = data;
    t->feed.len = n;
    advance(t);
    t->feed.len = 0; /* of a broken one, or after its end */
}

static void
ended(bide__tap *tap, int status)
{
    bide__tls *t = of_tap(tap);
    t->feed.ended = true;
    if (status == BIDE_EEOF)
        advance(t);
    else if (!t->failed && !t->stream.read_end)
        fail(t, status);
}

/* -- what leaves ---------------------------------------------------------- */

static void
drained(bide__tap *tap, int status)
{
    bide__tls *t = of_tap(tap);
    if (t->flushing || t->failed || !t->shaken)
        return;
    if (status || bide_stream_unsent(t->stream.under) == 0)
        bide__writer_ready(&t->stream, status);
}

/* How much of the next `n` bytes makes a record. Full ones would lie whole
 * pages apart, and OpenSSL copies each to the same place: if that is slow from
 * there (see decision 0049) it were so for all of them. */
static size_t
record_of(size_t n)
{
    return n <= RECORD ? n : RECORD - LINE;
}

/* Encrypts a buffer, as far as the stream below keeps up: how much of it. */
static int
encrypt(bide__tls *t, const uv_buf_t *buf, size_t *done)
{
    *done = 0;
    while (*done < buf->len && !bide_stream_unsent(t->stream.under)) {
        size_t left = buf->len - *done;
        size_t piece = left < BATCH ? left : BATCH;
        size_t records = piece / (RECORD - LINE) + 1;
        if (bide__buffer_len(&t->out) == 0 && /* all of it at once */
            bide__buffer_reserve(&t->out, piece + records * OVERHEAD,
                                 &t->stream.base.object.loop->spares))
            return BIDE_ENOMEMORY;
        ERR_clear_error();
        int n = SSL_write(t->ssl, buf->base + *done, (int)record_of(left));
        if (n <= 0)
            return trouble(t, n);
        *done += (size_t)n;
        if (bide__buffer_len(&t->out) < BATCH)
            continue;
        int rc = bide__tls_flush(t);
        if (rc)
            return rc;
    }
    return 0;
}

static int
filter_write(bide_stream *s, const uv_buf_t *bufs, unsigned count)
{
    bide__tls *t = bide__tls_of(s);
    int total = 0, rc = 0;
    if (t->failed || !t->shaken)
        return t->failed ? t->failed : UV_EAGAIN;
    for (unsigned i = 0; i < count && rc == 0; i++) {
        size_t done;
        /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
        rc = encrypt(t, &bufs[i], &done);
        total += (int)done;
        if (done < bufs[i].len)
            break;
    }
    if (rc == 0)
        rc = bide__tls_flush(t);
    if (rc)
        return rc;
    return total ? total : UV_EAGAIN;
}

static int
filter_end(bide_stream *s)
{
    bide__tls *t = bide__tls_of(s);
    if (t->failed || !t->shaken)
        return t->failed ? t->failed : UV_EAGAIN;
    ERR_clear_error();
    SSL_shutdown(t->ssl);
    ERR_clear_error();
    return bide__tls_flush(t);
}

/* -- reading, closing ----------------------------------------------------- */

static int
filter_start(bide_stream *s)
{
    return bide__reader_start(s->under);
}

static void
filter_stop(bide_stream *s)
{
    bide__reader_stop(s->under);
}

/* The last word, unless a message was cut short or words would have to wait. */
static void
say_goodbye(bide__tls *t)
{
    bide_stream *s = &t->stream;
    if (t->shaken && !t->failed && !s->ended && bide__list_empty(&s->writers) &&
        bide_stream_unsent(s) == 0)
        filter_end(s);
}

static void
filter_close(bide_stream *s)
{
    bide__tls *t = bide__tls_of(s);
    say_goodbye(t);
    bide_timer_stop(s->base.object.loop, &t->deadline);
    bide__io_fire_all(&t->shakers, BIDE_ECLOSED);
    s->under->tap = NULL;
    bide_stream_unref(s->under);
    s->under = NULL;
    SSL_free(t->ssl);
    t->ssl = NULL;
    bide_tls_context_unref(t->context);
    bide__buffer_fini(&t->out);
    bide__free(t->host);
    t->host = NULL;
}

const bide__filter bide__tls_filter = {
    .start = filter_start,
    .stop = filter_stop,
    .write = filter_write,
    .end = filter_end,
    .close = filter_close,
};

/* -- making one ----------------------------------------------------------- */

static int
set_session(SSL *ssl, const char *session, size_t size)
{
    const unsigned char *at = (const unsigned char *)session;
    if (!session || !size)
        return 0;
    SSL_SESSION *s = d2i_SSL_SESSION(NULL, &at, (long)size);
    int ok = s ? SSL_set_session(ssl, s) : 0;
    SSL_SESSION_free(s);
    ERR_clear_error();
    return ok ? 0 : BIDE_EINVALID;
}

static int
prepare(bide__tls *t, const char *host, const char *session, size_t size)
{
    t->ssl = SSL_new(t->context->ssl);
    if (!t->ssl)
        return BIDE_ENOMEMORY;
    int rc = bide__tls_link(t);
    if (rc == 0)
        rc = bide__tls_expect(t, host);
    if (rc == 0)
        rc = set_session(t->ssl, session, size);
    if (t->context->server)
        SSL_set_accept_state(t->ssl);
    else
        SSL_set_connect_state(t->ssl);
    return rc;
}

static int
start_deadline(bide__tls *t)
{
    int64_t timeout = t->context->handshake_timeout;
    bide_loop *l = t->stream.base.object.loop;
    if (timeout == BIDE_FOREVER)
        return 0;
    return bide_timer_start(l, &t->deadline, bide_loop_now(l, false) + timeout,
                            on_deadline);
}

/* From here on `under` is ours, with what lies in its buffer. */
static void
take_over(bide__tls *t, bide_stream *under)
{
    bide_stream *s = &t->stream;
    size_t have = bide__buffer_len(&under->in);
    t->tap = (bide__tap){received, ended, drained};
    s->under = under;
    s->filter = &bide__tls_filter;
    under->tap = &t->tap;
    bide__stream_open(s);
    s->reading = true;
    s->base.object.loop->stirred = true;
    if (have)
        received(&t->tap, under->in.bytes + under->in.head, have);
    else
        advance(t);
    bide__buffer_consume(&under->in, have, &s->base.object.loop->spares);
    if (under->read_end)
        ended(&t->tap, under->read_end);
    else if (bide__reader_start(under))
        fail(t, BIDE_ENOMEMORY);
}

static void
discard(bide__tls *t)
{
    bide_timer_stop(t->stream.base.object.loop, &t->deadline);
    SSL_free(t->ssl);
    bide_tls_context_unref(t->context);
    bide__free(t->host);
    bide_stream_unref(&t->stream);
}

static int
start(bide_stream *under, bide_tls_context *c, const char *host,
      const char *session, size_t size, bide_stream **out)
{
    if (under->base.closed)
        return BIDE_ECLOSED;
    if (under->filter && !under->under) /* of a file: nobody feeds its tap */
        return -ENOTSUP;
    if (under->reader || under->tap || !bide__list_empty(&under->writers))
        return BIDE_EBUSY;
    bide__tls *t =
        (bide__tls *)bide__stream_new_sized(under->base.object.loop, sizeof *t);
    if (!t)
        return BIDE_ENOMEMORY;
    bide__list_init(&t->shakers);
    t->context = bide_tls_context_ref(c);
    int rc = prepare(t, host, session, size);
    if (rc == 0)
        rc = start_deadline(t);
    if (rc) {
        discard(t);
        return rc;
    }
    take_over(t, under);
    *out = &t->stream;
    return 0;
}

int
bide_tls_start_client(bide_stream *under, bide_tls_context *c, const char *host,
                      const char *session, size_t session_size,
                      bide_stream **out)
{
    if (c->server)
        return BIDE_EINVALID;
    return start(under, c, host, session, session_size, out);
}

int
bide_tls_start_server(bide_stream *under, bide_tls_context *c,
                      bide_stream **out)
{
    return c->server ? start(under, c, NULL, NULL, 0, out) : BIDE_EINVALID;
}

/* -- waiting for the handshake -------------------------------------------- */

static bool
abort_shake(bide_wait *w, bool forced)
{
    (void)forced;
    bide__io_leave(w);
    return true;
}

static const bide_wait_kind shake_kind = {
    .verb = "handshake",
    .object = "TLS",
    .label = bide__object_label,
    .abort = abort_shake,
};

int
bide_tls_handshake(bide_stream *s, bide_wait *w)
{
    int rc = bide__endpoint_enter(&s->base, w->task);
    bide__tls *t = bide__tls_of(s);
    if (rc || !t)
        return rc ? rc : BIDE_EINVALID;
    if (t->failed)
        return t->failed;
    if (t->shaken)
        return bide__wait_done(w, &shake_kind, s);
    return bide__io_park(w, &shake_kind, s, &t->shakers);
}
