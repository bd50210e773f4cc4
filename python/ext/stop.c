/* Returning a result from an iterator means raising a StopIteration that
 * carries it; the interpreter takes the value out and drops the exception at
 * once. Making that exception is most of the cost of an await, so the state
 * keeps one for all.
 *
 * Invariant: the kept one is as new, and has a value only from the end of an
 * operation to that operation's death, which follows when the interpreter has
 * the value. An operation that somebody else holds as well, and an exception
 * that somebody kept, get one of their own: nobody sees it change. */
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
bidepy_stop(bidepy_state *st, PyObject *operation, PyObject *result)
{
    (void)st;
    (void)operation;
    if (result != Py_None)
        return bidepy_stop_plain(result);
    Py_DECREF(result);
    return NULL;
}

#else

static bool
is_as_new(const PyStopIterationObject *stop)
{
    return Py_REFCNT((PyObject *)stop) == 1 && !stop->value &&
           !stop->traceback && !stop->context && !stop->cause && !stop->dict &&
           !stop->notes;
}

/* Borrowed; NULL with an exception. */
static PyStopIterationObject *
replace(bidepy_state *st)
{
    PyObject *stop = PyObject_CallNoArgs(PyExc_StopIteration);
    if (stop)
        Py_CLEAR(((PyStopIterationObject *)stop)->value);
    Py_XSETREF(st->stop, stop);
    return (PyStopIterationObject *)stop;
}

PyObject *
bidepy_stop(bidepy_state *st, PyObject *operation, PyObject *result)
{
    if (result == Py_None) {
        Py_DECREF(result);
        return NULL;
    }
    if (Py_REFCNT(operation) > 1 || st->closing)
        return bidepy_stop_plain(result);
    PyStopIterationObject *stop = (PyStopIterationObject *)st->stop;
    if (!stop || !is_as_new(stop))
        stop = replace(st);
    if (!stop) {
        Py_DECREF(result);
        return NULL;
    }
    stop->value = result;
    PyErr_SetRaisedException(Py_NewRef((PyObject *)stop));
    return NULL;
}

#endif

/* One that is on its way, or that somebody keeps, is his. */
void
bidepy_stop_empty(bidepy_state *st)
{
    if (Py_REFCNT(st->stop) > 1)
        Py_CLEAR(st->stop);
    else
        Py_CLEAR(((PyStopIterationObject *)st->stop)->value);
}
