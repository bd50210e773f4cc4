/* The life of a task: a coroutine that the core's loop drives.
 *
 * Invariants
 * - From bidepy_task_spawn until `end` the loop owns a reference to the task.
 * - PENDING iff `coro` is set; `result` is set iff not PENDING.
 * - `parked` is set iff the coroutine is suspended in that operation.
 * - The collector knows a task from its end on: before, it is the loop's, and
 *   nothing that it refers to can be garbage. */
#include "bidepy.h"
#include "asyncio/bridge.h"

/* -- outcome -------------------------------------------------------------- */

static void
remember_failure(bidepy_task *self)
{
    bidepy_runtime *runtime = self->runtime;
    self->failed_next = runtime->failed;
    self->failed_link = &runtime->failed;
    if (runtime->failed)
        runtime->failed->failed_link = &self->failed_next;
    runtime->failed = self;
}

static void
forget_failure(bidepy_task *self)
{
    if (!self->failed_link)
        return;
    *self->failed_link = self->failed_next;
    if (self->failed_next)
        self->failed_next->failed_link = self->failed_link;
    self->failed_link = NULL;
}

void
bidepy_task_look(bidepy_task *self)
{
    self->looked = true;
    forget_failure(self);
}

/* KeyboardInterrupt and SystemExit end the run, as they end a program. */
static void
note_fatal(bidepy_task *self, PyObject *exc)
{
    if (!PyErr_GivenExceptionMatches(exc, PyExc_KeyboardInterrupt) &&
        !PyErr_GivenExceptionMatches(exc, PyExc_SystemExit))
        return;
    bidepy_runtime_exit(self->runtime, exc);
    self->looked = true;
}

static void
set_exception(bidepy_task *self)
{
    PyObject *exc = bidepy_fetch();
    self->result = exc;
    self->traceback = PyException_GetTraceback(exc);
    if (bidepy_is_cancelled(self->st, exc)) {
        self->outcome = BIDEPY_CANCELLED;
        return;
    }
    self->outcome = BIDEPY_FAILED;
    note_fatal(self, exc);
}

/* Ends the task with `result` (stolen), or with the exception that is set. */
static void
end(bidepy_task *self, PyObject *result)
{
    if (result) {
        self->outcome = BIDEPY_RESULT;
        self->result = result;
    } else {
        set_exception(self);
    }
    if (self->foreign)
        bidepy_foreign_end(self);
    if (self->view)
        bidepy_view_settle(self);
    bidepy_group *group = self->group;
    self->group = NULL;
    if (group)
        bidepy_group_ended(group, self);
    if (self->outcome == BIDEPY_FAILED && !self->looked)
        remember_failure(self);
    bide_task_finish(&self->task);
    if (Py_REFCNT(self) > 1 || self->outcome == BIDEPY_FAILED)
        PyObject_GC_Track(self);
    if (self->entered)
        bidepy_abandon_entries(self);
    Py_CLEAR(self->coro);
    Py_CLEAR(self->context);
    Py_CLEAR(self->token);
    Py_CLEAR(self->cancel_message);
    Py_XDECREF((PyObject *)group);
    Py_DECREF(self); /* the loop's */
}

/* -- steps ---------------------------------------------------------------- */

/* Sends `exc` (stolen) into the coroutine: as PyIter_Send. */
static PySendResult
throw_into(bidepy_task *self, PyObject *exc, PyObject **result)
{
    *result = PyObject_CallMethod(self->coro, "throw", "O", exc);
    Py_DECREF(exc);
    if (*result)
        return PYGEN_NEXT;
    if (!PyErr_ExceptionMatches(PyExc_StopIteration))
        return PYGEN_ERROR;
    PyObject *stop = bidepy_fetch();
    *result = PyObject_GetAttrString(stop, "value");
    Py_DECREF(stop);
    return *result ? PYGEN_RETURN : PYGEN_ERROR;
}

/* The coroutine yielded something that no bide operation made: maybe a future
 * of asyncio's, to wait for. */
