/* Reading files at their position: what a reader waits for, and where it comes
 * from. What the system has in memory is read on the spot, up to a bound that
 * keeps the loop responsive; the rest comes by way of the pool. */
#include <string.h>

#include "file_queue.h"

enum {
    AHEAD = 64 * 1024,        /* what is read at least */
    ON_THE_SPOT = 256 * 1024, /* what is read at most without the pool */
    JOB_MOST = 8 * 1024 * 1024,
    SEPARATOR_MAX = 64
};

static int start_read(bide_file *f, bide_wait *w);
static int finish_read(bide_file *f, bide_wait *w);
static void undo_read(bide_wait *w);

/* NOLINTBEGIN(bugprone-macro-parentheses) */
#define READ_OP(name, text)                                                    \
    static const bide__file_op name##_op = {                                   \
        .kind = {.verb = text,                                                 \
                 .object = "File",                                             \
                 .abort = bide__file_abort,                                    \
                 .undo = undo_read},                                           \
        .start = start_read,                                                   \
        .finish = finish_read,                                                 \
    }
/* NOLINTEND(bugprone-macro-parentheses) */
READ_OP(some, "read");
READ_OP(exact, "read_exact");
READ_OP(until, "read_until");
#undef READ_OP

/* -- what a reader waits for ---------------------------------------------- */

/* Of a wait, u.io.len is the size asked for, then the size granted; of
 * read_until, u.io.data and aux are the separator, and the first u.io.done
 * bytes have been searched. */
static int
grant(bide_file *f, bide_wait *w, size_t n)
{
    w->u.io.len = n;
    if (n)
        f->granted = w->task;
    return 0;
}

static int
check_until(bide_file *f, bide_wait *w, size_t have, bool at_end)
{
    size_t limit = w->u.io.len, seplen = w->aux, from = 0;
    if (w->u.io.done >= seplen)
        from = w->u.io.done - (seplen - 1);
    size_t at = bide__buffer_find(&f->in, from, limit, w->u.io.data, seplen);
    if (at != SIZE_MAX)
        return grant(f, w, at + seplen);
    if (have >= limit)
        return BIDE_ETOOLONG;
    w->u.io.done = have;
    return at_end ? grant(f, w, have) : BIDE_PARKED;
}

/* 0 with the bytes granted, an error, or BIDE_PARKED: not yet. */
static int
check(bide_file *f, bide_wait *w, bool at_end)
{
    size_t have = bide__buffer_len(&f->in), want = w->u.io.len;
    if (w->kind == &until_op.kind)
        return check_until(f, w, have, at_end);
    bool enough = w->kind == &some_op.kind ? have > 0 : have >= want;
    if (enough || at_end)
        return grant(f, w, have < want ? have : want);
    return BIDE_PARKED;
}

/* -- where it comes from -------------------------------------------------- */

/* How much to read next: of all there is, ever more. */
static size_t
wanted(const bide_file *f, const bide_wait *w)
{
    size_t have = bide__buffer_len(&f->in), want = AHEAD;
    if (w->kind == &exact_op.kind)
        want = w->u.io.len == SIZE_MAX ? have : w->u.io.len - have;
    if (want < AHEAD)
        return AHEAD;
    return want < JOB_MOST ? want : JOB_MOST;
}

static int64_t
read_cached(bide_file *f, size_t want)
{
    bide__spares *spares = &f->base.object.loop->spares;
    if (!f->placed || bide__buffer_reserve(&f->in, want, spares))
        return UV_EAGAIN;
    int64_t n =
        bide__disk_read_cached(f->fd, f->in.bytes + f->in.tail, want,
                               f->position + (int64_t)bide__buffer_len(&f->in));
    if (n > 0)
        f->in.tail += (size_t)n;
    else if (bide__buffer_len(&f->in) == 0)
        bide__buffer_consume(&f->in, 0, spares);
    return n;
}

static int
send_for_more(bide_file *f, bide_wait *w)
{
    size_t want = wanted(f, w);
    f->disk.block = bide__realloc(NULL, want);
    if (!f->disk.block)
        return BIDE_ENOMEMORY;
    f->disk.len = want;
    f->disk.placed = f->placed;
    f->disk.offset = f->position + (int64_t)bide__buffer_len(&f->in);
    return bide__file_call(f, (const bide__file_op *)w->kind, BIDE__DISK_READ);
}

static int
go_on(bide_file *f, bide_wait *w, bool at_end)
{
    size_t spent = 0;
    for (;;) {
        int rc = check(f, w, at_end);
        if (rc != BIDE_PARKED)
            return rc;
        size_t want = wanted(f, w);
        int64_t n = UV_EAGAIN;
        if (spent + want <= ON_THE_SPOT)
            n = read_cached(f, want);
        if (n < 0)
            return send_for_more(f, w);
        at_end = n == 0;
        spent += (size_t)n;
    }
}

static int
start_read(bide_file *f, bide_wait *w)
{
    return go_on(f, w, false);
}

/* Takes the block over, as the buffer if that is empty. */
static int
keep(bide_file *f)
{
    bide__disk *d = &f->disk;
    bide_loop *l = f->base.object.loop;
    int rc = 0;
    if (d->done && !f->in.bytes) {
        f->in = (bide__buffer){d->block, 0, d->done, d->len};
        d->block = NULL;
    } else if (d->done) {
        rc = bide__buffer_append(&f->in, d->block, d->done, &l->spares);
    }
    bide__file_free_block(f);
    return rc;
}

static int
finish_read(bide_file *f, bide_wait *w)
{
    int rc = keep(f);
    if (rc == 0)
        rc = f->disk.status;
    if (rc || !w)
        return rc;
    return go_on(f, w, f->disk.done == 0);
}

static void
undo_read(bide_wait *w)
{
    bide_file *f = w->object;
    f->granted = NULL;
    bide__file_pump(f);
}

/* -- entries -------------------------------------------------------------- */

int
bide_file_read(bide_file *f, size_t max, bide_wait *w)
{
    if (max == 0)
        return BIDE_EINVALID;
    w->u.io.len = max;
    return bide__file_submit(f, &some_op, w);
}

int
bide_file_read_exact(bide_file *f, size_t n, bide_wait *w)
{
    w->u.io.len = n;
    return bide__file_submit(f, &exact_op, w);
}

int
bide_file_read_until(bide_file *f, const char *sep, size_t seplen, size_t limit,
                     bide_wait *w)
{
    if (seplen == 0 || seplen > SEPARATOR_MAX || limit == 0)
        return BIDE_EINVALID;
    w->u.io.data = sep;
    w->u.io.len = limit;
    w->u.io.done = 0;
    w->aux = (uint16_t)seplen;
    return bide__file_submit(f, &until_op, w);
}

const char *
bide_file_data(const bide_file *f, size_t *len)
{
    *len = bide__buffer_len(&f->in);
    return *len ? f->in.bytes + f->in.head : "";
}

void
bide_file_consume(bide_file *f, size_t n)
{
    f->granted = NULL;
    size_t have = bide__buffer_len(&f->in);
    n = n < have ? n : have;
    f->position += (int64_t)n;
    if (have)
        bide__buffer_consume(&f->in, n, &f->base.object.loop->spares);
    bide__file_pump(f);
}
