/* The callbacks' task: what call_soon() and the timers queue, run in batches.
 *
 * Invariants
 * - `wait` is parked iff the task is; then the ring is empty, but for handles
 *   whose post (`posted`) is on its way.
 * - As in asyncio, a batch is what was there when it began, with the timers
 * that were due; stop() lets it end.
 * - The loop polls after each of the batches FIRST to LAST since it was idle,
 * as asyncio does after all, and at the latest after POLL_INTERVAL callbacks.
 */
#include "bridge.h"
#include "contexts.h"
#include "ring.h"

/* What follows an event mostly ends with the second batch, a future's callbacks
 * behind a protocol's: to poll between the two would cost a twentieth of a
 * server's time. In what takes longer, other events come in when they would
 * with asyncio, or a batch later; what goes on and on is not to pay for a poll
 * each time. */
enum { FIRST = 2, LAST = 8, POLL_INTERVAL = 64 };

static bidepy_loop *
loop_of(bide_task *t)
{
    return bidepy_container(t, bidepy_loop, task);
}

/* -- the ring ------------------------------------------------------------- */

static void
on_post(bide_post *post)
{
    bidepy_loop *self = bidepy_container(post, bidepy_loop, post);
    self->posted = false;
    bide_unpark(&self->wait, 0);
}

void
bidepy_loop_wake_here(bidepy_loop *self)
{
    bide_unpark(&self->wait, 0);
}

int
bidepy_loop_append(bidepy_loop *self, PyObject *handle)
{
    if (bidepy_ring_push(&self->ring, Py_NewRef(handle))) {
        Py_DECREF(handle);
        return -1;
    }
    if (self->wait.state != BIDE_WAIT_PARKED || self->posted)
        return 0;
    if (bide_loop_current() == self->runtime->loop) {
        bide_unpark(&self->wait, 0);
    } else {
        self->posted = true;
        if (bide_loop_post(self->runtime->loop, &self->post))
            self->posted = false;
    }
    return 0;
}

bidepy_handle *
bidepy_loop_soon(bidepy_loop *self, const bidepy_call *call)
{
    bidepy_handle *handle = bidepy_handle_new(self, call, !self->runs);
    if (handle && bidepy_loop_append(self, (PyObject *)handle))
        Py_CLEAR(handle);
    return handle;
}

int
bidepy_loop_call(bidepy_loop *self, PyObject *callback, PyObject *const *args,
                 size_t nargs, PyObject *context)
{
    bidepy_call call = {callback, args, nargs, context};
    bidepy_handle *handle = bidepy_loop_soon(self, &call);
    Py_XDECREF((PyObject *)handle);
    return handle ? 0 : -1;
}

/* -- failures ------------------------------------------------------------- */

bool
bidepy_loop_fatal(bidepy_loop *self)
{
    if (!PyErr_ExceptionMatches(PyExc_KeyboardInterrupt) &&
        !PyErr_ExceptionMatches(PyExc_SystemExit))
        return false;
    PyObject *exc = bidepy_fetch();
    bidepy_runtime_exit(self->runtime, exc);
    Py_DECREF(exc);
    bide_loop_pause(self->runtime->loop);
    return true;
}

/* Calls a helper that reports the exception that is set. */
static void
tell(bidepy_loop *self, const char *helper, PyObject *what, PyObject *extra)
{
    PyObject *exc = bidepy_fetch(), *before = bidepy_handling(exc);
    PyObject *done = PyObject_CallMethod(self->st->aio->helpers, helper, "OOOO",
                                         (PyObject *)self, what, exc,
                                         extra ? extra : Py_None);
    bidepy_handled(before);
    Py_DECREF(exc);
    Py_XDECREF(done);
    if (!done && !bidepy_loop_fatal(self))
        PyErr_WriteUnraisable((PyObject *)self);
}

void
bidepy_loop_complain(bidepy_loop *self, const char *message, PyObject *extra)
{
    if (bidepy_loop_fatal(self))
        return;
    PyObject *exc = bidepy_fetch();
    PyObject *text = PyUnicode_FromString(message);
    if (!text)
        PyErr_Clear();
    bidepy_reraise(exc);
    Py_DECREF(exc);
    tell(self, "complain", text ? text : Py_None, extra);
    Py_XDECREF(text);
}

/* -- a batch -------------------------------------------------------------- */

static void
run_handle(bidepy_loop *self, bidepy_handle *handle)
{
    PyObject *result;
    if (self->debug)
        result = PyObject_CallMethod(self->st->aio->helpers, "run_debug", "OO",
                                     (PyObject *)self, (PyObject *)handle);
    else
        result = bidepy_handle_call(handle, self);
    if (result)
        Py_DECREF(result);
    else if (!bidepy_loop_fatal(self))
        tell(self, "failed", (PyObject *)handle, NULL);
}

/* A handle that others made: its own methods know. */
static void
run_foreign(bidepy_loop *self, PyObject *handle)
{
    PyObject *result = PyObject_CallMethod(
        self->st->aio->helpers, "run_foreign", "OO", (PyObject *)self, handle);
    if (result)
        Py_DECREF(result);
    else
        bidepy_loop_complain(self, "Exception in a callback", NULL);
}

