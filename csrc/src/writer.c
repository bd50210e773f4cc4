/* Writes and shutdowns wait in one queue, so that they take effect in order.
 *
 * What the system does not take at once goes out in pieces through a small
 * buffer of our own, because libuv cannot be made to let go of memory: so a
 * cancelled task has its memory back at once. Each piece only serves to learn
 * when the system has room again; the bulk is then taken from the writer's
 * memory directly.
 *
 * Invariant: a write whose u.io.done is not 0 has begun and is at the front. */
#include "writer.h"

#include <assert.h>
#include <string.h>

#include "stream_state.h"

enum {
    PIECE = 16 * 1024,
    TAKE_MAX = 1 << 30 /* what one call of libuv is offered */
};

/** The state of a stream that has more to send than the system takes. */
struct bide__sending {
    bide_stream *stream;
    union {
        uv_write_t write;
        uv_shutdown_t shutdown;
    } request;
    bool busy;      /* the request is under way */
    bool shutting;  /* and it is the shutdown */
    bide_wait rest; /* of a cancelled write; its task is NULL */
    char piece[PIECE];
};

static bool abort_write(bide_wait *w, bool forced);
static bool abort_shutdown(bide_wait *w, bool forced);

static const bide_wait_kind write_kind = {
    .verb = "write",
    .object = "Stream",
    .label = bide__object_label,
    .abort = abort_write,
};
static const bide_wait_kind shutdown_kind = {
    .verb = "shutdown",
    .object = "Stream",
    .label = bide__object_label,
    .abort = abort_shutdown,
};

/* -- ends ----------------------------------------------------------------- */

/* Of `piece` only what is used is ever touched: not zeroed. */
static int
need_sending(bide_stream *s)
{
    if (s->sending)
        return 0;
    struct bide__sending *g = bide__realloc(NULL, sizeof *g);
    if (!g)
        return BIDE_ENOMEMORY;
    g->stream = s;
    g->busy = g->shutting = false;
    s->sending = g;
    return 0;
}

static void
drop_sending(bide_stream *s)
{
    if (s->sending && !s->sending->busy)
        bide__writer_fini(s);
}

void
bide__writer_fini(bide_stream *s)
{
    bide__free(s->sending);
    s->sending = NULL;
}

/* Ends the front of the queue. */
static void
finish(bide_wait *w, int status)
{
    assert(bide__list_linked(&w->link));
    if (w->task) {
        bide__io_fire(w, status);
    } else {
        bide__list_remove(&w->link);
        bide__free((char *)w->u.io.data);
    }
}

static void
finish_all(bide_stream *s, int write_status, int shutdown_status)
{
    while (!bide__list_empty(&s->writers)) {
        bide_wait *w = bide__wait_first(&s->writers);
        finish(w, w->kind == &shutdown_kind ? shutdown_status : write_status);
    }
    drop_sending(s);
}

/* Nothing can be sent any more. */
static void
fail(bide_stream *s, int status)
{
    s->write_error = status;
    finish_all(s, status, status);
}

void
bide__writer_close(bide_stream *s)
{
    finish_all(s, BIDE_ECLOSED, BIDE_ECLOSED);
}

/* -- sending -------------------------------------------------------------- */

static void pump(bide_stream *s);

/* Hands to the system what it takes now: 0 or an error. */
static int
take(bide_stream *s, bide_wait *w)
{
    size_t len = w->u.io.len - w->u.io.done;
    if (len == 0)
        return 0;
    uv_buf_t buf = uv_buf_init((char *)w->u.io.data + w->u.io.done,
                               len < TAKE_MAX ? (unsigned)len : TAKE_MAX);
    int n = uv_try_write(&s->uv.stream, &buf, 1);
    if (n >= 0)
        w->u.io.done += (size_t)n;
    return n >= 0 || n == UV_EAGAIN ? 0 : n;
}

static void
on_sent(uv_write_t *request, int status)
{
    struct bide__sending *g = request->data;
    bide_stream *s = g->stream;
    g->busy = false;
    if (s->base.closed)
        return;
    if (status)
        fail(s, status);
    else
        pump(s);
}

static int
send_piece(bide_stream *s, bide_wait *w)
{
    struct bide__sending *g = s->sending;
    size_t left = w->u.io.len - w->u.io.done;
    uv_buf_t buf = uv_buf_init(g->piece, left < PIECE ? (unsigned)left : PIECE);
    memcpy(g->piece, w->u.io.data + w->u.io.done, buf.len);
    g->request.write.data = g;
    int rc = uv_write(&g->request.write, &s->uv.stream, &buf, 1, on_sent);
    if (rc)
        return rc;
    g->busy = true;
    w->u.io.done += buf.len;
    return BIDE_PARKED;
}

