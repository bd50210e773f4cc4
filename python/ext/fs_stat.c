/* What is known about a file, as Python tells it. */
#include "file.h"

static void
set(PyObject *tuple, Py_ssize_t at, PyObject *value)
{
    PyTuple_SET_ITEM(tuple, at, value); /* NULL too: looked at later */
}

/* os.stat_result takes the ten fields of the tuple; then the times as float and
 * ns, and what Linux and others have beyond. */
static PyObject *
fill(const bide_stat *s)
{
    const int64_t times[] = {s->atime, s->mtime, s->ctime};
    PyObject *t = PyTuple_New(19);
    if (!t)
        return NULL;
    set(t, 0, PyLong_FromUnsignedLong(s->mode));
    set(t, 1, PyLong_FromUnsignedLongLong(s->ino));
    set(t, 2, PyLong_FromUnsignedLongLong(s->dev));
    set(t, 3, PyLong_FromUnsignedLongLong(s->nlink));
    set(t, 4, PyLong_FromUnsignedLong(s->uid));
    set(t, 5, PyLong_FromUnsignedLong(s->gid));
    set(t, 6, PyLong_FromLongLong(s->size));
    for (int i = 0; i < 3; i++) {
        int64_t whole = times[i] / 1000000000;
        whole -= times[i] % 1000000000 < 0;
        int64_t rest = times[i] - whole * 1000000000;
        set(t, 7 + i, PyLong_FromLongLong(whole));
        /* Rounded as os.stat() does. */
        set(t, 10 + i, PyFloat_FromDouble((double)whole + 1e-9 * (double)rest));
        set(t, 13 + i, PyLong_FromLongLong(times[i]));
    }
    set(t, 16, PyLong_FromLongLong(s->blksize));
    set(t, 17, PyLong_FromLongLong(s->blocks));
    set(t, 18, PyLong_FromUnsignedLongLong(s->rdev));
    for (Py_ssize_t i = 0; i < 19; i++)
        if (!PyTuple_GET_ITEM(t, i)) {
            Py_DECREF(t);
            return NULL;
        }
    return t;
}

PyObject *
bidepy_fs_stat(const bide_stat *stat)
{
    PyObject *os = PyImport_ImportModule("os");
    PyObject *type = os ? PyObject_GetAttrString(os, "stat_result") : NULL;
    PyObject *fields = type ? fill(stat) : NULL;
    PyObject *result = fields ? PyObject_CallOneArg(type, fields) : NULL;
    Py_XDECREF(fields);
    Py_XDECREF(type);
    Py_XDECREF(os);
    return result;
}
