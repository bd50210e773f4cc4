/* Warnings about what was forgotten: in the line where it was made, as that is
 * the line to look at. */
#include "bidepy.h"

/* New: the text with the place, or NULL with an exception. */
static PyObject *
with_place(PyObject *text, PyObject *file, int line)
{
    if (!file)
        return Py_NewRef(text);
    return PyUnicode_FromFormat("%U, made at %U:%d", text, file, line);
}

static int
warn(const bidepy_place *place, PyObject *text)
{
    int line = 0;
    PyObject *file = place->code ? bidepy_place_line(place, &line) : NULL;
    PyObject *full = with_place(text, file, line);
    int rc = -1;
    if (full && file)
        rc = PyErr_WarnExplicitObject(PyExc_RuntimeWarning, full, file, line,
                                      NULL, NULL);
    else if (full)
        rc = PyErr_WarnFormat(PyExc_RuntimeWarning, 1, "%U", full);
    Py_XDECREF(full);
    return rc;
}

void
bidepy_warn_at(const bidepy_place *place, const char *format, ...)
{
    PyObject *pending = PyErr_Occurred() ? bidepy_fetch() : NULL;
    va_list args;
    va_start(args, format);
    PyObject *text = PyUnicode_FromFormatV(format, args);
    va_end(args);
    if (!text || warn(place, text))
        PyErr_WriteUnraisable(NULL);
    Py_XDECREF(text);
    if (pending) {
        bidepy_reraise(pending);
        Py_DECREF(pending);
    }
}
