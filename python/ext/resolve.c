/* bide.resolve() and reverse(): names to addresses and back. */
#include "stream.h"

enum { PORT_MAX = 65535 };

/* New reference; NULL with an exception that names `argument`. */
static PyObject *
check_text(PyObject *value, const char *argument)
{
    if (!PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s must be a str, not %.100s", argument,
                     Py_TYPE(value)->tp_name);
        return NULL;
    }
    Py_ssize_t length;
    const char *text = PyUnicode_AsUTF8AndSize(value, &length);
    if (text && length && (size_t)length == strlen(text))
        return Py_NewRef(value);
    if (text)
        PyErr_Format(PyExc_ValueError,
                     "%s must be a name or an address, got %R", argument,
                     value);
    return NULL;
}

static PyObject *
fail(bidepy_op *op, int status)
{
    if (status == BIDE_EINVALID) {
        PyErr_Format(PyExc_ValueError,
                     "%s: '%U' is not a numeric IPv4 or IPv6 address",
                     op->kind->name, op->arg);
        return NULL;
    }
    if (status == BIDE_ENAME)
        return bidepy_raise(op->st, status, "%s: '%U' could not be resolved",
                            op->kind->name, op->arg);
    return bidepy_raise(op->st, status, "%s of '%U'", op->kind->name, op->arg);
}

/* -- resolve -------------------------------------------------------------- */

static int
resolve_start(bidepy_op *op)
{
    return bide_resolve(PyUnicode_AsUTF8(op->arg), (int)op->word.size,
                        &op->wait);
}

static PyObject *
resolve_finish(bidepy_op *op)
{
    bide_addresses *found = op->wait.value.as.ptr;
    PyObject *list = PyList_New((Py_ssize_t)found->count);
    for (size_t i = 0; list && i < found->count; i++) {
        PyObject *address = bidepy_stream_address(&found->list[i]);
        if (address)
            PyList_SET_ITEM(list, (Py_ssize_t)i, address);
        else
            Py_CLEAR(list);
    }
    bide_resolved_free(found);
    return list;
}

static const bidepy_op_kind resolve_kind = {
    .name = "resolve()",
    .start = resolve_start,
    .finish = resolve_finish,
    .fail = fail,
};

PyDoc_STRVAR(
    resolve_doc,
    "resolve($module, /, host, port=0)\n--\n\n"
    "Look up `host`, a name or an address; gives a list of (address, port) in "
    "the order in\nwhich connect_tcp() tries them. Runs on threads of the "
    "resolver's own; an address does\nnot wait. socket.gaierror when there is "
    "no such name. A cancelled one is dropped.");

static PyObject *
resolve(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
        PyObject *kwnames)
{
    static const char *const names[] = {"host", "port", NULL};
    static const bidepy_signature sig = {"resolve", names, 1, 2};
    PyObject *given[2];
    size_t port = 0;
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        (given[1] && bidepy_size(given[1], "port", 0, &port) < 0))
        return NULL;
    if (port > PORT_MAX) {
        PyErr_Format(PyExc_ValueError, "port must be at most %d, got %zu",
                     PORT_MAX, port);
        return NULL;
    }
    PyObject *host = check_text(given[0], "host");
    bidepy_op *op =
        host ? bidepy_op_new(bidepy_of_module(module), &resolve_kind, NULL)
             : NULL;
    if (!op) {
        Py_XDECREF(host);
        return NULL;
    }
    op->arg = host;
    op->word.size = port;
    return (PyObject *)op;
}

/* -- reverse -------------------------------------------------------------- */

static int
reverse_start(bidepy_op *op)
{
    return bide_reverse(PyUnicode_AsUTF8(op->arg), &op->wait);
}

static PyObject *
reverse_finish(bidepy_op *op)
{
    char *name = op->wait.value.as.ptr;
    PyObject *text =
        PyUnicode_DecodeUTF8(name, (Py_ssize_t)strlen(name), "surrogateescape");
    bide_resolved_free(name);
    return text;
}

static const bidepy_op_kind reverse_kind = {
    .name = "reverse()",
    .start = reverse_start,
    .finish = reverse_finish,
    .fail = fail,
};

PyDoc_STRVAR(reverse_doc,
             "reverse($module, address, /)\n--\n\n"
             "Look up the name of a numeric IPv4 or IPv6 address; gives a str. "
             "socket.gaierror when\nit has none, ValueError when `address` is "
             "none.");

static PyObject *
reverse(PyObject *module, PyObject *address)
{
    PyObject *text = check_text(address, "address");
    bidepy_op *op =
        text ? bidepy_op_new(bidepy_of_module(module), &reverse_kind, NULL)
             : NULL;
    if (!op) {
        Py_XDECREF(text);
        return NULL;
    }
    op->arg = text;
    return (PyObject *)op;
}

PyMethodDef bidepy_resolve_functions[] = {
    {"resolve", (PyCFunction)(void (*)(void))resolve,
     METH_FASTCALL | METH_KEYWORDS, resolve_doc},
    {"reverse", reverse, METH_O, reverse_doc},
    {NULL, NULL, 0, NULL}};