static void
run_one(bidepy_loop *self, PyObject *item)
{
    bidepy_aio *aio = self->st->aio;
    if (bidepy_is_handle(aio, item))
        ((bidepy_handle *)item)->queued = false;
    else if (!bidepy_is_timer_handle(aio, item)) {
        run_foreign(self, item);
        return;
    }
    if (((bidepy_handle *)item)->cancelled != Py_True)
        run_handle(self, (bidepy_handle *)item);
}

/* An exception is to end the run. Once it has, what cleans up needs callbacks
 * again. */
static bool
is_ending(const bidepy_runtime *runtime)
{
    return runtime->fatal && !runtime->stopped;
}

static void
run_batch(bidepy_loop *self)
{
    size_t n = self->ring.count;
    self->called += (unsigned)n;
    while (n-- && self->ring.count && !is_ending(self->runtime)) {
        PyObject *item = bidepy_ring_pop(&self->ring);
        run_one(self, item);
        bidepy_handle_let_go(item, self->st);
    }
}

static void
poll_if_due(bidepy_loop *self)
{
    unsigned n = ++self->batches;
    if ((n < FIRST || n > LAST) && self->called < POLL_INTERVAL)
        return;
    self->called = 0;
    bide_loop_pause(self->runtime->loop);
}

/* There is nothing to call until something wakes the task. */
static void
rest(bidepy_loop *self)
{
    self->called = self->batches = 0;
    bidepy_contexts_rest(self);
}

/* Not by yielding alone: a cancelled root does not reach into its scope, so
 * both of these park. */
static void
go_on_later(bidepy_loop *self)
{
    bide_wait_init(&self->wait, &self->task);
    if (self->ring.count || (self->stopping && self->runtime->serving))
        bide_yield(&self->wait);
    else
        bide_park(&self->wait);
}

static void
resume(bide_task *t)
{
    bidepy_loop *self = loop_of(t);
    bide_wait_take(&self->wait);
    bide_loop_expire(self->runtime->loop);
    run_batch(self);
    if (self->ring.count)
        poll_if_due(self);
    else
        rest(self);
    if (self->stopping && self->runtime->serving)
        bide_loop_stop(self->runtime->loop);
    go_on_later(self);
}

/* -- running or not ------------------------------------------------------- */

void
bidepy_loop_started(bidepy_loop *self)
{
    self->runs = true;
}

/* The run kept the loop alive; from now on the collector has to see what is
 * left. */
void
bidepy_loop_stopped(bidepy_loop *self)
{
    self->runs = false;
    for (size_t i = 0; i < self->ring.count; i++) {
        PyObject *o = *bidepy_ring_at(&self->ring, i);
        if (bidepy_is_handle(self->st->aio, o))
            bidepy_handle_track((bidepy_handle *)o);
    }
    bidepy_contexts_rest(self);
}

/* -- life ----------------------------------------------------------------- */

int
bidepy_loop_open(bidepy_loop *self, bidepy_runtime *runtime)
{
    self->runtime = (bidepy_runtime *)Py_NewRef(runtime);
    runtime->aio = self;
    self->armed.next = self->armed.prev = &self->armed;
    self->waiting.next = self->waiting.prev = &self->waiting;
    self->post.deliver = on_post;
    bide_scope_init(&self->scope);
    bide_scope_shield(&self->scope, BIDE_FOREVER);
    bide_scope_attach(&self->scope, bide_loop_root(runtime->loop));
    bide_task_init(&self->task, resume);
    self->task.name = "callbacks of the asyncio loop";
    int rc = bide_task_attach(&self->task, runtime->loop, &self->scope);
    if (rc) {
        bidepy_raise(self->st, rc, NULL);
        return -1;
    }
    bide_wait_init(&self->wait, &self->task);
    bide_park(&self->wait);
    return 0;
}

static void
drop_timers(bidepy_loop *self)
{
    while (self->armed.next != &self->armed) {
        bidepy_timer_handle *handle =
            bidepy_container(self->armed.next, bidepy_timer_handle, armed);
        self->armed.next = handle->armed.next;
        handle->armed.next->prev = &self->armed;
        bide_timer_stop(self->runtime->loop, &handle->timer);
        Py_XSETREF(handle->scheduled, Py_NewRef(Py_False));
        Py_DECREF(handle);
    }
}

void
bidepy_loop_shut(bidepy_loop *self)
{
    self->closed = true;
    drop_timers(self);
    bidepy_loop_drop_fds(self);
    while (self->ring.count)
        Py_DECREF(bidepy_ring_pop(&self->ring));
    PyMem_Free(self->ring.items);
    self->ring = (bidepy_ring){.items = NULL};
    PyMem_Free(self->scratch);
    self->scratch = NULL;
    Py_CLEAR(self->itself);
    Py_CLEAR(self->snapshot);
    Py_CLEAR(self->spare);
    if (self->runtime->aio != self)
        return;
    self->runtime->aio = NULL;
    bidepy_proxies_finish(self);
    bide_wait_drop(&self->wait);
    bide_task_finish(&self->task);
    bide_scope_detach(&self->scope);
}