/* 0: all of it is out. BIDE_PARKED: a piece is under way. */
static int
advance(bide_stream *s, bide_wait *w)
{
    int rc = take(s, w);
    if (rc == 0 && w->u.io.done < w->u.io.len)
        rc = send_piece(s, w);
    return rc;
}

static void
on_shutdown(uv_shutdown_t *request, int status)
{
    struct bide__sending *g = request->data;
    bide_stream *s = g->stream;
    g->busy = false;
    if (s->base.closed)
        return;
    s->ended = status == 0;
    s->write_error = status ? status : UV_EPIPE;
    finish_all(s, s->write_error, status);
}

static int
send_end(bide_stream *s)
{
    struct bide__sending *g = s->sending;
    g->request.shutdown.data = g;
    int rc = uv_shutdown(&g->request.shutdown, &s->uv.stream, on_shutdown);
    if (rc)
        return rc;
    g->busy = g->shutting = true;
    return BIDE_PARKED;
}

/* Sends from the front of the queue until something is under way. */
static void
pump(bide_stream *s)
{
    while (!bide__list_empty(&s->writers)) {
        bide_wait *w = bide__wait_first(&s->writers);
        int rc = w->kind == &shutdown_kind ? send_end(s) : advance(s, w);
        if (rc == BIDE_PARKED)
            return;
        if (rc) {
            fail(s, rc);
            return;
        }
        finish(w, 0);
    }
    drop_sending(s);
}

/* -- cancelling ----------------------------------------------------------- */

/* Keeps what a cancelled write has left to send, at the front of the queue. */
static int
keep_rest(bide_stream *s, bide_wait *w)
{
    bide_wait *rest = &s->sending->rest;
    size_t len = w->u.io.len - w->u.io.done;
    char *copy = bide__realloc(NULL, len);
    if (!copy)
        return BIDE_ENOMEMORY;
    memcpy(copy, w->u.io.data + w->u.io.done, len);
    bide_wait_init(rest, NULL);
    rest->kind = &write_kind;
    rest->u.io.data = copy;
    rest->u.io.len = len;
    rest->u.io.done = 0;
    bide__list_append(s->writers.next, &rest->link);
    return 0;
}

static bool
abort_write(bide_wait *w, bool forced)
{
    (void)forced;
    bide_stream *s = w->object;
    bide__io_leave(w);
    bool begun = w->u.io.done > 0 && w->u.io.done < w->u.io.len;
    if (begun && !s->base.closed && !s->write_error && keep_rest(s, w))
        fail(s, UV_EPIPE);
    return true;
}

/* One under way cannot be called back, and will be over within a turn. */
static bool
abort_shutdown(bide_wait *w, bool forced)
{
    bide_stream *s = w->object;
    if (!forced && s->sending && s->sending->shutting)
        return false;
    bide__io_leave(w);
    return true;
}

/* -- entries -------------------------------------------------------------- */

static int
refused(const bide_stream *s, const bide_wait *w)
{
    int rc = bide__endpoint_enter(&s->base, w->task);
    return bide__unlikely(rc) ? rc : s->write_error;
}

/* The first to wait. After bytes have been taken an error leaves the stream
 * out of step: it is broken. */
static int
begin(bide_stream *s, bide_wait *w)
{
    int rc = need_sending(s);
    if (rc == 0)
        rc = w->kind == &shutdown_kind ? send_end(s) : send_piece(s, w);
    if (rc == BIDE_PARKED)
        return 0;
    drop_sending(s);
    if (w->kind == &write_kind && w->u.io.done)
        s->write_error = UV_EPIPE;
    return rc;
}

int
bide_stream_write(bide_stream *s, const char *data, size_t len, bide_wait *w)
{
    int rc = refused(s, w);
    if (bide__unlikely(rc))
        return rc;
    w->u.io.data = data;
    w->u.io.len = len;
    w->u.io.done = 0;
    if (!s->sending) {
        rc = take(s, w);
        if (bide__unlikely(rc))
            return rc;
        if (w->u.io.done == len)
            return bide__wait_done(w, &write_kind, s);
        w->kind = &write_kind;
        rc = begin(s, w);
        if (rc)
            return rc;
    }
    return bide__io_park(w, &write_kind, s, &s->writers);
}

int
bide_stream_shutdown(bide_stream *s, bide_wait *w)
{
    int rc = refused(s, w);
    if (s->ended && rc == UV_EPIPE)
        return bide__wait_done(w, &shutdown_kind, s);
    if (rc)
        return rc;
    if (!s->sending) {
        w->kind = &shutdown_kind;
        rc = begin(s, w);
        if (rc)
            return rc;
    }
    return bide__io_park(w, &shutdown_kind, s, &s->writers);
}
