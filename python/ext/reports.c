/* What the core reports of a runtime, slow locks and stalls, and what it asks
 * of Python for that. */
#include "bidepy.h"

#include "asyncio/aio.h"
#include "future.h"

enum { SLOW = 250000000 }; /* ns */

/* -- for reports of the core ---------------------------------------------- */

void
bidepy_what(void *ctx, bide_task *t, char *out, size_t size)
{
    (void)ctx;
    if (t->resume != bidepy_task_resume)
        return;
    const bidepy_op *op = bidepy_task_of(t)->parked;
    if (!op)
        return;
    const char *name = NULL;
    if (op->owner && Py_IS_TYPE(op->owner, op->st->type.future))
        name = ((bidepy_future *)op->owner)->label.cname;
    if (name)
        PyOS_snprintf(out, size, "Future \"%s\"", name);
    else
        PyOS_snprintf(out, size, "%s", op->kind->name);
}

/* The tasks of asyncio, with what Python knows of them. */
size_t
bidepy_others(void *ctx, char *out, size_t size)
{
    bidepy_runtime *self = ctx;
    size_t used = 0;
    if (!self->aio)
        return 0;
    PyObject *pending = PyErr_Occurred() ? bidepy_fetch() : NULL;
    PyObject *module = PyImport_ImportModule("bide.aio._pending");
    PyObject *lines = module ? PyObject_CallMethod(module, "lines", "O",
                                                   (PyObject *)self->aio)
                             : NULL;
    Py_ssize_t length = 0;
    const char *text = lines ? PyUnicode_AsUTF8AndSize(lines, &length) : NULL;
    if (text)
        used = (size_t)length;
    else
        PyErr_WriteUnraisable(NULL);
    if (text)
        PyOS_snprintf(out, size, "%s", text);
    Py_XDECREF(lines);
    Py_XDECREF(module);
    if (pending) {
        bidepy_reraise(pending);
        Py_DECREF(pending);
    }
    return used;
}

PyObject *
bidepy_stall_text(bidepy_runtime *self)
{
    char *text;
    int rc = bide_stall_text(self->loop, &text);
    if (rc)
        return PyUnicode_FromString(bide_strerror(BIDE_ESTALLED));
    PyObject *report =
        PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
    bide_dump_free(text);
    if (!report)
        PyErr_Clear();
    return report;
}

/* -- reports, to Python --------------------------------------------------- */

PyObject *
bidepy_text_or_none(const char *s)
{
    if (!s[0])
        Py_RETURN_NONE;
    return PyUnicode_DecodeUTF8(s, (Py_ssize_t)strlen(s), "replace");
}

void
bidepy_tell(PyObject *handler, PyObject *report, const char *message)
{
    PyObject *done = report ? PyObject_CallOneArg(handler, report) : NULL;
    Py_XDECREF(report);
    Py_XDECREF(done);
    if (done)
        return;
    PyObject *exc = bidepy_fetch();
    bidepy_report(exc, message, handler);
    Py_DECREF(exc);
}

/* New: the bide.Report. */
static PyObject *
report_of(const bide_report *r)
{
    PyObject *module = PyImport_ImportModule("bide._helpers");
    PyObject *text = bidepy_text_or_none(r->text);
    PyObject *lock = bidepy_text_or_none(r->lock);
    PyObject *holder = bidepy_text_or_none(r->holder);
    PyObject *waiter = bidepy_text_or_none(r->waiter);
    PyObject *report = NULL;
    if (module && text && lock && holder && waiter)
        report = PyObject_CallMethod(module, "Report", "sOOOOddI",
                                     bide_report_name(r->kind), text, lock,
                                     holder, waiter, (double)r->held / 1e9,
                                     (double)r->waited / 1e9, r->missed);
    Py_XDECREF(waiter);
    Py_XDECREF(holder);
    Py_XDECREF(lock);
    Py_XDECREF(text);
    Py_XDECREF(module);
    return report;
}

void
bidepy_reported(void *ctx, const bide_report *r)
{
    bidepy_runtime *self = ctx;
    if (!self->on_report)
        return;
    bidepy_tell(self->on_report, report_of(r), "in on_report of bide.run()");
}

/* -- arguments ------------------------------------------------------------ */

int
bidepy_reports_read(PyObject *slow_lock, PyObject *stall, PyObject *on_report,
                    bide_loop_options *out)
{
    if (bidepy_limit(slow_lock, "slow_lock", SLOW, &out->slow_lock) ||
        bidepy_limit(stall, "stall", 0, &out->stall))
        return -1;
    if (!on_report || on_report == Py_None || PyCallable_Check(on_report))
        return 0;
    PyErr_Format(PyExc_TypeError, "on_report must be callable, not %.100s",
                 Py_TYPE(on_report)->tp_name);
    return -1;
}
