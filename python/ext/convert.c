/* Between Python and the core: arguments, names, sites, times. */
#include "bidepy.h"

#include <math.h>
#include <string.h>

/* -- names and sites ------------------------------------------------------ */

/* The file (new) and line of Python being executed; NULL when there is none. */
static PyObject *
current_line(int *line)
{
    PyFrameObject *frame = PyEval_GetFrame();
    if (!frame)
        return NULL;
    PyCodeObject *code = PyFrame_GetCode(frame);
    PyObject *file = Py_NewRef(code->co_filename);
    Py_DECREF(code);
    *line = PyFrame_GetLineNumber(frame);
    return file;
}

PyObject *
bidepy_here(void)
{
    int line = 0;
    PyObject *file = current_line(&line);
    if (!file)
        return NULL;
    PyObject *text = PyUnicode_FromFormat("%U:%d", file, line);
    Py_DECREF(file);
    if (!text)
        PyErr_Clear();
    return text;
}

int
bidepy_label_set(bidepy_label *label, PyObject *name)
{
    *label = (bidepy_label){0};
    if (!name || name == Py_None)
        return 0;
    if (!PyUnicode_Check(name)) {
        PyErr_Format(PyExc_TypeError, "name must be a str, not %.100s",
                     Py_TYPE(name)->tp_name);
        return -1;
    }
    label->cname = PyUnicode_AsUTF8(name);
    if (!label->cname)
        return -1;
    label->name = Py_NewRef(name);
    return 0;
}

int
bidepy_label_init(bidepy_label *label, PyObject *name)
{
    if (bidepy_label_set(label, name))
        return -1;
    label->file = current_line(&label->site.line);
    if (label->file) {
        label->site.file = PyUnicode_AsUTF8(label->file);
        if (!label->site.file)
            PyErr_Clear();
    }
    return 0;
}

void
bidepy_label_clear(bidepy_label *label)
{
    Py_CLEAR(label->name);
    Py_CLEAR(label->file);
    label->cname = NULL;
    label->site = (bide_site){NULL, 0};
}

PyObject *
bidepy_label_repr(const bidepy_label *label, PyObject *self, const char *detail)
{
    const char *type = strrchr(Py_TYPE(self)->tp_name, '.');
    type = type ? type + 1 : Py_TYPE(self)->tp_name;
    const char *gap = detail ? " " : "";
    if (!detail)
        detail = "";
    if (label->name)
        return PyUnicode_FromFormat("<%s %R%s%s>", type, label->name, gap,
                                    detail);
    return PyUnicode_FromFormat("<%s at %p%s%s>", type, self, gap, detail);
}

PyObject *
bidepy_label_name(const bidepy_label *label)
{
    return Py_NewRef(label->name ? label->name : Py_None);
}

/* -- numbers -------------------------------------------------------------- */

static int64_t
round_up(double ns)
{
    int64_t whole = (int64_t)ns;
    return whole + ((double)whole < ns);
}

int
bidepy_duration(PyObject *seconds, const char *argument, int64_t *out)
{
    *out = BIDE_FOREVER;
    if (!seconds || seconds == Py_None)
        return 0;
    double s;
    if (PyFloat_CheckExact(seconds)) {
        s = PyFloat_AS_DOUBLE(seconds);
    } else {
        s = PyFloat_AsDouble(seconds);
        if (s == -1.0 && PyErr_Occurred()) {
            if (PyErr_ExceptionMatches(PyExc_TypeError))
                PyErr_Format(PyExc_TypeError,
                             "%s must be a number of seconds, not %.100s",
                             argument, Py_TYPE(seconds)->tp_name);
            else if (PyErr_ExceptionMatches(PyExc_OverflowError))
                PyErr_Format(PyExc_OverflowError,
                             "%s is too large a number of seconds: None waits "
                             "for ever",
                             argument);
            return -1;
        }
    }
    if (isnan(s)) {
        PyErr_Format(PyExc_ValueError,
                     "%s must be a number of seconds, not nan", argument);
        return -1;
    }
    if (s <= 0)
        *out = 0;
    else if (s < 9.2e9) /* about 292 years: what fits */
        *out = round_up(s * 1e9);
    return 0;
}

