/* The module bide._core: its state, its types, its functions. */
#include "bidepy.h"
#include "special.h"

#include <string.h>

#define X(field, public) extern PyType_Spec bidepy_##field##_spec;
BIDEPY_TYPES(X)
#undef X
#define X(file) extern PyMethodDef bidepy_##file##_functions[];
BIDEPY_FUNCTIONS(X)
#undef X

/* -- state ---------------------------------------------------------------- */

static bidepy_pool *
pool_at(bidepy_state *st, unsigned i)
{
    bidepy_pool *const pools[] = {&st->op_pool,         &st->task_pool,
                                  &st->scope_pool,      &st->token_pool,
                                  &st->future_pool,     &st->bound_pool,
                                  &st->stream_call_pool};
    return i < sizeof pools / sizeof *pools ? pools[i] : NULL;
}

static void
empty_pools(bidepy_state *st)
{
    bidepy_pool *pool;
    for (unsigned i = 0; (pool = pool_at(st, i)); i++)
        while (pool->count) {
            PyObject *dead = pool->items[--pool->count];
            PyTypeObject *type = Py_TYPE(dead);
            PyObject_GC_Del(dead);
            Py_DECREF(type);
        }
    Py_CLEAR(st->stop);
}

void
bidepy_state_drop(bidepy_state *st)
{
    PyMem_RawFree(st->aio);
    PyMem_RawFree(st);
}

void *
bidepy_no_object(PyTypeObject *type)
{
    if (!type)
        PyErr_SetString(PyExc_RuntimeError,
                        "bide was used while the interpreter is ending");
    return NULL;
}

static int
visit_pools(bidepy_state *st, visitproc visit, void *arg)
{
    bidepy_pool *pool;
    for (unsigned i = 0; (pool = pool_at(st, i)); i++)
        for (unsigned n = 0; n < pool->count; n++)
            Py_VISIT(Py_TYPE(pool->items[n]));
    return 0;
}

static int
visit_classes(bidepy_state *st, visitproc visit, void *arg)
{
#define X(field, public) Py_VISIT(st->type.field);
    BIDEPY_TYPES(X)
#undef X
#define X(field, name, base, doc) Py_VISIT(st->exc.field);
    BIDEPY_EXCEPTIONS(X)
#undef X
    Py_VISIT(st->exc.cancelled);
    Py_VISIT(st->exc.stream_closed);
    Py_VISIT(st->exc.cancelled_base);
    Py_VISIT(st->exc.invalid_state);
    Py_VISIT(st->exc.incomplete_read);
    Py_VISIT(st->exc.limit_overrun);
    return 0;
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    bidepy_state **slot = PyModule_GetState(module);
    if (!slot || !*slot)
        return 0;
    Py_VISIT((*slot)->done);
    Py_VISIT((*slot)->stop);
    Py_VISIT((*slot)->locks_held);
    Py_VISIT((*slot)->locks_parked);
    int rc = visit_pools(*slot, visit, arg);
    if (rc == 0)
        rc = bidepy_aio_traverse(*slot, visit, arg);
    if (rc == 0)
        rc = bidepy_net_visit((*slot)->net, visit, arg);
    return rc ? rc : visit_classes(*slot, visit, arg);
}

static void
clear_classes(bidepy_state *st)
{
#define X(field, public) Py_CLEAR(st->type.field);
    BIDEPY_TYPES(X)
#undef X
#define X(field, name, base, doc) Py_CLEAR(st->exc.field);
    BIDEPY_EXCEPTIONS(X)
#undef X
    Py_CLEAR(st->exc.cancelled);
    Py_CLEAR(st->exc.stream_closed);
    Py_CLEAR(st->exc.cancelled_base);
    Py_CLEAR(st->exc.invalid_state);
    Py_CLEAR(st->exc.incomplete_read);
    Py_CLEAR(st->exc.limit_overrun);
}

static int
module_clear(PyObject *module)
{
    bidepy_state **slot = PyModule_GetState(module);
    if (!slot || !*slot)
        return 0;
    bidepy_state *st = *slot;
    st->closing = true;
    empty_pools(st);
    bidepy_aio_clear(st);
    Py_CLEAR(st->done);
    Py_CLEAR(st->locks_held);
    Py_CLEAR(st->locks_parked);
    bidepy_net_free(st->net);
    st->net = NULL;
    clear_classes(st);
    Py_CLEAR(st->empty);
    Py_CLEAR(st->ending);
    Py_CLEAR(st->sibling_failed);
    Py_CLEAR(st->race_lost);
    return 0;
}

