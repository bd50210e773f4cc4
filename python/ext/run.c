/* bide.run: a loop for one main coroutine, from its first step to the end of
 * everything it started.
 *
 * Order of the end: cancel the root scope; run until no task is left; close
 * asynchronous generators; close the core's loop, which waits for blocking
 * jobs; report what nobody looked at. */
#include "bidepy.h"
#include "asyncio/aio.h"
#include "run.h"

#include <pthread.h>
#include <unistd.h>

#define SHUT_GRACE (10 * INT64_C(1000000000))

_Thread_local bidepy_runtime *bidepy_running BIDEPY_TLS;
static _Thread_local bool forked_inside; /* this thread, in a run */

/* In the child of a fork: the runtime that this thread was inside stays with
 * the parent. */
static void
forked(void)
{
    forked_inside |= bidepy_running != NULL;
    bidepy_running = NULL;
}

static void
watch_forks(void)
{
    pthread_atfork(NULL, NULL, forked);
}

void
bidepy_forks_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
}

bidepy_runtime *
bidepy_runtime_here(bidepy_state *st, const char *what)
{
    if (bidepy_running && bidepy_running->st == st)
        return bidepy_running;
    if (forked_inside) {
        bidepy_raise(st, BIDE_EFORKED, NULL);
        return NULL;
    }
    PyErr_Format(st->exc.no_runtime,
                 "%s: no runtime runs on this thread; call it from a coroutine "
                 "started by bide.run()",
                 what);
    return NULL;
}

PyObject *
bidepy_raise_no_task(bidepy_state *st, const char *what)
{
    if (forked_inside && !bidepy_running)
        return bidepy_raise(st, BIDE_EFORKED, NULL);
    PyErr_Format(st->exc.no_runtime,
                 "%s: await and `with` of bide's objects work in tasks of "
                 "bide.run() only; this code runs in none (in a plain thread, "
                 "in asyncio, or in a callback)",
                 what);
    return NULL;
}

/* -- objects bound to a loop ---------------------------------------------- */

int
bidepy_bind(bidepy_state *st, bide_loop **slot, const char *what)
{
    bide_loop *here = bide_loop_current();
    if (*slot == here)
        return 0;
    if (*slot && !bide_loop_closed(*slot)) {
        bidepy_raise(st, BIDE_EWRONGLOOP,
                     "this %s belongs to the runtime of another thread, or to "
                     "one that is not running; use a Channel or a Future "
                     "between threads",
                     what);
        return -1;
    }
    if (here) {
        bide_loop_unref(*slot);
        *slot = bide_loop_ref(here);
    }
    return 0;
}

void
bidepy_unbind(bide_loop **slot)
{
    bide_loop_unref(*slot);
    *slot = NULL;
}

/* -- running -------------------------------------------------------------- */

/* Keeps the exception that is set as the one that ends the run. */
static void
keep_fatal(bidepy_runtime *self)
{
    PyObject *exc = bidepy_fetch();
    if (self->fatal)
        Py_DECREF(exc);
    else
        self->fatal = exc;
}

/* Runs until `until` is done, or all tasks are. 0, or why not. */
static int
drive(bidepy_runtime *self, bide_task *until)
{
    int rc = bide_loop_run(self->loop, until);
    if (rc == 0 || rc == BIDE_ESTALLED || rc == BIDE_EHOST)
        return rc;
    bidepy_raise(self->st, rc, "%s: %s",
                 self->serving ? "run_forever()" : "bide.run()",
                 bide_strerror(rc));
    keep_fatal(self);
    return BIDE_EHOST;
}

static void
collect_task(bide_task *t, void *list)
{
    if (t->resume == bidepy_task_resume)
        PyList_Append(list, (PyObject *)bidepy_task_of(t));
}

static size_t
count_tasks(bidepy_runtime *self)
{
    bide_loop_counts counts;
    bide_loop_count(self->loop, &counts);
    return counts.tasks;
}

