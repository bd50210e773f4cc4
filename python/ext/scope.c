/* bide.timeout, timeout_at, move_on_after, shield: a region of one task with a
 * deadline, or covered from cancellation outside.
 *
 * A scope is entered once. The entry is part of the object. */
#include "bidepy.h"

enum { TIMEOUT, MOVE_ON, SHIELD };

typedef struct scope_object {
    BIDEPY_HEAD
    uint8_t mode;
    bool used, expired, caught;
    int64_t duration; /* of TIMEOUT, MOVE_ON unless `deadline` is given */
    int64_t deadline; /* once known; else -1 */
    PyObject *reason; /* of cancel() */
    bidepy_entry entry;
} scope_object;

static const char *const titles[] = {"timeout", "move_on_after", "shield"};

/* -- making --------------------------------------------------------------- */

static PyObject *
new_scope(PyObject *module, int mode, int64_t duration, int64_t deadline)
{
    bidepy_state *st = bidepy_of_module(module);
    scope_object *self = bidepy_alloc(st, st->type.scope, &st->scope_pool);
    if (!self)
        return NULL;
    self->mode = (uint8_t)mode;
    self->used = self->expired = self->caught = false;
    self->duration = duration;
    self->deadline = deadline;
    self->reason = NULL;
    self->entry.task = NULL;
    self->entry.owner = NULL;
    self->entry.ended = NULL;
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

static PyObject *
new_lasting(PyObject *module, int mode, PyObject *seconds)
{
    int64_t duration;
    if (bidepy_duration(seconds, "seconds", &duration))
        return NULL;
    return new_scope(module, mode, duration, -1);
}

PyDoc_STRVAR(
    timeout_doc,
    "timeout($module, seconds, /)\n--\n\n"
    "A `with` block that raises TimeoutError when it is not over after\n"
    "this many seconds (None: never). Waits inside end with Cancelled\n"
    "then; an operation that was ready still succeeds.\n"
    "`async with` works too.");

static PyObject *
timeout(PyObject *module, PyObject *seconds)
{
    return new_lasting(module, TIMEOUT, seconds);
}

PyDoc_STRVAR(timeout_at_doc, "timeout_at($module, when, /)\n--\n\n"
                             "As timeout(), until bide.now() shows `when`.");

static PyObject *
timeout_at(PyObject *module, PyObject *when)
{
    int64_t deadline;
    if (bidepy_duration(when, "when", &deadline))
        return NULL;
    return new_scope(module, TIMEOUT, 0, deadline);
}

PyDoc_STRVAR(
    move_on_after_doc,
    "move_on_after($module, seconds, /)\n--\n\n"
    "As timeout(), but the program goes on after the block without an\n"
    "error; `cancelled_caught` of the block's object tells.");

static PyObject *
move_on_after(PyObject *module, PyObject *seconds)
{
    return new_lasting(module, MOVE_ON, seconds);
}

PyDoc_STRVAR(
    shield_doc,
    "shield($module, grace=None)\n--\n\n"
    "A `with` block whose waits go on when the task is cancelled, for\n"
    "cleanup that has to await: for `grace` seconds from then, or\n"
    "without end (None).");

static PyObject *
shield(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
       PyObject *kwnames)
{
    static const char *const names[] = {"grace", NULL};
    static const bidepy_signature sig = {"shield", names, 0, 1};
    PyObject *in[1];
    int64_t grace;
    if (bidepy_parse(&sig, args, nargs, kwnames, in) ||
        bidepy_duration(in[0], "grace", &grace))
        return NULL;
    return new_scope(module, SHIELD, grace, -1);
}

PyMethodDef bidepy_scope_functions[] = {
    {"timeout", timeout, METH_O, timeout_doc},
    {"timeout_at", timeout_at, METH_O, timeout_at_doc},
    {"move_on_after", move_on_after, METH_O, move_on_after_doc},
    {"shield", BIDEPY_METHOD(shield), METH_FASTCALL | METH_KEYWORDS,
     shield_doc},
    {NULL, NULL, 0, NULL}};

/* -- entering and leaving ------------------------------------------------- */

static int
arm(scope_object *self, bide_loop *loop)
{
    if (self->mode == SHIELD)
        return 0;
    if (self->deadline < 0)
        self->deadline = bidepy_deadline(loop, self->duration);
    if (self->deadline == BIDE_FOREVER)
        return 0;
    return bide_scope_deadline(&self->entry.scope, self->deadline);
}

static PyObject *
scope_enter(PyObject *scope, PyObject *unused)
{
    (void)unused;
    scope_object *self = (scope_object *)scope;
    bidepy_task *task = bidepy_task_here(self->st);
    if (!task)
        return bidepy_raise_no_task(self->st, titles[self->mode]);
    if (self->used) {
        PyErr_Format(PyExc_RuntimeError,
                     "this %s was entered before; make one per block",
                     titles[self->mode]);
        return NULL;
    }
    bide_scope_init(&self->entry.scope);
    if (self->mode == SHIELD)
        bide_scope_shield(&self->entry.scope, self->duration);
    int rc = bidepy_enter(&self->entry, task, NULL, scope);
    if (rc)
        return bidepy_raise(self->st, rc, NULL);
    self->used = true;
    rc = arm(self, task->task.loop);
    if (rc) {
        bidepy_leave(&self->entry);
        return bidepy_raise(self->st, rc, NULL);
    }
    return Py_NewRef(scope);
}

static PyObject *
raise_timeout(PyObject *cause)
{
    PyErr_SetString(PyExc_TimeoutError, "the block took too long");
    PyObject *error = bidepy_fetch();
    PyException_SetCause(error, Py_NewRef(cause));
    bidepy_reraise(error);
    Py_DECREF(error);
    return NULL;
}

/* The coroutine of an asyncio task that was dropped, maybe with its loop: what
 * it has entered goes with the stand-in. */
static bool
is_closed_late(scope_object *self, PyObject *exc)
{
    bidepy_task *task = self->entry.task;
    return self->used && bidepy_is_closing(exc) &&
           (!task || (bidepy_is_proxy(task) && task->entered != &self->entry));
}

static PyObject *
leave(scope_object *self, PyObject *exc)
{
    uint32_t flags = self->entry.scope.flags;
    if (is_closed_late(self, exc))
        Py_RETURN_FALSE;
    int rc = bidepy_leave(&self->entry);
    if (rc == BIDE_EHOST)
        return NULL;
    self->expired = (flags & BIDE_SCOPE_EXPIRED) != 0;
    if (rc == 0 || exc == Py_None || !bidepy_is_cancelled(self->st, exc))
        Py_RETURN_FALSE;
    if (self->mode == TIMEOUT && rc == BIDE_ETIMEDOUT)
        return raise_timeout(exc);
    self->caught = true;
    Py_RETURN_TRUE;
}

static PyObject *
scope_exit(PyObject *scope, PyObject *const *args, Py_ssize_t nargs)
{
    Py_INCREF(scope);
    PyObject *absorb =
        leave((scope_object *)scope, nargs > 1 ? args[1] : Py_None);
    Py_DECREF(scope);
    return absorb;
}

static PyObject *
scope_aenter(PyObject *scope, PyObject *unused)
{
    PyObject *self = scope_enter(scope, unused);
    if (!self)
        return NULL;
    PyObject *ready = bidepy_ready(bidepy_of(scope), self);
    Py_DECREF(self);
    return ready;
}

static PyObject *
scope_aexit(PyObject *scope, PyObject *const *args, Py_ssize_t nargs)
{
    bidepy_state *st = bidepy_of(scope);
    PyObject *absorb = scope_exit(scope, args, nargs);
    if (absorb != Py_True) {
        Py_XDECREF(absorb);
        return absorb ? bidepy_done(st) : NULL;
    }
    PyObject *ready = bidepy_ready(st, absorb);
    Py_DECREF(absorb);
    return ready;
}

/* -- while it is open ----------------------------------------------------- */

/* The loop is this thread's, or the scope is not entered: 0; else -1. */
static int
check_thread(scope_object *self, const char *method)
{
    if (!self->entry.task || self->entry.task->task.loop == bide_loop_current())
        return 0;
    bidepy_raise(self->st, BIDE_EWRONGLOOP,
                 "%s() is for the thread of the task in the block; from "
                 "others cancel a CancelToken",
                 method);
    return -1;
}

PyDoc_STRVAR(scope_cancel_doc,
             "cancel($self, reason=None, /)\n--\n\n"
             "End the block: its waits raise Cancelled(reason), which the\n"
             "block's edge takes.");

static PyObject *
scope_cancel(PyObject *scope, PyObject *const *args, Py_ssize_t nargs)
{
    scope_object *self = (scope_object *)scope;
    if (nargs > 1) {
        PyErr_SetString(PyExc_TypeError,
                        "cancel() takes at most 1 argument: the reason");
        return NULL;
    }
    if (!self->entry.task) {
        PyErr_SetString(PyExc_RuntimeError,
                        "cancel() is for a block that is open");
        return NULL;
    }
    if (check_thread(self, "cancel"))
        return NULL;
    if (!(self->entry.scope.flags & BIDE_SCOPE_CANCELLED)) {
        if (nargs && args[0] != Py_None)
            Py_XSETREF(self->reason, Py_NewRef(args[0]));
        bide_scope_cancel(&self->entry.scope, bidepy_value(self->reason));
    }
    Py_RETURN_NONE;
}

static PyObject *
scope_when(PyObject *scope, PyObject *unused)
{
    (void)unused;
    int64_t deadline = ((scope_object *)scope)->deadline;
    if (deadline < 0 || deadline == BIDE_FOREVER)
        Py_RETURN_NONE;
    return PyFloat_FromDouble((double)deadline / 1e9);
}

static PyObject *
scope_reschedule(PyObject *scope, PyObject *when)
{
    scope_object *self = (scope_object *)scope;
    int64_t deadline;
    if (bidepy_duration(when, "when", &deadline) ||
        check_thread(self, "reschedule"))
        return NULL;
    if (self->mode == SHIELD || (self->used && !self->entry.task)) {
        PyErr_SetString(PyExc_RuntimeError,
                        "reschedule() is for a timeout whose block is open or "
                        "has not begun");
        return NULL;
    }
    self->deadline = deadline;
    int rc = self->entry.task
                 ? bide_scope_deadline(&self->entry.scope, deadline)
                 : 0;
    if (rc)
        return bidepy_raise(self->st, rc, NULL);
    Py_RETURN_NONE;
}

static PyObject *
scope_expired(PyObject *scope, PyObject *unused)
{
    (void)unused;
    scope_object *self = (scope_object *)scope;
    if (self->entry.task)
        return PyBool_FromLong((self->entry.scope.flags & BIDE_SCOPE_EXPIRED) !=
                               0);
    return PyBool_FromLong(self->expired);
}

/* -- the type ------------------------------------------------------------- */

static PyObject *
get_caught(PyObject *scope, void *unused)
{
    (void)unused;
    return PyBool_FromLong(((scope_object *)scope)->caught);
}

static int
scope_traverse(PyObject *scope, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(scope));
    Py_VISIT(((scope_object *)scope)->reason);
    return 0;
}

