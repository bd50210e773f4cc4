/* `with` and `async with` look __enter__, __exit__, __aenter__ and __aexit__ up
 * as bound methods, which for methods in C are made by the collector's
 * allocator: two of them cost more than the lock between them. Here the types'
 * own method descriptors for these names are replaced by one whose bound
 * methods come from a pool. */
#include "special.h"

typedef PyObject *(*fast_function)(PyObject *self, PyObject *const *args,
                                   Py_ssize_t nargs);

/* The descriptor, in the type's dict. */
typedef struct special_object {
    BIDEPY_HEAD
    vectorcallfunc call;
    PyMethodDef *method; /* METH_NOARGS or METH_FASTCALL */
    PyTypeObject *owner; /* borrowed: it lives in its dict */
    bool leaf;           /* the owner's objects hold no Python objects */
} special_object;

typedef struct bound_object {
    BIDEPY_HEAD
    vectorcallfunc call;
    special_object *special;
    PyObject *self;
} bound_object;

/* -- calling -------------------------------------------------------------- */

static PyObject *
invoke(PyMethodDef *method, PyObject *self, PyObject *const *args,
       Py_ssize_t nargs, PyObject *kwnames)
{
    if (kwnames && PyTuple_GET_SIZE(kwnames)) {
        PyErr_Format(PyExc_TypeError, "%s() takes no keyword arguments",
                     method->ml_name);
        return NULL;
    }
    if (method->ml_flags == METH_FASTCALL)
        return ((fast_function)(void (*)(void))method->ml_meth)(self, args,
                                                                nargs);
    if (nargs) {
        PyErr_Format(PyExc_TypeError, "%s() takes no arguments (%zd given)",
                     method->ml_name, nargs);
        return NULL;
    }
    return method->ml_meth(self, NULL);
}

static PyObject *
bound_call(PyObject *bound, PyObject *const *args, size_t nargsf,
           PyObject *kwnames)
{
    bound_object *self = (bound_object *)bound;
    return invoke(self->special->method, self->self, args,
                  PyVectorcall_NARGS(nargsf), kwnames);
}

/* Called through the type: the first argument is self. */
static PyObject *
special_call(PyObject *special, PyObject *const *args, size_t nargsf,
             PyObject *kwnames)
{
    special_object *self = (special_object *)special;
    Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
    if (nargs == 0 || !Py_IS_TYPE(args[0], self->owner)) {
        PyErr_Format(PyExc_TypeError, "%s() needs a %s as its first argument",
                     self->method->ml_name, self->owner->tp_name);
        return NULL;
    }
    return invoke(self->method, args[0], args + 1, nargs - 1, kwnames);
}

/* -- the bound method ----------------------------------------------------- */

static PyObject *
special_get(PyObject *special, PyObject *object, PyObject *type)
{
    (void)type;
    special_object *self = (special_object *)special;
    if (!object || object == Py_None)
        return Py_NewRef(special);
    bidepy_state *st = self->st;
    bound_object *bound = bidepy_alloc(st, st->type.bound, &st->bound_pool);
    if (!bound)
        return NULL;
    bound->call = bound_call;
    bound->special = (special_object *)Py_NewRef(special);
    bound->self = Py_NewRef(object);
    if (!self->leaf)
        PyObject_GC_Track(bound);
    return (PyObject *)bound;
}

static int
bound_traverse(PyObject *bound, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(bound));
    Py_VISIT((PyObject *)((bound_object *)bound)->special);
    Py_VISIT(((bound_object *)bound)->self);
    return 0;
}

static void
bound_dealloc(PyObject *bound)
{
    bound_object *self = (bound_object *)bound;
    if (!self->special->leaf)
        PyObject_GC_UnTrack(bound);
    Py_DECREF(self->self);
    Py_DECREF((PyObject *)self->special);
    bidepy_free(self, &self->st->bound_pool);
}

