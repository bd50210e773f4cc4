/* Reading files elsewhere than at their position. */
#include <string.h>

#include "file_queue.h"

enum { ON_THE_SPOT = 256 * 1024 };

static int
give_block(bide_file *f, bide_wait *w, size_t n)
{
    w->value = BIDE_NO_VALUE;
    w->value.as.ptr = f->disk.block;
    w->u.io.len = n;
    f->disk.block = NULL;
    return 0;
}

int
bide__file_finish_block(bide_file *f, bide_wait *w)
{
    if (w && f->disk.status == 0)
        return give_block(f, w, f->disk.done);
    bide__file_free_block(f);
    return f->disk.status;
}

static int start_pread(bide_file *f, bide_wait *w);

static const bide__file_op pread_op = {
    .kind = {.verb = "pread",
             .object = "File",
             .abort = bide__file_abort,
             .undo = bide__file_undo_block},
    .start = start_pread,
    .finish = bide__file_finish_block,
};

/* What the system has in memory, into `to`: bytes, or UV_EAGAIN. */
static int64_t
read_now(const bide_file *f, void *to, size_t len, int64_t offset)
{
    int64_t n = UV_EAGAIN;
    if (len <= ON_THE_SPOT)
        n = bide__disk_read_cached(f->fd, to, len, offset);
    return n == (int64_t)len || n == 0 ? n : UV_EAGAIN;
}

/* A thread reads into f->disk.block. */
static int
call_read(bide_file *f, bide_wait *w, int64_t offset)
{
    f->disk.len = w->u.io.len;
    f->disk.placed = true;
    f->disk.offset = offset;
    return bide__file_call(f, (const bide__file_op *)w->kind, BIDE__DISK_READ);
}

static bool
need_block(bide_file *f, size_t len)
{
    f->disk.block = bide__realloc(NULL, len ? len : 1);
    return f->disk.block != NULL;
}

static int
start_pread(bide_file *f, bide_wait *w)
{
    int64_t offset = w->value.as.integer;
    size_t len = w->u.io.len;
    if (!f->placed)
        return UV_ESPIPE;
    if (!need_block(f, len))
        return BIDE_ENOMEMORY;
    int64_t n = read_now(f, f->disk.block, len, offset);
    return n >= 0 ? give_block(f, w, (size_t)n) : call_read(f, w, offset);
}

int
bide_file_pread(bide_file *f, size_t n, int64_t offset, bide_wait *w)
{
    if (offset < 0)
        return BIDE_EINVALID;
    w->u.io.len = n;
    w->value.as.integer = offset;
    return bide__file_submit(f, &pread_op, w);
}

/* -- into memory of the caller's ------------------------------------------ */

static int start_pread_into(bide_file *f, bide_wait *w);
static int finish_pread_into(bide_file *f, bide_wait *w);

static const bide__file_op pread_into_op = {
    .kind = {.verb = "pread_into", .object = "File", .abort = bide__file_abort},
    .start = start_pread_into,
    .finish = finish_pread_into,
};

/* A thread has a block of its own: the caller's memory is its own again as soon
 * as the wait is over, however it ends. */
static int
start_pread_into(bide_file *f, bide_wait *w)
{
    int64_t offset = w->value.as.integer;
    if (!f->placed)
        return UV_ESPIPE;
    int64_t n = read_now(f, (void *)w->u.io.data, w->u.io.len, offset);
    if (n >= 0) {
        w->u.io.len = (size_t)n;
        return 0;
    }
    return need_block(f, w->u.io.len) ? call_read(f, w, offset)
                                      : BIDE_ENOMEMORY;
}

static int
finish_pread_into(bide_file *f, bide_wait *w)
{
    if (w && f->disk.status == 0) {
        memcpy((void *)w->u.io.data, f->disk.block, f->disk.done);
        w->u.io.len = f->disk.done;
    }
    bide__file_free_block(f);
    return f->disk.status;
}

int
bide_file_pread_into(bide_file *f, void *to, size_t n, int64_t offset,
                     bide_wait *w)
{
    if (offset < 0)
        return BIDE_EINVALID;
    w->u.io.data = to;
    w->u.io.len = n;
    w->value.as.integer = offset;
    return bide__file_submit(f, &pread_into_op, w);
}
