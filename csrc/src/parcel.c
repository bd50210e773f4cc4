#include "parcel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/sendfile.h>
#endif

#include "alloc.h"
#include "file_queue.h"

enum {
    BLOCK = 128 * 1024,
    STEP = 256 * 1024, /* of one sendfile: the system reads ahead about that */
    TURN = 1024 * 1024 /* then others have theirs */
};

/* -- life ----------------------------------------------------------------- */

/* Asking once is cheaper than meeting the end; what says it is empty, as files
 * of the system's do, may not be. */
static int
find_end(const bide__parcel *p, size_t *len)
{
    struct stat s;
    if (fstat(p->fd, &s))
        return -errno;
    *len = SIZE_MAX;
    if (s.st_size > p->offset)
        *len = (size_t)(s.st_size - p->offset);
    else if (s.st_size > 0)
        *len = 0;
    return 0;
}

int
bide__parcel_init(bide__parcel *p, bide_file *f, int64_t offset, int64_t count,
                  bide_wait *w)
{
    if (f->closing)
        return UV_EBADF;
    if (!f->placed)
        return UV_ESPIPE;
    if (offset < 0 || count > INT64_MAX - offset)
        return BIDE_EINVALID;
    *p = (bide__parcel){.fd = f->fd, .offset = offset, .wait = w};
    w->u.io.data = (const char *)p;
    w->u.io.len = (size_t)count;
    w->u.io.done = 0;
    w->aux = BIDE__PARCEL;
    return count < 0 ? find_end(p, &w->u.io.len) : 0;
}