/* Closes the coroutines of tasks that would not end by themselves. */
static void
kill_tasks(bidepy_runtime *self)
{
    while (count_tasks(self)) {
        PyObject *list = PyList_New(0);
        if (list)
            bide_loop_each_task(self->loop, collect_task, list);
        PyErr_Clear();
        Py_ssize_t n = list ? PyList_GET_SIZE(list) : 0;
        for (Py_ssize_t i = 0; i < n; i++) {
            bidepy_task *task = (bidepy_task *)PyList_GET_ITEM(list, i);
            if (task->outcome == BIDEPY_PENDING)
                bidepy_task_kill(task);
        }
        Py_XDECREF(list);
        if (n == 0)
            break;
    }
}

static void
report_stalled_end(bidepy_runtime *self)
{
    PyObject *exc =
        self->report ? PyObject_CallOneArg(self->st->exc.deadlock, self->report)
                     : NULL;
    if (!exc) {
        PyErr_Clear();
        return;
    }
    bidepy_report(exc, "at the end of bide.run(): tasks that would not end",
                  NULL);
    Py_DECREF(exc);
}

/* Runs what is left. An interruption, or tasks that wait for nothing that can
 * happen, cut it short: they are closed. */
static void
run_out(bidepy_runtime *self)
{
    int rc = drive(self, NULL);
    if (rc == 0)
        return;
    if (rc == BIDE_ESTALLED)
        report_stalled_end(self);
    kill_tasks(self);
}

static void
finish_tasks(bidepy_runtime *self)
{
    if (self->cut_short)
        kill_tasks(self);
    else
        run_out(self);
}

static void
report_failures(bidepy_runtime *self)
{
    while (self->failed) {
        bidepy_task *task = (bidepy_task *)Py_NewRef(self->failed);
        bidepy_task_report(task);
        Py_DECREF(task);
    }
}

static void
end_tasks(bidepy_runtime *self)
{
    PyObject *deadlock = self->report;
    self->report = NULL;
    self->stopped = true;
    bide_scope_cancel(bide_loop_root(self->loop),
                      bidepy_value(self->st->ending));
    bidepy_jobs_ending(self);
    bidepy_aio_finish(self);
    finish_tasks(self);
    bool more = true;
    while (more && !self->cut_short) {
        more = bidepy_asyncgens_close(self);
        more |= bidepy_aio_finish(self);
        if (more)
            finish_tasks(self);
    }
    Py_XSETREF(self->report, deadlock);
    report_failures(self);
}

/* -- the core's end ------------------------------------------------------- */

/* Called without the GIL, under a lock of the core. */
typedef struct stuck_jobs {
    size_t used;
    char names[512];
} stuck_jobs;

