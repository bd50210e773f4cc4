/* Handles: made of dead ones, called, cancelled, let go. Their types are in
 * handle_type.c. */
#include "contexts.h"
#include "handle.h"

/* -- parts that both have ------------------------------------------------- */

void
bidepy_handle_drop_args(bidepy_handle *self)
{
    bidepy_handle_extra *x = bidepy_extra_of((PyObject *)self);
    unsigned n = x->nargs;
    x->nargs = 0;
    for (unsigned i = 1; i <= n; i++)
        Py_CLEAR(x->argv[i]);
    Py_CLEAR(self->args);
}

/* Nobody sees a dead one: its slots keep what they had. */
static inline void
drop_slots(bidepy_handle *self, bidepy_handle_extra *x)
{
    for (unsigned i = 1; i <= x->nargs; i++)
        Py_DECREF(x->argv[i]);
    Py_XDECREF(self->args);
    Py_XDECREF(self->callback);
    Py_XDECREF(self->cancelled);
    Py_XDECREF(self->context);
    Py_XDECREF(self->loop);
    Py_XDECREF(self->repr);
    Py_XDECREF(self->source_traceback);
}

static int
set_args(bidepy_handle *self, bidepy_handle_extra *x, const bidepy_call *call)
{
    self->args = NULL;
    x->nargs = 0;
    if (call->nargs > BIDEPY_INLINE_ARGS) {
        self->args = PyTuple_New((Py_ssize_t)call->nargs);
        for (size_t i = 0; self->args && i < call->nargs; i++)
            PyTuple_SET_ITEM(self->args, (Py_ssize_t)i,
                             Py_NewRef(call->args[i]));
        return self->args ? 0 : -1;
    }
    for (size_t i = 0; i < call->nargs; i++)
        x->argv[i + 1] = Py_NewRef(call->args[i]);
    x->nargs = (uint8_t)call->nargs;
    return 0;
}

/* In debug mode a handle tells where it was made. */
static int
set_origin(bidepy_handle *self, bidepy_loop *loop)
{
    self->source_traceback = NULL;
    if (!loop->debug) {
        self->source_traceback = Py_NewRef(Py_None);
        return 0;
    }
    self->source_traceback =
        PyObject_CallMethod(loop->st->aio->helpers, "origin", NULL);
    return self->source_traceback ? 0 : -1;
}

static int
fill(bidepy_handle *self, bidepy_handle_extra *x, bidepy_loop *loop,
     const bidepy_call *call)
{
    self->callback = Py_NewRef(call->callback);
    self->cancelled = Py_NewRef(Py_False);
    self->loop = Py_NewRef((PyObject *)loop);
    self->repr = Py_NewRef(Py_None);
    *bidepy_weakrefs_of((PyObject *)self) = NULL;
    self->source_traceback = NULL;
    x->queued = x->shared = x->untracked = false;
    self->context = call->context ? Py_NewRef(call->context)
                                  : bidepy_context_now(loop, &x->shared);
    if (set_args(self, x, call) || !self->context)
        return -1;
    return set_origin(self, loop);
}

/* -- dead ones ------------------------------------------------------------ */

static void *
take(bidepy_chain *chain, PyTypeObject *type)
{
    PyObject *o = chain->first;
    if (!o)
        return _PyObject_GC_New(type);
    chain->first = ((bidepy_handle *)o)->args;
    chain->count--;
    bidepy_revive(o);
    return o;
}

static void
free_dead(PyObject *o)
{
    PyTypeObject *type = Py_TYPE(o);
    PyObject_GC_Del(o);
    Py_DECREF(type);
}

static void
give_back(PyObject *o, const bidepy_state *st, bidepy_chain *chain)
{
    if (chain->count >= BIDEPY_CHAIN_MAX || st->closing) {
        free_dead(o);
        return;
    }
    ((bidepy_handle *)o)->args = chain->first;
    chain->first = o;
    chain->count++;
}

void
bidepy_handle_bury(bidepy_handle *self, bidepy_state *st, bidepy_chain *chain)
{
    drop_slots(self, bidepy_extra_of((PyObject *)self));
    give_back((PyObject *)self, st, chain);
}

int
bidepy_chain_visit(const bidepy_chain *chain, visitproc visit, void *arg)
{
    for (PyObject *o = chain->first; o; o = ((bidepy_handle *)o)->args)
        Py_VISIT(Py_TYPE(o));
    return 0;
}

void
bidepy_chain_free(bidepy_chain *chain)
{
    while (chain->first) {
        PyObject *o = chain->first;
        chain->first = ((bidepy_handle *)o)->args;
        free_dead(o);
    }
    chain->count = 0;
}

/* -- making --------------------------------------------------------------- */

bidepy_handle *
bidepy_handle_new(bidepy_loop *loop, const bidepy_call *call, bool track)
{
    bidepy_aio *aio = loop->st->aio;
    bidepy_handle *self = take(&aio->handle_pool, aio->handle);
    if (!self)
        return NULL;
    int rc = fill(self, (bidepy_handle_extra *)(void *)self->argv, loop, call);
    self->untracked = !track;
    if (track)
        PyObject_GC_Track(self);
    if (rc == 0)
        return self;
    Py_DECREF(self);
    return NULL;
}

