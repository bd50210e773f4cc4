/* A call that blocks, made by a thread of the pool while a wait stands for it.
 *
 * What only looks (stat, readlink, open) is abandoned when the wait is
 * cancelled: its result is dropped. What changes something goes on once a
 * thread has begun it, and is delivered: so that what ends as cancelled did not
 * happen.
 *
 * Invariants
 * - An errand lives from its start until its job is over; `wait` is NULL when
 *   nobody waits any more, and `result` then goes to `drop`. */
#ifndef BIDE_ERRAND_H
#define BIDE_ERRAND_H

#include "bide.h"
#include "list.h"

typedef struct bide__errand {
    bide_job job;
    bide_wait *wait;
    bool changes; /* something: see above */
    /** On the thread: 0 or an error; leaves what it found in `result`. */
    int (*run)(struct bide__errand *e);
    /** On the loop's thread, after a run that succeeded, or NULL: makes what
     * the wait gets of `result`. */
    int (*bring)(struct bide__errand *e);
    /** Frees `result`; any thread. */
    void (*drop)(void *result);
    void *result;
    size_t size; /* of the result, where it has one: the wait's u.count */
    int status;
} bide__errand;

/** Of a wait whose `value.as.ptr` is a block of memory. */
extern const bide_wait_kind bide__errand_kind;

/** A zeroed errand in a struct of `size` bytes, or NULL. `result` is a block of
 * memory unless `drop` is set. */
void *bide__errand_new(size_t size, const char *name,
                       int (*run)(bide__errand *e));

/** Submits `e`, which may be NULL (BIDE_ENOMEMORY) and is freed on error; its
 * wait is parked as of `kind`, whose abort is bide__errand_abort. */
int bide__errand_start(bide__errand *e, const bide_wait_kind *kind,
                       bide_wait *w);

bool bide__errand_abort(bide_wait *w, bool forced);

/** Of a wait: frees the block it was given. */
void bide__errand_undo(bide_wait *w);

#endif