static void
scope_dealloc(PyObject *scope)
{
    scope_object *self = (scope_object *)scope;
    PyObject_GC_UnTrack(scope);
    Py_XDECREF(self->reason);
    bidepy_free(self, &self->st->scope_pool);
}

static PyMethodDef scope_methods[] = {
    {"__enter__", scope_enter, METH_NOARGS, NULL},
    {"__exit__", BIDEPY_METHOD(scope_exit), METH_FASTCALL, NULL},
    {"__aenter__", scope_aenter, METH_NOARGS, NULL},
    {"__aexit__", BIDEPY_METHOD(scope_aexit), METH_FASTCALL, NULL},
    {"cancel", BIDEPY_METHOD(scope_cancel), METH_FASTCALL, scope_cancel_doc},
    {"when", scope_when, METH_NOARGS,
     "when($self, /)\n--\n\nThe deadline in seconds of bide.now(), or None."},
    {"reschedule", scope_reschedule, METH_O,
     "reschedule($self, when, /)\n--\n\nMove the deadline; None takes it "
     "away."},
    {"expired", scope_expired, METH_NOARGS,
     "expired($self, /)\n--\n\nWhether the deadline passed in the block."},
    {NULL, NULL, 0, NULL}};

static PyGetSetDef scope_getset[] = {
    {"cancelled_caught", get_caught, NULL,
     "Whether the block was cut short and the error ended at its edge.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

PyDoc_STRVAR(scope_doc,
             "A region of one task, made by timeout(), timeout_at(),\n"
             "move_on_after() or shield(); for one `with` block.");

static PyType_Slot scope_slots[] = {
    {Py_tp_doc, (void *)scope_doc},   {Py_tp_dealloc, scope_dealloc},
    {Py_tp_traverse, scope_traverse}, {Py_tp_methods, scope_methods},
    {Py_tp_getset, scope_getset},     {0, NULL}};

PyType_Spec bidepy_scope_spec = {
    .name = "bide.Scope",
    .basicsize = sizeof(scope_object),
    .flags = BIDEPY_TYPE_FLAGS,
    .slots = scope_slots,
};
