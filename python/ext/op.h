/* op.h - the one awaitable of the binding. Part of bidepy.h. */
#ifndef BIDEPY_OP_H
#define BIDEPY_OP_H

#include "bidepy.h"

typedef struct bidepy_op bidepy_op;

enum {
    /** Dropping one that was never awaited is no mistake. */
    BIDEPY_OP_QUIET = 1,
    /** Cannot be a part of a race of waits: bide.race gives it a task. */
    BIDEPY_OP_NO_RACE = 2,
    /** `owner` holds no Python objects and `arg` stays NULL: no cycle can go
     * through the operation, so the collector need not know it. */
    BIDEPY_OP_LEAF = 4,
    /** What it takes belongs to the task that awaits it. */
    BIDEPY_OP_OWNED = 8
};

typedef struct bidepy_op_kind {
    /** "Mutex.lock()": for messages. */
    const char *name;
    /** Submits `op->wait`, which is initialised, for `op->wait.task`. Answers
     * as the core does; BIDE_EHOST with an exception set is fine too. */
    int (*start)(bidepy_op *op);
    /** The result, new; NULL with an exception. NULL: the result is None. */
    PyObject *(*finish)(bidepy_op *op);
    /** Sets the exception for `status`, which is an error; returns NULL. May
     * be NULL: bidepy_raise (Cancelled comes with its reason). */
    PyObject *(*fail)(bidepy_op *op, int status);
    /** Frees what `word` holds; runs once, after finish or fail or instead of
     * them (after bide_wait_drop). May be NULL. */
    void (*release)(bidepy_op *op);
    unsigned flags;
    /** For an operation with more than its own wait, else NULL. `take`: the
     * status, as bide_wait_take, or BIDE_PARKED when it is not over, or
     * BIDEPY_OP_AGAIN when the task has to wait once more. `drop`: as
     * bide_wait_drop. */
    int (*take)(bidepy_op *op);
    void (*drop)(bidepy_op *op);
    /** asyncio's cancel() of the task that waits, with its message (borrowed,
     * may be NULL), for an operation that has to end what it began before it
     * raises CancelledError. NULL: the wait ends at once. */
    void (*interrupt)(bidepy_op *op, PyObject *message);
} bidepy_op_kind;

/** An awaitable: starts when it is awaited, once. */
struct bidepy_op {
    BIDEPY_HEAD
    const bidepy_op_kind *kind;
    PyObject *owner;     /* what is waited on; keeps it alive */
    PyObject *arg;       /* an object argument, or NULL */
    bidepy_place origin; /* where it was made */
    union {
        int64_t integer;
        size_t size;
        void *ptr;
    } word; /* any other argument */
    uint8_t phase;
    bool seen; /* while the operands of gather() or race() are compared */
    bide_wait wait;
};

/** New operation on `owner` (borrowed, may be NULL); `arg` is NULL and `word`
 * 0 until the caller sets them (`arg`: a new reference). */
bidepy_op *bidepy_op_new(bidepy_state *st, const bidepy_op_kind *kind,
                         PyObject *owner);

/** The same on an object of the module's, with `size` as its `word`. */
PyObject *bidepy_op_new_sized(PyObject *owner, const bidepy_op_kind *kind,
                              size_t size);

enum { BIDEPY_OP_AGAIN = 2 }; /* no status: those are 0, 1 or negative */

/* RACED: its wait is one of a race's, which ends it. */
enum { BIDEPY_OP_NEW, BIDEPY_OP_PARKED, BIDEPY_OP_OVER, BIDEPY_OP_RACED };

/** Refuses (-1, TypeError) an operation that acts for the task that awaits it,
 * where `what` would have another task await it. */
int bidepy_op_movable(PyObject *awaitable, const char *what);

/** Refuses (-1, ValueError) an operation that is given twice. */
int bidepy_op_distinct(PyObject *const *args, Py_ssize_t nargs,
                       const char *what);

/** Sets the exception for an operation that was awaited already. */
void bidepy_op_raise_used(const bidepy_op *self);

/** Tells what a task waits for (NULL: nothing) of asyncio's cancel(), if it
 * wants to know: then true, and it will raise CancelledError. */
static inline bool
bidepy_op_interrupt(bidepy_op *op, PyObject *message)
{
    if (!op || !op->kind->interrupt)
        return false;
    op->kind->interrupt(op, message == Py_None ? NULL : message);
    return true;
}

/** Ends an operation without a result; for a task that ends while it waits. */
void bidepy_op_drop(bidepy_op *self);

/** The result of an operation that ended with `status`: as PyIter_Send. For
 * operations made of others. */
PySendResult bidepy_op_end(bidepy_op *self, int status, PyObject **result);

/** New awaitable that is done and gives `value` (borrowed): for an __aenter__
 * that has nothing to wait for. */
PyObject *bidepy_ready(bidepy_state *st, PyObject *value);

/** New reference to the awaitable that is done and gives None. */
static inline PyObject *
bidepy_done(bidepy_state *st)
{
    return Py_NewRef(st->done);
}

#endif