bidepy_timer_handle *
bidepy_timer_handle_new(bidepy_loop *loop, const bidepy_call *call, double when)
{
    bidepy_aio *aio = loop->st->aio;
    bidepy_timer_handle *self = take(&aio->timer_pool, aio->timer_handle);
    if (!self)
        return NULL;
    self->scheduled = Py_NewRef(Py_False);
    self->when = PyFloat_FromDouble(when);
    self->timer.slot = 0;
    int rc = fill((bidepy_handle *)self,
                  (bidepy_handle_extra *)(void *)self->argv, loop, call);
    PyObject_GC_Track(self);
    if (rc == 0 && self->when)
        return self;
    Py_DECREF(self);
    return NULL;
}

/* -- calling -------------------------------------------------------------- */

static PyObject *
call_in(bidepy_handle *self, bidepy_handle_extra *x, PyObject *context,
        bidepy_loop *loop)
{
    if (PyContext_Enter(context))
        return NULL;
    PyObject *result;
    loop->calling = true;
    if (self->args)
        result = PyObject_Call(self->callback, self->args, NULL);
    else
        result = PyObject_Vectorcall(
            self->callback, x->argv + 1,
            (size_t)x->nargs | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    loop->calling = false;
    if (loop->corked)
        result = bidepy_loop_uncork(loop, result);
    if (PyContext_Exit(context))
        Py_CLEAR(result);
    return result;
}

int
bidepy_handle_own_context(bidepy_handle *self)
{
    bidepy_handle_extra *x = bidepy_extra_of((PyObject *)self);
    if (!x->shared)
        return 0;
    PyObject *copy = PyContext_Copy(self->context);
    if (!copy)
        return -1;
    x->shared = false;
    Py_SETREF(self->context, copy);
    return 0;
}

/* In a context that others use, too, one after the other. One that fails keeps
 * it: it will be shown. */
static PyObject *
call_shared(bidepy_handle *self, bidepy_handle_extra *x, bidepy_loop *loop)
{
    const void *variables = bidepy_variables_of(self->context);
    PyObject *context = bidepy_context_take(loop, &self->context);
    if (!context)
        return NULL;
    PyObject *result = call_in(self, x, context, loop);
    if (result && Py_REFCNT(self) == 1) {
        bidepy_context_give_back(loop, context, variables);
        return result;
    }
    x->shared = false;
    Py_XSETREF(self->context, context);
    return result;
}

PyObject *
bidepy_handle_call(bidepy_handle *self, bidepy_loop *loop)
{
    bidepy_handle_extra *x = bidepy_extra_of((PyObject *)self);
    if (x->shared && Py_REFCNT(self) == 1 &&
        !*bidepy_weakrefs_of((PyObject *)self))
        return call_shared(self, x, loop);
    if (bidepy_handle_own_context(self))
        return NULL;
    return call_in(self, x, self->context, loop);
}

/* -- letting go ------------------------------------------------------------
 */

void
bidepy_handle_track(bidepy_handle *self)
{
    if (!self->untracked)
        return;
    self->untracked = false;
    PyObject_GC_Track(self);
}

/* Most handles end here, known to nobody: without the way through tp_dealloc.
 */
void
bidepy_handle_let_go(PyObject *o, bidepy_state *st)
{
    bidepy_handle *self = (bidepy_handle *)o;
    if (bidepy_is_handle(st->aio, o) && self->untracked) {
        if (Py_REFCNT(o) > 1)
            bidepy_handle_track(self);
#if !defined(Py_DEBUG) && !defined(Py_TRACE_REFS)
        else if (!*bidepy_weakrefs_of(o)) {
            drop_slots(self, (bidepy_handle_extra *)(void *)self->argv);
            give_back(o, st, &st->aio->handle_pool);
            return;
        }
#endif
    }
    Py_DECREF(o);
}

/* -- cancelling ----------------------------------------------------------- */

void
bidepy_timer_handle_disarm(bidepy_timer_handle *self)
{
    if (!self->timer.slot)
        return;
    bide_timer_stop(((bidepy_loop *)self->loop)->runtime->loop, &self->timer);
    self->armed.prev->next = self->armed.next;
    self->armed.next->prev = self->armed.prev;
    Py_XSETREF(self->scheduled, Py_NewRef(Py_False));
    Py_DECREF(self); /* the loop's; the caller has another */
}

void
bidepy_handle_cancel(bidepy_handle *self)
{
    if (self->cancelled == Py_True)
        return;
    Py_XSETREF(self->cancelled, Py_NewRef(Py_True));
    if (self->loop && ((bidepy_loop *)self->loop)->debug) {
        PyObject *repr = PyObject_Repr((PyObject *)self);
        if (repr)
            Py_XSETREF(self->repr, repr);
        else
            PyErr_Clear();
    }
    bidepy_handle_drop_args(self);
    Py_XSETREF(self->callback, Py_NewRef(Py_None));
    self->args = Py_NewRef(Py_None);
}
