/* call_soon(), call_later(), call_at(), call_soon_threadsafe(), time(). */
#include "aio.h"

#include <math.h>

/* -- arguments ------------------------------------------------------------ */

/* Takes `context`, the one keyword there is. */
static int
parse_context(bidepy_loop *self, const char *function, PyObject *const *values,
              PyObject *kwnames, PyObject **context)
{
    *context = NULL;
    Py_ssize_t n = PyTuple_GET_SIZE(kwnames);
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *name = PyTuple_GET_ITEM(kwnames, i);
        if (name != self->st->aio->str.context &&
            PyUnicode_CompareWithASCIIString(name, "context")) {
            PyErr_Format(PyExc_TypeError,
                         "%s() got an unexpected keyword argument %R", function,
                         name);
            return -1;
        }
        *context = values[i];
    }
    if (!*context || *context == Py_None) {
        *context = NULL;
        return 0;
    }
    if (PyContext_CheckExact(*context))
        return 0;
    PyErr_Format(PyExc_TypeError,
                 "%s(): context must be a contextvars.Context,"
                 " not %.100s",
                 function, Py_TYPE(*context)->tp_name);
    return -1;
}

int
bidepy_loop_check_open(const bidepy_loop *self)
{
    if (!self->closed)
        return 0;
    PyErr_SetString(PyExc_RuntimeError, "Event loop is closed");
    return -1;
}

int
bidepy_loop_check_call(bidepy_loop *self)
{
    if (bidepy_loop_check_open(self))
        return -1;
    if (!self->debug)
        return 0;
    PyObject *done =
        PyObject_CallMethod((PyObject *)self, "_check_thread", NULL);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

static int
check(bidepy_loop *self, const char *function, PyObject *callback, bool here)
{
    if (here ? bidepy_loop_check_call(self) : bidepy_loop_check_open(self))
        return -1;
    if (!self->debug)
        return 0;
    PyObject *done = PyObject_CallMethod((PyObject *)self, "_check_callback",
                                         "Os", callback, function);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

/* With arguments by keyword: once more, with them in their places. */
static PyObject *
by_keyword(bidepy_loop *self, const char *function, PyObject *const *args,
           Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *method = PyObject_GetAttrString((PyObject *)self, function);
    PyObject *helper =
        PyObject_GetAttrString(self->st->aio->helpers, "by_keyword");
    PyObject *given = PyTuple_New(nargs + 1), *named = PyDict_New();
    PyObject *result = NULL;
    if (method && helper && given && named) {
        PyTuple_SET_ITEM(given, 0, Py_NewRef(method));
        for (Py_ssize_t i = 0; i < nargs; i++)
            PyTuple_SET_ITEM(given, i + 1, Py_NewRef(args[i]));
        int rc = 0;
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(kwnames) && rc == 0; i++)
            rc = PyDict_SetItem(named, PyTuple_GET_ITEM(kwnames, i),
                                args[nargs + i]);
        if (rc == 0)
            result = PyObject_Call(helper, given, named);
    }
    Py_XDECREF(named);
    Py_XDECREF(given);
    Py_XDECREF(helper);
    Py_XDECREF(method);
    return result;
}

/* `skip` arguments of the method's own come before the callback. */
static int
parse(bidepy_loop *self, const char *function, PyObject *const *args,
      Py_ssize_t nargs, Py_ssize_t skip, PyObject *kwnames, bidepy_call *out)
{
    if (nargs <= skip) {
        PyErr_Format(PyExc_TypeError,
                     "%s() missing 1 required positional argument: '%s'",
                     function,
                     nargs < skip ? skip == 1 ? "when" : "delay" : "callback");
        return -1;
    }
    out->callback = args[skip];
    out->args = args + skip + 1;
    out->nargs = (size_t)(nargs - skip - 1);
    out->context = NULL;
    if (!kwnames)
        return 0;
    return parse_context(self, function, args + nargs, kwnames, &out->context);
}

/* -- now ------------------------------------------------------------------ */

static PyObject *
soon(bidepy_loop *self, const char *function, PyObject *const *args,
     Py_ssize_t nargs, PyObject *kwnames, bool here)
{
    bidepy_call call;
    if (kwnames && nargs < 1)
        return by_keyword(self, function, args, nargs, kwnames);
    if (parse(self, function, args, nargs, 0, kwnames, &call))
        return NULL;
    if ((self->closed || self->debug) &&
        check(self, function, call.callback, here))
        return NULL;
    return (PyObject *)bidepy_loop_soon(self, &call);
}

PyDoc_STRVAR(call_soon_doc,
             "call_soon($self, callback, *args, context=None)\n--\n\n"
             "Call the callback as soon as possible, after those that were\n"
             "asked for before.");

static PyObject *
call_soon(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
          PyObject *kwnames)
{
    return soon((bidepy_loop *)self, "call_soon", args, nargs, kwnames, true);
}

PyDoc_STRVAR(threadsafe_doc,
             "call_soon_threadsafe($self, callback, *args, context=None)\n"
             "--\n\nAs call_soon(), from any thread.");

static PyObject *
call_soon_threadsafe(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                     PyObject *kwnames)
{
    return soon((bidepy_loop *)self, "call_soon_threadsafe", args, nargs,
                kwnames, false);
}

static PyObject *
add_callback(PyObject *loop, PyObject *handle)
{
    bidepy_loop *self = (bidepy_loop *)loop;
    PyObject *cancelled = PyObject_GetAttrString(handle, "_cancelled");
    int skip = cancelled ? PyObject_IsTrue(cancelled) : -1;
    Py_XDECREF(cancelled);
    if (skip < 0 || (!skip && bidepy_loop_append(self, handle)))
        return NULL;
    Py_RETURN_NONE;
}

/* -- later ---------------------------------------------------------------- */

static double
seconds(int64_t ns)
{
    return (double)ns / 1e9;
}

/* The first moment of the loop's clock that does not come before `when`. */
static int64_t
moment(double when)
{
    if (when >= 9e9)
        return BIDE_FOREVER - 1;
    if (when <= 0)
        return 0;
    int64_t ns = (int64_t)ceil(when * 1e9);
    while (seconds(ns) < when)
        ns++;
    return ns;
}

/* -- subclasses ------------------------------------------------------------ */

static int
overrides(PyTypeObject *type, PyTypeObject *base, const char *name, bool *out)
{
    PyObject *its = PyObject_GetAttrString((PyObject *)type, name);
    PyObject *ours = PyObject_GetAttrString((PyObject *)base, name);
    *out = its != ours;
    Py_XDECREF(ours);
    Py_XDECREF(its);
    return its && ours ? 0 : -1;
}

int
bidepy_loop_note_own(bidepy_loop *self)
{
    PyTypeObject *type = Py_TYPE(self), *base = self->st->type.loop;
    return overrides(type, base, "time", &self->own_time) ||
                   overrides(type, base, "call_at", &self->own_call_at)
               ? -1
               : 0;
}

PyObject *
bidepy_loop_stock(bidepy_loop *self, const char *name, PyObject *const *args,
                  Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *method = PyObject_GetAttrString(self->st->aio->stock, name);
    size_t n = (size_t)(nargs + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0));
    PyObject **all = method ? PyMem_Malloc((n + 1) * sizeof *all) : NULL;
    PyObject *result = NULL;
    if (all) {
        all[0] = (PyObject *)self;
        for (size_t i = 0; i < n; i++)
            all[i + 1] = args[i];
        result = PyObject_Vectorcall(method, all, (size_t)nargs + 1, kwnames);
    } else if (method) {
        PyErr_NoMemory();
    }
    PyMem_Free(all);
    Py_XDECREF(method);
    return result;
}

