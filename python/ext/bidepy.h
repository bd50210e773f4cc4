/* bidepy.h - what the files of the Python binding share.
 *
 * State      Nothing is static: every interpreter has a bidepy_state of its
 *            own, and each object of the binding points at it (BIDEPY_HEAD).
 *            The state is counted by those objects, so that one dying after
 *            its module, as happens when an interpreter ends, is safe.
 *
 * Types      Heap types, immutable, final, collected. bidepy_alloc makes an
 *            object, bidepy_free ends one; a type that is made and dropped on
 *            a hot path keeps a bidepy_pool of dead ones in the state.
 *
 * Waiting    Every awaitable is a bidepy_op: a wait node, what it waits on,
 *            and a kind that starts and finishes it.
 *
 * References Comments say "new", "borrowed" or "steals". Core objects keep
 *            Python values as bide_value: one reference each.
 */
#ifndef BIDEPY_H
#define BIDEPY_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <string.h>

#include <bide.h>

/* -- the tables: one row per type, function list or exception ------------- */

/** X(field, public): a type, `st->type.field`, made of the PyType_Spec its file
 * defines (bidepy_<field>_spec), and whether the module shows it. */
#define BIDEPY_TYPES(X)                                                        \
    X(op, 1)                                                                   \
    X(bound, 0)                                                                \
    X(special, 0)                                                              \
    X(done, 0)                                                                 \
    X(runtime, 0)                                                              \
    X(task, 1)                                                                 \
    X(scope, 1)                                                                \
    X(token, 1)                                                                \
    X(future, 1)                                                               \
    X(group, 1)                                                                \
    X(mutex, 1)                                                                \
    X(semaphore, 1)                                                            \
    X(rwlock, 1)                                                               \
    X(rwlock_guard, 0)                                                         \
    X(event, 1)                                                                \
    X(condition, 1)                                                            \
    X(barrier, 1)                                                              \
    X(channel, 1)                                                              \
    X(channel_iterator, 0)                                                     \
    X(stream, 1)                                                               \
    X(listener, 1)

/** X(file): module functions, `PyMethodDef bidepy_<file>_functions[]`, called
 * with the module as self (bidepy_of_module). */
#define BIDEPY_FUNCTIONS(X)                                                    \
    X(run)                                                                     \
    X(time)                                                                    \
    X(task)                                                                    \
    X(scope)                                                                   \
    X(gather)                                                                  \
    X(blocking)                                                                \
    X(tcp)

/** X(field, Name, base, doc): exceptions the binding defines. */
#define BIDEPY_EXCEPTIONS(X)                                                   \
    X(deadlock, "DeadlockError", RuntimeError,                                 \
      "Waiting here would never end; the message names who waits for what.")   \
    X(closed, "ClosedError", RuntimeError,                                     \
      "The channel, stream or listener is closed.")                            \
    X(broken, "BrokenError", RuntimeError,                                     \
      "A lock whose holder ended without unlocking, or an aborted barrier.")   \
    X(not_owner, "NotOwnerError", RuntimeError,                                \
      "The calling task does not hold the lock.")                              \
    X(wrong_runtime, "WrongRuntimeError", RuntimeError,                        \
      "The object belongs to the runtime of another thread or run.")           \
    X(no_runtime, "NoRuntimeError", RuntimeError,                              \
      "No runtime runs on this thread; see bide.run().")                       \
    X(busy, "BusyError", RuntimeError,                                         \
      "Another task is already doing this.")                                   \
    X(would_block, "WouldBlockError", RuntimeError,                            \
      "The operation would have to wait.")

/* -- module state --------------------------------------------------------- */

#define BIDEPY_POOL_MAX 128

/** Dead objects of one type, kept for reuse; each keeps its reference to the
 * type. */
typedef struct bidepy_pool {
    unsigned count;
    PyObject *items[BIDEPY_POOL_MAX];
} bidepy_pool;

