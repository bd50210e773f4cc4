/* Tasks that end together.
 *
 * The parent enters a scope, the tasks hang below it: so the tree carries every
 * cancellation to them, and the parent itself waits for their end behind a
 * shield. Invariant: `active` counts the tasks started and not ended; `waiter`
 * is woken when it becomes 0. When only those of the background are left that
 * the parent would wait for, they are cancelled. */
#include "group.h"

bidepy_group *
bidepy_group_new(bidepy_state *st, int policy)
{
    bidepy_group *self = bidepy_alloc(st, st->type.group, NULL);
    if (!self)
        return NULL;
    size_t head = offsetof(bidepy_group, runtime);
    memset((char *)self + head, 0, sizeof *self - head);
    self->policy = (uint8_t)policy;
    PyObject_GC_Track(self);
    return self;
}

int
bidepy_group_open(bidepy_group *self, bidepy_task *task)
{
    if (self->phase != BIDEPY_GROUP_NEW) {
        PyErr_SetString(PyExc_RuntimeError,
                        "this TaskGroup was entered before; make one per "
                        "block");
        return -1;
    }
    bide_scope_init(&self->body.scope);
    int rc = bidepy_enter(&self->body, task, NULL, (PyObject *)self);
    if (rc) {
        bidepy_raise(self->st, rc, NULL);
        return -1;
    }
    self->runtime = (bidepy_runtime *)Py_NewRef(task->runtime);
    self->phase = BIDEPY_GROUP_OPEN;
    return 0;
}

bide_scope *
bidepy_group_scope(bidepy_group *self)
{
    return &self->body.scope;
}

bidepy_task *
bidepy_group_spawn(bidepy_group *self, bidepy_spawn *how)
{
    how->group = self;
    bidepy_task *task = bidepy_task_spawn(self->runtime, how);
    if (!task)
        return NULL;
    self->active++;
    self->background += how->background;
    return task;
}

void
bidepy_group_cancel(bidepy_group *self, PyObject *reason)
{
    /* One that is cancelled from outside keeps the reason from there. */
    if (!self->body.task || bide_scope_cancelled(&self->body.scope))
        return;
    self->reason = Py_XNewRef(reason);
    bide_scope_cancel(&self->body.scope, bidepy_value(reason));
}

/* -- the end of a task ---------------------------------------------------- */

static void
keep_error(bidepy_group *self, bidepy_task *task)
{
    if (!self->errors)
        self->errors = PyList_New(0);
    if (!self->errors || PyList_Append(self->errors, task->result) < 0)
        PyErr_Clear(); /* no memory: then it is reported as unseen */
    else
        task->looked = true;
    bidepy_group_cancel(self, self->st->sibling_failed);
}

/* A cancellation that came neither from the group nor through it. */
static bool
cancelled_alone(bidepy_group *self, bidepy_task *task)
{
    return task->outcome == BIDEPY_CANCELLED &&
           !bide_scope_cancelled(&self->body.scope);
}

static void
apply_policy(bidepy_group *self, bidepy_task *task)
{
    bool failed = task->outcome == BIDEPY_FAILED;
    switch (self->policy) {
    case BIDEPY_ALL_ERRORS:
        if (failed)
            keep_error(self, task);
        break;
    case BIDEPY_FIRST_ERROR:
        if (!self->errors && (failed || cancelled_alone(self, task)))
            keep_error(self, task);
        break;
    case BIDEPY_FIRST_END:
        if (!self->first) {
            self->first = Py_NewRef((PyObject *)task);
            task->looked = true;
            bidepy_group_cancel(self, self->st->race_lost);
        }
        break;
    default:
        task->looked = true;
        break;
    }
}

static void
end_background(bidepy_group *self)
{
    if (self->active == self->background)
        bide_scope_cancel_background(&self->body.scope);
}

void
bidepy_group_ended(bidepy_group *self, bidepy_task *task)
{
    if (task->outcome == BIDEPY_CANCELLED)
        self->child_cancelled = true;
    apply_policy(self, task);
    self->active--;
    self->background -= task->background;
    if (!self->waiter)
        return;
    if (self->active == 0)
        bide_unpark(&self->waiter->wait, 0);
    else
        end_background(self);
}

/* -- the end of the group ------------------------------------------------- */

int
bidepy_group_join(bidepy_group *self, bidepy_op *op)
{
    if (self->active == 0)
        return 0;
    bide_scope_init(&self->wait.scope);
    bide_scope_shield(&self->wait.scope, BIDE_FOREVER);
    int rc = bidepy_enter(&self->wait, bidepy_task_of(op->wait.task), NULL,
                          (PyObject *)self);
    if (rc)
        return rc;
    self->waiter = op;
    end_background(self);
    if (self->policy == BIDEPY_FIRST_END) /* one is enough */
        return bide_park(&op->wait);
    return bide_park_for(&self->body.scope, &op->wait);
}

void
bidepy_group_interrupt(bidepy_op *op, PyObject *message)
{
    bidepy_group *self = (bidepy_group *)op->owner;
    self->interrupted = true;
    Py_XSETREF(self->message, Py_XNewRef(message));
    bidepy_group_cancel(self, message);
}

bool
bidepy_group_passes_interrupt(bidepy_group *self)
{
    if (!self->interrupted)
        return false;
    if (self->message)
        PyErr_SetObject(self->st->exc.cancelled_base, self->message);
    else
        PyErr_SetNone(self->st->exc.cancelled_base);
    return true;
}

int
bidepy_group_close(bidepy_group *self)
{
    int rc = 0;
    self->waiter = NULL;
    if (self->wait.task && bidepy_leave(&self->wait) == BIDE_EHOST)
        rc = BIDE_EHOST;
    if (rc == 0 && self->body.task)
        rc = bidepy_leave(&self->body);
    self->phase = BIDEPY_GROUP_OVER;
    return rc;
}

bool
bidepy_group_passes_cancel(bidepy_group *self, bidepy_op *op)
{
    bide_task *t = op->wait.task;
    if (!self->child_cancelled || !bide_scope_cancelled(t->scope))
        return false;
    bidepy_raise_cancelled(self->st, t);
    return true;
}
