/* task.h - tasks, and what they enter and belong to. Part of bidepy.h. */
#ifndef BIDEPY_TASK_H
#define BIDEPY_TASK_H

#include "bidepy.h"

enum { BIDEPY_PENDING, BIDEPY_RESULT, BIDEPY_FAILED, BIDEPY_CANCELLED };

struct bidepy_task {
    BIDEPY_HEAD
    bidepy_runtime *runtime; /* strong */
    PyObject *coro;          /* what is driven; NULL when done */
    PyObject *context;
    PyObject *result;    /* value or exception */
    PyObject *name;      /* str; NULL until asked for */
    PyObject *reason;    /* of task.cancel(reason) */
    PyObject *token;     /* keeps the token alive */
    PyObject *file;      /* keeps the site's file name alive */
    PyObject *traceback; /* of `result`, if that is an exception */
    PyObject *weakrefs;
    bidepy_group *group;   /* strong, while running */
    bidepy_op *parked;     /* what it waits on, borrowed from the frame */
    bidepy_entry *entered; /* its `with` scopes, innermost first */
    bidepy_op *foreign;    /* it awaits what is asyncio's; strong (foreign.c) */
    PyObject *view;        /* of it for asyncio, or NULL (view.c) */
    PyObject *cancel_message;
    bidepy_task *failed_next, **failed_link; /* in runtime->failed */
    uint8_t outcome;
    bool looked;     /* somebody has seen the outcome */
    bool background; /* by its spawn(), not by where it belongs */
    bool started;    /* the coroutine has run */
    bool cancel_due; /* asyncio's cancel(): one wait is to end */
    uint8_t endings; /* of waits for asyncio's in a cancelled scope, in a row */
    bide_task task;
};

void bidepy_task_resume(bide_task *t);

static inline bidepy_task *
bidepy_task_of(bide_task *t)
{
    return bidepy_container(t, bidepy_task, task);
}

/** The stand-in of the asyncio task that runs on this thread, borrowed, or NULL
 * (asyncio/proxy.c). */
bidepy_task *bidepy_proxy_here(bidepy_state *st);

static inline bool
bidepy_is_proxy(const bidepy_task *task)
{
    return task->task.struck != NULL;
}

/** The native task, or the stand-in of an eager task of asyncio that runs
 * inside its step. */
bidepy_task *bidepy_task_seen(bidepy_task *self);

static inline bidepy_task *
bidepy_task_here(bidepy_state *st)
{
    bide_task *t = bide_task_current();
    if (!t)
        return NULL;
    bidepy_task *self = bidepy_task_of(t);
    if (t->resume != bidepy_task_resume)
        return bidepy_proxy_here(st);
    if (self->st != st)
        return NULL;
    return self->runtime->shown ? bidepy_task_seen(self) : self;
}

static inline bidepy_task *
bidepy_task_acting(bidepy_state *st)
{
    bidepy_task *task = bidepy_task_here(st);
    if (!task && bidepy_running && bidepy_running->st == st)
        task = bidepy_running->killing;
    return task;
}

/** How to make a task; all borrowed, all but `coro` may be NULL or None. */
typedef struct bidepy_spawn {
    PyObject *coro; /* what bidepy_iterator gives */
    PyObject *name, *token;
    PyObject *context; /* NULL: a copy of the current one */
    bidepy_group *group;
    bide_scope *scope; /* without a group: NULL is the loop's root */
    bool background;
} bidepy_spawn;

/** New task, ready to run in `runtime`. */
bidepy_task *bidepy_task_spawn(bidepy_runtime *runtime,
                               const bidepy_spawn *how);

/** The name, borrowed; made on first use. NULL with an exception. */
PyObject *bidepy_task_name(bidepy_task *self);

/** Sets the exception for "there is no task here"; returns NULL. */
PyObject *bidepy_raise_no_task(bidepy_state *st, const char *what);

/** Marks the outcome as seen. */
void bidepy_task_look(bidepy_task *self);

/** Reports a failure nobody has looked at. */
void bidepy_task_report(bidepy_task *self);

/** Ends a live task of a runtime that is being torn down: closes its
 * coroutine. */
void bidepy_task_kill(bidepy_task *self);

/** New: the iterator that drives `awaitable`; NULL with TypeError in which
 * `what` names the caller. */
PyObject *bidepy_iterator(PyObject *awaitable, const char *what);

/** New: "app.py:12 in work", where the innermost coroutine stands; "" if that
 * is unknown. */
PyObject *bidepy_task_where(bidepy_task *self);

/* -- scopes a task has entered (entry.c) ---------------------------------- */

/** A scope of one task, in its list `entered` from bidepy_enter until
 * bidepy_leave. `owner` (strong) holds the memory; `ended` (may be NULL) is
 * called when the entry leaves the list, whoever takes it off. */
struct bidepy_entry {
    bide_scope scope;
    bidepy_entry *outer;
    bidepy_task *task; /* NULL: not entered */
    PyObject *owner;
    void (*ended)(bidepy_entry *self);
    bool left; /* out of order: goes when it is the innermost */
    /* In a task of asyncio's (asyncio/blocks.c): */
    bool sent;     /* the task was cancelled for it */
    long requests; /* task.cancelling() as it was entered */
};

/** Enters `e`, whose scope is initialised, for `task`. 0 or an error. */
int bidepy_enter(bidepy_entry *e, bidepy_task *task, bide_token *token,
                 PyObject *owner);

/** Leaves `e`: as bide_scope_leave; BIDE_EHOST with RuntimeError when it is not
 * the innermost. 0 too when an asyncio task was cancelled by others as well.
 * May free the owner. */
int bidepy_leave(bidepy_entry *e);

/** The task has ended: takes all of its entries off. */
void bidepy_abandon_entries(bidepy_task *task);

/* -- tokens and groups as tasks see them ---------------------------------- */

/** The core's token in a bide.CancelToken, its clock started; NULL with an
 * exception. */
bide_token *bidepy_token_use(bidepy_state *st, PyObject *token,
                             bide_loop *loop);

/** Where tasks of `group` hang. */
bide_scope *bidepy_group_scope(bidepy_group *group);

/** A task of `group` has ended; its outcome is set. */
void bidepy_group_ended(bidepy_group *group, bidepy_task *task);

/* -- locks of threading, in debug runs (locks.c) --------------------------- */

/** Around a debug run. 0, or -1 with an exception. */
int bidepy_locks_begin(bidepy_state *st);
void bidepy_locks_end(void);

/** `self` has parked: warns of the locks it holds. */
void bidepy_locks_parked(bidepy_task *self);

#endif
