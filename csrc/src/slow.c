/* A filter over nothing: each direction has one job and one block of memory.
 * What was written is in the block, or with the system; shutdown waits for the
 * second. A block that is on its way when the stream closes still arrives.
 *
 * Invariants
 * - A side has two owners: its stream until that closes, and its job while that
 *   is out. The last frees it, which may be a thread that the loop gave up on.
 * - Each side has a descriptor of its own; a stream has those of its sides that
 *   it was opened for. */
#include "slow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "loop.h"
#include "reader.h"
#include "stream.h"
#include "stream_state.h"
#include "write_all.h"
#include "writer.h"

enum { BLOCK = 64 * 1024 };

typedef struct slow slow;

typedef struct side {
    bide_job job;
    slow *owner;
    atomic_int owners;
    int fd;
    bool out; /* the job is */
    bool ran;
    size_t len;
    ssize_t result;
    char block[BLOCK];
} side;

struct slow {
    bide_stream stream;
    side *in, *out; /* either may be NULL */
};

static slow *
slow_of(const bide_stream *s)
{
    return bide__of(s, slow, stream);
}

/* -- sides ---------------------------------------------------------------- */

/* True: it is gone. */
static bool
side_drop(side *d)
{
    if (atomic_fetch_sub(&d->owners, 1) > 1)
        return false;
    close(d->fd);
    bide__free(d);
    return true;
}

static int
submit(side *d)
{
    atomic_fetch_add(&d->owners, 1);
    d->ran = false;
    int rc = bide_job_submit(d->owner->stream.base.object.loop, &d->job);
    d->out = rc == 0;
    if (rc)
        side_drop(d);
    return rc;
}

/* The job is over. False: so is the stream, and this may be any thread. */
static bool
came_back(side *d, int status)
{
    bool left = side_drop(d);
    if (left || status == BIDE_ECLOSED)
        return false;
    d->out = false;
    return true;
}

static void
run_read(bide_job *j)
{
    side *d = bide__of(j, side, job);
    do {
        d->result = read(d->fd, d->block, BLOCK);
    } while (d->result < 0 && errno == EINTR);
    if (d->result < 0)
        d->result = -errno;
}

static void
run_write(bide_job *j)
{
    side *d = bide__of(j, side, job);
    d->ran = true;
    d->result = bide__write_all(d->fd, d->block, d->len);
}

/* -- reading -------------------------------------------------------------- */

static void
take_in(bide_stream *s, const side *d, int status)
{
    bide__spares *spares = &s->base.object.loop->spares;
    if (status)
        s->read_end = status;
    else if (d->result <= 0)
        s->read_end = d->result ? (int)d->result : BIDE_EEOF;
    else if (bide__buffer_append(&s->in, d->block, (size_t)d->result, spares))
        s->read_end = BIDE_ENOMEMORY;
    if (s->read_end)
        s->reading = false;
}

static void
read_done(bide_job *j, int status)
{
    side *d = bide__of(j, side, job);
    if (!came_back(d, status))
        return;
    bide_stream *s = &d->owner->stream;
    take_in(s, d, status);
    bide__reader_pushed(s);
    if (!s->reading || d->out)
        return;
    int rc = submit(d);
    if (rc) {
        s->reading = false;
        s->read_end = rc;
        bide__reader_pushed(s);
    }
}

static int
filter_start(bide_stream *s)
{
    side *d = slow_of(s)->in;
    if (!d)
        return -EBADF;
    return d->out ? 0 : submit(d);
}

/* A read that is out goes on, and its bytes are kept. */
static void
filter_stop(bide_stream *s)
{
    (void)s;
}

/* -- writing -------------------------------------------------------------- */

static void
write_done(bide_job *j, int status)
{
    side *d = bide__of(j, side, job);
    if (status && !d->ran) /* the loop closes: nothing is lost */
        run_write(j);
    if (came_back(d, status))
        bide__writer_ready(&d->owner->stream, (int)d->result);
}

/* Copies as much as fits: how much. */
static size_t
fill(side *d, const uv_buf_t *bufs, unsigned count)
{
    d->len = 0;
    for (unsigned i = 0; i < count && d->len < BLOCK; i++) {
        size_t room = BLOCK - d->len;
        size_t n = bufs[i].len < room ? bufs[i].len : room;
        if (n)
            memcpy(d->block + d->len, bufs[i].base, n);
        d->len += n;
    }
    return d->len;
}

/* There are no threads, or no more, as the loop closes. */
static int
write_here(const side *d, const uv_buf_t *bufs, unsigned count)
{
    size_t done = 0;
    for (unsigned i = 0; i < count; i++) {
        int rc = bide__write_all(d->fd, bufs[i].base, bufs[i].len);
        if (rc)
            return rc;
        done += bufs[i].len;
    }
    return (int)done;
}

static int
filter_write(bide_stream *s, const uv_buf_t *bufs, unsigned count)
{
    side *d = slow_of(s)->out;
    if (!d)
        return -EBADF;
    if (d->out)
        return UV_EAGAIN;
    size_t n = fill(d, bufs, count);
    if (n == 0)
        return 0;
    return submit(d) == 0 ? (int)n : write_here(d, bufs, count);
}

static int
filter_end(bide_stream *s)
{
    const side *d = slow_of(s)->out;
    return d && d->out ? UV_EAGAIN : 0;
}

/* -- life ----------------------------------------------------------------- */

static void
leave(side *d)
{
    if (d)
        side_drop(d);
}

static void
filter_close(bide_stream *s)
{
    slow *w = slow_of(s);
    leave(w->in);
    leave(w->out);
    w->in = w->out = NULL;
}

static int
filter_fd(const bide_stream *s)
{
    const slow *w = slow_of(s);
    return w->in ? w->in->fd : w->out->fd;
}

static const bide__filter slow_filter = {
    .start = filter_start,
    .stop = filter_stop,
    .write = filter_write,
    .end = filter_end,
    .close = filter_close,
    .fd = filter_fd,
};

/* A side over a copy of `fd`. */
static int
add_side(slow *w, side **to, int fd, const bide_job *job)
{
    side *d = bide__realloc(NULL, sizeof *d);
    if (!d)
        return BIDE_ENOMEMORY;
    d->job = *job;
    d->owner = w;
    atomic_init(&d->owners, 1);
    d->out = false;
    d->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (d->fd < 0) {
        bide__free(d);
        return -errno;
    }
    *to = d;
    return 0;
}

int
bide__slow_open(bide_loop *l, int fd, int mode, bide_stream **out)
{
    static const bide_job reading = {
        .run = run_read, .done = read_done, .name = "read"};
    static const bide_job writing = {
        .run = run_write, .done = write_done, .name = "write"};
    slow *w = (slow *)bide__stream_new_sized(l, sizeof *w);
    if (!w)
        return BIDE_ENOMEMORY;
    int rc = 0;
    if (mode != O_WRONLY)
        rc = add_side(w, &w->in, fd, &reading);
    if (rc == 0 && mode != O_RDONLY)
        rc = add_side(w, &w->out, fd, &writing);
    if (rc) {
        leave(w->in);
        bide_stream_unref(&w->stream);
        return rc;
    }
    w->stream.filter = &slow_filter;
    bide__stream_open(&w->stream);
    *out = &w->stream;
    return 0;
}
