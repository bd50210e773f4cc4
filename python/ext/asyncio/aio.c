/* What the first loop makes: classes of asyncio, the handles' types, names. */
#include "contexts.h"

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
    aio->tasks = PyImport_ImportModule("asyncio.tasks");
    aio->socket_class = import_from("socket", "socket");
    aio->stock = import_from("asyncio.unix_events", "_UnixSelectorEventLoop");
    aio->helpers = PyImport_ImportModule("bide.aio._helpers");
    if (!aio->future_class || !aio->helpers || !aio->tasks ||
        !aio->socket_class || !aio->stock || set_strings(aio))
        return -1;
    if (bidepy_contexts_init(aio))
        return -1;
    return bidepy_handles_init(st, aio, module);
}

static void
clear(bidepy_aio *aio)
{
    bidepy_chain_free(&aio->handle_pool);
    bidepy_chain_free(&aio->timer_pool);
    Py_CLEAR(aio->blank);
    Py_CLEAR(aio->handle);
    Py_CLEAR(aio->timer_handle);
    Py_CLEAR(aio->future_class);
    Py_CLEAR(aio->helpers);
    Py_CLEAR(aio->tasks);
    Py_CLEAR(aio->socket_class);
    Py_CLEAR(aio->stock);
#define X(name) Py_CLEAR(aio->str.name);
    BIDEPY_AIO_STRINGS(X)
#undef X
}

void
bidepy_aio_clear(bidepy_state *st)
{
    if (st->aio)
        clear(st->aio);
}

int
bidepy_aio_traverse(bidepy_state *st, visitproc visit, void *arg)
{
    bidepy_aio *aio = st->aio;
    if (!aio)
        return 0;
    if (bidepy_chain_visit(&aio->handle_pool, visit, arg) ||
        bidepy_chain_visit(&aio->timer_pool, visit, arg))
        return -1;
    Py_VISIT(aio->blank);
    Py_VISIT(aio->handle);
    Py_VISIT(aio->timer_handle);
    Py_VISIT(aio->future_class);
    Py_VISIT(aio->helpers);
    Py_VISIT(aio->tasks);
    Py_VISIT(aio->socket_class);
    Py_VISIT(aio->stock);
    return 0;
}

/* Imports let other threads run, which may be here, too: the first that is
 * ready is taken. */
bidepy_aio *
bidepy_aio_need(bidepy_state *st, PyObject *module)
{
    if (st->aio && st->aio->handle)
        return st->aio;
    bidepy_aio made = {.handle = NULL};
    int rc = fill(st, &made, module);
    if (rc == 0 && !st->aio) {
        st->aio = PyMem_RawCalloc(1, sizeof *st->aio);
        if (!st->aio)
            PyErr_NoMemory();
    }
    if (rc || !st->aio || st->aio->handle)
        clear(&made);
    else
        *st->aio = made;
    return rc == 0 ? st->aio : NULL;
}

/* -- in a bide.run() --------------------------------------------------------
 */

int
bidepy_aio_begin(bidepy_runtime *runtime)
{
    bidepy_state *st = runtime->st;
    PyObject *class = import_from("bide.aio._loop", "EventLoop");
    st->adopting = runtime;
    PyObject *loop = class ? PyObject_CallNoArgs(class) : NULL;
    st->adopting = NULL;
    Py_XDECREF(class);
    runtime->aio_object = loop;
    if (loop)
        bidepy_loop_started((bidepy_loop *)loop);
    PyObject *done = loop ? PyObject_CallMethod(loop, "_enter", NULL) : NULL;
    Py_XDECREF(done);
    return done ? 0 : -1;
}

bool
bidepy_aio_finish(bidepy_runtime *runtime)
{
    if (!runtime->aio)
        return false;
    PyObject *coro = PyObject_CallMethod(runtime->aio_object, "_finish", NULL);
    bidepy_task *task = NULL;
    if (coro && coro != Py_None) {
        bidepy_spawn how = {.coro = coro, .scope = &runtime->cleanup};
        task = bidepy_task_spawn(runtime, &how);
    }
    bool none = coro == Py_None;
    Py_XDECREF(coro);
    if (!task && !none)
        PyErr_WriteUnraisable(runtime->aio_object);
    Py_XDECREF((PyObject *)task);
    return task != NULL;
}

void
bidepy_aio_end(bidepy_runtime *runtime)
{
    PyObject *loop = runtime->aio_object;
    if (!loop)
        return;
    PyObject *done = PyObject_CallMethod(loop, "_leave", NULL);
    if (!done)
        PyErr_WriteUnraisable(loop);
    Py_XDECREF(done);
    bidepy_loop_stopped((bidepy_loop *)loop);
    if (runtime->aio)
        bidepy_loop_shut(runtime->aio);
    Py_CLEAR(runtime->aio_object);
}
