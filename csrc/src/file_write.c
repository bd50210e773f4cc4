/* Writing files, at their position and elsewhere. */
#include "file_queue.h"
#include "vector.h"

static int start_write(bide_file *f, bide_wait *w);
static int finish_write(bide_file *f, bide_wait *w);
static int start_pwrite(bide_file *f, bide_wait *w);
static int finish_pwrite(bide_file *f, bide_wait *w);

static const bide__file_op write_op = {
    .kind = {.verb = "write", .object = "File", .abort = bide__file_abort},
    .start = start_write,
    .finish = finish_write,
    .changes = true,
};
static const bide__file_op pwrite_op = {
    .kind = {.verb = "pwrite", .object = "File", .abort = bide__file_abort},
    .start = start_pwrite,
    .finish = finish_pwrite,
    .changes = true,
};

/* The thread gets a copy: the caller's memory is its own again as soon as the
 * wait is over, however it ends. */
static int
send_copy(bide_file *f, bide_wait *w, bool placed, int64_t offset)
{
    f->disk.block = bide__realloc(NULL, w->u.io.len);
    if (!f->disk.block)
        return BIDE_ENOMEMORY;
    bide__write_copy(w, f->disk.block, w->u.io.len);
    f->disk.len = w->u.io.len;
    f->disk.placed = placed;
    f->disk.offset = offset;
    f->written = true;
    bide__file_forget_ahead(f);
    return bide__file_call(f, (const bide__file_op *)w->kind, BIDE__DISK_WRITE);
}

static int
start_write(bide_file *f, bide_wait *w)
{
    if (w->u.io.len == 0)
        return 0;
    return send_copy(f, w, f->placed && !f->append, f->position);
}

static int
finish_pwrite(bide_file *f, bide_wait *w)
{
    bide__file_free_block(f);
    if (w)
        w->u.io.done = f->disk.done;
    return f->disk.status;
}

static int
finish_write(bide_file *f, bide_wait *w)
{
    if (f->disk.placed)
        f->position += (int64_t)f->disk.done;
    else if (f->disk.end >= 0 && f->placed)
        f->position = f->disk.end;
    return finish_pwrite(f, w);
}

int
bide_file_write(bide_file *f, const char *data, size_t len, bide_wait *w)
{
    bide__write_run(w, data, len);
    return bide__file_submit(f, &write_op, w);
}

int
bide_file_write_many(bide_file *f, const bide_buffer *list, size_t count,
                     bide_wait *w)
{
    int rc = bide__write_list(w, list, count);
    return rc ? rc : bide__file_submit(f, &write_op, w);
}

static int
start_pwrite(bide_file *f, bide_wait *w)
{
    if (!f->placed)
        return UV_ESPIPE;
    if (w->u.io.len == 0)
        return 0;
    return send_copy(f, w, true, w->value.as.integer);
}

int
bide_file_pwrite(bide_file *f, const char *data, size_t len, int64_t offset,
                 bide_wait *w)
{
    if (offset < 0)
        return BIDE_EINVALID;
    bide__write_run(w, data, len);
    w->value.as.integer = offset;
    return bide__file_submit(f, &pwrite_op, w);
}
