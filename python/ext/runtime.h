/* runtime.h - one bide.run() and what hangs on it. Part of bidepy.h. */
#ifndef BIDEPY_RUNTIME_H
#define BIDEPY_RUNTIME_H

#include "bidepy.h"

typedef struct bidepy_task bidepy_task;
typedef struct bidepy_group bidepy_group;
typedef struct bidepy_entry bidepy_entry;

/** One bide.run(). */
typedef struct bidepy_runtime {
    BIDEPY_HEAD
    bide_loop *loop;
    bidepy_task *main;
    PyThreadState *thread;   /* saved while the poll blocks */
    PyObject *fatal;         /* KeyboardInterrupt, SystemExit of a task */
    PyObject *report;        /* DeadlockError made when the loop stalled */
    PyObject *asyncgens;     /* WeakSet of asynchronous generators in use */
    PyObject *old_hooks;     /* sys.get_asyncgen_hooks() before */
    PyObject *sigint;        /* our handler while it is installed */
    PyObject *wakeup;        /* signal.set_wakeup_fd() before */
    bidepy_task *killing;    /* whose coroutine is being closed, borrowed */
    bidepy_task *failed;     /* failed tasks nobody has looked at, borrowed */
    bide_scope cleanup;      /* shielded: tasks that close generators */
    struct bidepy_loop *aio; /* asyncio's loop on this runtime, borrowed */
    PyObject *aio_object;    /* the same, in a bide.run(), strong */
    bidepy_task *shown;      /* seen by asyncio in this step, borrowed */
    PyObject *on_blocked;    /* callable, or NULL */
    PyObject *on_report;     /* callable, or NULL */
    PyThreadState *runner;   /* of the thread that runs it: for the watchdog */
    const void *base;        /* frame that called bide.run() */
    PyInterpreterState *interpreter;
    long pid; /* of the process that made it */
    unsigned interrupts;
    bool cut_short; /* by a second Ctrl-C: nobody's cleanup is waited for */
    bool debug, virtual_clock, stopped;
    bool serving; /* asyncio's run_forever(), not bide.run() */
} bidepy_runtime;

/** Signals wake the loop, and the first SIGINT cancels the main task if there
 * is one: while in the main thread; elsewhere these do nothing (signals.c). */
int bidepy_signals_begin(bidepy_runtime *self);
void bidepy_signals_end(bidepy_runtime *self);

/** Closes asynchronous generators that were dropped half-way (asyncgen.c). */
int bidepy_asyncgens_begin(bidepy_runtime *self);
/** Starts tasks that close those still in use; whether there were any. */
bool bidepy_asyncgens_close(bidepy_runtime *self);
void bidepy_asyncgens_end(bidepy_runtime *self);

#if defined(__GNUC__)
/** Found without a call; a module loaded late may use a pointer's worth. */
#define BIDEPY_TLS __attribute__((tls_model("initial-exec")))
#else
#define BIDEPY_TLS
#endif

/** The runtime this thread runs, or NULL; of any interpreter. */
extern _Thread_local bidepy_runtime *bidepy_running BIDEPY_TLS;

/** Once: in the child of a fork no runtime runs. */
void bidepy_forks_init(void);

/** The runtime of `st` that this thread runs; NULL with NoRuntimeError. `what`
 * names the caller ("bide.sleep()"). */
bidepy_runtime *bidepy_runtime_here(bidepy_state *st, const char *what);

/** The task of `st` that runs on this thread, borrowed, or NULL without an
 * exception. */
static inline bidepy_task *bidepy_task_here(bidepy_state *st);

/** As bidepy_task_here, or else the task whose coroutine the end of the run is
 * closing. For leaving what the task has entered. */
static inline bidepy_task *bidepy_task_acting(bidepy_state *st);

/** Objects that are for one loop's thread: binds `*slot` to the loop of this
 * thread when it is free, else compares. Call it first in every method that
 * does not await (unlock, set, release, ...). 0, or -1 with WrongRuntimeError
 * that names `what` ("Event"). Without a runtime here a free object stays
 * free, and the call goes on. */
int bidepy_bind(bidepy_state *st, bide_loop **slot, const char *what);
/** Ends what bidepy_bind began; for `tp_dealloc`. */
void bidepy_unbind(bide_loop **slot);

/* -- pool threads (blocking.c): bide_host.thread_begin, thread_end --------- */

/** `ctx` is the bidepy_runtime. */
void *bidepy_thread_begin(void *ctx);
void bidepy_thread_end(void *ctx, void *state);

/** The run is ending: the tokens of its jobs are cancelled, so that those that
 * look end. Before bide_loop_close. */
void bidepy_jobs_ending(bidepy_runtime *runtime);

/** bide_host.where (report.c). With the GIL. */
void bidepy_where(void *ctx, bide_task *t, char *out, size_t size);

/** asyncio's loop of a bide.run(): made, and done away with (asyncio/aio.c). */
int bidepy_aio_begin(bidepy_runtime *self);
/** Starts a task that ends asyncio's; whether there is anything to end. */
bool bidepy_aio_finish(bidepy_runtime *self);
void bidepy_aio_end(bidepy_runtime *self);

/** `exc` (borrowed) ends the run, unless another one does already. */
void bidepy_runtime_fail(bidepy_runtime *self, PyObject *exc);

/** KeyboardInterrupt or SystemExit of a task or a callback: it ends the run,
 * and a second one what cleans up at the end of it. */
void bidepy_runtime_exit(bidepy_runtime *self, PyObject *exc);

/* -- the watchdog (watchdog.c) --------------------------------------------- */

/** bide_host.trace and .blocked. */
size_t bidepy_trace(void *ctx, bool here, char *out, size_t size);
void bidepy_blocked(void *ctx, const bide_block *b);

/** Reads the arguments watchdog (seconds, a bool or None), watchdog_signal and
 * on_blocked of run(), each borrowed, may be NULL. 0, or -1 with an exception.
 */
int bidepy_watchdog_read(PyObject *watchdog, PyObject *signum,
                         PyObject *on_blocked, bide_watchdog *out);

/** Reads argument `name`, borrowed: seconds, True for `usual` ns, False for
 * never; NULL and None leave `*out` as it is. 0, or -1 with an exception. */
int bidepy_limit(PyObject *value, const char *name, int64_t usual,
                 int64_t *out);

/* -- reports (reports.c) --------------------------------------------------- */

/** bide_host.what, .others and .report. With the GIL. */
void bidepy_what(void *ctx, bide_task *t, char *out, size_t size);
size_t bidepy_others(void *ctx, char *out, size_t size);
void bidepy_reported(void *ctx, const bide_report *r);

/** New: `s` as str, or None where it is empty. NULL with an exception. */
PyObject *bidepy_text_or_none(const char *s);

/** Calls a handler that the program gave, borrowed, with `report`: taken over,
 * NULL with an exception for one that could not be made. What is raised is
 * reported with `message`. */
void bidepy_tell(PyObject *handler, PyObject *report, const char *message);

/** Reads the arguments slow_lock and stall (seconds, a bool or None) and
 * on_report of run(), each borrowed, may be NULL. 0, or -1 with an exception.
 */
int bidepy_reports_read(PyObject *slow_lock, PyObject *stall,
                        PyObject *on_report, bide_loop_options *out);

/** New: why every task waits for ever. NULL without an exception. */
PyObject *bidepy_stall_text(bidepy_runtime *self);

#endif
