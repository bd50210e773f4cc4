/* Locks of threading held across an await, in debug runs. The bookkeeping is
 * bide/_locks.py; here is when it is asked. */
#include "bidepy.h"

static PyObject *
call(const char *name)
{
    PyObject *module = PyImport_ImportModule("bide._locks");
    PyObject *result = module ? PyObject_CallMethod(module, name, NULL) : NULL;
    Py_XDECREF(module);
    return result;
}

static PyObject *
get(const char *name)
{
    PyObject *module = PyImport_ImportModule("bide._locks");
    PyObject *found = module ? PyObject_GetAttrString(module, name) : NULL;
    Py_XDECREF(module);
    return found;
}

int
bidepy_locks_begin(bidepy_state *st)
{
    if (!st->locks_held) {
        PyObject *held = get("held");
        PyObject *parked = held ? get("parked") : NULL;
        if (!parked || !PyDict_Check(held)) {
            Py_XDECREF(held);
            Py_XDECREF(parked);
            return -1;
        }
        st->locks_held = held;
        st->locks_parked = parked;
    }
    PyObject *done = call("begin");
    Py_XDECREF(done);
    return done ? 0 : -1;
}

void
bidepy_locks_end(void)
{
    PyObject *done = call("end");
    Py_XDECREF(done);
    if (!done)
        PyErr_WriteUnraisable(NULL);
}

void
bidepy_locks_parked(bidepy_task *self)
{
    bidepy_state *st = self->st;
    if (!st->locks_held || PyDict_Size(st->locks_held) == 0)
        return;
    PyObject *name = bidepy_task_name(self);
    PyObject *where = name ? bidepy_task_where(self) : NULL;
    PyObject *done = where ? PyObject_CallFunctionObjArgs(
                                 st->locks_parked, self, name, where, NULL)
                           : NULL;
    Py_XDECREF(done);
    Py_XDECREF(where);
    if (!done)
        PyErr_WriteUnraisable(NULL);
}
