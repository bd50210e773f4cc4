/* An open file and the queue in which operations on it take effect. What an
 * operation does at the front is its own affair: see bide__file_op.
 *
 * Invariants
 * - Waits stand in `queue` in the order of submission. `busy`: a job is out,
 *   for `current`, the first of them, or, if NULL, for one that has left.
 * - The bytes in `in` are those of the file from `position` on. Only the loop's
 *   thread touches either; a job has a block of memory of its own.
 * - While `granted` is set, nothing of the queue takes effect.
 * - `fd` is -1 from the moment it is closed. */
#ifndef BIDE_FILE_QUEUE_H
#define BIDE_FILE_QUEUE_H

#include "buffer.h"
#include "disk.h"
#include "endpoint.h"

/** A kind of operation; `kind` comes first, so that a wait shows its own. */
typedef struct bide__file_op {
    bide_wait_kind kind;
    /** At the front of the queue: 0 done, BIDE_PARKED a job is out, or an
     * error. */
    int (*start)(bide_file *f, bide_wait *w);
    /** The job is over, its result in f->disk. As `start`; `w` is NULL when
     * nobody waits any more. */
    int (*finish)(bide_file *f, bide_wait *w);
    bool changes; /* the file: not abandoned once begun */
} bide__file_op;

struct bide_file {
    bide__endpoint base;
    int fd;
    bool placed, append, local; /* see bide__opened */
    bool written;
    bool busy;
    bool closing; /* closes when the queue is empty */
    int close_status;
    int64_t position;
    bide__buffer in;
    bide_task *granted; /* compared only */
    bide_link queue;
    bide_link closers; /* waits for the end */
    bide_wait *current;
    const bide__file_op *op; /* of the job */
    bide_job job;
    bide__disk disk;
};

/** A new file over what was opened, or NULL. */
bide_file *bide__file_new(bide_loop *l, const bide__opened *opened);

/** Hands `w` to the queue: as every operation that may wait. */
int bide__file_submit(bide_file *f, const bide__file_op *op, bide_wait *w);

/** From start or finish: a call for the pool, its arguments in f->disk.
 * BIDE_PARKED, or an error, and f->disk.block is freed. */
int bide__file_call(bide_file *f, const bide__file_op *op, int code);

/** Goes on with the queue, after a grant was taken. */
void bide__file_pump(bide_file *f);

bool bide__file_abort(bide_wait *w, bool forced);

/** Drops what was read ahead: the file is changed. */
void bide__file_forget_ahead(bide_file *f);

/** As `finish`, of what leaves a block in f->disk: it becomes the wait's, with
 * f->disk.done bytes. The other is its `undo`. */
int bide__file_finish_block(bide_file *f, bide_wait *w);
void bide__file_undo_block(bide_wait *w);

/** Frees the block of f->disk. */
void bide__file_free_block(bide_file *f);

#endif