/* `when` of a clock of the subclass's, on the reactor's. */
static int
from_own_time(bidepy_loop *self, double *when)
{
    PyObject *now = PyObject_CallMethod((PyObject *)self, "time", NULL);
    double own = now ? PyFloat_AsDouble(now) : -1;
    Py_XDECREF(now);
    if (own == -1 && PyErr_Occurred())
        return -1;
    *when += seconds(bide_loop_now(self->runtime->loop, true)) - own;
    return 0;
}

/* -- timers ---------------------------------------------------------------- */

static void
on_due(bide_timer *timer)
{
    bidepy_timer_handle *handle =
        bidepy_container(timer, bidepy_timer_handle, timer);
    bidepy_loop *self = (bidepy_loop *)handle->loop;
    handle->armed.prev->next = handle->armed.next;
    handle->armed.next->prev = handle->armed.prev;
    Py_XSETREF(handle->scheduled, Py_NewRef(Py_False));
    if (bidepy_loop_append(self, (PyObject *)handle))
        PyErr_WriteUnraisable((PyObject *)handle);
    Py_DECREF(handle);
}

/* `when` is what the handle tells, `due` the reactor's time. */
static PyObject *
arm_at(bidepy_loop *self, double when, int64_t due, const bidepy_call *call)
{
    bidepy_timer_handle *handle = bidepy_timer_handle_new(self, call, when);
    if (!handle)
        return NULL;
    int rc = bide_timer_start(self->runtime->loop, &handle->timer, due, on_due);
    if (rc) {
        Py_DECREF(handle);
        return bidepy_raise(self->st, rc, NULL);
    }
    handle->armed.next = &self->armed;
    handle->armed.prev = self->armed.prev;
    handle->armed.prev->next = &handle->armed;
    self->armed.prev = &handle->armed;
    Py_XSETREF(handle->scheduled, Py_NewRef(Py_True));
    return Py_NewRef((PyObject *)handle); /* one for the loop */
}