typedef struct bidepy_state {
    /** Objects alive plus one for the module; see bidepy_alloc. */
    size_t live;
    /** The module was cleared: report nothing, keep nothing. */
    bool closing;

    struct {
#define X(field, public) PyTypeObject *field;
        BIDEPY_TYPES(X)
#undef X
        /** A StopIteration that goes back to its pool (3.12 and later). */
        PyTypeObject *stop;
    } type;

    struct {
#define X(field, name, base, doc) PyObject *field;
        BIDEPY_EXCEPTIONS(X)
#undef X
        PyObject *cancelled;        /* Cancelled(asyncio.CancelledError) */
        PyObject *stream_closed;    /* (ClosedError, ConnectionError) */
        PyObject *cancelled_base;   /* asyncio.CancelledError */
        PyObject *invalid_state;    /* asyncio.InvalidStateError */
        PyObject *incomplete_read;  /* asyncio.IncompleteReadError */
        PyObject *limit_overrun;    /* asyncio.LimitOverrunError */
    } exc;

    /** The awaitable that is done and gives None: for an __aexit__ that has
     * nothing to wait for. */
    PyObject *done;
    /** Runtimes with debug=True that run now: operations note their origin. */
    unsigned debug;
    PyObject *empty; /* "" */
    PyObject *ending; /* str: why tasks are cancelled at a run's end */
    PyObject *sibling_failed;
    PyObject *race_lost;

    bidepy_pool op_pool, task_pool, scope_pool, token_pool, future_pool;
    bidepy_pool bound_pool, stop_pool;

    /** Thread states of the blocking pool: not "other threads" to a runtime
     * that stalls. Kept by blocking.c. */
    Py_ssize_t pool_threads;
    struct bidepy_job *jobs; /* submitted and not done */
    uint64_t unnamed; /* counts runtimes, for reports */
} bidepy_state;

extern struct PyModuleDef bidepy_module;

/** `type.__call__` of types made often; module.c hooks them in. */
PyObject *bidepy_future_vectorcall(PyObject *type, PyObject *const *args,
                                   size_t nargsf, PyObject *kwnames);
PyObject *bidepy_token_vectorcall(PyObject *type, PyObject *const *args,
                                  size_t nargsf, PyObject *kwnames);

/** The head of every object struct of the binding. */
#define BIDEPY_HEAD                                                            \
    PyObject_HEAD bidepy_state *st;

typedef struct bidepy_object {
    BIDEPY_HEAD
} bidepy_object;

static inline bidepy_state *
bidepy_of(const void *self)
{
    return ((const bidepy_object *)self)->st;
}

static inline bidepy_state *
bidepy_of_module(PyObject *module)
{
    return *(bidepy_state **)PyModule_GetState(module);
}

/** For a `tp_new` of a (final) type. */
static inline bidepy_state *
bidepy_of_type(PyTypeObject *type)
{
    return *(bidepy_state **)PyType_GetModuleState(type);
}

void bidepy_state_drop(bidepy_state *st);
/** Sets the exception for an object that cannot be made: no memory, or no type
 * because the interpreter is ending. Returns NULL. */
void *bidepy_no_object(PyTypeObject *type);

/** Gives a dead object of a pool, which kept its type and the reference to it,
 * its first reference. */
static inline void
bidepy_revive(PyObject *o)
{
#if defined(Py_DEBUG) || defined(Py_TRACE_REFS)
    _Py_NewReference(o);
#else
    Py_SET_REFCNT(o, 1);
#endif
}

/** A new object of `type`, not tracked; `pool` may be NULL. Its fields beyond
 * BIDEPY_HEAD are not initialised. Track it (PyObject_GC_Track) when they are.
 */
static inline void *
bidepy_alloc(bidepy_state *st, PyTypeObject *type, bidepy_pool *pool)
{
    PyObject *o;
    if (pool && pool->count) {
        o = pool->items[--pool->count];
        bidepy_revive(o);
    } else {
        o = type ? _PyObject_GC_New(type) : NULL;
        if (!o)
            return bidepy_no_object(type);
    }
    ((bidepy_object *)o)->st = st;
    st->live++;
    return o;
}

/** The end of a `tp_dealloc`: the object is untracked and its fields are
 * cleared. */
static inline void
bidepy_free(void *self, bidepy_pool *pool)
{
    bidepy_state *st = bidepy_of(self);
    if (pool && pool->count < BIDEPY_POOL_MAX && !st->closing) {
        pool->items[pool->count++] = self;
    } else {
        PyTypeObject *type = Py_TYPE((PyObject *)self);
        PyObject_GC_Del(self);
        Py_DECREF(type);
    }
    if (--st->live == 0)
        bidepy_state_drop(st);
}

/** For every PyType_Spec of the binding. */
#define BIDEPY_TYPE_FLAGS                                                      \
    (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |      \
     Py_TPFLAGS_DISALLOW_INSTANTIATION)