static PySendResult
take_foreign(bidepy_task *self, PyObject **result)
{
    int waits = bidepy_foreign_wait(self, *result);
    if (waits > 0)
        return PYGEN_NEXT;
    if (waits < 0) {
        Py_CLEAR(*result);
        return throw_into(self, bidepy_fetch(), result);
    }
    PyObject *name = bidepy_task_name(self);
    PyErr_Format(PyExc_RuntimeError,
                 "task %R awaited something that is not bide's: it yielded %R; "
                 "inside bide.run() await operations, tasks and futures of "
                 "bide or asyncio",
                 name, *result);
    Py_CLEAR(*result);
    return throw_into(self, bidepy_fetch(), result);
}

static PyObject *
close_coro(PyObject *coro)
{
    PyObject *close = PyObject_GetAttrString(coro, "close");
    if (!close) {
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    PyObject *closed = PyObject_CallNoArgs(close);
    Py_DECREF(close);
    return closed;
}

/* The first step of a task that was cancelled before: its body never runs. */
static bool
cancelled_unstarted(bidepy_task *self)
{
    self->started = true;
    if (!bide_scope_cancelled(&self->task.base))
        return false;
    PyObject *closed = close_coro(self->coro);
    if (closed) {
        Py_DECREF(closed);
        bidepy_raise_cancelled(self->st, &self->task);
    }
    end(self, NULL);
    return true;
}

/* Resumes the coroutine. A cancel() of asyncio's that came when what it waited
 * for of asyncio's was done already strikes here, as it does there. */
static PySendResult
go_on(bidepy_task *self, PyObject **result)
{
    bool strikes = self->foreign && self->cancel_due;
    if (self->foreign)
        bidepy_foreign_end(self);
    if (!strikes)
        return PyIter_Send(self->coro, Py_None, result);
    PyObject *exc = bidepy_task_take_cancel(self);
    return throw_into(self, exc ? exc : bidepy_fetch(), result);
}

static PySendResult
step(bidepy_task *self, PyObject **result)
{
    if (!self->context) { /* a bare operation */
        PySendResult sent = go_on(self, result);
        if (sent != PYGEN_NEXT || self->parked)
            return sent;
        return take_foreign(self, result);
    }
    if (PyContext_Enter(self->context)) {
        *result = NULL;
        return PYGEN_ERROR;
    }
    PySendResult sent = go_on(self, result);
    while (sent == PYGEN_NEXT && !self->parked)
        sent = take_foreign(self, result);
    PyContext_Exit(self->context);
    return sent;
}

/* The coroutine returned before a cancel() of asyncio's found a wait to end:
 * that takes the place of its result, as in asyncio. */
static void
strike_result(bidepy_task *self, PyObject **result)
{
    PyObject *exc = bidepy_task_take_cancel(self);
    if (exc)
        bidepy_reraise(exc);
    Py_XDECREF(exc);
    Py_CLEAR(*result);
}

void
bidepy_task_resume(bide_task *t)
{
    bidepy_task *self = bidepy_task_of(t);
    PyObject *result;
    if (!self->started && cancelled_unstarted(self))
        return;
    PySendResult sent = step(self, &result);
    if (self->runtime->shown)
        bidepy_view_hide(self->runtime);
    if (sent == PYGEN_RETURN && self->cancel_due)
        strike_result(self, &result);
    if (sent != PYGEN_NEXT) {
        end(self, result);
        return;
    }
    Py_DECREF(result);
    if (self->st->debug)
        bidepy_locks_parked(self);
}

void
bidepy_task_kill(bidepy_task *self)
{
    Py_INCREF(self);
    self->runtime->killing = self;
    PyObject *closed = close_coro(self->coro);
    if (!closed) {
        PyObject *exc = bidepy_fetch();
        bidepy_report(exc,
                      "in a task that had to be closed at the end of "
                      "bide.run()",
                      NULL);
        Py_DECREF(exc);
    }
    Py_XDECREF(closed);
    self->runtime->killing = NULL;
    if (self->coro) {
        PyErr_SetString(self->st->exc.cancelled,
                        "closed at the end of bide.run()");
        end(self, NULL);
    }
    Py_DECREF(self);
}

/* -- birth ---------------------------------------------------------------- */

PyObject *
bidepy_iterator(PyObject *awaitable, const char *what)
{
    if (PyCoro_CheckExact(awaitable))
        return Py_NewRef(awaitable);
    if (bidepy_op_movable(awaitable, what))
        return NULL;
    if (PyGen_CheckExact(awaitable)) {
        PyCodeObject *code = bidepy_code_of(awaitable);
        int flags = code->co_flags;
        Py_DECREF(code);
        if (flags & CO_ITERABLE_COROUTINE)
            return Py_NewRef(awaitable);
    }
    PyAsyncMethods *async = Py_TYPE(awaitable)->tp_as_async;
    if (async && async->am_await) {
        PyObject *iterator = async->am_await(awaitable);
        if (iterator && !PyIter_Check(iterator)) {
            PyErr_Format(PyExc_TypeError,
                         "%s: __await__() of %.100s returned no iterator", what,
                         Py_TYPE(awaitable)->tp_name);
            Py_CLEAR(iterator);
        }
        return iterator;
    }
    PyErr_Format(PyExc_TypeError,
                 "%s needs a coroutine or another awaitable, not %.100s%s",
                 what, Py_TYPE(awaitable)->tp_name,
                 PyCallable_Check(awaitable)
                     ? "; call the async function: f(), not f"
                     : "");
    return NULL;
}

/* The site of a task is where its coroutine function is defined. */
static void
set_site(bidepy_task *self)
{
    if (!PyCoro_CheckExact(self->coro))
        return;
    PyCodeObject *code = bidepy_code_of(self->coro);
    const char *file = PyUnicode_AsUTF8(code->co_filename);
    if (file) {
        self->file = Py_NewRef(code->co_filename);
        self->task.site = (bide_site){file, code->co_firstlineno};
    } else {
        PyErr_Clear();
    }
    Py_DECREF(code);
}

static bidepy_task *
new_task(bidepy_runtime *runtime, PyObject *coro, PyObject *name)
{
    bidepy_state *st = runtime->st;
    const char *cname = NULL;
    if (name && name != Py_None) {
        if (!PyUnicode_Check(name)) {
            PyErr_Format(PyExc_TypeError, "name must be a str, not %.100s",
                         Py_TYPE(name)->tp_name);
            return NULL;
        }
        cname = PyUnicode_AsUTF8(name);
        if (!cname)
            return NULL;
    }
    bidepy_task *self = bidepy_alloc(st, st->type.task, &st->task_pool);
    if (!self)
        return NULL;
    size_t head = offsetof(bidepy_task, runtime);
    memset((char *)self + head, 0, offsetof(bidepy_task, task) - head);
    self->runtime = (bidepy_runtime *)Py_NewRef(runtime);
    self->name = cname ? Py_NewRef(name) : NULL;
    bide_task_init(&self->task, bidepy_task_resume);
    self->task.name = cname;
    self->coro = Py_NewRef(coro);
    set_site(self);
    return self;
}

static int
start(bidepy_task *self, const bidepy_spawn *how)
{
    bide_loop *loop = self->runtime->loop;
    bide_token *k = NULL;
    if (how->token && how->token != Py_None) {
        k = bidepy_token_use(self->st, how->token, loop);
        if (!k)
            return -1;
    }
    bide_scope *scope =
        how->group ? bidepy_group_scope(how->group) : how->scope;
    self->background = how->background;
    bide_task_set_background(&self->task, how->background);
    int rc = bide_task_start(&self->task, loop, scope, k);
    if (rc) {
        bidepy_raise(self->st, rc, NULL);
        return -1;
    }
    self->token = k ? Py_NewRef(how->token) : NULL;
    self->group = (bidepy_group *)Py_XNewRef((PyObject *)how->group);
    Py_INCREF(self); /* the loop's */
    return 0;
}

/* A bare operation runs no Python code, so it needs no context. */
static int
set_context(bidepy_task *self, PyObject *context)
{
    if (context && context != Py_None)
        self->context = Py_NewRef(context);
    else if (!Py_IS_TYPE(self->coro, self->st->type.op))
        self->context = PyContext_CopyCurrent();
    else
        return 0;
    return self->context ? 0 : -1;
}

bidepy_task *
bidepy_task_spawn(bidepy_runtime *runtime, const bidepy_spawn *how)
{
    bidepy_task *self = new_task(runtime, how->coro, how->name);
    if (!self)
        return NULL;
    if (set_context(self, how->context) == 0 && start(self, how) == 0)
        return self;
    Py_CLEAR(self->coro);
    Py_DECREF(self);
    return NULL;
}
