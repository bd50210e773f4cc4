/* What bide.File does besides reading: writing, position, length, disk. */
#include "file.h"

#include <stdio.h>

/* -- writing -------------------------------------------------------------- */

static int
lend(bidepy_op *op, const char **data, size_t *len)
{
    if (PyBytes_CheckExact(op->arg)) {
        *data = PyBytes_AS_STRING(op->arg);
        *len = (size_t)PyBytes_GET_SIZE(op->arg);
        return 0;
    }
    Py_buffer *view = bidepy_stream_view(op, PyBUF_SIMPLE);
    if (!view)
        return -1;
    *data = view->buf;
    *len = (size_t)view->len;
    return 0;
}

static int
write_start(bidepy_op *op)
{
    const char *data;
    size_t len;
    if (lend(op, &data, &len) < 0)
        return BIDE_EHOST;
    return bide_file_write(bidepy_file_under(op), data, len, &op->wait);
}

static PyObject *
write_finish(bidepy_op *op)
{
    return PyLong_FromSize_t(op->wait.u.io.len);
}

static const bidepy_op_kind write_kind = {
    .name = "File.write()",
    .start = write_start,
    .finish = write_finish,
    .fail = bidepy_file_fail,
    .release = bidepy_stream_unview,
};

static int
check_data(PyObject *data)
{
    if (PyBytes_CheckExact(data) || PyObject_CheckBuffer(data))
        return 0;
    PyErr_Format(PyExc_TypeError,
                 "data must be bytes or another buffer, not %.100s%s",
                 Py_TYPE(data)->tp_name,
                 PyUnicode_Check(data) ? "; encode it, or open the file in "
                                         "text mode"
                                       : "");
    return -1;
}

PyObject *
bidepy_file_write(PyObject *self, PyObject *data)
{
    if (check_data(data) < 0)
        return NULL;
    return bidepy_stream_buffered(self, &write_kind, data);
}

/* The offset lies behind the data, in a tuple, until the start. */
static int
pwrite_start(bidepy_op *op)
{
    const char *data;
    size_t len;
    PyObject *both = op->arg;
    int64_t offset = PyLong_AsLongLong(PyTuple_GET_ITEM(both, 1));
    op->arg = Py_NewRef(PyTuple_GET_ITEM(both, 0));
    Py_DECREF(both);
    if (lend(op, &data, &len) < 0)
        return BIDE_EHOST;
    return bide_file_pwrite(bidepy_file_under(op), data, len, offset,
                            &op->wait);
}

static const bidepy_op_kind pwrite_kind = {
    .name = "File.pwrite()",
    .start = pwrite_start,
    .finish = write_finish,
    .fail = bidepy_file_fail,
    .release = bidepy_stream_unview,
};

PyObject *
bidepy_file_pwrite(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                   PyObject *kwnames)
{
    static const char *const names[] = {"data", "offset", NULL};
    static const bidepy_signature sig = {"pwrite", names, 2, 2};
    PyObject *given[2];
    size_t offset;
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        check_data(given[0]) < 0 ||
        bidepy_size(given[1], "offset", 0, &offset) < 0)
        return NULL;
    PyObject *both = Py_BuildValue("(ON)", given[0], PyLong_FromSize_t(offset));
    if (!both)
        return NULL;
    bidepy_op *op = bidepy_op_new(bidepy_of(self), &pwrite_kind, self);
    if (op)
        op->arg = both;
    else
        Py_DECREF(both);
    return (PyObject *)op;
}

/* -- position, length, disk ----------------------------------------------- */

/* Of `word`: the offset; of `arg`: whence. */
static int
seek_start(bidepy_op *op)
{
    int whence = op->arg ? (int)PyLong_AsLong(op->arg) : SEEK_CUR;
    return bide_file_seek(bidepy_file_under(op), op->word.integer, whence,
                          &op->wait);
}

static PyObject *
seek_finish(bidepy_op *op)
{
    return PyLong_FromLongLong(op->wait.value.as.integer);
}

static const bidepy_op_kind seek_kind = {
    .name = "File.seek()",
    .start = seek_start,
    .finish = seek_finish,
    .fail = bidepy_file_fail,
};
static const bidepy_op_kind tell_kind = {
    .name = "File.tell()",
    .start = seek_start,
    .finish = seek_finish,
    .fail = bidepy_file_fail,
};

PyObject *
bidepy_file_seek(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                 PyObject *kwnames)
{
    static const char *const names[] = {"offset", "whence", NULL};
    static const bidepy_signature sig = {"seek", names, 1, 2};
    PyObject *given[2];
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0)
        return NULL;
    long long offset = PyLong_AsLongLong(given[0]);
    long whence = given[1] ? PyLong_AsLong(given[1]) : SEEK_SET;
    if (PyErr_Occurred())
        return NULL;
    PyObject *how = PyLong_FromLong(whence);
    bidepy_op *op =
        how ? bidepy_op_new(bidepy_of(self), &seek_kind, self) : NULL;
    if (!op) {
        Py_XDECREF(how);
        return NULL;
    }
    op->arg = how;
    op->word.integer = offset;
    return (PyObject *)op;
}

PyObject *
bidepy_file_tell(PyObject *self, PyObject *unused)
{
    (void)unused;
    return (PyObject *)bidepy_op_new(bidepy_of(self), &tell_kind, self);
}

static int
truncate_start(bidepy_op *op)
{
    bide_file *f = bidepy_file_under(op);
    int64_t size = op->word.integer;
    return bide_file_truncate(f, size < 0 ? bide_file_position(f) : size,
                              &op->wait);
}

static PyObject *
truncate_finish(bidepy_op *op)
{
    int64_t size = op->word.integer;
    return PyLong_FromLongLong(
        size < 0 ? bide_file_position(bidepy_file_under(op)) : size);
}

static const bidepy_op_kind truncate_kind = {
    .name = "File.truncate()",
    .start = truncate_start,
    .finish = truncate_finish,
    .fail = bidepy_file_fail,
};

PyObject *
bidepy_file_truncate(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                     PyObject *kwnames)
{
    static const char *const names[] = {"size", NULL};
    static const bidepy_signature sig = {"truncate", names, 0, 1};
    PyObject *given[1];
    size_t size = 0;
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0)
        return NULL;
    bool here = !given[0] || given[0] == Py_None;
    if (!here && bidepy_size(given[0], "size", 0, &size) < 0)
        return NULL;
    bidepy_op *op = bidepy_op_new(bidepy_of(self), &truncate_kind, self);
    if (op)
        op->word.integer = here ? -1 : (int64_t)size;
    return (PyObject *)op;
}

static int
sync_start(bidepy_op *op)
{
    return bide_file_sync(bidepy_file_under(op), op->word.size != 0, &op->wait);
}

static const bidepy_op_kind sync_kind = {
    .name = "File.fsync()",
    .start = sync_start,
    .fail = bidepy_file_fail,
};

PyObject *
bidepy_file_fsync(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                  PyObject *kwnames)
{
    static const char *const names[] = {"data_only", NULL};
    static const bidepy_signature sig = {"fsync", names, 0, 1};
    PyObject *given[1];
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0)
        return NULL;
    int only = given[0] ? PyObject_IsTrue(given[0]) : 0;
    return only < 0 ? NULL
                    : bidepy_op_new_sized(self, &sync_kind, (size_t)only);
}
