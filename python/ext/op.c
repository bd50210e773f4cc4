/* Operation: the one awaitable of the binding.
 *
 * Invariants
 * - PARKED: `wait` is parked or fired, and the task's `parked` is this object,
 *   which the task's coroutine keeps alive on its stack.
 * - RACED: `wait` belongs to a race (gather.c), which alone ends it.
 * - `release` of the kind runs once, when the phase becomes OVER.
 *
 * An operation is its own iterator. CPython 3.11 awaits through am_send;
 * 3.12 and later call tp_iternext for all but coroutines, where a result other
 * than None has to travel in a StopIteration: see stop.c. */
#include "bidepy.h"
#include "asyncio/bridge.h"
#include "stop.h"

bidepy_op *
bidepy_op_new(bidepy_state *st, const bidepy_op_kind *kind, PyObject *owner)
{
    bidepy_op *self = bidepy_alloc(st, st->type.op, &st->op_pool);
    if (!self)
        return NULL;
    self->kind = kind;
    self->owner = Py_XNewRef(owner);
    self->arg = NULL;
    self->origin = bidepy_place_here();
    self->word.integer = 0;
    self->phase = BIDEPY_OP_NEW;
    self->seen = false;
    if (!(kind->flags & BIDEPY_OP_LEAF))
        PyObject_GC_Track(self);
    return self;
}

PyObject *
bidepy_op_new_sized(PyObject *owner, const bidepy_op_kind *kind, size_t size)
{
    bidepy_op *self = bidepy_op_new(bidepy_of(owner), kind, owner);
    if (self)
        self->word.size = size;
    return (PyObject *)self;
}

void
bidepy_op_raise_used(const bidepy_op *self)
{
    PyErr_Format(PyExc_RuntimeError,
                 "%s was awaited already: an operation runs once, call the "
                 "method again for another",
                 self->kind->name);
}

/* -- running -------------------------------------------------------------- */

/* By asyncio's cancel(), once, or by a scope. */
static PyObject *
cancelled(bidepy_op *self)
{
    bidepy_task *task = bidepy_task_of(self->wait.task);
    if (!task->cancel_due || bide_scope_cancelled(self->wait.task->scope))
        return bidepy_raise_cancelled(self->st, self->wait.task);
    PyObject *exc = bidepy_task_take_cancel(task);
    if (exc)
        bidepy_reraise(exc);
    Py_XDECREF(exc);
    return NULL;
}

static PyObject *
fail(bidepy_op *self, int status)
{
    if (status == BIDE_EHOST && PyErr_Occurred())
        return NULL;
    if (status == BIDE_ECANCELED)
        return cancelled(self);
    if (self->kind->fail)
        return self->kind->fail(self, status);
    return bidepy_raise(self->st, status, "%s: %s", self->kind->name,
                        bide_strerror(status));
}

PySendResult
bidepy_op_end(bidepy_op *self, int status, PyObject **result)
{
    const bidepy_op_kind *kind = self->kind;
    self->phase = BIDEPY_OP_OVER;
    if (status)
        *result = fail(self, status);
    else
        *result = kind->finish ? kind->finish(self) : Py_NewRef(Py_None);
    if (kind->release)
        kind->release(self);
    return *result ? PYGEN_RETURN : PYGEN_ERROR;
}

/* What the coroutine yields: asyncio's tasks have to be given a future. */
static PySendResult
suspend(bidepy_task *task, PyObject **result)
{
    bool native = task->task.resume == bidepy_task_resume;
    *result = Py_NewRef(native ? Py_None : (PyObject *)task);
    return PYGEN_NEXT;
}

