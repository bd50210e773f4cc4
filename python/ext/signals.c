/* Signals under a run in the main thread.
 *
 * CPython's own handler writes to the wakeup descriptor, which ends the poll;
 * `tick` then runs the Python handlers. The first SIGINT cancels the main task
 * so that cleanup runs and bide.run() raises KeyboardInterrupt; the second one
 * raises it where the program stands, and what is left is closed without
 * waiting for its cleanup. While a task listens for SIGINT (signal.c) it is the
 * task's, and none of this happens. */
#include "bidepy.h"

#include <signal.h>
#include <unistd.h>

/* In a forked child the handler is the parent's: to the child it means what
 * Python's own does. */
static bool
is_forked(const bidepy_runtime *self)
{
    return self->pid != (long)getpid();
}

static PyObject *
on_sigint(PyObject *runtime, PyObject *args)
{
    (void)args;
    bidepy_runtime *self = (bidepy_runtime *)runtime;
    if (bide_signal_watched(SIGINT))
        Py_RETURN_NONE;
    if (!is_forked(self) && self->interrupts++ == 0 && self->main &&
        self->main->outcome == BIDEPY_PENDING) {
        bide_task_cancel(&self->main->task, BIDE_NO_VALUE);
        Py_RETURN_NONE;
    }
    PyErr_SetNone(PyExc_KeyboardInterrupt);
    return NULL;
}

static PyMethodDef on_sigint_def = {"bide_sigint", on_sigint, METH_VARARGS,
                                    NULL};

/* New: the former descriptor; NULL without an exception where signals do not
 * arrive: in other threads and interpreters. */
static PyObject *
set_wakeup(PyObject *signal, PyObject *fd)
{
    PyObject *set = PyObject_GetAttrString(signal, "set_wakeup_fd");
    PyObject *quiet = Py_BuildValue("{s:O}", "warn_on_full_buffer", Py_False);
    PyObject *args = PyTuple_Pack(1, fd);
    PyObject *old = NULL;
    if (set && quiet && args)
        old = PyObject_Call(set, args, quiet);
    Py_XDECREF(args);
    Py_XDECREF(quiet);
    Py_XDECREF(set);
    if (!old && PyErr_ExceptionMatches(PyExc_ValueError))
        PyErr_Clear();
    return old;
}

/* Whoever had signals' numbers before hears of them in a run, too. */
static void
pass_to(bidepy_runtime *self, PyObject *fd)
{
    if (!is_forked(self))
        bide_loop_wake_pass(self->loop, fd ? (int)PyLong_AsLong(fd) : -1);
}

/* Gives the descriptor back, unless the program has set one in the run. */
static void
give_back_wakeup(bidepy_runtime *self, PyObject *signal)
{
    pass_to(self, NULL);
    PyObject *now = set_wakeup(signal, self->wakeup);
    if (now && PyLong_AsLong(now) != bide_loop_wake_fd(self->loop))
        Py_XDECREF(set_wakeup(signal, now));
    Py_XDECREF(now);
}

static bool
is_parents(PyObject *handler)
{
    return PyCFunction_Check(handler) &&
           PyCFunction_GET_FUNCTION(handler) == on_sigint &&
           is_forked((bidepy_runtime *)PyCFunction_GET_SELF(handler));
}

/* Takes over SIGINT if it still has Python's own handler. */
static int
take_sigint(bidepy_runtime *self, PyObject *signal)
{
    PyObject *now = PyObject_CallMethod(signal, "getsignal", "i", SIGINT);
    PyObject *usual = PyObject_GetAttrString(signal, "default_int_handler");
    bool ours = now && (now == usual || is_parents(now));
    Py_XDECREF(now);
    Py_XDECREF(usual);
    if (!ours)
        return PyErr_Occurred() ? -1 : 0;
    PyObject *handler = PyCFunction_New(&on_sigint_def, (PyObject *)self);
    PyObject *old =
        handler ? PyObject_CallMethod(signal, "signal", "iO", SIGINT, handler)
                : NULL;
    Py_XDECREF(old);
    if (!old) {
        Py_XDECREF(handler);
        return -1;
    }
    self->sigint = handler;
    return 0;
}

int
bidepy_signals_begin(bidepy_runtime *self)
{
    int fd = bide_loop_wake_fd(self->loop);
    if (fd < 0) {
        bidepy_raise(self->st, fd, "bide.run()");
        return -1;
    }
    PyObject *signal = PyImport_ImportModule("_signal");
    PyObject *number = PyLong_FromLong(fd);
    int rc = -1;
    if (signal && number) {
        self->wakeup = set_wakeup(signal, number);
        if (self->wakeup) {
            pass_to(self, self->wakeup);
            rc = self->main ? take_sigint(self, signal) : 0;
        } else
            rc = PyErr_Occurred() ? -1 : 0;
    }
    Py_XDECREF(number);
    Py_XDECREF(signal);
    return rc;
}

static void
give_back_sigint(bidepy_runtime *self, PyObject *signal)
{
    PyObject *now = PyObject_CallMethod(signal, "getsignal", "i", SIGINT);
    if (now == self->sigint) {
        PyObject *usual = PyObject_GetAttrString(signal, "default_int_handler");
        PyObject *old =
            usual ? PyObject_CallMethod(signal, "signal", "iO", SIGINT, usual)
                  : NULL;
        Py_XDECREF(old);
        Py_XDECREF(usual);
    }
    Py_XDECREF(now);
}

void
bidepy_signals_end(bidepy_runtime *self)
{
    if (!self->wakeup)
        return;
    PyObject *signal = PyImport_ImportModule("_signal");
    if (signal) {
        if (self->sigint)
            give_back_sigint(self, signal);
        give_back_wakeup(self, signal);
    }
    Py_XDECREF(signal);
    Py_CLEAR(self->sigint);
    Py_CLEAR(self->wakeup);
    if (PyErr_Occurred())
        PyErr_WriteUnraisable(NULL);
}