static PyObject *
bound_repr(PyObject *bound)
{
    bound_object *self = (bound_object *)bound;
    return PyUnicode_FromFormat("<bound method %s of %R>",
                                self->special->method->ml_name, self->self);
}

static PyMemberDef bound_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(bound_object, call), READONLY,
     NULL},
    {"__self__", T_OBJECT, offsetof(bound_object, self), READONLY, NULL},
    {NULL, 0, 0, 0, NULL}};

static PyType_Slot bound_slots[] = {
    {Py_tp_doc, "A method of a `with` statement, bound to its object."},
    {Py_tp_dealloc, bound_dealloc},
    {Py_tp_traverse, bound_traverse},
    {Py_tp_repr, bound_repr},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_members, bound_members},
    {0, NULL}};

PyType_Spec bidepy_bound_spec = {
    .name = "bide._core.BoundMethod",
    .basicsize = sizeof(bound_object),
    .flags = BIDEPY_TYPE_FLAGS | Py_TPFLAGS_HAVE_VECTORCALL,
    .slots = bound_slots,
};

/* -- the descriptor ------------------------------------------------------- */

static int
special_traverse(PyObject *special, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(special));
    return 0;
}

static void
special_dealloc(PyObject *special)
{
    PyObject_GC_UnTrack(special);
    bidepy_free(special, NULL);
}

static PyObject *
special_repr(PyObject *special)
{
    special_object *self = (special_object *)special;
    return PyUnicode_FromFormat("<method %s of %s>", self->method->ml_name,
                                self->owner->tp_name);
}

static PyObject *
special_name(PyObject *special, void *unused)
{
    (void)unused;
    return PyUnicode_FromString(((special_object *)special)->method->ml_name);
}

static PyMemberDef special_members[] = {{"__vectorcalloffset__", T_PYSSIZET,
                                         offsetof(special_object, call),
                                         READONLY, NULL},
                                        {NULL, 0, 0, 0, NULL}};

static PyGetSetDef special_getset[] = {
    {"__name__", special_name, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyType_Slot special_slots[] = {
    {Py_tp_doc, "A method that `with` statements call."},
    {Py_tp_dealloc, special_dealloc},
    {Py_tp_traverse, special_traverse},
    {Py_tp_repr, special_repr},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_descr_get, special_get},
    {Py_tp_members, special_members},
    {Py_tp_getset, special_getset},
    {0, NULL}};

PyType_Spec bidepy_special_spec = {
    .name = "bide._core.SpecialMethod",
    .basicsize = sizeof(special_object),
    .flags = BIDEPY_TYPE_FLAGS | Py_TPFLAGS_HAVE_VECTORCALL,
    .slots = special_slots,
};

/* -- putting it in -------------------------------------------------------- */

static PyObject *
new_special(bidepy_state *st, PyTypeObject *owner, PyMethodDef *method,
            bool leaf)
{
    special_object *self = bidepy_alloc(st, st->type.special, NULL);
    if (!self)
        return NULL;
    self->call = special_call;
    self->method = method;
    self->owner = owner;
    self->leaf = leaf;
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

int
bidepy_specials_init(bidepy_state *st, PyTypeObject *type, bool leaf)
{
    static const char *const names[] = {"__enter__", "__exit__", "__aenter__",
                                        "__aexit__"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        PyObject *now = PyDict_GetItemString(type->tp_dict, names[i]);
        if (!now || !Py_IS_TYPE(now, &PyMethodDescr_Type))
            continue;
        PyMethodDef *method = ((PyMethodDescrObject *)now)->d_method;
        if (method->ml_flags != METH_NOARGS &&
            method->ml_flags != METH_FASTCALL)
            continue;
        PyObject *special = new_special(st, type, method, leaf);
        int rc = special
                     ? PyDict_SetItemString(type->tp_dict, names[i], special)
                     : -1;
        Py_XDECREF(special);
        if (rc)
            return -1;
    }
    PyType_Modified(type);
    return 0;
}