/** For types that are made by calling them (Py_tp_new in the slots). */
#define BIDEPY_CALLABLE_TYPE_FLAGS                                             \
    (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE)

#define bidepy_container(ptr, type, member)                                    \
    ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* -- values, names, sites, times (convert.c) ------------------------------ */

static inline bide_value
bidepy_value(PyObject *o)
{
    return (bide_value){{.ptr = o}, 0};
}

static inline PyObject *
bidepy_object_of(bide_value v)
{
    return (PyObject *)v.as.ptr;
}

/** A name and the place where an object was made, as the core wants them:
 * pointers that stay valid. Embedded in a primitive's struct. */
typedef struct bidepy_label {
    PyObject *name; /* str or NULL */
    PyObject *file; /* str or NULL */
    const char *cname;
    bide_site site;
} bidepy_label;

/** Fills `label` with `name` (str, None or NULL) and the line of Python being
 * executed. -1 with TypeError when `name` is no str. */
int bidepy_label_init(bidepy_label *label, PyObject *name);
/** The same without the line: cheaper. */
int bidepy_label_set(bidepy_label *label, PyObject *name);
void bidepy_label_clear(bidepy_label *label);
/** New: "<Mutex 'cache' locked>"; `detail` may be NULL. */
PyObject *bidepy_label_repr(const bidepy_label *label, PyObject *self,
                            const char *detail);
/** New: the name or None; a getter's body. */
PyObject *bidepy_label_name(const bidepy_label *label);

/** New: "file.py:12", the line of Python being executed; NULL without an
 * exception when there is none. */
PyObject *bidepy_here(void);

/** New: the code object of a coroutine or generator. */
static inline PyCodeObject *
bidepy_code_of(PyObject *generator)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyGen_GetCode((PyGenObject *)generator);
#else
    return (PyCodeObject *)Py_NewRef(((PyGenObject *)generator)->gi_code);
#endif
}

/** Seconds (int or float, None: BIDE_FOREVER) as ns, at least 0. -1 with
 * TypeError or ValueError that names the argument. */
int bidepy_duration(PyObject *seconds, const char *argument, int64_t *out);

/** As bidepy_duration, added to the loop's clock. */
int64_t bidepy_deadline(bide_loop *l, int64_t duration);

/** An int argument of at least `least`. -1 with TypeError or ValueError. */
int bidepy_size(PyObject *value, const char *argument, size_t least,
                size_t *out);

/** Fast keyword parsing for METH_FASTCALL|METH_KEYWORDS: puts borrowed
 * arguments into `out[0..count)` (NULL where absent). `names` ends with NULL;
 * the first `positional` may be given by position, the first `required` must be
 * there. -1 with TypeError as CPython words it. */
typedef struct bidepy_signature {
    const char *function;
    const char *const *names;
    unsigned required, positional;
} bidepy_signature;

int bidepy_parse(const bidepy_signature *sig, PyObject *const *args,
                 Py_ssize_t nargs, PyObject *kwnames, PyObject **out);
/** The same for a `tp_new`/`tp_init`. */
int bidepy_parse_tuple(const bidepy_signature *sig, PyObject *args,
                       PyObject *kwargs, PyObject **out);

/* -- errors (errors.c) ---------------------------------------------------- */

int bidepy_errors_init(bidepy_state *st, PyObject *module);

/** Sets the exception that stands for `code`; `format` (may be NULL: the
 * library's sentence) as for PyErr_Format. BIDE_EHOST: one is set already.
 * Returns NULL. */
PyObject *bidepy_raise(bidepy_state *st, int code, const char *format, ...);

/** Sets Cancelled with the reason of what cancelled `task`. Returns NULL. */
PyObject *bidepy_raise_cancelled(bidepy_state *st, bide_task *task);

/** Whether `exc` (a type or an instance) is an asyncio.CancelledError. */
static inline bool
bidepy_is_cancelled(bidepy_state *st, PyObject *exc)
{
    return PyErr_GivenExceptionMatches(exc, st->exc.cancelled_base) != 0;
}

/** New: the exception raised now, normalised, with its traceback; it is no
 * longer raised. */
PyObject *bidepy_fetch(void);

/** Raises `exc` (an instance) again, with its traceback. Returns NULL. */
PyObject *bidepy_reraise(PyObject *exc);

/** Reports `exc` (borrowed) through sys.unraisablehook, as "Exception ignored
 * <message>". `object` may be NULL. */
void bidepy_report(PyObject *exc, const char *message, PyObject *object);

