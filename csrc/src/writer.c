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

#include "chunk.h"
#include "parcel.h"
#include "vector.h"
#include "stream_state.h"

enum { PIECE = 16 * 1024 };

/** The state of a stream that has more to send than the system takes. */
struct bide__sending {
    bide_stream *stream;
    union {
        uv_write_t write;
        uv_shutdown_t shutdown;
    } request;
    bool busy;     /* the request is under way */
    bool shutting; /* and it is the shutdown */
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

static bool
is_parcel(const bide_wait *w)
{
    return w->kind != &shutdown_kind && w->aux == BIDE__PARCEL;
}

/* -- ends ----------------------------------------------------------------- */

/* Of `piece` only what is used is ever touched: not zeroed. */
int
bide__writer_need(bide_stream *s)
{
    if (s->sending)
        return 0;
    struct bide__sending *g = bide__realloc(NULL, sizeof *g);
    if (!g)
        return BIDE_ENOMEMORY;
    g->stream = s;
    g->busy = g->shutting = false;
    s->in_piece = 0;
    s->sending = g;
    return 0;
}

void
bide__writer_settle(bide_stream *s)
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

static void
finish_parcel(bide_wait *w, int status)
{
    bide__parcel *p = bide__parcel_of(w);
    if (status == 0)
        status = p->status;
    if (w->task)
        bide__io_fire(w, status);
    else
        bide__list_remove(&w->link);
    bide__parcel_drop(p);
}

/* Ends the front of the queue. */
static void
finish(bide_wait *w, int status)
{
    assert(bide__list_linked(&w->link));
    if (is_parcel(w)) {
        finish_parcel(w, status);
    } else if (bide__is_chunk(w)) {
        bide__list_remove(&w->link);
        bide__chunk_free(w);
    } else {
        bide__io_fire(w, status);
    }
}

/* Those that wait until there is less to send. */
static void
wake_drainers(bide_stream *s, int status)
{
    if (status || bide_stream_unsent(s) <= s->limits.write_low)
        bide__io_fire_all(&s->drainers, status);
    if (s->tap)
        s->tap->drained(s->tap, status);
}

static void
finish_all(bide_stream *s, int write_status, int shutdown_status)
{
    while (!bide__list_empty(&s->writers)) {
        bide_wait *w = bide__wait_first(&s->writers);
        finish(w, w->kind == &shutdown_kind ? shutdown_status : write_status);
    }
    s->backlog = s->in_piece = 0;
    bide__writer_settle(s);
    wake_drainers(s, write_status);
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

static void
advance_by(bide_stream *s, bide_wait *w, size_t n)
{
    w->u.io.done += n;
    if (bide__is_chunk(w))
        s->backlog -= n;
}

/* Of a long list one call takes a part only: goes on until the system is full.
 */
int
bide__writer_take(bide_stream *s, bide_wait *w)
{
    uv_buf_t bufs[BIDE__VECTOR];
    while (bide__write_left(w)) {
        size_t offered = 0;
        unsigned count = bide__write_slice(w, bufs);
        for (unsigned i = 0; i < count; i++)
            offered += bufs[i].len;
        int n = s->filter ? s->filter->write(s, bufs, count)
                          : uv_try_write(&s->uv.stream, bufs, count);
        if (n == UV_ECONNRESET) /* the system tells it once */
            s->write_error = n;
        if (n < 0)
            return n == UV_EAGAIN ? 0 : n;
        advance_by(s, w, (size_t)n);
        if ((size_t)n < offered)
            break;
    }
    return 0;
}

static void
on_sent(uv_write_t *request, int status)
{
    struct bide__sending *g = request->data;
    bide_stream *s = g->stream;
    g->busy = false;
    s->in_piece = 0;
    if (s->base.closed)
        return;
    if (status)
        fail(s, status);
    else
        bide__writer_pump(s);
}

void
bide__writer_ready(bide_stream *s, int status)
{
    if (s->sending)
        s->sending->busy = false;
    if (status)
        fail(s, status);
    else
        bide__writer_pump(s);
}

/* The first `n` bytes of the piece. */
static int
put_piece(bide_stream *s, size_t n)
{
    struct bide__sending *g = s->sending;
    uv_buf_t buf = uv_buf_init(g->piece, (unsigned)n);
    g->request.write.data = g;
    int rc = uv_write(&g->request.write, &s->uv.stream, &buf, 1, on_sent);
    if (rc)
        return rc;
    g->busy = true;
    s->in_piece = n;
    return BIDE_PARKED;
}

/* A filter tells when it can write again. */
static int
await_filter(bide_stream *s)
{
    s->sending->busy = true;
    return BIDE_PARKED;
}

static int
send_piece(bide_stream *s, bide_wait *w)
{
    if (s->filter)
        return await_filter(s);
    size_t left = bide__write_left(w), n = left < PIECE ? left : PIECE;
    bide__write_copy(w, s->sending->piece, n);
    int rc = put_piece(s, n);
    if (rc == BIDE_PARKED)
        advance_by(s, w, n);
    return rc;
}

/* A rest that cannot be read leaves the stream out of step. */
static int
advance_parcel(bide_stream *s, bide_wait *w)
{
    size_t n = PIECE;
    int rc = bide__parcel_send(s, w);
    if (rc == BIDE_EWOULDBLOCK && s->filter)
        return await_filter(s);
    if (rc == BIDE_EWOULDBLOCK) {
        rc = bide__parcel_take(w, s->sending->piece, &n);
        if (rc == 0 && n)
            rc = put_piece(s, n);
    }
    return rc == 0 && !w->task && bide__parcel_of(w)->status ? UV_EPIPE : rc;
}

int
bide__writer_advance(bide_stream *s, bide_wait *w)
{
    if (is_parcel(w))
        return advance_parcel(s, w);
    int rc = bide__writer_take(s, w);
    if (rc == 0 && bide__write_left(w))
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

/* 0: the half is ended. */
static int
filter_end(bide_stream *s)
{
    int rc = s->filter->end(s);
    if (rc == 0) {
        s->ended = true;
        s->write_error = UV_EPIPE;
    }
    if (rc != UV_EAGAIN)
        return rc;
    s->sending->busy = true;
    return BIDE_PARKED;
}

static int
send_end(bide_stream *s)
{
    struct bide__sending *g = s->sending;
    if (s->filter)
        return filter_end(s);
    assert(g); /* whoever begins has it made, and it stays while writers wait */
    g->request.shutdown.data = g;
    int rc = uv_shutdown(&g->request.shutdown, &s->uv.stream, on_shutdown);
    if (rc)
        return rc;
    g->busy = g->shutting = true;
    return BIDE_PARKED;
}

void
bide__writer_pump(bide_stream *s)
{
    while (!bide__list_empty(&s->writers)) {
        bide_wait *w = bide__wait_first(&s->writers);
        int rc = w->kind == &shutdown_kind ? send_end(s)
                                           : bide__writer_advance(s, w);
        if (rc == BIDE_PARKED)
            break;
        if (rc) {
            fail(s, rc);
            return;
        }
        if (s->ended) {
            finish_all(s, s->write_error, 0);
            return;
        }
        finish(w, 0);
    }
    if (bide__list_empty(&s->writers))
        bide__writer_settle(s);
    wake_drainers(s, 0);
}

void
bide__writer_go_on(bide_stream *s)
{
    if (s->sending && !s->sending->busy && !s->base.closed)
        bide__writer_pump(s);
}

/* -- cancelling ----------------------------------------------------------- */

/* What a cancelled write has left goes on at the front of the queue. */
static int
keep_rest(bide_stream *s, const bide_wait *w)
{
    int rc = bide__chunk_prepend(&s->writers, w);
    if (rc == 0)
        s->backlog += bide__write_left(w);
    return rc;
}

static bool
abort_write(bide_wait *w, bool forced)
{
    (void)forced;
    bide_stream *s = w->object;
    bide__io_leave(w);
    bool begun = w->u.io.done > 0 && bide__write_left(w) > 0;
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

int
bide__writer_refused(const bide_stream *s, const bide_wait *w)
{
    int rc = bide__endpoint_enter(&s->base, w->task);
    return bide__unlikely(rc) ? rc : s->write_error;
}

/* The first to wait. After bytes have been taken an error leaves the stream
 * out of step: it is broken. */
static int
begin(bide_stream *s, bide_wait *w)
{
    int rc = bide__writer_need(s);
    if (rc == 0)
        rc = w->kind == &shutdown_kind ? send_end(s) : send_piece(s, w);
    if (rc == BIDE_PARKED)
        return 0;
    bide__writer_settle(s);
    if (w->kind == &write_kind && w->u.io.done)
        s->write_error = UV_EPIPE;
    return rc ? rc : BIDE_EEOF; /* a filter has ended at once */
}

/* Writes what `w` describes. */
static int
submit(bide_stream *s, bide_wait *w)
{
    if (!s->sending) {
        int rc = bide__writer_take(s, w);
        if (bide__unlikely(rc))
            return rc;
        if (!bide__write_left(w))
            return bide__wait_done(w, &write_kind, s);
        rc = begin(s, w);
        if (rc)
            return rc;
    }
    return bide__io_park(w, &write_kind, s, &s->writers);
}

int
bide_stream_write(bide_stream *s, const char *data, size_t len, bide_wait *w)
{
    int rc = bide__writer_refused(s, w);
    if (bide__unlikely(rc))
        return rc;
    w->kind = &write_kind;
    bide__write_run(w, data, len);
    return submit(s, w);
}

int
bide_stream_write_many(bide_stream *s, const bide_buffer *list, size_t count,
                       bide_wait *w)
{
    int rc = bide__writer_refused(s, w);
    if (rc == 0)
        rc = bide__write_list(w, list, count);
    if (rc)
        return rc;
    w->kind = &write_kind;
    return submit(s, w);
}

int
bide_stream_shutdown(bide_stream *s, bide_wait *w)
{
    int rc = bide__writer_refused(s, w);
    if (s->ended && rc == UV_EPIPE)
        return bide__wait_done(w, &shutdown_kind, s);
    if (rc)
        return rc;
    if (!s->sending) {
        w->kind = &shutdown_kind;
        rc = begin(s, w);
        if (rc == BIDE_EEOF && s->ended)
            return bide__wait_done(w, &shutdown_kind, s);
        if (rc)
            return rc;
    }
    return bide__io_park(w, &shutdown_kind, s, &s->writers);
}
