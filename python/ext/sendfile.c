/* Stream.sendfile(). */
#include "file.h"

/* The arguments lie in a tuple: file, offset, count. */
static int
sendfile_start(bidepy_op *op)
{
    const bidepy_file *file = (const bidepy_file *)PyTuple_GET_ITEM(op->arg, 0);
    int64_t offset = PyLong_AsLongLong(PyTuple_GET_ITEM(op->arg, 1));
    int64_t count = PyLong_AsLongLong(PyTuple_GET_ITEM(op->arg, 2));
    if (bide_file_closed(file->file)) {
        PyErr_Format(op->st->exc.closed, "%s: the file %R is closed",
                     op->kind->name, file->path);
        return BIDE_EHOST;
    }
    return bide_stream_sendfile(bidepy_stream_under(op), file->file, offset,
                                count, &op->wait);
}

static PyObject *
sendfile_finish(bidepy_op *op)
{
    return PyLong_FromSize_t(op->wait.u.io.done);
}

static const bidepy_op_kind sendfile_kind = {
    .name = "Stream.sendfile()",
    .start = sendfile_start,
    .finish = sendfile_finish,
    .fail = bidepy_stream_fail,
};

/* -1 with an exception unless `value` is at least 0; NULL is 0. */
static int
parse_place(PyObject *value, const char *name, int64_t *out)
{
    size_t n = 0;
    if (value && bidepy_size(value, name, 0, &n) < 0)
        return -1;
    *out = (int64_t)n;
    return 0;
}

static int
check_file(bidepy_state *st, PyObject *file)
{
    if (Py_IS_TYPE(file, st->type.file))
        return 0;
    PyErr_Format(PyExc_TypeError,
                 "file must be a bide.File, which open_file() gives in a "
                 "binary mode, not %.100s",
                 Py_TYPE(file)->tp_name);
    return -1;
}

const char bidepy_doc_sendfile[] =
    PyDoc_STR("sendfile($self, /, file, offset=0, count=None)\n--\n\n"
              "Send `count` bytes of a File from `offset` on, None: up to its "
              "end; gives how many\nwere sent, fewer where the file ended "
              "before. In order with writes, without a copy\nwhere the "
              "system can; the file's position stays. Cancelled as write() "
              "is.");

PyObject *
bidepy_stream_sendfile(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                       PyObject *kwnames)
{
    static const char *const names[] = {"file", "offset", "count", NULL};
    static const bidepy_signature sig = {"sendfile", names, 1, 3};
    bidepy_state *st = bidepy_of(self);
    PyObject *given[3];
    int64_t offset, count = -1;
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        check_file(st, given[0]) < 0 ||
        parse_place(given[1], "offset", &offset) < 0)
        return NULL;
    if (given[2] && given[2] != Py_None &&
        parse_place(given[2], "count", &count) < 0)
        return NULL;
    PyObject *all =
        Py_BuildValue("(OLL)", given[0], (long long)offset, (long long)count);
    bidepy_op *op = all ? bidepy_op_new(st, &sendfile_kind, self) : NULL;
    if (op)
        op->arg = all;
    else
        Py_XDECREF(all);
    return (PyObject *)op;
}