static PySendResult
begin(bidepy_op *self, PyObject **result)
{
    bidepy_task *task = bidepy_task_here(self->st);
    *result = NULL;
    self->phase = BIDEPY_OP_OVER; /* unless it parks */
    if (!task) {
        bidepy_raise_no_task(self->st, self->kind->name);
        return PYGEN_ERROR;
    }
    if (task->parked) {
        PyErr_Format(PyExc_RuntimeError,
                     "%s awaited by a task that is waiting on %s already: a "
                     "coroutine was driven by hand inside the task",
                     self->kind->name, task->parked->kind->name);
        return PYGEN_ERROR;
    }
    bide_wait_init(&self->wait, &task->task);
    int status = task->cancel_due ? BIDE_ECANCELED : self->kind->start(self);
    if (status != BIDE_PARKED)
        return bidepy_op_end(self, status, result);
    self->phase = BIDEPY_OP_PARKED;
    task->parked = self;
    return suspend(task, result);
}

static int
take(bidepy_op *self)
{
    if (self->kind->take)
        return self->kind->take(self);
    return self->wait.state == BIDE_WAIT_FIRED ? bide_wait_take(&self->wait)
                                               : BIDE_PARKED;
}

/* Ends the operation without a result, unless it is a race's to end. */
static void
drop(bidepy_op *self)
{
    if (self->phase == BIDEPY_OP_NEW)
        self->phase = BIDEPY_OP_OVER;
    if (self->phase != BIDEPY_OP_PARKED)
        return;
    bidepy_task *task = bidepy_task_of(self->wait.task);
    if (task->parked == self)
        task->parked = NULL;
    if (self->kind->drop)
        self->kind->drop(self);
    else
        bide_wait_drop(&self->wait);
    self->phase = BIDEPY_OP_OVER;
    if (self->kind->release)
        self->kind->release(self);
}

void
bidepy_op_drop(bidepy_op *self)
{
    drop(self);
}

static PySendResult
resume(bidepy_op *self, PyObject **result)
{
    bide_task *t = self->wait.task;
    *result = NULL;
    if (bide_task_current() != t) {
        PyErr_Format(PyExc_RuntimeError,
                     "%s was awaited already, by another task: an operation "
                     "runs once, call the method again for another",
                     self->kind->name);
        return PYGEN_ERROR;
    }
    int status = take(self);
    if (status == BIDEPY_OP_AGAIN)
        return suspend(bidepy_task_of(t), result);
    if (status != BIDE_PARKED) {
        bidepy_task_of(t)->parked = NULL;
        return bidepy_op_end(self, status, result);
    }
    drop(self);
    PyErr_Format(PyExc_RuntimeError,
                 "%s was resumed by hand before it was done; it is over",
                 self->kind->name);
    return PYGEN_ERROR;
}

static PySendResult
op_send(PyObject *op, PyObject *value, PyObject **result)
{
    (void)value;
    bidepy_op *self = (bidepy_op *)op;
    if (self->phase == BIDEPY_OP_PARKED)
        return resume(self, result);
    if (self->phase == BIDEPY_OP_NEW)
        return begin(self, result);
    *result = NULL;
    bidepy_op_raise_used(self);
    return PYGEN_ERROR;
}

static PyObject *
op_next(PyObject *op)
{
    PyObject *result;
    PySendResult sent = op_send(op, Py_None, &result);
    if (sent == PYGEN_RETURN)
        return bidepy_stop(bidepy_of(op), op, result);
    return result;
}

static PyObject *
op_await(PyObject *op)
{
    return Py_NewRef(op);
}

/* -- for drivers other than the interpreter's await ----------------------- */

static PyObject *
op_send_method(PyObject *op, PyObject *value)
{
    (void)value;
    PyObject *result;
    PySendResult sent = op_send(op, Py_None, &result);
    if (sent == PYGEN_RETURN)
        return bidepy_stop_plain(result);
    return result;
}

