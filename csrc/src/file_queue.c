#include "file_queue.h"

#include <unistd.h>

static const bide__file_op *
op_of(const bide_wait *w)
{
    return bide__of(w->kind, bide__file_op, kind);
}

void
bide__file_free_block(bide_file *f)
{
    bide__free(f->disk.block);
    f->disk.block = NULL;
}

void
bide__file_forget_ahead(bide_file *f)
{
    if (f->placed)
        bide__buffer_fini(&f->in);
}

void
bide__file_undo_block(bide_wait *w)
{
    bide_fs_free(w->value.as.ptr);
    w->value = BIDE_NO_VALUE;
}

/* -- the end -------------------------------------------------------------- */

/* From here on, if the users are gone, so is the file. */
static void
closed(bide_file *f, int status)
{
    f->fd = -1;
    f->close_status = status;
    bide__buffer_fini(&f->in);
    bide__io_fire_all(&f->closers, status);
    if (f->base.closed)
        bide__endpoint_gone(&f->base);
    else
        bide__endpoint_close(&f->base);
}

static void
close_here(bide_file *f)
{
    f->disk.fd = f->fd;
    f->disk.code = BIDE__DISK_CLOSE;
    bide__disk_run(&f->disk);
    closed(f, f->disk.status);
}

static int
finish_close(bide_file *f, bide_wait *w)
{
    (void)w;
    closed(f, f->disk.status);
    return BIDE_PARKED; /* the file may be no more */
}

static const bide__file_op close_op = {
    .kind = {.verb = "close", .object = "File"},
    .finish = finish_close,
    .changes = true,
};

/* What was only read closes without delay; so does everything when there is no
 * pool any more. */
static void
begin_close(bide_file *f)
{
    bool quick = f->local && !f->written;
    if (quick || bide__file_call(f, &close_op, BIDE__DISK_CLOSE) < 0)
        close_here(f);
}

static void
shut(bide__endpoint *e)
{
    bide_file *f = bide__of(e, bide_file, base);
    f->closing = true;
    f->granted = NULL;
    if (f->fd < 0)
        bide__endpoint_gone(e);
    else
        bide__file_pump(f);
}

/* -- jobs ----------------------------------------------------------------- */

static void
run(bide_job *j)
{
    bide__disk_run(&bide__of(j, bide_file, job)->disk);
}

/* The loop has closed while a call was stuck: nobody else has the file. */
static void
abandon(bide_file *f)
{
    if (f->disk.code != BIDE__DISK_CLOSE)
        close(f->fd);
    f->fd = -1;
    bide__buffer_fini(&f->in);
    bide__file_free_block(f);
    bide__endpoint_gone(&f->base);
}

static void
settle(bide_file *f, bide_wait *w, int rc)
{
    if (rc == BIDE_PARKED) {
        if (w)
            f->current = w;
        return;
    }
    if (w)
        bide__io_fire(w, rc);
    bide__file_pump(f);
}

static void
done(bide_job *j, int status)
{
    bide_file *f = bide__of(j, bide_file, job);
    if (status == BIDE_ECLOSED) {
        abandon(f);
        return;
    }
    bide_wait *w = f->current;
    f->busy = false;
    f->current = NULL;
    if (status == 0) {
        settle(f, w, f->op->finish(f, w));
        return;
    }
    bide__file_free_block(f);
    settle(f, w, status);
}

int
bide__file_call(bide_file *f, const bide__file_op *op, int code)
{
    f->op = op;
    f->disk.code = code;
    f->disk.fd = f->fd;
    f->disk.done = 0;
    f->disk.status = 0;
    f->job.run = run;
    f->job.done = done;
    f->job.name = op->kind.verb;
    int rc = bide_job_submit(f->base.object.loop, &f->job);
    if (rc) {
        bide__file_free_block(f);
        return rc;
    }
    f->busy = true;
    return BIDE_PARKED;
}

/* -- the queue ------------------------------------------------------------ */

bide_file *
bide__file_new(bide_loop *l, const bide__opened *opened)
{
    bide_file *f = bide__endpoint_new(sizeof *f, l, shut);
    if (!f)
        return NULL;
    bide__list_init(&f->queue);
    bide__list_init(&f->closers);
    f->fd = opened->fd;
    f->placed = opened->placed;
    f->append = opened->append;
    f->local = opened->local;
    f->position = opened->position;
    bide__endpoint_open(&f->base);
    return f;
}

void
bide__file_pump(bide_file *f)
{
    while (!f->busy && !f->granted && !bide__list_empty(&f->queue)) {
        bide_wait *w = bide__wait_first(&f->queue);
        int rc = op_of(w)->start(f, w);
        if (rc != BIDE_PARKED)
            bide__io_fire(w, rc);
        else
            f->current = w;
    }
    if (f->closing && f->fd >= 0 && !f->busy && !f->granted &&
        bide__list_empty(&f->queue))
        begin_close(f);
}

/* Only the first of the queue, and only what a thread has begun, can fail to
 * let go: see bide_file_write about what has no position. */
bool
bide__file_abort(bide_wait *w, bool forced)
{
    bide_file *f = w->object;
    if (w == f->current) {
        bool begun = !bide_job_cancel(&f->job);
        if (begun && !forced && op_of(w)->changes && f->placed)
            return false;
        if (begun)
            w->u.io.done = 1;
        f->current = NULL;
    }
    bide__io_leave(w);
    return true;
}

int
bide__file_submit(bide_file *f, const bide__file_op *op, bide_wait *w)
{
    int rc = bide__endpoint_enter(&f->base, w->task);
    if (bide__unlikely(rc))
        return rc;
    if (f->closing)
        return BIDE_ECLOSED;
    if (f->granted == w->task)
        f->granted = NULL;
    w->kind = &op->kind;
    if (!f->busy && !f->granted && bide__list_empty(&f->queue)) {
        rc = op->start(f, w);
        if (rc == 0)
            return bide__wait_done(w, &op->kind, f);
        if (rc != BIDE_PARKED)
            return rc;
        f->current = w;
    }
    return bide__io_park(w, &op->kind, f, &f->queue);
}

/* -- closing -------------------------------------------------------------- */

static bool
abort_close(bide_wait *w, bool forced)
{
    (void)forced;
    bide__io_leave(w);
    return true;
}

static const bide_wait_kind closer_kind = {
    .verb = "close",
    .object = "File",
    .abort = abort_close,
};

int
bide_file_close(bide_file *f, bide_wait *w)
{
    if (w && w->task->loop != f->base.object.loop)
        return BIDE_EWRONGLOOP;
    if (w && f->granted == w->task)
        f->granted = NULL;
    f->closing = true;
    bide__file_pump(f);
    if (!w)
        return 0;
    int rc = bide__wait_refused(w->task);
    if (rc)
        return rc;
    if (f->fd >= 0)
        return bide__io_park(w, &closer_kind, f, &f->closers);
    rc = f->close_status;
    f->close_status = 0;
    return rc ? rc : bide__wait_done(w, &closer_kind, f);
}
