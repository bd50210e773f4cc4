/* Opening files, and what is done to them besides reading and writing. */
#include "file_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "errand.h"

static int
finish_call(bide_file *f, bide_wait *w)
{
    (void)w;
    return f->disk.status;
}

/* -- seek ----------------------------------------------------------------- */

/* Bytes read ahead stay, as far as the new position lies among them. */
static int
move(bide_file *f, bide_wait *w, int64_t base)
{
    int64_t offset = w->value.as.integer;
    if (offset > 0 ? base > INT64_MAX - offset : base + offset < 0)
        return BIDE_EINVALID;
    int64_t to = base + offset, ahead = to - f->position;
    if (ahead < 0 || ahead > (int64_t)bide__buffer_len(&f->in))
        bide__buffer_fini(&f->in);
    else if (ahead > 0)
        bide__buffer_consume(&f->in, (size_t)ahead,
                             &f->base.object.loop->spares);
    f->position = to;
    w->value.as.integer = to;
    return 0;
}

static int start_seek(bide_file *f, bide_wait *w);

static int
finish_seek(bide_file *f, bide_wait *w)
{
    if (f->disk.status || !w)
        return f->disk.status;
    return move(f, w, f->disk.end);
}

static const bide__file_op seek_op = {
    .kind = {.verb = "seek", .object = "File", .abort = bide__file_abort},
    .start = start_seek,
    .finish = finish_seek,
};

static int
start_seek(bide_file *f, bide_wait *w)
{
    if (!f->placed)
        return UV_ESPIPE;
    if (w->aux == SEEK_END)
        return bide__file_call(f, &seek_op, BIDE__DISK_END);
    return move(f, w, w->aux == SEEK_CUR ? f->position : 0);
}

int
bide_file_seek(bide_file *f, int64_t offset, int whence, bide_wait *w)
{
    if (whence != SEEK_SET && whence != SEEK_CUR && whence != SEEK_END)
        return BIDE_EINVALID;
    w->value = BIDE_NO_VALUE;
    w->value.as.integer = offset;
    w->aux = (uint16_t)whence;
    return bide__file_submit(f, &seek_op, w);
}

/* -- truncate, sync, stat ------------------------------------------------- */

static int
start_truncate(bide_file *f, bide_wait *w)
{
    f->disk.offset = w->value.as.integer;
    f->written = true;
    bide__file_forget_ahead(f);
    return bide__file_call(f, (const bide__file_op *)w->kind,
                           BIDE__DISK_TRUNCATE);
}

static const bide__file_op truncate_op = {
    .kind = {.verb = "truncate", .object = "File", .abort = bide__file_abort},
    .start = start_truncate,
    .finish = finish_call,
    .changes = true,
};

int
bide_file_truncate(bide_file *f, int64_t size, bide_wait *w)
{
    if (size < 0)
        return BIDE_EINVALID;
    w->value.as.integer = size;
    return bide__file_submit(f, &truncate_op, w);
}

static int
start_sync(bide_file *f, bide_wait *w)
{
    return bide__file_call(f, (const bide__file_op *)w->kind, w->aux);
}

static const bide__file_op sync_op = {
    .kind = {.verb = "sync", .object = "File", .abort = bide__file_abort},
    .start = start_sync,
    .finish = finish_call,
};

int
bide_file_sync(bide_file *f, bool data_only, bide_wait *w)
{
    w->aux = data_only ? BIDE__DISK_SYNC_DATA : BIDE__DISK_SYNC;
    return bide__file_submit(f, &sync_op, w);
}

static int
start_stat(bide_file *f, bide_wait *w)
{
    f->disk.block = bide__alloc(sizeof(bide_stat));
    if (!f->disk.block)
        return BIDE_ENOMEMORY;
    return bide__file_call(f, (const bide__file_op *)w->kind, BIDE__DISK_STAT);
}

static const bide__file_op stat_op = {
    .kind = {.verb = "stat",
             .object = "File",
             .abort = bide__file_abort,
             .undo = bide__file_undo_block},
    .start = start_stat,
    .finish = bide__file_finish_block,
};

