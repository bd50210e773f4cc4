/* Where tasks stand, in words. */
#include "bidepy.h"

/* -- the innermost frame of a coroutine ----------------------------------- */

static const char *const awaits[] = {"cr_await", "gi_yieldfrom", "ag_await",
                                     NULL};
static const char *const frames[] = {"cr_frame", "gi_frame", "ag_frame", NULL};

/* New: the first of `names` that `o` has and that is not None; else NULL,
 * without an exception. */
static PyObject *
first_attribute(PyObject *o, const char *const *names)
{
    for (; *names; names++) {
        PyObject *found = PyObject_GetAttrString(o, *names);
        if (found && found != Py_None)
            return found;
        Py_XDECREF(found);
        PyErr_Clear();
    }
    return NULL;
}

/* New: the frame of the innermost of the coroutines that await each other. */
static PyObject *
innermost_frame(PyObject *coro)
{
    PyObject *at = Py_NewRef(coro), *frame = NULL, *inner;
    do {
        inner = first_attribute(at, frames);
        if (inner)
            Py_XSETREF(frame, inner);
        inner = first_attribute(at, awaits);
        Py_SETREF(at, inner);
    } while (at);
    return frame;
}

PyObject *
bidepy_task_where(bidepy_task *self)
{
    PyObject *frame = self->coro ? innermost_frame(self->coro) : NULL;
    if (!frame || !PyFrame_Check(frame)) {
        Py_XDECREF(frame);
        return Py_NewRef(self->st->empty);
    }
    PyCodeObject *code = PyFrame_GetCode((PyFrameObject *)frame);
    PyObject *where = PyUnicode_FromFormat(
        "%U:%d in %U", code->co_filename,
        PyFrame_GetLineNumber((PyFrameObject *)frame), code->co_name);
    Py_DECREF(code);
    Py_DECREF(frame);
    return where;
}

void
bidepy_where(void *ctx, bide_task *t, char *out, size_t size)
{
    (void)ctx;
    if (t->resume != bidepy_task_resume)
        return;
    PyObject *pending = PyErr_Occurred() ? bidepy_fetch() : NULL;
    PyObject *where = bidepy_task_where(bidepy_task_of(t));
    const char *text = where ? PyUnicode_AsUTF8(where) : NULL;
    if (text)
        PyOS_snprintf(out, size, "%s", text);
    else
        PyErr_Clear();
    Py_XDECREF(where);
    if (pending) {
        bidepy_reraise(pending);
        Py_DECREF(pending);
    }
}
