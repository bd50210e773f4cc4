/* The scopes a task has entered.
 *
 * The core wants scopes left innermost first. Python leaves them in any order:
 * an asynchronous generator that holds a `with` open is closed by whoever
 * drops it. So one left out of order stays until all inside it are gone.
 * Invariant: task->entered mirrors the core's chain above the task's base. */
#include "bidepy.h"
#include "asyncio/bridge.h"

int
bidepy_enter(bidepy_entry *e, bidepy_task *task, bide_token *token,
             PyObject *owner)
{
    bool aio = bidepy_is_proxy(task);
    if (aio && bidepy_block_prepare(e, task))
        return BIDE_EHOST;
    int rc = bide_scope_enter(&e->scope, &task->task, token);
    if (rc)
        return rc;
    e->left = e->sent = false;
    e->task = task;
    e->owner = Py_NewRef(owner);
    e->outer = task->entered;
    task->entered = e;
    if (aio)
        bidepy_block_entered(task);
    return 0;
}

/* Takes the innermost entry off the list. May free it. */
static void
pop(bidepy_task *task)
{
    bidepy_entry *e = task->entered;
    PyObject *owner = e->owner;
    task->entered = e->outer;
    e->task = NULL;
    e->owner = NULL;
    if (e->ended)
        e->ended(e);
    Py_DECREF(owner);
}

static int
leave_innermost(bidepy_task *task)
{
    bidepy_entry *e = task->entered;
    bidepy_left left = {e->sent, e->requests};
    int rc = bide_scope_leave(&e->scope);
    pop(task);
    return bidepy_is_proxy(task) ? bidepy_block_left(task, &left, rc) : rc;
}

int
bidepy_leave(bidepy_entry *e)
{
    bidepy_task *task = e->task;
    if (!task) {
        PyErr_SetString(PyExc_RuntimeError,
                        "this scope is left without being entered");
        return BIDE_EHOST;
    }
    if (task->entered != e) {
        e->left = true;
        PyErr_SetString(PyExc_RuntimeError,
                        "scopes have to be left in the reverse order of "
                        "entering: one entered later is still open, perhaps in "
                        "an asynchronous generator");
        return BIDE_EHOST;
    }
    int rc = leave_innermost(task);
    while (task->entered && task->entered->left)
        if (leave_innermost(task) == BIDE_EHOST)
            rc = BIDE_EHOST;
    return rc;
}

void
bidepy_abandon_entries(bidepy_task *task)
{
    while (task->entered)
        pop(task);
}