static void
module_free(void *module)
{
    bidepy_state **slot = PyModule_GetState((PyObject *)module);
    if (!slot || !*slot)
        return;
    module_clear((PyObject *)module);
    bidepy_state *st = *slot;
    *slot = NULL;
    if (--st->live == 0)
        bidepy_state_drop(st);
}

/* -- making it ------------------------------------------------------------ */

static PyTypeObject *
add_type(PyObject *module, PyType_Spec *spec, bool public)
{
    bidepy_state *st = bidepy_of_module(module);
    PyObject *base = spec == &bidepy_tls_stream_spec
                         ? (PyObject *)st->type.stream
                         : NULL; /* object */
    PyObject *type = PyType_FromModuleAndSpec(module, spec, base);
    if (type && public && PyModule_AddType(module, (PyTypeObject *)type) < 0)
        Py_CLEAR(type);
    return (PyTypeObject *)type;
}

static int
add_types(bidepy_state *st, PyObject *module)
{
#define X(field, public)                                                       \
    st->type.field = add_type(module, &bidepy_##field##_spec, public);         \
    if (!st->type.field)                                                       \
        return -1;
    BIDEPY_TYPES(X)
#undef X
    st->type.future->tp_vectorcall = bidepy_future_vectorcall;
    st->type.token->tp_vectorcall = bidepy_token_vectorcall;
    return bidepy_loop_type_init(st);
}

/* `with` on a lock or a timeout is a hot path. */
static int
add_specials(bidepy_state *st)
{
    const struct {
        PyTypeObject *type;
        bool leaf;
    } rows[] = {
        {st->type.mutex, true},       {st->type.semaphore, true},
        {st->type.condition, true},   {st->type.rwlock_guard, true},
        {st->type.scope, false},      {st->type.token, false},
        {st->type.group, false},      {st->type.stream, false},
        {st->type.listener, false},   {st->type.file, false},
        {st->type.tls_stream, false}, {st->type.udp, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (bidepy_specials_init(st, rows[i].type, rows[i].leaf))
            return -1;
    return 0;
}

static int
add_functions(PyObject *module)
{
    PyMethodDef *const lists[] = {
#define X(file) bidepy_##file##_functions,
        BIDEPY_FUNCTIONS(X)
#undef X
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (PyModule_AddFunctions(module, lists[i]) < 0)
            return -1;
    return PyModule_AddStringConstant(module, "__version__", bide_version());
}

static int
make_constants(bidepy_state *st)
{
    st->empty = PyUnicode_FromString("");
    st->ending = PyUnicode_FromString("the runtime is ending");
    st->sibling_failed = PyUnicode_FromString("another task failed");
    st->race_lost = PyUnicode_FromString("another task was first");
    bidepy_object *done = bidepy_alloc(st, st->type.done, NULL);
    if (!st->empty || !st->ending || !st->sibling_failed || !st->race_lost ||
        !done)
        return -1;
    PyObject_GC_Track(done);
    st->done = (PyObject *)done;
    return 0;
}

static int
module_exec(PyObject *module)
{
    bidepy_state *st = PyMem_RawCalloc(1, sizeof *st);
    if (!st) {
        PyErr_NoMemory();
        return -1;
    }
    st->live = 1;
    bidepy_forks_init();
    *(bidepy_state **)PyModule_GetState(module) = st;
    if (bidepy_errors_init(st, module) || add_types(st, module) ||
        add_specials(st) || make_constants(st) || add_functions(module))
        return -1;
    return 0;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#if PY_VERSION_HEX >= 0x030D0000
    {Py_mod_gil, Py_MOD_GIL_USED},
#endif
    {0, NULL},
};

PyDoc_STRVAR(module_doc, "The C half of bide. Import bide instead.");

struct PyModuleDef bidepy_module = {
    PyModuleDef_HEAD_INIT,   .m_name = "bide._core",
    .m_doc = module_doc,     .m_size = sizeof(bidepy_state *),
    .m_slots = module_slots, .m_traverse = module_traverse,
    .m_clear = module_clear, .m_free = module_free,
};

PyMODINIT_FUNC
PyInit__core(void)
{
    return PyModuleDef_Init(&bidepy_module);
}