int
bide_file_stat(bide_file *f, bide_wait *w)
{
    return bide__file_submit(f, &stat_op, w);
}

/* -- opening -------------------------------------------------------------- */

typedef struct opening {
    bide__errand errand;
    bide_loop *loop;
    bide__opened opened;
    int flags, mode;
    char path[];
} opening;

static void
drop_file(void *file)
{
    bide_file_unref(file);
}

static void
undo_open(bide_wait *w)
{
    bide_file_unref(w->value.as.ptr);
    w->value = BIDE_NO_VALUE;
}

static const bide_wait_kind open_kind = {
    .verb = "open",
    .object = "File",
    .abort = bide__errand_abort,
    .undo = undo_open,
};

static void
drop_descriptor(void *result)
{
    close(((opening *)result)->opened.fd);
}

static int
open_it(bide__errand *e)
{
    opening *o = bide__of(e, opening, errand);
    int rc = bide__disk_open(o->path, o->flags, o->mode, &o->opened);
    e->result = rc ? NULL : o;
    return rc;
}

static int
bring_file(bide__errand *e)
{
    opening *o = bide__of(e, opening, errand);
    bide_file *f = bide__file_new(o->loop, &o->opened);
    if (!f)
        return BIDE_ENOMEMORY;
    e->result = f;
    e->drop = drop_file;
    return 0;
}

/* Without the disk. UV_EAGAIN: it cannot be told. */
static int
open_now(const char *path, int flags, bide_wait *w)
{
    bide__opened opened;
    int rc = bide__disk_open_cached(path, flags, &opened);
    if (rc)
        return rc;
    bide_file *f = bide__file_new(w->task->loop, &opened);
    if (!f) {
        close(opened.fd);
        return BIDE_ENOMEMORY;
    }
    w->value = BIDE_NO_VALUE;
    w->value.as.ptr = f;
    return bide__wait_done(w, &open_kind, NULL);
}

int
bide_file_open(const char *path, int flags, int mode, bide_wait *w)
{
    int rc = bide__wait_refused(w->task);
    if (rc)
        return rc;
    if (!path || !*path)
        return path ? UV_ENOENT : BIDE_EINVALID;
    rc = open_now(path, flags, w);
    if (rc != UV_EAGAIN)
        return rc;
    size_t size = strlen(path) + 1;
    opening *o = bide__errand_new(sizeof *o + size, "open", open_it);
    if (!o)
        return BIDE_ENOMEMORY;
    memcpy(o->path, path, size);
    o->loop = w->task->loop;
    o->flags = flags;
    o->mode = mode;
    o->errand.bring = bring_file;
    o->errand.drop = drop_descriptor;
    return bide__errand_start(&o->errand, &open_kind, w);
}

int
bide_file_open_fd(bide_loop *l, int fd, bide_file **out)
{
    bide__opened opened;
    if (bide_loop_closed(l))
        return BIDE_ECLOSED;
    if (fd < 0)
        return BIDE_EINVALID;
    int rc = bide__disk_look(fd, &opened);
    if (rc)
        return rc;
    *out = bide__file_new(l, &opened);
    if (!*out)
        return BIDE_ENOMEMORY;
    fcntl(fd, F_SETFD, fcntl(fd, F_GETFD) | FD_CLOEXEC);
    return 0;
}

/* -- the rest ------------------------------------------------------------- */

bide_file *
bide_file_ref(bide_file *f)
{
    bide__object_ref(&f->base.object);
    return f;
}

void
bide_file_unref(bide_file *f)
{
    if (f)
        bide__endpoint_unref(&f->base);
}

bool
bide_file_closed(const bide_file *f)
{
    return f->closing;
}

bide_loop *
bide_file_loop(const bide_file *f)
{
    return f->base.object.loop;
}

int64_t
bide_file_position(const bide_file *f)
{
    return f->placed ? f->position : -1;
}

int
bide_file_fd(const bide_file *f)
{
    return f->closing ? BIDE_ECLOSED : f->fd;
}

void
bide_fs_free(void *result)
{
    bide__free(result);
}