/* -- runtime (run.c) ------------------------------------------------------ */

typedef struct bidepy_task bidepy_task;
typedef struct bidepy_group bidepy_group;
typedef struct bidepy_entry bidepy_entry;

/** One bide.run(). */
typedef struct bidepy_runtime {
    BIDEPY_HEAD
    bide_loop *loop;
    bidepy_task *main;
    PyThreadState *thread; /* saved while the poll blocks */
    PyObject *fatal;       /* KeyboardInterrupt, SystemExit of a task */
    PyObject *report;      /* DeadlockError made when the loop stalled */
    PyObject *asyncgens;   /* WeakSet of asynchronous generators in use */
    PyObject *old_hooks;   /* sys.get_asyncgen_hooks() before */
    PyObject *sigint;      /* our handler while it is installed */
    PyObject *wakeup;      /* signal.set_wakeup_fd() before */
    bidepy_task *killing;  /* whose coroutine is being closed, borrowed */
    bidepy_task *failed;   /* failed tasks nobody has looked at, borrowed */
    bide_scope cleanup;    /* shielded: tasks that close generators */
    bide_timer recheck;    /* looks for other threads while stalled */
    PyInterpreterState *interpreter;
    long pid; /* of the process that made it */
    unsigned interrupts;
    bool debug, virtual_clock, stopped;
} bidepy_runtime;

/** Signals wake the loop, and the first SIGINT cancels the main task: while in
 * the main thread; elsewhere these do nothing (signals.c). */
int bidepy_signals_begin(bidepy_runtime *self);
void bidepy_signals_end(bidepy_runtime *self);

/** Closes asynchronous generators that were dropped half-way (asyncgen.c). */
int bidepy_asyncgens_begin(bidepy_runtime *self);
/** Starts tasks that close those still in use; whether there were any. */
bool bidepy_asyncgens_close(bidepy_runtime *self);
void bidepy_asyncgens_end(bidepy_runtime *self);

/** The runtime this thread runs, or NULL; of any interpreter. */
extern _Thread_local bidepy_runtime *bidepy_running;

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

/* -- operations (op.c) ---------------------------------------------------- */

typedef struct bidepy_op bidepy_op;

enum {
    /** Dropping one that was never awaited is no mistake. */
    BIDEPY_OP_QUIET = 1,
    /** Works without a task, and never parks. */
    BIDEPY_OP_READY = 2,
    /** Cannot be a part of a race of waits: bide.race gives it a task. */
    BIDEPY_OP_NO_RACE = 4,
    /** `owner` holds no Python objects and `arg` stays NULL: no cycle can go
     * through the operation, so the collector need not know it. */
    BIDEPY_OP_LEAF = 8
};

typedef struct bidepy_op_kind {
    /** "Mutex.lock()": for messages. */
    const char *name;
    /** Submits `op->wait`, which is initialised, for `op->wait.task`. Answers
     * as the core does; BIDE_EHOST with an exception set is fine too. */
    int (*start)(bidepy_op *op);
    /** The result, new; NULL with an exception. NULL: the result is None. */
    PyObject *(*finish)(bidepy_op *op);
    /** Sets the exception for `status`, which is an error; returns NULL. May
     * be NULL: bidepy_raise (Cancelled comes with its reason). */
    PyObject *(*fail)(bidepy_op *op, int status);
    /** Frees what `word` holds; runs once, after finish or fail or instead of
     * them (after bide_wait_drop). May be NULL. */
    void (*release)(bidepy_op *op);
    unsigned flags;
    /** For an operation with more than its own wait, else NULL. `take`: the
     * status, as bide_wait_take, or BIDE_PARKED when it is not over. `drop`:
     * as bide_wait_drop. */
    int (*take)(bidepy_op *op);
    void (*drop)(bidepy_op *op);
} bidepy_op_kind;

/** An awaitable: starts when it is awaited, once. */
struct bidepy_op {
    BIDEPY_HEAD
    const bidepy_op_kind *kind;
    PyObject *owner; /* what is waited on; keeps it alive */
    PyObject *arg;   /* an object argument, or NULL */
    PyObject *origin; /* str, when debugging */
    union {
        int64_t integer;
        size_t size;
        void *ptr;
    } word; /* any other argument */
    uint8_t phase;
    bide_wait wait;
};

/** New operation on `owner` (borrowed, may be NULL); `arg` is NULL and `word`
 * 0 until the caller sets them (`arg`: a new reference). */
