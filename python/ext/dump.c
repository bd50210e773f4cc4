/* bide.dump, bide.dump_on_signal: what every runtime of the process does. */
#include "bidepy.h"

#include <unistd.h>

/* The loops of other threads may need the GIL to answer. The one of this thread
 * lets go of it by itself, as it does around its poll. */
static int
take_dump(int format, char **text)
{
    if (bide_loop_current())
        return bide_dump(format, text);
    int rc;
    Py_BEGIN_ALLOW_THREADS rc = bide_dump(format, text);
    Py_END_ALLOW_THREADS return rc;
}

static int
read_format(PyObject *name, int *out)
{
    *out = BIDE_DUMP_TEXT;
    if (!name)
        return 0;
    if (PyUnicode_Check(name)) {
        if (PyUnicode_CompareWithASCIIString(name, "text") == 0)
            return 0;
        *out = BIDE_DUMP_JSON;
        if (PyUnicode_CompareWithASCIIString(name, "json") == 0)
            return 0;
    }
    PyErr_Format(PyExc_ValueError,
                 "dump(): format must be 'text' or 'json', got %R", name);
    return -1;
}

PyDoc_STRVAR(
    dump_doc,
    "dump($module, /, format=\"text\")\n--\n\n"
    "What every runtime of the process is doing, Python's and others': "
    "a str.\n\n"
    "Each task with its state, what it waits for, since when and who "
    "holds that,\nits locks and deadlines; jobs and queues. Any "
    "thread. A runtime that does\nnot answer within 0.1 s, as a step "
    "blocks it, is read from outside.");

static PyObject *
dump(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
     PyObject *kwnames)
{
    static const char *const names[] = {"format", NULL};
    static const bidepy_signature sig = {"dump", names, 0, 1};
    PyObject *in[1];
    int format;
    char *text;
    if (bidepy_parse(&sig, args, nargs, kwnames, in) ||
        read_format(in[0], &format))
        return NULL;
    int rc = take_dump(format, &text);
    if (rc)
        return bidepy_raise(bidepy_of_module(module), rc, NULL);
    PyObject *result =
        PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
    bide_dump_free(text);
    return result;
}

PyDoc_STRVAR(on_signal_doc,
             "dump_on_signal($module, signum, /, fd=2)\n--\n\n"
             "Write dump() to a descriptor whenever the process gets the "
             "signal, also while\nthe loop is blocked. None: no longer. "
             "BIDE_DUMP_SIGNAL=USR1 (or USR2, QUIT, HUP)\nin the environment "
             "turns it on.");

static PyObject *
dump_on_signal(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
               PyObject *kwnames)
{
    static const char *const names[] = {"signum", "fd", NULL};
    static const bidepy_signature sig = {"dump_on_signal", names, 1, 1};
    PyObject *in[2];
    if (bidepy_parse(&sig, args, nargs, kwnames, in))
        return NULL;
    int signum = in[0] == Py_None ? 0 : (int)PyLong_AsLong(in[0]);
    int fd = in[1] ? PyObject_AsFileDescriptor(in[1]) : STDERR_FILENO;
    if (PyErr_Occurred())
        return NULL;
    int rc = BIDE_EINVALID;
    if (signum || in[0] == Py_None) {
        Py_BEGIN_ALLOW_THREADS /* it may wait for a dump being made */
            rc = bide_dump_on_signal(signum, fd);
        Py_END_ALLOW_THREADS
    }
    if (rc == BIDE_EINVALID)
        return PyErr_Format(PyExc_ValueError,
                            "dump_on_signal(): no dump can be made on signal "
                            "%d; SIGUSR1 and SIGQUIT are fine",
                            signum);
    if (rc)
        return bidepy_raise(bidepy_of_module(module), rc, NULL);
    Py_RETURN_NONE;
}

PyMethodDef bidepy_dump_functions[] = {
    {"dump", BIDEPY_METHOD(dump), METH_FASTCALL | METH_KEYWORDS, dump_doc},
    {"dump_on_signal", BIDEPY_METHOD(dump_on_signal),
     METH_FASTCALL | METH_KEYWORDS, on_signal_doc},
    {NULL, NULL, 0, NULL}};
