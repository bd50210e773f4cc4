#include "reader.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "intake.h"
#include "stream_state.h"

enum { SEPARATOR_MAX = 64 };

/* Of a wait, u.io.len is the size asked for, then the size granted; of
 * read_until, u.io.data and aux are the separator, and the first u.io.done
 * bytes have been searched. */
static bool abort_read(bide_wait *w, bool forced);
static void undo_read(bide_wait *w);

static const bide_wait_kind some_kind = {
    .verb = "read",
    .object = "Stream",
    .label = bide__object_label,
    .abort = abort_read,
    .undo = undo_read,
};
static const bide_wait_kind exact_kind = {
    .verb = "read_exact",
    .object = "Stream",
    .label = bide__object_label,
    .abort = abort_read,
    .undo = undo_read,
};
static const bide_wait_kind until_kind = {
    .verb = "read_until",
    .object = "Stream",
    .label = bide__object_label,
    .abort = abort_read,
    .undo = undo_read,
};

/* -- what a reader waits for ---------------------------------------------- */

static int
grant(bide_wait *w, size_t n)
{
    w->u.io.len = n;
    return 0;
}

static int
not_yet(const bide_stream *s)
{
    return s->read_end ? s->read_end : BIDE_PARKED;
}

static int
check_some(const bide_stream *s, bide_wait *w, size_t have)
{
    if (have)
        return grant(w, have < w->u.io.len ? have : w->u.io.len);
    return s->read_end == BIDE_EEOF ? grant(w, 0) : not_yet(s);
}

static int
check_exact(const bide_stream *s, bide_wait *w, size_t have)
{
    return have >= w->u.io.len ? 0 : not_yet(s);
}

static int
check_until(const bide_stream *s, bide_wait *w, size_t have)
{
    size_t limit = w->u.io.len, seplen = w->aux, from = 0;
    if (w->u.io.done >= seplen)
        from = w->u.io.done - (seplen - 1);
    size_t at = bide__buffer_find(&s->in, from, limit, w->u.io.data, seplen);
    if (at != SIZE_MAX)
        return grant(w, at + seplen);
    if (have >= limit)
        return BIDE_ETOOLONG;
    w->u.io.done = have;
    return not_yet(s);
}

/* 0 with the size granted, an error, or BIDE_PARKED: not yet. */
static int
check(const bide_stream *s, bide_wait *w, const bide_wait_kind *kind)
{
    size_t have = bide__buffer_len(&s->in);
    if (kind == &some_kind)
        return check_some(s, w, have);
    if (kind == &exact_kind)
        return check_exact(s, w, have);
    return check_until(s, w, have);
}

/* -- what arrives --------------------------------------------------------- */

void
bide__reader_stop(bide_stream *s)
{
    if (s->reading && s->filter)
        s->filter->stop(s);
    else if (s->reading)
        uv_read_stop(&s->uv.stream);
    s->reading = false;
}

/* Without memory, and of a stream that is left for later, libuv reports
 * ENOBUFS. */
static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    bide_stream *s = bide__stream_of((uv_stream_t *)handle);
    if (bide__intake_left(s))
        *buf = uv_buf_init(NULL, 0);
    else
        bide__intake_room(s, buf);
}

static void
finish(bide_stream *s, bide_wait *w, int status)
{
    s->reader = NULL;
    s->expected = 0;
    if (status == 0 && w->u.io.len)
        s->granted = w->task;
    bide__io_fire(w, status);
}

static void
keep(bide_stream *s, const uv_buf_t *buf, size_t n)
{
    if (bide__intake_keep(s, buf, n)) {
        /* Bytes are lost: what follows would be out of step. */
        s->read_end = BIDE_ENOMEMORY;
        bide__reader_stop(s);
    }
}

void
bide__reader_pushed(bide_stream *s)
{
    bide_wait *w = s->reader;
    int rc = w ? check(s, w, w->kind) : BIDE_PARKED;
    if (rc != BIDE_PARKED)
        finish(s, w, rc);
    if (!s->reader && bide__buffer_len(&s->in) >= s->limits.read_high)
        bide__reader_stop(s);
}

