/* state.h - the binding's state in one interpreter, and its objects. Part of
 * bidepy.h. */
#ifndef BIDEPY_STATE_H
#define BIDEPY_STATE_H

#include "bidepy.h"

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
    } type;

    struct {
#define X(field, name, base, doc) PyObject *field;
        BIDEPY_EXCEPTIONS(X)
#undef X
        PyObject *cancelled;       /* Cancelled(asyncio.CancelledError) */
        PyObject *stream_closed;   /* (ClosedError, ConnectionError) */
        PyObject *cancelled_base;  /* asyncio.CancelledError */
        PyObject *invalid_state;   /* asyncio.InvalidStateError */
        PyObject *incomplete_read; /* asyncio.IncompleteReadError */
        PyObject *limit_overrun;   /* asyncio.LimitOverrunError */
    } exc;

    /** The awaitable that is done and gives None: for an __aexit__ that has
     * nothing to wait for. */
    PyObject *done;
    /** Runtimes with debug=True that run now: a lock of
     * threading held across an await is reported. */
    unsigned debug;
    PyObject *locks_held;   /* of bide._locks, once a debug run has begun ... */
    PyObject *locks_parked; /* ... and what to call when a task parks */
    PyObject *empty;        /* "" */
    PyObject *ending;       /* str: why tasks are cancelled at a run's end */
    PyObject *sibling_failed;
    PyObject *race_lost;

    /** asyncio/aio.h; NULL until the first loop of asyncio's. */
    struct bidepy_aio *aio;
    /** The runtime that the next asyncio loop made stands in, borrowed. */
    struct bidepy_runtime *adopting;

    bidepy_pool op_pool, task_pool, scope_pool, token_pool, future_pool;
    bidepy_pool bound_pool, stream_call_pool;
    PyObject *stop; /* a StopIteration for all: stop.h */

    /** Of asyncio's transports: net.h; made on first use. */
    struct bidepy_net *net;

    /** Thread states of the blocking pool: not "other threads" to a runtime
     * that stalls. Kept by blocking.c. */
    Py_ssize_t pool_threads;
    long pid;                /* whose threads these are */
    struct bidepy_job *jobs; /* submitted and not done */
} bidepy_state;

extern struct PyModuleDef bidepy_module;

/** `type.__call__` of types made often; module.c hooks them in. */
PyObject *bidepy_future_vectorcall(PyObject *type, PyObject *const *args,
                                   size_t nargsf, PyObject *kwnames);
PyObject *bidepy_token_vectorcall(PyObject *type, PyObject *const *args,
                                  size_t nargsf, PyObject *kwnames);

/** The head of every object struct of the binding. */
#define BIDEPY_HEAD PyObject_HEAD bidepy_state *st;

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

int bidepy_aio_traverse(bidepy_state *st, visitproc visit, void *arg);
void bidepy_aio_clear(bidepy_state *st);
int bidepy_loop_type_init(bidepy_state *st);

void bidepy_state_drop(bidepy_state *st);
int bidepy_net_visit(struct bidepy_net *net, visitproc visit, void *arg);
void bidepy_net_free(struct bidepy_net *net);
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

#endif
