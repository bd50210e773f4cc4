/* What the first loop makes: classes of asyncio, the handles' types, names. */
#include "aio.h"

static int
set_strings(bidepy_aio *aio)
{
#define X(name)                                                                \
    aio->str.name = PyUnicode_InternFromString(#name);                         \
    if (!aio->str.name)                                                        \
        return -1;
    BIDEPY_AIO_STRINGS(X)
#undef X
    return 0;
}

static PyObject *
import_from(const char *module, const char *name)
{
    PyObject *from = PyImport_ImportModule(module);
    PyObject *o = from ? PyObject_GetAttrString(from, name) : NULL;
    Py_XDECREF(from);
    return o;
}

static int
fill(bidepy_state *st, bidepy_aio *aio, PyObject *module)
{
    aio->future_class = import_from("asyncio", "Future");
    aio->helpers = PyImport_ImportModule("bide.aio._helpers");
    if (!aio->future_class || !aio->helpers || set_strings(aio))
        return -1;
    return bidepy_handles_init(st, aio, module);
}

static void
empty(bidepy_pool *pool)
{
    while (pool->count) {
        PyObject *dead = pool->items[--pool->count];
        PyTypeObject *type = Py_TYPE(dead);
        PyObject_GC_Del(dead);
        Py_DECREF(type);
    }
}

void
bidepy_aio_clear(bidepy_state *st)
{
    bidepy_aio *aio = st->aio;
    if (!aio)
        return;
    empty(&aio->handle_pool);
    empty(&aio->timer_pool);
    Py_CLEAR(aio->handle);
    Py_CLEAR(aio->timer_handle);
    Py_CLEAR(aio->future_class);
    Py_CLEAR(aio->helpers);
#define X(name) Py_CLEAR(aio->str.name);
    BIDEPY_AIO_STRINGS(X)
#undef X
}

int
bidepy_aio_traverse(bidepy_state *st, visitproc visit, void *arg)
{
    bidepy_aio *aio = st->aio;
    if (!aio)
        return 0;
    for (unsigned i = 0; i < aio->handle_pool.count; i++)
        Py_VISIT(Py_TYPE(aio->handle_pool.items[i]));
    for (unsigned i = 0; i < aio->timer_pool.count; i++)
        Py_VISIT(Py_TYPE(aio->timer_pool.items[i]));
    Py_VISIT(aio->handle);
    Py_VISIT(aio->timer_handle);
    Py_VISIT(aio->future_class);
    Py_VISIT(aio->helpers);
    return 0;
}

bidepy_aio *
bidepy_aio_need(bidepy_state *st, PyObject *module)
{
    if (st->aio && st->aio->handle)
        return st->aio;
    bidepy_aio *aio = st->aio ? st->aio : PyMem_RawCalloc(1, sizeof *aio);
    if (!aio) {
        PyErr_NoMemory();
        return NULL;
    }
    st->aio = aio;
    if (fill(st, aio, module) == 0)
        return aio;
    bidepy_aio_clear(st);
    return NULL;
}
