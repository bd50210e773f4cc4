/* group.h - tasks that end together: under TaskGroup, gather and race. */
#ifndef BIDEPY_GROUP_H
#define BIDEPY_GROUP_H

#include "bidepy.h"

/** What the end of one task does to the others. */
enum {
    BIDEPY_ALL_ERRORS,  /* an error cancels them, all errors are kept */
    BIDEPY_FIRST_ERROR, /* an error or a cancellation cancels them */
    BIDEPY_NO_ERROR,    /* nothing */
    BIDEPY_FIRST_END    /* any end cancels them */
};

enum { BIDEPY_GROUP_NEW, BIDEPY_GROUP_OPEN, BIDEPY_GROUP_OVER };

struct bidepy_group {
    BIDEPY_HEAD
    bidepy_runtime *runtime; /* once open; strong */
    bidepy_entry body;       /* the scope above the tasks, of the parent */
    bidepy_entry wait;       /* shields the parent while it waits for them */
    bidepy_op *waiter;       /* parked until `active` is 0, borrowed */
    size_t active;
    size_t background; /* of these, not waited for: cancelled at the end */
    PyObject *errors;  /* list of exceptions, or NULL */
    PyObject *first;   /* the task that ended first (FIRST_END) */
    PyObject *reason;
    PyObject *message; /* of an asyncio cancel() of the parent as it waited */
    uint8_t policy, phase;
    bool interrupted;     /* there was one */
    bool cancel_called;   /* by TaskGroup.cancel() */
    bool child_cancelled; /* some task ended with Cancelled */
};

/** New, not open. */
bidepy_group *bidepy_group_new(bidepy_state *st, int policy);

/** Enters the group's scope for `task`. 0, or -1 with an exception. */
int bidepy_group_open(bidepy_group *self, bidepy_task *task);

/** New: a task of the open group, made as `how` says, whose group is set here.
 */
bidepy_task *bidepy_group_spawn(bidepy_group *self, bidepy_spawn *how);

/** Cancels the tasks and the body; `reason` (borrowed) may be NULL. */
void bidepy_group_cancel(bidepy_group *self, PyObject *reason);

/** Waits in `op` until no task is left, whatever is cancelled: for a start. */
int bidepy_group_join(bidepy_group *self, bidepy_op *op);

/** Leaves the group's scopes, once joined or when giving up: as bidepy_leave.
 * Then the group is over. */
int bidepy_group_close(bidepy_group *self);

/** bidepy_op_kind.interrupt for that wait: cancels the tasks, and lets the wait
 * go on. */
void bidepy_group_interrupt(bidepy_op *op, PyObject *message);

/** After the close: sets CancelledError and returns true when it was
 * interrupted. */
bool bidepy_group_passes_interrupt(bidepy_group *self);

/** After the close: sets Cancelled and returns true when a task was cancelled
 * from outside of the group, so that the parent is to end too. */
bool bidepy_group_passes_cancel(bidepy_group *self, bidepy_op *op);

#endif