int64_t
bidepy_deadline(bide_loop *l, int64_t duration)
{
    if (duration == BIDE_FOREVER)
        return BIDE_FOREVER;
    int64_t now = bide_loop_now(l, true);
    return duration < BIDE_FOREVER - now ? now + duration : BIDE_FOREVER;
}

int
bidepy_size(PyObject *value, const char *argument, size_t least, size_t *out)
{
    Py_ssize_t n = PyNumber_AsSsize_t(value, PyExc_OverflowError);
    if (n == -1 && PyErr_Occurred()) {
        if (PyErr_ExceptionMatches(PyExc_TypeError))
            PyErr_Format(PyExc_TypeError, "%s must be an int, not %.100s",
                         argument, Py_TYPE(value)->tp_name);
        return -1;
    }
    if (n < 0 || (size_t)n < least) {
        PyErr_Format(PyExc_ValueError, "%s must be at least %zu, not %zd",
                     argument, least, n);
        return -1;
    }
    *out = (size_t)n;
    return 0;
}

/* -- arguments ------------------------------------------------------------ */

static int
find_name(const bidepy_signature *sig, PyObject *name)
{
    for (int i = 0; sig->names[i]; i++)
        if (PyUnicode_CompareWithASCIIString(name, sig->names[i]) == 0)
            return i;
    PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument %R",
                 sig->function, name);
    return -1;
}

static int
put_named(const bidepy_signature *sig, PyObject *name, PyObject *value,
          PyObject **out)
{
    int i = find_name(sig, name);
    if (i < 0)
        return -1;
    if (out[i]) {
        PyErr_Format(PyExc_TypeError,
                     "%s() got multiple values for argument '%s'",
                     sig->function, sig->names[i]);
        return -1;
    }
    out[i] = value;
    return 0;
}

static int
put_positional(const bidepy_signature *sig, PyObject *const *args,
               Py_ssize_t nargs, PyObject **out)
{
    unsigned count = 0;
    while (sig->names[count])
        out[count++] = NULL;
    if (nargs > (Py_ssize_t)sig->positional) {
        PyErr_Format(PyExc_TypeError,
                     "%s() takes at most %u positional arguments (%zd given)",
                     sig->function, sig->positional, nargs);
        return -1;
    }
    for (Py_ssize_t i = 0; i < nargs; i++)
        out[i] = args[i];
    return 0;
}

static int
check_required(const bidepy_signature *sig, PyObject **out)
{
    for (unsigned i = 0; i < sig->required; i++) {
        if (out[i])
            continue;
        PyErr_Format(PyExc_TypeError, "%s() is missing the argument '%s'",
                     sig->function, sig->names[i]);
        return -1;
    }
    return 0;
}

int
bidepy_parse(const bidepy_signature *sig, PyObject *const *args,
             Py_ssize_t nargs, PyObject *kwnames, PyObject **out)
{
    if (put_positional(sig, args, nargs, out))
        return -1;
    Py_ssize_t named = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    for (Py_ssize_t i = 0; i < named; i++)
        if (put_named(sig, PyTuple_GET_ITEM(kwnames, i), args[nargs + i], out))
            return -1;
    return check_required(sig, out);
}

int
bidepy_parse_tuple(const bidepy_signature *sig, PyObject *args,
                   PyObject *kwargs, PyObject **out)
{
    if (put_positional(sig, &PyTuple_GET_ITEM(args, 0), PyTuple_GET_SIZE(args),
                       out))
        return -1;
    PyObject *name, *value;
    Py_ssize_t at = 0;
    while (kwargs && PyDict_Next(kwargs, &at, &name, &value))
        if (put_named(sig, name, value, out))
            return -1;
    return check_required(sig, out);
}

int
bidepy_flag(PyObject *value, bool *out)
{
    int yes = value ? PyObject_IsTrue(value) : 0;
    *out = yes > 0;
    return yes < 0 ? -1 : 0;
}
