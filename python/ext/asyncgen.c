/* Asynchronous generators of a run: one that is dropped half-way is closed by a
 * task, and those still in use at the end are closed then, behind a shield. */
#include "bidepy.h"
#include "asyncio/aio.h"

#include <unistd.h>

/* Starts a task for `generator.aclose()`. */
static int
close_later(bidepy_runtime *self, PyObject *generator)
{
    PyObject *closing = PyObject_CallMethod(generator, "aclose", NULL);
    PyObject *coro = closing ? bidepy_iterator(closing, "aclose()") : NULL;
    Py_XDECREF(closing);
    if (!coro)
        return -1;
    bidepy_spawn how = {.coro = coro, .scope = &self->cleanup};
    bidepy_task *task = bidepy_task_spawn(self, &how);
    Py_DECREF(coro);
    Py_XDECREF((PyObject *)task);
    return task ? 0 : -1;
}

static PyObject *
on_first(PyObject *runtime, PyObject *generator)
{
    bidepy_runtime *self = (bidepy_runtime *)runtime;
    if (!self->asyncgens) {
        PyObject *weakref = PyImport_ImportModule("weakref");
        if (weakref)
            self->asyncgens = PyObject_CallMethod(weakref, "WeakSet", NULL);
        Py_XDECREF(weakref);
    }
    return self->asyncgens
               ? PyObject_CallMethod(self->asyncgens, "add", "O", generator)
               : NULL;
}

static PyObject *
close_here(PyObject *runtime, PyObject *generator)
{
    if (close_later((bidepy_runtime *)runtime, generator))
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef close_here_def = {"bide_close_generator", close_here, METH_O,
                                     NULL};

/* Only the loop's own thread may start the task. A run that is over, or in the
 * child of a fork, starts none. */
static PyObject *
close_there(bidepy_runtime *self, PyObject *generator)
{
    if (!self->aio || self->pid != (long)getpid())
        Py_RETURN_NONE;
    PyObject *callback = PyCFunction_New(&close_here_def, (PyObject *)self);
    int rc = callback
                 ? bidepy_loop_call(self->aio, callback, &generator, 1, NULL)
                 : -1;
    Py_XDECREF(callback);
    if (rc)
        return NULL;
    Py_RETURN_NONE;
}

/* From the collector, perhaps in another thread. */
static PyObject *
on_dropped(PyObject *runtime, PyObject *generator)
{
    bidepy_runtime *self = (bidepy_runtime *)runtime;
    return bidepy_running == self ? close_here(runtime, generator)
                                  : close_there(self, generator);
}

static PyMethodDef on_first_def = {"bide_firstiter", on_first, METH_O, NULL};
static PyMethodDef on_dropped_def = {"bide_finalizer", on_dropped, METH_O,
                                     NULL};

/* Calls sys.<name>(*args). */
static PyObject *
call_sys(const char *name, PyObject *args)
{
    PyObject *function = PySys_GetObject(name); /* borrowed */
    if (!function) {
        PyErr_Format(PyExc_RuntimeError, "sys.%s is missing", name);
        return NULL;
    }
    return PyObject_CallObject(function, args);
}

int
bidepy_asyncgens_begin(bidepy_runtime *self)
{
    self->old_hooks = call_sys("get_asyncgen_hooks", NULL);
    PyObject *first = PyCFunction_New(&on_first_def, (PyObject *)self);
    PyObject *dropped = PyCFunction_New(&on_dropped_def, (PyObject *)self);
    PyObject *args = NULL, *done = NULL;
    if (self->old_hooks && first && dropped)
        args = PyTuple_Pack(2, first, dropped);
    if (args)
        done = call_sys("set_asyncgen_hooks", args);
    Py_XDECREF(args);
    Py_XDECREF(dropped);
    Py_XDECREF(first);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

bool
bidepy_asyncgens_close(bidepy_runtime *self)
{
    PyObject *set = self->asyncgens;
    self->asyncgens = NULL;
    PyObject *all = set ? PySequence_List(set) : NULL;
    Py_XDECREF(set);
    Py_ssize_t n = all ? PyList_GET_SIZE(all) : 0;
    for (Py_ssize_t i = 0; i < n; i++)
        if (close_later(self, PyList_GET_ITEM(all, i)))
            PyErr_WriteUnraisable(PyList_GET_ITEM(all, i));
    Py_XDECREF(all);
    if (PyErr_Occurred())
        PyErr_WriteUnraisable(NULL);
    return n > 0;
}

void
bidepy_asyncgens_end(bidepy_runtime *self)
{
    if (!self->old_hooks)
        return;
    PyObject *args = PySequence_Tuple(self->old_hooks);
    PyObject *done = args ? call_sys("set_asyncgen_hooks", args) : NULL;
    if (!done)
        PyErr_WriteUnraisable(NULL);
    Py_XDECREF(done);
    Py_XDECREF(args);
    Py_CLEAR(self->old_hooks);
    Py_CLEAR(self->asyncgens);
}