bidepy_op *bidepy_op_new(bidepy_state *st, const bidepy_op_kind *kind,
                         PyObject *owner);

enum { BIDEPY_OP_NEW, BIDEPY_OP_PARKED, BIDEPY_OP_OVER };

/** The result of an operation that ended with `status`: as PyIter_Send. For
 * operations made of others. */
PySendResult bidepy_op_end(bidepy_op *self, int status, PyObject **result);

/** New awaitable that is done and gives `value` (borrowed): for an __aenter__
 * that has nothing to wait for. */
PyObject *bidepy_ready(bidepy_state *st, PyObject *value);

/** New reference to the awaitable that is done and gives None. */
static inline PyObject *
bidepy_done(bidepy_state *st)
{
    return Py_NewRef(st->done);
}

/* -- tasks (task.c) ------------------------------------------------------- */

enum { BIDEPY_PENDING, BIDEPY_RESULT, BIDEPY_FAILED, BIDEPY_CANCELLED };

struct bidepy_task {
    BIDEPY_HEAD
    bidepy_runtime *runtime; /* strong */
    PyObject *coro;          /* what is driven; NULL when done */
    PyObject *context;
    PyObject *result; /* value or exception */
    PyObject *name;   /* str; NULL until asked for */
    PyObject *reason; /* of task.cancel(reason) */
    PyObject *token;  /* keeps the token alive */
    PyObject *file;   /* keeps the site's file name alive */
    PyObject *traceback; /* of `result`, if that is an exception */
    PyObject *weakrefs;
    bidepy_group *group;   /* strong, while running */
    bidepy_op *parked;     /* what it waits on, borrowed from the frame */
    bidepy_entry *entered; /* its `with` scopes, innermost first */
    bidepy_task *failed_next, **failed_link; /* in runtime->failed */
    uint8_t outcome;
    bool looked;  /* somebody has seen the outcome */
    bool started; /* the coroutine has run */
    bide_task task;
};

void bidepy_task_resume(bide_task *t);

static inline bidepy_task *
bidepy_task_of(bide_task *t)
{
    return bidepy_container(t, bidepy_task, task);
}

static inline bidepy_task *
bidepy_task_here(bidepy_state *st)
{
    bide_task *t = bide_task_current();
    if (!t || t->resume != bidepy_task_resume)
        return NULL;
    bidepy_task *self = bidepy_task_of(t);
    return self->st == st ? self : NULL;
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

/** New: the report that no task of `runtime` can go on. */
PyObject *bidepy_deadlock_report(bidepy_runtime *runtime);

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
};

/** Enters `e`, whose scope is initialised, for `task`. 0 or an error. */
int bidepy_enter(bidepy_entry *e, bidepy_task *task, bide_token *token,
                 PyObject *owner);

/** Leaves `e`: as bide_scope_leave; BIDE_EHOST with RuntimeError when it is not
 * the innermost. May free the owner. */
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

/* -- pool threads (blocking.c): bide_host.thread_begin, thread_end --------- */

/** `ctx` is the bidepy_runtime. */
void *bidepy_thread_begin(void *ctx);
void bidepy_thread_end(void *ctx, void *state);

/** The run is ending: the tokens of its jobs are cancelled, so that those that
 * look end. Before bide_loop_close. */
void bidepy_jobs_ending(bidepy_runtime *runtime);

/* -- futures (future.c) --------------------------------------------------- */

/** A bide.Future. `on_cancel` (may be NULL) is asked before a cancel settles
 * the future: false means that it settles it itself, later. `on_drop` (may be
 * NULL) is called as the object dies; both get `context`. */
typedef struct bidepy_future {
    BIDEPY_HEAD
    bide_future *future;
    PyObject *traceback; /* of the exception when it was set */
    PyObject *weakrefs;
    bidepy_label label;
    bool (*on_cancel)(struct bidepy_future *self);
    void (*on_drop)(struct bidepy_future *self);
    void *context;
    bool looked;
} bidepy_future;

/** New, unsettled. */
bidepy_future *bidepy_future_new(bidepy_state *st, PyObject *name);

/** Settles with `status` 0 and a result, or BIDE_EHOST and an exception, or
 * BIDE_ECANCELED and a reason (may be NULL); `value` is borrowed. 0 or
 * BIDE_ESETTLED. Needs the GIL; any thread. */
int bidepy_future_settle(bidepy_future *self, int status, PyObject *value);

#endif