static void
on_stuck(void *arg, const bide_job *job)
{
    stuck_jobs *stuck = arg;
    size_t room = sizeof stuck->names - stuck->used;
    int n = snprintf(stuck->names + stuck->used, room, "%s%s (%s:%d)",
                     stuck->used ? ", " : "", job->name ? job->name : "a job",
                     job->site.file ? job->site.file : "?", job->site.line);
    stuck->used += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

static void
close_loop(bidepy_runtime *self, int64_t grace)
{
    stuck_jobs stuck = {0, ""};
    int rc = bide_loop_close(self->loop, grace, on_stuck, &stuck);
    if (rc != BIDE_ESTUCK)
        return;
    Py_INCREF(self); /* the pool's threads still point at it */
    if (PyErr_WarnFormat(PyExc_RuntimeWarning, 1,
                         "bide.run() ended while spawn_blocking() work was "
                         "still running after the shutdown_timeout: %s",
                         stuck.names))
        PyErr_WriteUnraisable(NULL);
}

/* In a forked child the runtime is the parent's: it is left as it is, with all
 * its tasks, since closing would act on descriptors that are shared. */
static bool
is_forked(bidepy_runtime *self)
{
    return self->pid != (long)getpid();
}

/* -- from beginning to end ------------------------------------------------ */

static int
begin(bidepy_runtime *self, PyObject *coro)
{
    bide_scope_init(&self->cleanup);
    bide_scope_shield(&self->cleanup, BIDE_FOREVER);
    bide_scope_attach(&self->cleanup, bide_loop_root(self->loop));
    PyObject *name = PyUnicode_FromString("main");
    if (!name)
        return -1;
    bidepy_spawn how = {.coro = coro, .name = name};
    self->main = bidepy_task_spawn(self, &how);
    Py_DECREF(name);
    if (!self->main)
        return -1;
    if (bidepy_aio_begin(self) || bidepy_asyncgens_begin(self) ||
        bidepy_signals_begin(self)) {
        keep_fatal(self);
        return -1;
    }
    return 0;
}

static PyObject *
outcome(bidepy_runtime *self)
{
    bidepy_task *main = self->main;
    if (self->fatal)
        return bidepy_reraise(self->fatal);
    if (self->report) {
        PyErr_SetObject(self->st->exc.deadlock, self->report);
        return NULL;
    }
    if (main->outcome == BIDEPY_RESULT)
        return Py_NewRef(main->result);
    if (main->outcome == BIDEPY_CANCELLED && self->interrupts) {
        PyErr_SetNone(PyExc_KeyboardInterrupt);
        return NULL;
    }
    return main->result ? bidepy_reraise(main->result) : NULL;
}

PyObject *
bidepy_runtime_run(bidepy_runtime *self, PyObject *coro, int64_t grace)
{
    bidepy_running = self;
    if (self->debug && bidepy_locks_begin(self->st)) {
        PyErr_WriteUnraisable(NULL);
        self->debug = false;
    }
    self->st->debug += self->debug;
    self->runner = PyThreadState_Get();
    self->base = bidepy_frame_here();
    int rc = begin(self, coro);
    if (rc == 0)
        drive(self, &self->main->task);
    if (self->main)
        bidepy_task_look(self->main);
    bool forked = is_forked(self);
    PyObject *error = PyErr_Occurred() ? bidepy_fetch() : NULL;
    if (!forked)
        end_tasks(self);
    bidepy_asyncgens_end(self);
    bidepy_signals_end(self);
    if (!forked)
        bidepy_aio_end(self);
    if (forked) {
        Py_INCREF(self);
    } else {
        bide_scope_detach(&self->cleanup);
        close_loop(self, self->cut_short ? 0 : grace);
    }
    self->st->debug -= self->debug;
    if (self->debug)
        bidepy_locks_end();
    bidepy_running = NULL;
    if (error) {
        bidepy_reraise(error);
        Py_DECREF(error);
        return NULL;
    }
    return outcome(self);
}

/* -- for asyncio ---------------------------------------------------------- */

int
bidepy_runtime_serve(bidepy_runtime *self, bide_task *until, bide_wait *ready)
{
    if (bidepy_signals_begin(self))
        return -1;
    bidepy_running = self;
    self->serving = true;
    self->runner = PyThreadState_Get();
    self->base = bidepy_frame_here();
    self->stopped = false;
    if (ready)
        bide_unpark(ready, 0);
    bide_loop_pause(self->loop);
    drive(self, until);
    self->serving = false;
    bidepy_running = NULL;
    bidepy_signals_end(self);
    PyObject *fatal = self->fatal;
    self->fatal = NULL;
    if (!fatal)
        return 0;
    bidepy_reraise(fatal);
    Py_DECREF(fatal);
    return -1;
}

/* Native tasks that are left are closed without waiting for their cleanup, as a
 * loop of asyncio leaves its own. */
void
bidepy_runtime_shut(bidepy_runtime *self, struct bidepy_loop *aio)
{
    PyObject *error = PyErr_Occurred() ? bidepy_fetch() : NULL;
    bidepy_runtime *running = bidepy_running;
    bidepy_running = self;
    bide_scope_cancel(bide_loop_root(self->loop),
                      bidepy_value(self->st->ending));
    bidepy_jobs_ending(self);
    kill_tasks(self);
    bidepy_loop_shut(aio);
    report_failures(self);
    if (is_forked(self))
        Py_INCREF(self);
    else
        close_loop(self, SHUT_GRACE);
    bidepy_running = running;
    if (error) {
        bidepy_reraise(error);
        Py_DECREF(error);
    }
}