static PyObject *
arm(bidepy_loop *self, double when, const bidepy_call *call)
{
    double due = when;
    if (self->own_time && from_own_time(self, &due))
        return NULL;
    return arm_at(self, when, moment(due), call);
}

int
bidepy_loop_call_after(bidepy_loop *self, int64_t delay, PyObject *callback)
{
    bidepy_call call = {callback, NULL, 0, NULL};
    int64_t due = bide_loop_now(self->runtime->loop, true) + delay;
    PyObject *handle = arm_at(self, seconds(due), due, &call);
    Py_XDECREF(handle);
    return handle ? 0 : -1;
}

static PyObject *
later(bidepy_loop *self, const char *function, PyObject *const *args,
      Py_ssize_t nargs, PyObject *kwnames, bool relative)
{
    bidepy_call call;
    /* asyncio's call_later() asks the loop's time() and call_at(). */
    if (relative && (self->own_time || self->own_call_at))
        return bidepy_loop_stock(self, function, args, nargs, kwnames);
    if (kwnames && nargs < 2)
        return by_keyword(self, function, args, nargs, kwnames);
    if (parse(self, function, args, nargs, 1, kwnames, &call))
        return NULL;
    if (args[0] == Py_None) {
        PyErr_SetString(PyExc_TypeError, relative ? "delay must not be None"
                                                  : "when cannot be None");
        return NULL;
    }
    double when = PyFloat_AsDouble(args[0]);
    if (when == -1 && PyErr_Occurred())
        return NULL;
    if (isnan(when)) {
        PyErr_Format(PyExc_ValueError, "%s(): the time must not be NaN",
                     function);
        return NULL;
    }
    /* asyncio says call_at() in both cases. */
    if (check(self, "call_at", call.callback, true))
        return NULL;
    if (relative)
        when += seconds(bide_loop_now(self->runtime->loop, true));
    return arm(self, when, &call);
}

PyDoc_STRVAR(call_later_doc,
             "call_later($self, delay, callback, *args, context=None)\n--\n\n"
             "Call the callback after `delay` seconds; never before.");

static PyObject *
call_later(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
           PyObject *kwnames)
{
    return later((bidepy_loop *)self, "call_later", args, nargs, kwnames, true);
}

PyDoc_STRVAR(call_at_doc,
             "call_at($self, when, callback, *args, context=None)\n--\n\n"
             "Call the callback when time() shows `when`; never before.");

static PyObject *
call_at(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
        PyObject *kwnames)
{
    return later((bidepy_loop *)self, "call_at", args, nargs, kwnames, false);
}

static PyObject *
loop_time(PyObject *loop, PyObject *unused)
{
    (void)unused;
    bidepy_loop *self = (bidepy_loop *)loop;
    return PyFloat_FromDouble(
        seconds(bide_loop_now(self->runtime->loop, true)));
}

static PyObject *
create_future(PyObject *loop, PyObject *unused)
{
    (void)unused;
    bidepy_loop *self = (bidepy_loop *)loop;
    if (!self->itself)
        self->itself = Py_BuildValue("{OO}", self->st->aio->str.loop, loop);
    PyObject *none = self->itself ? PyTuple_New(0) : NULL;
    PyObject *future = NULL;
    if (none)
        future = PyObject_Call(self->st->aio->future_class, none, self->itself);
    Py_XDECREF(none);
    return future;
}

PyMethodDef bidepy_loop_call_methods[] = {
    {"call_soon", BIDEPY_METHOD(call_soon), METH_FASTCALL | METH_KEYWORDS,
     call_soon_doc},
    {"call_soon_threadsafe", BIDEPY_METHOD(call_soon_threadsafe),
     METH_FASTCALL | METH_KEYWORDS, threadsafe_doc},
    {"call_later", BIDEPY_METHOD(call_later), METH_FASTCALL | METH_KEYWORDS,
     call_later_doc},
    {"call_at", BIDEPY_METHOD(call_at), METH_FASTCALL | METH_KEYWORDS,
     call_at_doc},
    {"time", loop_time, METH_NOARGS,
     "time($self)\n--\n\nThe loop's clock, in seconds."},
    {"create_future", create_future, METH_NOARGS,
     "create_future($self)\n--\n\nA new asyncio.Future of this loop."},
    {"_add_callback", add_callback, METH_O, NULL},
    {NULL, NULL, 0, NULL}};
