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

/* -- the deadlock report -------------------------------------------------- */

/* New: "  task 'a' waits for Mutex.lock() of <...>, at app.py:3 in f". */
static PyObject *
line_of(bidepy_task *task)
{
    PyObject *name = bidepy_task_name(task);
    PyObject *where = name ? bidepy_task_where(task) : NULL;
    if (!where)
        return NULL;
    bidepy_op *op = task->parked;
    PyObject *owner =
        op && op->owner ? PyObject_Repr(op->owner) : Py_NewRef(task->st->empty);
    PyObject *line = NULL;
    if (owner)
        line = PyUnicode_FromFormat("  task %R waits for %s%s%U%s%U", name,
                                    op ? op->kind->name : "nothing known",
                                    op && op->owner ? " of " : "", owner,
                                    PyUnicode_GET_LENGTH(where) ? ", at " : "",
                                    where);
    Py_XDECREF(owner);
    Py_DECREF(where);
    return line;
}

static void
add_line(bide_task *t, void *lines)
{
    if (t->resume != bidepy_task_resume)
        return;
    PyObject *line = line_of(bidepy_task_of(t));
    if (line)
        PyList_Append(lines, line);
    else
        PyErr_Clear();
    Py_XDECREF(line);
}

PyObject *
bidepy_deadlock_report(bidepy_runtime *runtime)
{
    PyObject *lines = PyList_New(0);
    PyObject *head = PyUnicode_FromString(
        "every task waits, and nothing is left that could wake one:");
    PyObject *gap = PyUnicode_FromString("\n");
    PyObject *text = NULL;
    if (lines && head && gap && PyList_Append(lines, head) == 0) {
        bide_loop_each_task(runtime->loop, add_line, lines);
        text = PyUnicode_Join(gap, lines);
    }
    Py_XDECREF(gap);
    Py_XDECREF(head);
    Py_XDECREF(lines);
    return text;
}
