/* What the core's watchdog asks of Python, and how Python hears of it. */
#include "bidepy.h"

size_t
bidepy_trace(void *ctx, bool here, char *out, size_t size)
{
    bidepy_runtime *self = ctx;
    (void)here;
    return self->runner
               ? bidepy_frames_write(self->runner, self->base, out, size)
               : 0;
}

/* -- the report ----------------------------------------------------------- */

/* New: the bide.BlockedStep. */
static PyObject *
report_of(const bide_block *b)
{
    char text[10240], site[300] = "";
    bide_block_text(b, text, sizeof text);
    if (b->file[0])
        snprintf(site, sizeof site, "%s:%d", b->file, b->line);
    PyObject *module = PyImport_ImportModule("bide._helpers");
    PyObject *name = bidepy_text_or_none(b->name);
    PyObject *where = bidepy_text_or_none(site);
    PyObject *trace = bidepy_text_or_none(b->trace);
    PyObject *whole = bidepy_text_or_none(text);
    PyObject *report = NULL;
    if (module && name && where && trace && whole)
        report = PyObject_CallMethod(module, "BlockedStep", "OOdIIOO", name,
                                     where, (double)b->lasted / 1e9, b->nth,
                                     b->missed, trace, whole);
    Py_XDECREF(whole);
    Py_XDECREF(trace);
    Py_XDECREF(where);
    Py_XDECREF(name);
    Py_XDECREF(module);
    return report;
}

void
bidepy_blocked(void *ctx, const bide_block *b)
{
    bidepy_runtime *self = ctx;
    if (!self->on_blocked)
        return;
    bidepy_tell(self->on_blocked, report_of(b), "in on_blocked of bide.run()");
}

/* -- arguments ------------------------------------------------------------ */

enum { USUAL = 100000000 }; /* ns */

int
bidepy_limit(PyObject *value, const char *name, int64_t usual, int64_t *out)
{
    if (!value || value == Py_None)
        return 0;
    if (value == Py_False) {
        *out = BIDE_FOREVER;
        return 0;
    }
    if (value == Py_True) {
        *out = usual;
        return 0;
    }
    if (bidepy_duration(value, name, out))
        return -1;
    if (*out)
        return 0;
    PyErr_Format(PyExc_ValueError,
                 "%s must be more than 0 seconds; False is never", name);
    return -1;
}

static int
read_signal(PyObject *value, int *out)
{
    long signum = PyLong_AsLong(value);
    if (signum == -1 && PyErr_Occurred())
        return -1;
    if (signum < 0 || signum > 64) {
        PyErr_Format(PyExc_ValueError,
                     "watchdog_signal must be a signal's number, or 0 for "
                     "none, got %ld",
                     signum);
        return -1;
    }
    *out = signum ? (int)signum : -1;
    return 0;
}

int
bidepy_watchdog_read(PyObject *watchdog, PyObject *signum, PyObject *on_blocked,
                     bide_watchdog *out)
{
    if (bidepy_limit(watchdog, "watchdog", USUAL, &out->threshold))
        return -1;
    if (signum && signum != Py_None && read_signal(signum, &out->signum))
        return -1;
    if (!on_blocked || on_blocked == Py_None || PyCallable_Check(on_blocked))
        return 0;
    PyErr_Format(PyExc_TypeError, "on_blocked must be callable, not %.100s",
                 Py_TYPE(on_blocked)->tp_name);
    return -1;
}