int
bide__parcel_own(bide__parcel *p)
{
    int fd = fcntl(p->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    p->fd = fd;
    p->owned = true;
    return 0;
}

void
bide__parcel_fini(bide__parcel *p)
{
    if (p->owned)
        close(p->fd);
    bide__free(p->block);
}

int
bide__parcel_keep(bide__parcel *p, bide_stream *s,
                  void (*resume)(bide_stream *s), bide__parcel **kept)
{
    int rc = p->owned ? 0 : bide__parcel_own(p);
    if (rc)
        return rc;
    bide__parcel *q = bide__realloc(NULL, sizeof *q);
    if (!q)
        return BIDE_ENOMEMORY;
    *q = *p;
    q->stream = s;
    q->resume = resume;
    q->wait->u.io.data = (const char *)q;
    *kept = q;
    return 0;
}

static void
free_parcel(bide__parcel *p)
{
    bide__parcel_fini(p);
    bide__free(p);
}

void
bide__parcel_drop(bide__parcel *p)
{
    p->wait = NULL;
    if (p->busy)
        bide_job_cancel(&p->job);
    else
        free_parcel(p);
}

void
bide__parcel_detach(bide__parcel *p)
{
    bide_wait *w = p->wait;
    bide_wait_init(&p->rest, NULL);
    p->rest.kind = w->kind;
    p->rest.aux = BIDE__PARCEL;
    p->rest.u.io = w->u.io;
    p->wait = &p->rest;
    if (w->u.io.len != SIZE_MAX)
        p->counted = w->u.io.len - w->u.io.done;
    p->stream->backlog += p->counted;
    bide__list_append(p->stream->writers.next, &p->rest.link);
}

/* -- reading -------------------------------------------------------------- */

static size_t
left(const bide_wait *w)
{
    return w->u.io.len - w->u.io.done;
}

static void
advance(bide__parcel *p, size_t n)
{
    size_t counted = n < p->counted ? n : p->counted;
    p->wait->u.io.done += n;
    p->counted -= counted;
    if (counted)
        p->stream->backlog -= counted;
}

/* The file is shorter than was asked for. */
static void
end_here(bide__parcel *p)
{
    p->wait->u.io.len = p->wait->u.io.done;
}

static void
run(bide_job *j)
{
    bide__parcel *p = bide__of(j, bide__parcel, job);
    bide__disk d = {
        .code = BIDE__DISK_READ,
        .fd = p->fd,
        .placed = true,
        .offset = p->offset,
        .block = p->block,
        .len = p->tail,
    };
    bide__disk_run(&d);
    p->tail = d.done;
    p->status = d.status;
}

static void
done(bide_job *j, int status)
{
    bide__parcel *p = bide__of(j, bide__parcel, job);
    p->busy = false;
    if (!p->wait || status == BIDE_ECLOSED) {
        free_parcel(p);
        return;
    }
    if (p->tail == 0 && p->status == 0)
        end_here(p);
    p->offset += (int64_t)p->tail;
    p->resume(p->stream);
}

static int
need_block(bide__parcel *p)
{
    if (!p->block)
        p->block = bide__realloc(NULL, BLOCK);
    p->status = p->block ? 0 : BIDE_ENOMEMORY;
    p->head = p->tail = 0;
    return p->status;
}

/* BIDE_PARKED, or 0 and the reason in `status`. */
static int
read_block(bide__parcel *p, size_t n)
{
    if (need_block(p))
        return 0;
    p->tail = n < BLOCK ? n : BLOCK;
    p->job = (bide_job){.run = run, .done = done, .name = "sendfile"};
    /* From here on `tail` and `status` are the job's. */
    int rc = bide_job_submit(p->stream->base.object.loop, &p->job);
    if (rc) {
        p->status = rc;
        p->tail = 0;
        return 0;
    }
    p->busy = true;
    return BIDE_PARKED;
}

static void
take_block(bide__parcel *p, char *to, size_t *n)
{
    if (*n > p->tail - p->head)
        *n = p->tail - p->head;
    memcpy(to, p->block + p->head, *n);
    p->head += *n;
}

int
bide__parcel_take(bide_wait *w, char *to, size_t *n)
{
    bide__parcel *p = bide__parcel_of(w);
    if (*n > left(w))
        *n = left(w);
    if (p->head < p->tail) {
        take_block(p, to, n);
    } else {
        int64_t got = bide__disk_read_cached(p->fd, to, *n, p->offset);
        *n = got > 0 ? (size_t)got : 0;
        if (got < 0)
            return read_block(p, left(w));
        if (got == 0)
            end_here(p);
        p->offset += got;
    }
    advance(p, *n);
    return 0;
}

/* -- sending -------------------------------------------------------------- */

/* Steps answer 0, something was sent or brought, or COPY, or as
 * bide__parcel_send. */
enum { COPY = 2 };

static int
send_block(bide_stream *s, bide__parcel *p)
{
    uv_buf_t buf =
        uv_buf_init(p->block + p->head, (unsigned)(p->tail - p->head));
    int n = s->filter ? s->filter->write(s, &buf, 1)
                      : uv_try_write(&s->uv.stream, &buf, 1);
    if (n < 0)
        return n == UV_EAGAIN ? BIDE_EWOULDBLOCK : n;
    p->head += (size_t)n;
    advance(p, (size_t)n);
    return 0;
}

#ifdef __linux__

/* The first and the last byte stand for what lies between. */
static int
look(const bide__parcel *p, size_t n)
{
    char byte;
    int64_t last = p->offset + (int64_t)n - 1;
    int first = (int)bide__disk_read_cached(p->fd, &byte, 1, p->offset);
    if (first != 1 || n == 1)
        return first;
    return bide__disk_read_cached(p->fd, &byte, 1, last) < 0 ? UV_EAGAIN : 1;
}

static int
failed(bide__parcel *p, int error)
{
    switch (error) {
    case EAGAIN:
        return BIDE_EWOULDBLOCK;
    case EIO: /* where reading fails, reading tells why */
    case EINVAL:
    case ENOSYS:
    case EOVERFLOW:
        p->copied = true;
        return COPY;
    default:
        return -error;
    }
}

static int
send_cached(bide_stream *s, bide__parcel *p, size_t n)
{
    int there = p->copied ? UV_EAGAIN : look(p, n);
    if (there < 0)
        return COPY;
    off_t at = (off_t)p->offset;
    ssize_t sent = 0;
    while (there && (sent = sendfile(bide_stream_fd(s), p->fd, &at, n)) < 0)
        if (errno != EINTR)
            return failed(p, errno);
    if (sent == 0)
        end_here(p);
    p->offset += (int64_t)sent;
    advance(p, (size_t)sent);
    return 0;
}

#else

static int
send_cached(bide_stream *s, bide__parcel *p, size_t n)
{
    (void)s;
    (void)p;
    (void)n;
    return COPY;
}

#endif

/* Of what is in memory without a thread. */
static int
bring_block(bide__parcel *p, size_t n)
{
    if (!p->stream)
        return BIDE_EWOULDBLOCK;
    if (need_block(p))
        return 0;
    size_t want = n < BLOCK ? n : BLOCK;
    int64_t got = bide__disk_read_cached(p->fd, p->block, want, p->offset);
    if (got < 0)
        return read_block(p, n);
    if (got == 0)
        end_here(p);
    p->tail = (size_t)got;
    p->offset += got;
    return 0;
}

static int
send_step(bide_stream *s, bide__parcel *p)
{
    if (p->head < p->tail)
        return send_block(s, p);
    size_t n = left(p->wait) < STEP ? left(p->wait) : STEP;
    int rc = send_cached(s, p, n);
    return rc == COPY ? bring_block(p, n) : rc;
}

static bool
is_socket(const bide_stream *s)
{
    struct stat st;
    if (s->filter)
        return false;
    return s->uv.handle.type == UV_TCP ||
           (fstat(bide_stream_fd(s), &st) == 0 && S_ISSOCK(st.st_mode));
}

int
bide__parcel_send(bide_stream *s, bide_wait *w)
{
    bide__parcel *p = bide__parcel_of(w);
    /* A filter says itself when it had enough. */
    size_t until = s->filter ? SIZE_MAX : w->u.io.done + TURN;
    if (p->busy)
        return BIDE_PARKED;
    if (!p->copied)
        p->copied = !is_socket(s);
    while (left(w) && !p->status && w->u.io.done < until) {
        int rc = send_step(s, p);
        if (rc)
            return rc;
    }
    return left(w) && !p->status ? BIDE_EWOULDBLOCK : 0;
}