/* libuv takes a hang-up behind the last bytes for the end, and does not look
 * whether it was a reset; it gives no buffer then. */
static int
hidden_error(const bide_stream *s, const uv_buf_t *buf)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (buf->base ||
        getsockopt(bide_stream_fd(s), SOL_SOCKET, SO_ERROR, &error, &size))
        return 0;
    return -error;
}

/* What a read that gave `n` makes of the stream. The system tells a reset once;
 * when that was a write, the reads meet an end that is none. */
static int
end_of(const bide_stream *s, ssize_t n, const uv_buf_t *buf)
{
    bool over = n == UV_EOF || (n == UV_EIO && s->terminal);
    if (over && s->write_error == UV_ECONNRESET)
        return s->write_error;
    int error = n == UV_EOF ? hidden_error(s, buf) : 0;
    if (error)
        return error;
    return over ? BIDE_EEOF : (int)n;
}

/* Of a stream that carries another. */
static void
tapped(bide_stream *s, ssize_t n, const uv_buf_t *buf)
{
    s->base.object.loop->stirred = true;
    if (n > 0) {
        s->tap->received(s->tap, buf->base, (size_t)n);
    } else if (n < 0) {
        bide__reader_stop(s);
        s->read_end = end_of(s, n, buf);
        s->tap->ended(s->tap, s->read_end);
    }
}

static void
on_read(uv_stream_t *uv, ssize_t n, const uv_buf_t *buf)
{
    bide_stream *s = bide__stream_of(uv);
    bide_wait *w = s->reader;
    bide_loop *l = s->base.object.loop;
    if (n == 0) {
        bide__intake_none(s);
        return;
    }
    if (n == UV_ENOBUFS && bide__intake_left(s)) {
        l->stirred = true;
        return;
    }
    if (n > 0) {
        l->inflow += (size_t)n;
        l->inflow_reads++;
    }
    if (bide__unlikely(s->tap != NULL)) {
        tapped(s, n, buf);
        return;
    }
    if (n > 0) {
        keep(s, buf, (size_t)n);
    } else if (n == UV_ENOBUFS) {
        bide__reader_stop(s);
        if (w)
            finish(s, w, BIDE_ENOMEMORY);
        return;
    } else {
        s->read_end = end_of(s, n, buf);
        bide__reader_stop(s);
        bide__intake_none(s);
    }
    bide__reader_pushed(s);
}

int
bide__reader_start(bide_stream *s)
{
    if (s->reading || s->read_end)
        return 0;
    int rc = s->filter ? s->filter->start(s)
                       : uv_read_start(&s->uv.stream, on_alloc, on_read);
    s->reading = rc == 0;
    return rc;
}

void
bide__reader_close(bide_stream *s)
{
    s->reading = false;
    if (s->reader)
        finish(s, s->reader, BIDE_ECLOSED);
    if (!s->granted)
        bide__buffer_fini(&s->in);
}

/* What was granted is taken, even from a stream that was closed meanwhile. */
static void
end_grant(bide_stream *s)
{
    s->granted = NULL;
    if (bide__unlikely(s->base.closed))
        bide__buffer_fini(&s->in);
}

/* -- the reader ----------------------------------------------------------- */

static bool
abort_read(bide_wait *w, bool forced)
{
    (void)forced;
    bide_stream *s = w->object;
    s->reader = NULL;
    s->expected = 0;
    bide__io_leave(w);
    return true;
}

static void
undo_read(bide_wait *w)
{
    end_grant(w->object);
}

/* Another task is reading, or has been given bytes it has not seen yet. */
static bool
is_taken(const bide_stream *s, const bide_task *t)
{
    return s->reader || (s->granted && s->granted != t);
}

