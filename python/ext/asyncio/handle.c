/* asyncio.Handle and asyncio.TimerHandle in C: subtypes with their layout, so
 * that every method and attribute of theirs works, made from a pool of dead
 * ones. */
#include "aio.h"

#include <math.h>

/* -- parts that both have ------------------------------------------------- */

typedef struct extra {
    BIDEPY_HANDLE_EXTRA
} extra;

static extra *
extra_of(PyObject *o)
{
    bidepy_state *st = bidepy_of_type(Py_TYPE(o));
    return bidepy_is_timer_handle(st->aio, o)
               ? (extra *)(void *)((bidepy_timer_handle *)o)->argv
               : (extra *)(void *)((bidepy_handle *)o)->argv;
}

static PyObject **
weakrefs_of(PyObject *o)
{
    return (PyObject **)(void *)((char *)o + Py_TYPE(o)->tp_weaklistoffset);
}

static void
drop_args(bidepy_handle *self, extra *x)
{
    unsigned n = x->nargs;
    x->nargs = 0;
    for (unsigned i = 1; i <= n; i++)
        Py_CLEAR(x->argv[i]);
    Py_CLEAR(self->args);
}

static int
set_args(bidepy_handle *self, extra *x, const bidepy_call *call)
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

static void
clear_slots(bidepy_handle *self, extra *x)
{
    drop_args(self, x);
    Py_CLEAR(self->callback);
    Py_CLEAR(self->cancelled);
    Py_CLEAR(self->context);
    Py_CLEAR(self->loop);
    Py_CLEAR(self->repr);
    Py_CLEAR(self->source_traceback);
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
fill(bidepy_handle *self, extra *x, bidepy_loop *loop, const bidepy_call *call)
{
    self->callback = Py_NewRef(call->callback);
    self->cancelled = Py_NewRef(Py_False);
    self->loop = Py_NewRef((PyObject *)loop);
    self->repr = Py_NewRef(Py_None);
    *weakrefs_of((PyObject *)self) = NULL;
    self->source_traceback = NULL;
    x->queued = false;
    self->context =
        call->context ? Py_NewRef(call->context) : PyContext_CopyCurrent();
    if (set_args(self, x, call) || !self->context)
        return -1;
    return set_origin(self, loop);
}

static void *
take(bidepy_pool *pool, PyTypeObject *type)
{
    if (!pool->count)
        return _PyObject_GC_New(type);
    PyObject *o = pool->items[--pool->count];
    bidepy_revive(o);
    return o;
}

static void
give_back(PyObject *o, bidepy_state *st, bidepy_pool *pool)
{
    if (pool->count < BIDEPY_POOL_MAX && !st->closing) {
        pool->items[pool->count++] = o;
        return;
    }
    PyTypeObject *type = Py_TYPE(o);
    PyObject_GC_Del(o);
    Py_DECREF(type);
}

/* -- making --------------------------------------------------------------- */

bidepy_handle *
bidepy_handle_new(bidepy_loop *loop, const bidepy_call *call)
{
    bidepy_aio *aio = loop->st->aio;
    bidepy_handle *self = take(&aio->handle_pool, aio->handle);
    if (!self)
        return NULL;
    int rc = fill(self, (extra *)(void *)self->argv, loop, call);
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
    int rc =
        fill((bidepy_handle *)self, (extra *)(void *)self->argv, loop, call);
    PyObject_GC_Track(self);
    if (rc == 0 && self->when)
        return self;
    Py_DECREF(self);
    return NULL;
}

/* -- calling -------------------------------------------------------------- */

PyObject *
bidepy_handle_call(bidepy_handle *self)
{
    extra *x = extra_of((PyObject *)self);
    if (PyContext_Enter(self->context))
        return NULL;
    PyObject *result;
    if (self->args)
        result = PyObject_Call(self->callback, self->args, NULL);
    else
        result = PyObject_Vectorcall(
            self->callback, x->argv + 1,
            (size_t)x->nargs | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    if (PyContext_Exit(self->context))
        Py_CLEAR(result);
    return result;
}

/* -- cancelling ----------------------------------------------------------- */

static void
disarm(bidepy_timer_handle *self)
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
    extra *x = extra_of((PyObject *)self);
    Py_XSETREF(self->cancelled, Py_NewRef(Py_True));
    if (self->loop && ((bidepy_loop *)self->loop)->debug) {
        PyObject *repr = PyObject_Repr((PyObject *)self);
        if (repr)
            Py_XSETREF(self->repr, repr);
        else
            PyErr_Clear();
    }
    drop_args(self, x);
    Py_XSETREF(self->callback, Py_NewRef(Py_None));
    self->args = Py_NewRef(Py_None);
}

static PyObject *
handle_cancel(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    (void)args;
    if (bidepy_no_arguments("cancel", nargs))
        return NULL;
    bidepy_handle_cancel((bidepy_handle *)self);
    Py_RETURN_NONE;
}

static PyObject *
timer_cancel(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    (void)args;
    if (bidepy_no_arguments("cancel", nargs))
        return NULL;
    Py_INCREF(self);
    disarm((bidepy_timer_handle *)self);
    bidepy_handle_cancel((bidepy_handle *)self);
    Py_DECREF(self);
    Py_RETURN_NONE;
}

/* -- attributes ----------------------------------------------------------- */

static PyObject *
get_args(PyObject *o, void *unused)
{
    (void)unused;
    bidepy_handle *self = (bidepy_handle *)o;
    extra *x = extra_of(o);
    if (self->args)
        return Py_NewRef(self->args);
    PyObject *args = PyTuple_New(x->nargs);
    for (unsigned i = 0; args && i < x->nargs; i++)
        PyTuple_SET_ITEM(args, i, Py_NewRef(x->argv[i + 1]));
    return args;
}

static int
set_args_attribute(PyObject *o, PyObject *value, void *unused)
{
    (void)unused;
    if (value && value != Py_None && !PyTuple_Check(value)) {
        PyErr_SetString(PyExc_TypeError, "_args must be a tuple or None");
        return -1;
    }
    drop_args((bidepy_handle *)o, extra_of(o));
    ((bidepy_handle *)o)->args = Py_XNewRef(value);
    return 0;
}

static int
handle_traverse(PyObject *o, visitproc visit, void *arg)
{
    bidepy_handle *self = (bidepy_handle *)o;
    extra *x = extra_of(o);
    Py_VISIT(Py_TYPE(o));
    Py_VISIT(self->args);
    Py_VISIT(self->callback);
    Py_VISIT(self->context);
    Py_VISIT(self->loop);
    Py_VISIT(self->source_traceback);
    for (unsigned i = 1; i <= x->nargs; i++)
        Py_VISIT(x->argv[i]);
    return 0;
}

static int
handle_clear(PyObject *o)
{
    drop_args((bidepy_handle *)o, extra_of(o));
    Py_CLEAR(((bidepy_handle *)o)->callback);
    Py_CLEAR(((bidepy_handle *)o)->source_traceback);
    return 0;
}

static void
handle_dealloc(PyObject *o)
{
    bidepy_handle *self = (bidepy_handle *)o;
    bidepy_state *st = bidepy_of_type(Py_TYPE(o));
    PyObject_GC_UnTrack(o);
    if (*weakrefs_of(o))
        PyObject_ClearWeakRefs(o);
    clear_slots(self, (extra *)(void *)self->argv);
    give_back(o, st, &st->aio->handle_pool);
}

static void
timer_dealloc(PyObject *o)
{
    bidepy_timer_handle *self = (bidepy_timer_handle *)o;
    bidepy_state *st = bidepy_of_type(Py_TYPE(o));
    PyObject_GC_UnTrack(o);
    if (*weakrefs_of(o))
        PyObject_ClearWeakRefs(o);
    clear_slots((bidepy_handle *)self, (extra *)(void *)self->argv);
    Py_CLEAR(self->scheduled);
    Py_CLEAR(self->when);
    give_back(o, st, &st->aio->timer_pool);
}

/* -- the types ------------------------------------------------------------ */

static PyMethodDef handle_methods[] = {
    {"cancel", BIDEPY_METHOD(handle_cancel), METH_FASTCALL,
     "cancel($self)\n--\n\nDo not call the callback."},
    {NULL, NULL, 0, NULL}};

static PyMethodDef timer_methods[] = {
    {"cancel", BIDEPY_METHOD(timer_cancel), METH_FASTCALL,
     "cancel($self)\n--\n\nDo not call the callback."},
    {NULL, NULL, 0, NULL}};

static PyGetSetDef handle_getset[] = {
    {"_args", get_args, set_args_attribute, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyType_Slot handle_slots[] = {
    {Py_tp_dealloc, handle_dealloc}, {Py_tp_traverse, handle_traverse},
    {Py_tp_clear, handle_clear},     {Py_tp_methods, handle_methods},
    {Py_tp_getset, handle_getset},   {0, NULL}};

static PyType_Spec handle_spec = {
    .name = "bide.aio.Handle",
    .basicsize = sizeof(bidepy_handle),
    .flags = BIDEPY_TYPE_FLAGS & ~Py_TPFLAGS_IMMUTABLETYPE,
    .slots = handle_slots,
};

/* tp_hash and comparison go together: both are TimerHandle's. */
static PyType_Slot timer_slots[] = {
    {Py_tp_dealloc, timer_dealloc}, {Py_tp_traverse, handle_traverse},
    {Py_tp_clear, handle_clear},    {Py_tp_methods, timer_methods},
    {Py_tp_getset, handle_getset},  {0, NULL}};

static PyType_Spec timer_spec = {
    .name = "bide.aio.TimerHandle",
    .basicsize = sizeof(bidepy_timer_handle),
    .flags = BIDEPY_TYPE_FLAGS & ~Py_TPFLAGS_IMMUTABLETYPE,
    .slots = timer_slots,
};

static const struct {
    const char *name;
    size_t offset;
    bool timer;
} layout[] = {
    {"_args", offsetof(bidepy_handle, args), false},
    {"_callback", offsetof(bidepy_handle, callback), false},
    {"_cancelled", offsetof(bidepy_handle, cancelled), false},
    {"_context", offsetof(bidepy_handle, context), false},
    {"_loop", offsetof(bidepy_handle, loop), false},
    {"_repr", offsetof(bidepy_handle, repr), false},
    {"_source_traceback", offsetof(bidepy_handle, source_traceback), false},
    {"_scheduled", offsetof(bidepy_timer_handle, scheduled), true},
    {"_when", offsetof(bidepy_timer_handle, when), true},
};

/* The structs above lie over what CPython makes of asyncio's __slots__. */
static int
check_layout(PyTypeObject *handle, PyTypeObject *timer)
{
    bool fits = handle->tp_basicsize == offsetof(bidepy_handle, argv) &&
                timer->tp_basicsize == offsetof(bidepy_timer_handle, argv) &&
                handle->tp_weaklistoffset != 0;
    for (size_t i = 0; fits && i < sizeof layout / sizeof *layout; i++) {
        PyTypeObject *type = layout[i].timer ? timer : handle;
        PyObject *member = PyDict_GetItemString(type->tp_dict, layout[i].name);
        fits = member && Py_IS_TYPE(member, &PyMemberDescr_Type) &&
               (size_t)((PyMemberDescrObject *)member)->d_member->offset ==
                   layout[i].offset;
    }
    if (fits)
        return 0;
    PyErr_SetString(PyExc_ImportError,
                    "bide: asyncio.Handle has a layout that this build does "
                    "not know; it supports CPython 3.11 to 3.13");
    return -1;
}

static PyTypeObject *
subtype(PyObject *module, PyType_Spec *spec, PyObject *base)
{
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, base);
}

int
bidepy_handles_init(bidepy_state *st, bidepy_aio *aio, PyObject *module)
{
    (void)st;
    PyObject *events = PyImport_ImportModule("asyncio.events");
    PyObject *handle = events ? PyObject_GetAttrString(events, "Handle") : NULL;
    PyObject *timer =
        handle ? PyObject_GetAttrString(events, "TimerHandle") : NULL;
    Py_XDECREF(events);
    int rc = -1;
    if (timer &&
        check_layout((PyTypeObject *)handle, (PyTypeObject *)timer) == 0) {
        aio->handle = subtype(module, &handle_spec, handle);
        aio->timer_handle =
            aio->handle ? subtype(module, &timer_spec, timer) : NULL;
        rc = aio->timer_handle ? 0 : -1;
    }
    Py_XDECREF(handle);
    Py_XDECREF(timer);
    return rc;
}
