/* aio.h - asyncio on bide's reactor: what the files of this directory share.
 *
 * Loop       A bidepy_loop is the C base of bide.EventLoop, an asyncio loop. It
 *            has a runtime of its own, or that of the bide.run() it stands in.
 *
 * Callbacks  Handles that are due wait in the loop's ring. One attached task of
 *            the core runs those that are there when its turn comes, and
 * yields: so callbacks and native tasks take turns, and one trip through the
 *            core's queue carries any number of callbacks.
 *
 * Threads    The GIL guards the ring: any thread that holds it may append. Only
 *            the loop's thread wakes the task; others post to it, once until
 *            the post has arrived. */
#ifndef BIDEPY_AIO_H
#define BIDEPY_AIO_H

#include "../bidepy.h"

/* -- names ---------------------------------------------------------------- */

/** X(name): interned strings, `st->aio->str.name`. */
#define BIDEPY_AIO_STRINGS(X)                                                  \
    X(context)                                                                 \
    X(loop)                                                                    \
    X(add_done_callback)                                                       \
    X(_asyncio_future_blocking)                                                \
    X(call_exception_handler)                                                  \
    X(cancel)                                                                  \
    X(result)                                                                  \
    X(_bide_proxy)                                                             \
    X(_run)

/** Dead handles, kept for reuse: each points at the next with its `args`, and
 * keeps its reference to the type. */
typedef struct bidepy_chain {
    PyObject *first;
    unsigned count;
} bidepy_chain;

enum { BIDEPY_CHAIN_MAX = 1024 };

/** Made by the first loop, of modules and classes of asyncio. */
typedef struct bidepy_aio {
    PyTypeObject *handle, *timer_handle;
    PyObject *future_class; /* asyncio.Future */
    PyObject *tasks;        /* asyncio.tasks */
    PyObject *socket_class; /* socket.socket */
    PyObject *stock;        /* asyncio's own loop class */
    PyObject *helpers;      /* bide.aio._helpers: cold halves in Python */
    struct {
#define X(name) PyObject *name;
        BIDEPY_AIO_STRINGS(X)
#undef X
    } str;
    bidepy_chain handle_pool, timer_pool;
    PyObject *blank; /* a context without variables */
    bool shares_contexts;
} bidepy_aio;

/** `st->aio`, made if need be; NULL with an exception. */
bidepy_aio *bidepy_aio_need(bidepy_state *st, PyObject *module);

/* -- handles -------------------------------------------------------------- */

typedef struct bidepy_link {
    struct bidepy_link *next, *prev;
} bidepy_link;

enum { BIDEPY_INLINE_ARGS = 3 };

/** Where weak references are kept: before the object from 3.12 on. */
#if PY_VERSION_HEX < 0x030C0000
#define BIDEPY_HANDLE_WEAKREFS PyObject *weakrefs;
#else
#define BIDEPY_HANDLE_WEAKREFS
#endif

/** The slots of asyncio.Handle, in its layout; checked when the type is made.
 */
#define BIDEPY_HANDLE_SLOTS                                                    \
    PyObject_HEAD PyObject *args;                                              \
    PyObject *callback;                                                        \
    PyObject *cancelled;                                                       \
    PyObject *context;                                                         \
    PyObject *loop;                                                            \
    PyObject *repr;                                                            \
    PyObject *source_traceback;                                                \
    BIDEPY_HANDLE_WEAKREFS

/** What ours have beyond them: few arguments lie inline, behind one free place
 * (PY_VECTORCALL_ARGUMENTS_OFFSET); more are in `args`. */
#define BIDEPY_HANDLE_EXTRA                                                    \
    PyObject *argv[1 + BIDEPY_INLINE_ARGS];                                    \
    uint8_t nargs;                                                             \
    bool queued;    /* in the ring; for those of add_reader() */               \
    bool shared;    /* `context` is a snapshot (contexts.h) */                 \
    bool untracked; /* by the collector: see bidepy_loop_soon */

typedef struct bidepy_handle {
    BIDEPY_HANDLE_SLOTS
    BIDEPY_HANDLE_EXTRA
} bidepy_handle;

/** An asyncio.TimerHandle. While `timer` is armed the loop has a reference. */
typedef struct bidepy_timer_handle {
    BIDEPY_HANDLE_SLOTS
    PyObject *scheduled;
    PyObject *when;
    BIDEPY_HANDLE_EXTRA
    bide_timer timer;
    bidepy_link armed; /* in loop->armed */
} bidepy_timer_handle;

/** What to call, and in which context (NULL: a copy of the current one). */
typedef struct bidepy_call {
    PyObject *callback;
    PyObject *const *args;
    size_t nargs;
    PyObject *context;
} bidepy_call;

typedef struct bidepy_loop bidepy_loop;

/** New handle that is in no queue, and tracked only if the call says so. */
bidepy_handle *bidepy_handle_new(bidepy_loop *loop, const bidepy_call *call,
                                 bool track);
bidepy_timer_handle *bidepy_timer_handle_new(bidepy_loop *loop,
                                             const bidepy_call *call,
                                             double when);
