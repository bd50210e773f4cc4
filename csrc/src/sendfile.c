/* A file as a write: it stands in the queue of the writers. */
#include "parcel.h"
#include "writer.h"

enum { AT_ONCE = 64 * 1024 /* this much mostly goes out without waiting */ };

static bool abort_sendfile(bide_wait *w, bool forced);

static const bide_wait_kind sendfile_kind = {
    .verb = "sendfile",
    .object = "Stream",
    .label = bide__object_label,
    .abort = abort_sendfile,
};

/* One that has begun goes on by itself. While one that has not is read for, it
 * holds up those behind it. */
static bool
abort_sendfile(bide_wait *w, bool forced)
{
    (void)forced;
    bide_stream *s = w->object;
    bide__parcel *p = bide__parcel_of(w);
    bide__io_leave(w);
    if (s->base.closed || !s->sending || w->u.io.done == 0 ||
        w->u.io.done == w->u.io.len)
        bide__parcel_drop(p);
    else
        bide__parcel_detach(p);
    bide__writer_go_on(s);
    return true;
}

/* Ends one that does not wait. An error of the stream after the first byte, or
 * that there is no way to go on, leaves the stream out of step; one of the file
 * does not. */
static int
finish(bide_stream *s, bide_wait *w, int rc, int file_status)
{
    if (rc < 0 && w->u.io.done)
        s->write_error = UV_EPIPE;
    if (rc == 0)
        rc = file_status;
    return rc ? rc : bide__wait_done(w, &sendfile_kind, s);
}

/* The first in the queue of an idle stream. */
static int
begin(bide_stream *s, bide__parcel *p, bide_wait *w)
{
    int rc = bide__writer_need(s);
    if (rc == 0)
        rc = bide__writer_advance(s, w);
    if (rc == BIDE_PARKED)
        return bide__io_park(w, &sendfile_kind, s, &s->writers);
    int status = p->status;
    bide__writer_settle(s);
    bide__parcel_drop(p);
    return finish(s, w, rc, status);
}

static int
submit(bide_stream *s, bide__parcel *p, bide_wait *w)
{
    bool idle = !s->sending;
    int rc = w->u.io.len > AT_ONCE ? bide__parcel_own(p) : 0;
    if (rc)
        return rc;
    rc = idle ? bide__parcel_send(s, w) : BIDE_EWOULDBLOCK;
    bide__parcel *kept = NULL;
    if (rc == BIDE_EWOULDBLOCK)
        rc = bide__parcel_keep(p, s, bide__writer_pump, &kept);
    if (!kept) {
        bide__parcel_fini(p);
        return finish(s, w, rc, p->status);
    }
    return idle ? begin(s, kept, w)
                : bide__io_park(w, &sendfile_kind, s, &s->writers);
}

int
bide_stream_sendfile(bide_stream *s, bide_file *f, int64_t offset,
                     int64_t count, bide_wait *w)
{
    bide__parcel p;
    int rc = bide__writer_refused(s, w);
    if (rc == 0 && bide_file_loop(f) != w->task->loop)
        rc = BIDE_EWRONGLOOP;
    if (rc == 0)
        rc = bide__parcel_init(&p, f, offset, count, w);
    return rc ? rc : submit(s, &p, w);
}
