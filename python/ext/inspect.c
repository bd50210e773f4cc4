/* bide.inspect: the live view of the process. */
#include "bidepy.h"

PyDoc_STRVAR(
    inspect_doc,
    "inspect($module, /, address=\"127.0.0.1:0\")\n--\n\n"
    "Serve a live view of every runtime of the process; the address of its "
    "page: a str.\n\n"
    "The page shows the tasks as a tree, who waits for whom, and "
    "distributions. It is\nserved on loopback, under a token that the "
    "address contains, by a thread of its\nown: also while the loop is "
    "blocked. `python -m bide top PID` works from then on.\nThere is one for "
    "the process; called again, it gives the same address.\nBIDE_INSPECT=1 or "
    "=ADDRESS in the environment turns it on.");

static PyObject *
inspect(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
        PyObject *kwnames)
{
    static const char *const names[] = {"address", NULL};
    static const bidepy_signature sig = {"inspect", names, 0, 1};
    PyObject *in[1];
    if (bidepy_parse(&sig, args, nargs, kwnames, in))
        return NULL;
    if (in[0] && !PyUnicode_Check(in[0]))
        return PyErr_Format(PyExc_TypeError,
                            "inspect(): address must be a str, not %.100s",
                            Py_TYPE(in[0])->tp_name);
    const char *address = in[0] ? PyUnicode_AsUTF8(in[0]) : "127.0.0.1:0";
    char url[128];
    if (!address)
        return NULL;
    int rc = bide_inspect(address, url, sizeof url);
    if (rc == BIDE_EINVALID)
        return PyErr_Format(PyExc_ValueError,
                            "inspect(): address must be of this machine, such "
                            "as '127.0.0.1:0' or '[::1]:8080', not %R",
                            in[0]);
    if (rc)
        return bidepy_raise(bidepy_of_module(module), rc, NULL);
    return PyUnicode_FromString(url);
}

static PyObject *
inspector_path(PyObject *module, PyObject *pid)
{
    char path[256];
    long number = PyLong_AsLong(pid);
    if (number == -1 && PyErr_Occurred())
        return NULL;
    int rc = bide_inspector_path(number, path, sizeof path);
    if (rc)
        return bidepy_raise(bidepy_of_module(module), rc, NULL);
    return PyUnicode_DecodeFSDefault(path);
}

PyMethodDef bidepy_inspect_functions[] = {
    {"inspect", BIDEPY_METHOD(inspect), METH_FASTCALL | METH_KEYWORDS,
     inspect_doc},
    {"_inspector_path", inspector_path, METH_O,
     "_inspector_path($module, pid, /)\n--\n\n"
     "Where the live view of a process listens for top."},
    {NULL, NULL, 0, NULL}};