int bidepy_handles_init(bidepy_state *st, bidepy_aio *aio, PyObject *module);
void bidepy_handle_cancel(bidepy_handle *self);
/** Calls what the handle stands for, in its context, and sends what that wrote.
 * NULL with an exception. */
PyObject *bidepy_handle_call(bidepy_handle *self, bidepy_loop *loop);
/** The collector gets to know of the handle, if it does not. */
void bidepy_handle_track(bidepy_handle *self);
/** The loop is done with what was in the ring (steals it). */
void bidepy_handle_let_go(PyObject *handle, bidepy_state *st);
int bidepy_chain_visit(const bidepy_chain *chain, visitproc visit, void *arg);
void bidepy_chain_free(bidepy_chain *chain);

static inline bool
bidepy_is_handle(const bidepy_aio *aio, PyObject *o)
{
    return Py_IS_TYPE(o, aio->handle);
}

static inline bool
bidepy_is_timer_handle(const bidepy_aio *aio, PyObject *o)
{
    return Py_IS_TYPE(o, aio->timer_handle);
}

/* -- the loop ------------------------------------------------------------- */

typedef struct bidepy_ring {
    PyObject **items; /* strong; `room` is 0 or a power of two */
    size_t head, count, room;
} bidepy_ring;

struct bidepy_fd;

struct bidepy_loop {
    BIDEPY_HEAD
    bidepy_runtime *runtime; /* strong */
    bidepy_ring ring;
    bide_scope scope; /* of the callbacks' task: a shield */
    bide_task task;
    bide_wait wait; /* parked: there is nothing to call */
    bide_post post;
    bidepy_link armed;      /* head: timer handles */
    bidepy_link waiting;    /* head: stand-ins, see proxy.c */
    struct bidepy_fd **fds; /* by descriptor */
    size_t fd_room;
    PyObject *snapshot, *spare; /* contexts.h */
    char *scratch;              /* sock_recv() */
    PyObject *itself;           /* {"loop": the loop}, to make a Future with */
    unsigned called;            /* since the last poll that was due */
    unsigned batches;           /* since there was nothing to call */
    struct bidepy_transport *corked; /* list: see transport_cork.c */
    bool posted, stopping, closed, debug;
    bool runs;    /* so it is alive, with all that is in the ring */
    bool calling; /* a callback, behind which what it writes goes out */
    bool own_time, own_call_at; /* those of a subclass in Python */
};

static inline bool
bidepy_is_loop(bidepy_state *st, PyObject *o)
{
    return PyObject_TypeCheck(o, st->type.loop);
}

/** Appends `handle` (borrowed), of any kind of asyncio.Handle, to the ring; any
 * thread. */
int bidepy_loop_append(bidepy_loop *self, PyObject *handle);

/** As call_soon, once the arguments are checked. New.
 *
 * While the loop runs the collector need not know of handles that are due: what
 * they keep is alive. It gets to know of those that outlive their call or the
 * run. */
bidepy_handle *bidepy_loop_soon(bidepy_loop *self, const bidepy_call *call);

/** The loop begins to run; it has ceased to. */
void bidepy_loop_started(bidepy_loop *self);
void bidepy_loop_stopped(bidepy_loop *self);

/** As call_soon, for C. `context` NULL: a copy of the current one. */
int bidepy_loop_call(bidepy_loop *self, PyObject *callback,
                     PyObject *const *args, size_t nargs, PyObject *context);

/** The same after `delay` ns, without arguments. */
int bidepy_loop_call_after(bidepy_loop *self, int64_t delay,
                           PyObject *callback);

/** What asyncio's own methods check before a call: that the loop is not closed,
 * and in debug mode that the call comes from its thread. */
int bidepy_loop_check_open(const bidepy_loop *self);
int bidepy_loop_check_call(bidepy_loop *self);

/** New: what asyncio's own method of that name returns. */
PyObject *bidepy_loop_stock(bidepy_loop *self, const char *name,
                            PyObject *const *args, Py_ssize_t nargs,
                            PyObject *kwnames);

/** The exception that is set goes to loop.call_exception_handler() with
 * `message` and the items of `extra` (may be NULL); KeyboardInterrupt and
 * SystemExit end the run. */
void bidepy_loop_complain(bidepy_loop *self, const char *message,
                          PyObject *extra);

/** The exception that is set ends the run (KeyboardInterrupt, SystemExit):
 * true; else it stays set. */
bool bidepy_loop_fatal(bidepy_loop *self);

/** Sends what transports have corked. `result` is the callback's, NULL with an
 * exception; it is what is returned, or NULL with an exception. */
PyObject *bidepy_loop_uncork(bidepy_loop *self, PyObject *result);

/** The loop's thread has the callbacks' task run. */
void bidepy_loop_wake_here(bidepy_loop *self);

int bidepy_loop_open(bidepy_loop *self, bidepy_runtime *runtime);
/** Notes which methods the loop's class has overridden. */
int bidepy_loop_note_own(bidepy_loop *self);
void bidepy_loop_shut(bidepy_loop *self);
void bidepy_loop_drop_fds(bidepy_loop *self);

extern PyMethodDef bidepy_loop_call_methods[];
extern PyMethodDef bidepy_loop_fd_methods[];
extern PyMethodDef bidepy_loop_run_methods[];

#endif