static PyObject *
raise_thrown(PyObject *type, PyObject *value, PyObject *traceback)
{
    if (PyExceptionInstance_Check(type)) {
        if (traceback && traceback != Py_None)
            PyException_SetTraceback(type, traceback);
        return bidepy_reraise(type);
    }
    if (!PyExceptionClass_Check(type)) {
        PyErr_Format(PyExc_TypeError,
                     "throw() needs an exception class or instance, not %.100s",
                     Py_TYPE(type)->tp_name);
        return NULL;
    }
    if (value && PyExceptionInstance_Check(value))
        return raise_thrown(value, NULL, traceback);
    PyErr_SetObject(type, value);
    return NULL;
}

static PyObject *
op_throw(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs < 1 || nargs > 3) {
        PyErr_SetString(PyExc_TypeError, "throw() takes 1 to 3 arguments");
        return NULL;
    }
    drop((bidepy_op *)op);
    return raise_thrown(args[0], nargs > 1 ? args[1] : NULL,
                        nargs > 2 ? args[2] : NULL);
}

static PyObject *
op_close(PyObject *op, PyObject *unused)
{
    (void)unused;
    drop((bidepy_op *)op);
    Py_RETURN_NONE;
}

/* -- as operands ---------------------------------------------------------- */

static bool
is_op(PyObject *o)
{
    const PyAsyncMethods *async = Py_TYPE(o)->tp_as_async;
    return async && async->am_send == op_send;
}

int
bidepy_op_movable(PyObject *awaitable, const char *what)
{
    if (!is_op(awaitable))
        return 0;
    bidepy_op *op = (bidepy_op *)awaitable;
    unsigned flags = op->kind->flags;
    if (!(flags & BIDEPY_OP_OWNED) || op->phase != BIDEPY_OP_NEW)
        return 0;
    PyErr_Format(PyExc_TypeError,
                 "%s acts for the task that awaits it, and %s would await it "
                 "in another task: await it where the lock is used%s",
                 op->kind->name, what,
                 flags & BIDEPY_OP_NO_RACE
                     ? ", under bide.timeout() if it may take too long"
                     : "; bide.race() takes it beside other operations, such "
                       "as a sleep() or a recv(), but not beside coroutines");
    return -1;
}

int
bidepy_op_distinct(PyObject *const *args, Py_ssize_t nargs, const char *what)
{
    bidepy_op *twice = NULL;
    for (Py_ssize_t i = 0; i < nargs; i++) {
        if (!is_op(args[i]))
            continue;
        bidepy_op *op = (bidepy_op *)args[i];
        if (op->seen)
            twice = op;
        op->seen = true;
    }
    for (Py_ssize_t i = 0; i < nargs; i++)
        if (is_op(args[i]))
            ((bidepy_op *)args[i])->seen = false;
    if (!twice)
        return 0;
    PyErr_Format(PyExc_ValueError,
                 "%s was given the same %s twice: an operation runs once, call "
                 "the method again for another",
                 what, twice->kind->name);
    return -1;
}

/* -- the type ------------------------------------------------------------- */

static void
warn_never_awaited(bidepy_op *self)
{
    bidepy_warn_at(&self->origin, "operation %s was never awaited",
                   self->kind->name);
}

static int
op_traverse(PyObject *op, visitproc visit, void *arg)
{
    bidepy_op *self = (bidepy_op *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->owner);
    Py_VISIT(self->arg);
    return 0;
}

static int
op_clear(PyObject *op)
{
    bidepy_op *self = (bidepy_op *)op;
    if (self->phase == BIDEPY_OP_RACED)
        return 0; /* clearing the race breaks the cycle */
    drop(self);
    Py_CLEAR(self->owner);
    Py_CLEAR(self->arg);
    return 0;
}

static void
op_dealloc(PyObject *op)
{
    bidepy_op *self = (bidepy_op *)op;
    if (!(self->kind->flags & BIDEPY_OP_LEAF))
        PyObject_GC_UnTrack(op);
    if (self->phase == BIDEPY_OP_PARKED) {
        drop(self);
    } else if (self->phase == BIDEPY_OP_NEW) {
        if (!(self->kind->flags & BIDEPY_OP_QUIET) && !self->st->closing)
            warn_never_awaited(self);
    }
    bidepy_stop_forget(self->st);
    Py_XDECREF(self->owner);
    Py_XDECREF(self->arg);
    Py_XDECREF(self->origin.code);
    bidepy_free(self, &self->st->op_pool);
}

