/* Returning a result from an iterator means raising a StopIteration that
 * carries it; the interpreter takes the value out and drops the exception at
 * once. Making that exception is most of the cost of an await, so it is a
 * subclass whose dead objects go back to a pool.
 * Invariant: an object in the pool has its args (an empty tuple) and nothing
 * else. One from the pool is not tracked: it lives for a few instructions, and
 * if somebody does keep it, a cycle through it leaks. */
#include "stop.h"

PyObject *
bidepy_stop_plain(PyObject *result)
{
    PyObject *stop = PyObject_CallOneArg(PyExc_StopIteration, result);
    Py_DECREF(result);
    if (stop) {
        PyErr_SetObject(PyExc_StopIteration, stop);
        Py_DECREF(stop);
    }
    return NULL;
}

#if PY_VERSION_HEX < 0x030C0000

PyObject *
bidepy_stop(bidepy_state *st, PyObject *result)
{
    (void)st;
    if (result != Py_None)
        return bidepy_stop_plain(result);
    Py_DECREF(result);
    return NULL;
}

int
bidepy_stop_init(bidepy_state *st, PyObject *module)
{
    (void)st;
    (void)module;
    return 0;
}

void
bidepy_stop_fini(bidepy_state *st)
{
    (void)st;
}

#else

PyObject *
bidepy_stop(bidepy_state *st, PyObject *result)
{
    if (result == Py_None) {
        Py_DECREF(result);
        return NULL;
    }
    PyStopIterationObject *stop;
    if (st->stop_pool.count) {
        stop =
            (PyStopIterationObject *)st->stop_pool.items[--st->stop_pool.count];
        bidepy_revive((PyObject *)stop);
    } else {
        stop = (PyStopIterationObject *)PyObject_CallNoArgs(
            (PyObject *)st->type.stop);
        if (!stop) {
            Py_DECREF(result);
            return NULL;
        }
    }
    Py_XSETREF(stop->value, result);
    PyErr_SetRaisedException((PyObject *)stop);
    return NULL;
}

/* The module may be gone when the last one dies: no pool then. */
static bidepy_pool *
pool_of(PyTypeObject *type)
{
    PyObject *module = ((PyHeapTypeObject *)type)->ht_module;
    bidepy_state **slot = module ? PyModule_GetState(module) : NULL;
    return slot && *slot && !(*slot)->closing ? &(*slot)->stop_pool : NULL;
}

static void
stop_dealloc(PyObject *self)
{
    PyStopIterationObject *stop = (PyStopIterationObject *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_CLEAR(stop->value);
    Py_CLEAR(stop->dict);
    Py_CLEAR(stop->notes);
    Py_CLEAR(stop->traceback);
    Py_CLEAR(stop->context);
    Py_CLEAR(stop->cause);
    stop->suppress_context = 0;
    bidepy_pool *pool = pool_of(type);
    if (pool && pool->count < BIDEPY_POOL_MAX && stop->args) {
        pool->items[pool->count++] = self;
    } else {
        Py_CLEAR(stop->args);
        PyObject_GC_Del(self);
        Py_DECREF(type);
    }
}

static int
stop_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return ((PyTypeObject *)PyExc_StopIteration)->tp_traverse(self, visit, arg);
}

static PyType_Slot stop_slots[] = {
    {Py_tp_doc, "The result of an operation on its way to await."},
    {Py_tp_dealloc, stop_dealloc},
    {Py_tp_traverse, stop_traverse},
    {0, NULL}};

static PyType_Spec stop_spec = {
    .name = "bide._core.Stop",
    .basicsize = sizeof(PyStopIterationObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = stop_slots,
};

int
bidepy_stop_init(bidepy_state *st, PyObject *module)
{
    st->type.stop = (PyTypeObject *)PyType_FromModuleAndSpec(
        module, &stop_spec, PyExc_StopIteration);
    return st->type.stop ? 0 : -1;
}

void
bidepy_stop_fini(bidepy_state *st)
{
    while (st->stop_pool.count) {
        PyObject *o = st->stop_pool.items[--st->stop_pool.count];
        PyTypeObject *type = Py_TYPE(o);
        Py_CLEAR(((PyStopIterationObject *)o)->args);
        PyObject_GC_Del(o);
        Py_DECREF(type);
    }
}

#endif