static int
submit(bide_stream *s, bide_wait *w, const bide_wait_kind *kind)
{
    if (is_taken(s, w->task))
        return BIDE_EBUSY;
    s->granted = NULL;
    int rc = check(s, w, kind);
    if (rc < 0)
        return rc;
    if (rc == 0) {
        rc = bide__wait_done(w, kind, s);
        if (rc == BIDE_PARKED && w->u.io.len)
            s->granted = w->task;
        return rc;
    }
    if (kind == &exact_kind && w->u.io.len > s->expected)
        s->expected = w->u.io.len;
    rc = bide__reader_start(s);
    if (rc) {
        s->expected = 0;
        return rc;
    }
    s->reader = w;
    return bide__io_park(w, kind, s, NULL);
}

int
bide_stream_read(bide_stream *s, size_t max, bide_wait *w)
{
    int rc = bide__endpoint_enter(&s->base, w->task);
    if (bide__unlikely(rc))
        return rc;
    if (max == 0)
        return BIDE_EINVALID;
    w->u.io.len = max;
    return submit(s, w, &some_kind);
}

int
bide_stream_read_exact(bide_stream *s, size_t n, bide_wait *w)
{
    int rc = bide__endpoint_enter(&s->base, w->task);
    if (bide__unlikely(rc))
        return rc;
    w->u.io.len = n;
    return submit(s, w, &exact_kind);
}

int
bide_stream_read_until(bide_stream *s, const char *sep, size_t seplen,
                       size_t limit, bide_wait *w)
{
    int rc = bide__endpoint_enter(&s->base, w->task);
    if (bide__unlikely(rc))
        return rc;
    if (seplen == 0 || seplen > SEPARATOR_MAX || limit == 0)
        return BIDE_EINVALID;
    w->u.io.data = sep;
    w->u.io.len = limit;
    w->u.io.done = 0;
    w->aux = (uint16_t)seplen;
    return submit(s, w, &until_kind);
}

/* Reads what the system has, once. */
static int
fill(bide_stream *s)
{
    uv_buf_t buf;
    if (s->filter) /* which brings by itself what there is */
        return BIDE_EWOULDBLOCK;
    bide__intake_room(s, &buf);
    if (!buf.base)
        return BIDE_ENOMEMORY;
    ssize_t n;
    do {
        n = read(bide_stream_fd(s), buf.base, buf.len);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        keep(s, &buf, (size_t)n);
        return 0;
    }
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return BIDE_EWOULDBLOCK;
    s->read_end = end_of(s, n < 0 ? -errno : UV_EOF, &buf);
    bide__reader_stop(s);
    return 0;
}

int
bide_stream_try_read(bide_stream *s, size_t max, size_t *n)
{
    *n = 0;
    if (s->base.closed)
        return BIDE_ECLOSED;
    if (max == 0)
        return BIDE_EINVALID;
    if (is_taken(s, bide_task_current()))
        return BIDE_EBUSY;
    s->granted = NULL;
    int rc = 0;
    if (!bide__buffer_len(&s->in) && !s->read_end)
        rc = fill(s);
    if (rc)
        return rc;
    size_t have = bide__buffer_len(&s->in);
    *n = have < max ? have : max;
    return have || s->read_end == BIDE_EEOF ? 0 : s->read_end;
}

int
bide_stream_read_ahead(bide_stream *s)
{
    if (s->base.closed)
        return BIDE_ECLOSED;
    s->limits.read_high = SIZE_MAX;
    return bide__reader_start(s);
}

void
bide_stream_expect(bide_stream *s, size_t n)
{
    s->expected = n;
}

const char *
bide_stream_data(const bide_stream *s, size_t *len)
{
    *len = bide__buffer_len(&s->in);
    return *len ? s->in.bytes + s->in.head : "";
}

void
bide_stream_consume(bide_stream *s, size_t n)
{
    bide__buffer_consume(&s->in, n, &s->base.object.loop->spares);
    end_grant(s);
    if (bide__unlikely(!s->reading) && !s->base.closed &&
        bide__buffer_len(&s->in) <= s->limits.read_low)
        bide__reader_start(s);
}
