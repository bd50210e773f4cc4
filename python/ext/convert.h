/* convert.h - between Python and the core: values, names, sites, times,
 * arguments. Part of bidepy.h. */
#ifndef BIDEPY_CONVERT_H
#define BIDEPY_CONVERT_H

#include "bidepy.h"

static inline bide_value
bidepy_value(PyObject *o)
{
    return (bide_value){{.ptr = o}, 0};
}

static inline PyObject *
bidepy_object_of(bide_value v)
{
    return (PyObject *)v.as.ptr;
}

/** A name and the place where an object was made, as the core wants them:
 * pointers that stay valid. Embedded in a primitive's struct. */
typedef struct bidepy_label {
    PyObject *name; /* str or NULL */
    PyObject *file; /* str or NULL */
    const char *cname;
    bide_site site;
} bidepy_label;

/** Fills `label` with `name` (str, None or NULL) and the line of Python being
 * executed. -1 with TypeError when `name` is no str. */
int bidepy_label_init(bidepy_label *label, PyObject *name);
/** The same without the line: cheaper. */
int bidepy_label_set(bidepy_label *label, PyObject *name);
void bidepy_label_clear(bidepy_label *label);
/** New: "<Mutex 'cache' locked>"; `detail` may be NULL. */
PyObject *bidepy_label_repr(const bidepy_label *label, PyObject *self,
                            const char *detail);
/** New: the name or None; a getter's body. */
PyObject *bidepy_label_name(const bidepy_label *label);

/** New: "file.py:12", the line of Python being executed; NULL without an
 * exception when there is none. */
PyObject *bidepy_here(void);

/** New: the code object of a coroutine or generator. */
static inline PyCodeObject *
bidepy_code_of(PyObject *generator)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyGen_GetCode((PyGenObject *)generator);
#else
    return (PyCodeObject *)Py_NewRef(((PyGenObject *)generator)->gi_code);
#endif
}

/** Seconds (int or float, None: BIDE_FOREVER) as ns, at least 0. -1 with
 * TypeError or ValueError that names the argument. */
int bidepy_duration(PyObject *seconds, const char *argument, int64_t *out);

/** Whether `value` (NULL: no) is true. 0, or -1 with an exception. */
int bidepy_flag(PyObject *value, bool *out);

/** As bidepy_duration, added to the loop's clock. */
int64_t bidepy_deadline(bide_loop *l, int64_t duration);

/** An int argument of at least `least`. -1 with TypeError or ValueError. */
int bidepy_size(PyObject *value, const char *argument, size_t least,
                size_t *out);

/** Fast keyword parsing for METH_FASTCALL|METH_KEYWORDS: puts borrowed
 * arguments into `out[0..count)` (NULL where absent). `names` ends with NULL;
 * the first `positional` may be given by position, the first `required` must be
 * there. -1 with TypeError as CPython words it. */
typedef struct bidepy_signature {
    const char *function;
    const char *const *names;
    unsigned required, positional;
} bidepy_signature;

int bidepy_parse(const bidepy_signature *sig, PyObject *const *args,
                 Py_ssize_t nargs, PyObject *kwnames, PyObject **out);
/** The same for a `tp_new`/`tp_init`. */
int bidepy_parse_tuple(const bidepy_signature *sig, PyObject *args,
                       PyObject *kwargs, PyObject **out);

/** The only argument of a method that takes it by position or by its name:
 * borrowed, or NULL with TypeError. */
static inline PyObject *
bidepy_parse_one(const bidepy_signature *sig, PyObject *const *args,
                 Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *in[1];
    if (nargs == 1 && !kwnames)
        return args[0];
    return bidepy_parse(sig, args, nargs, kwnames, in) ? NULL : in[0];
}

/** A METH_FASTCALL function in a table of methods. */
#define BIDEPY_METHOD(f) ((PyCFunction)(void (*)(void))(f))

/** For a METH_FASTCALL function without arguments: the interpreter calls those
 * directly, METH_NOARGS ones by the general way. 0, or -1 with TypeError. */
static inline int
bidepy_no_arguments(const char *function, Py_ssize_t nargs)
{
    if (nargs == 0)
        return 0;
    PyErr_Format(PyExc_TypeError, "%s() takes no arguments (%zd given)",
                 function, nargs);
    return -1;
}

#endif