static PyObject *
op_repr(PyObject *op)
{
    static const char *const phases[] = {"not awaited", "waiting", "over",
                                         "waiting"};
    bidepy_op *self = (bidepy_op *)op;
    return PyUnicode_FromFormat("<Operation %s %s>", self->kind->name,
                                phases[self->phase]);
}

static PyMethodDef op_methods[] = {
    {"send", op_send_method, METH_O,
     "send($self, value, /)\n--\n\nThe iterator protocol of awaitables."},
    {"throw", BIDEPY_METHOD(op_throw), METH_FASTCALL,
     "throw($self, type, value=None, traceback=None, /)\n--\n\n"
     "Ends the wait and raises the exception."},
    {"close", op_close, METH_NOARGS,
     "close($self, /)\n--\n\nEnds the wait; nothing was taken or sent."},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS,
     "Operation[int] is the type of operations that give an int."},
    {NULL, NULL, 0, NULL}};

PyDoc_STRVAR(op_doc,
             "What bide's methods return to be awaited.\n\n"
             "It does nothing until it is awaited, and can be awaited once.\n"
             "Dropping one that was never awaited gives a RuntimeWarning.");

static PyType_Slot op_slots[] = {{Py_tp_doc, (void *)op_doc},
                                 {Py_tp_dealloc, op_dealloc},
                                 {Py_tp_traverse, op_traverse},
                                 {Py_tp_clear, op_clear},
                                 {Py_tp_repr, op_repr},
                                 {Py_tp_methods, op_methods},
                                 {Py_tp_iter, PyObject_SelfIter},
                                 {Py_tp_iternext, op_next},
                                 {Py_am_await, op_await},
                                 {Py_am_send, op_send},
                                 {0, NULL}};

PyType_Spec bidepy_op_spec = {
    .name = "bide.Operation",
    .basicsize = sizeof(bidepy_op),
    .flags = BIDEPY_TYPE_FLAGS,
    .slots = op_slots,
};

/* -- awaitables that are done --------------------------------------------- */

static int
start_ready(bidepy_op *op)
{
    (void)op;
    return 0;
}

static PyObject *
finish_ready(bidepy_op *op)
{
    return Py_NewRef(op->owner);
}

static const bidepy_op_kind ready_kind = {
    .name = "ready()",
    .start = start_ready,
    .finish = finish_ready,
    .flags = BIDEPY_OP_QUIET,
};

PyObject *
bidepy_ready(bidepy_state *st, PyObject *value)
{
    return (PyObject *)bidepy_op_new(st, &ready_kind, value);
}

static PyObject *
done_next(PyObject *done)
{
    (void)done;
    return NULL;
}

static PySendResult
done_send(PyObject *done, PyObject *value, PyObject **result)
{
    (void)done;
    (void)value;
    *result = Py_NewRef(Py_None);
    return PYGEN_RETURN;
}

static int
done_traverse(PyObject *done, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(done));
    return 0;
}

static void
done_dealloc(PyObject *done)
{
    PyObject_GC_UnTrack(done);
    bidepy_free(done, NULL);
}

static PyType_Slot done_slots[] = {
    {Py_tp_doc, "An awaitable that is done and gives None."},
    {Py_tp_dealloc, done_dealloc},
    {Py_tp_traverse, done_traverse},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, done_next},
    {Py_am_await, op_await},
    {Py_am_send, done_send},
    {0, NULL}};

PyType_Spec bidepy_done_spec = {
    .name = "bide._core.Done",
    .basicsize = sizeof(bidepy_object),
    .flags = BIDEPY_TYPE_FLAGS,
    .slots = done_slots,
};
