/* asyncio.Handle and asyncio.TimerHandle in C: subtypes with their layout, so
 * that every method and attribute of theirs works. */
#include "handle.h"

/* -- methods -------------------------------------------------------------- */

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
    bidepy_timer_handle_disarm((bidepy_timer_handle *)self);
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
    bidepy_handle_extra *x = bidepy_extra_of(o);
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
    bidepy_handle_drop_args((bidepy_handle *)o);
    ((bidepy_handle *)o)->args = Py_XNewRef(value);
    return 0;
}

static PyObject *
get_context(PyObject *o, void *unused)
{
    (void)unused;
    bidepy_handle *self = (bidepy_handle *)o;
    if (bidepy_handle_own_context(self))
        return NULL;
    if (self->context)
        return Py_NewRef(self->context);
    PyErr_SetString(PyExc_AttributeError, "_context");
    return NULL;
}

static int
set_context(PyObject *o, PyObject *value, void *unused)
{
    (void)unused;
    if (!value || !PyContext_CheckExact(value)) {
        PyErr_SetString(PyExc_TypeError,
                        "_context must be a contextvars.Context");
        return -1;
    }
    bidepy_extra_of(o)->shared = false;
    Py_XSETREF(((bidepy_handle *)o)->context, Py_NewRef(value));
    return 0;
}

static int
handle_traverse(PyObject *o, visitproc visit, void *arg)
{
    bidepy_handle *self = (bidepy_handle *)o;
    bidepy_handle_extra *x = bidepy_extra_of(o);
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
    bidepy_handle_drop_args((bidepy_handle *)o);
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
    if (*bidepy_weakrefs_of(o))
        PyObject_ClearWeakRefs(o);
    bidepy_handle_bury(self, st, &st->aio->handle_pool);
}

static void
timer_dealloc(PyObject *o)
{
    bidepy_timer_handle *self = (bidepy_timer_handle *)o;
    bidepy_state *st = bidepy_of_type(Py_TYPE(o));
    PyObject_GC_UnTrack(o);
    if (*bidepy_weakrefs_of(o))
        PyObject_ClearWeakRefs(o);
    Py_XDECREF(self->scheduled);
    Py_XDECREF(self->when);
    bidepy_handle_bury((bidepy_handle *)self, st, &st->aio->timer_pool);
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
    {"_context", get_context, set_context, NULL, NULL},
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
