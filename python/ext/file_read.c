/* The reading half of bide.File. What is read goes straight from the core's
 * buffer into the object returned; then it is consumed, also when making the
 * object has failed (of 0 bytes): others wait for that. */
#include "file.h"

static PyObject *
take_bytes(bidepy_op *op)
{
    bide_file *f = bidepy_file_under(op);
    size_t len, n = op->wait.u.io.len;
    const char *data = bide_file_data(f, &len);
    PyObject *bytes = PyBytes_FromStringAndSize(data, (Py_ssize_t)n);
    if (n)
        bide_file_consume(f, bytes ? n : 0);
    return bytes;
}

/* -- read ----------------------------------------------------------------- */

static int
exact_start(bidepy_op *op)
{
    return bide_file_read_exact(bidepy_file_under(op), op->word.size,
                                &op->wait);
}

static const bidepy_op_kind read_kind = {
    .name = "File.read()",
    .start = exact_start,
    .finish = take_bytes,
    .fail = bidepy_file_fail,
};

/* -1 and None: without a bound. */
static int
parse_bound(PyObject *value, const char *argument, size_t *out)
{
    *out = SIZE_MAX;
    if (!value || value == Py_None)
        return 0;
    Py_ssize_t n = PyNumber_AsSsize_t(value, PyExc_OverflowError);
    if (n == -1 && PyErr_Occurred()) {
        if (PyErr_ExceptionMatches(PyExc_TypeError))
            PyErr_Format(PyExc_TypeError,
                         "%s must be an int or None, not "
                         "%.100s",
                         argument, Py_TYPE(value)->tp_name);
        return -1;
    }
    if (n >= 0)
        *out = (size_t)n;
    return 0;
}

PyObject *
bidepy_file_read(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                 PyObject *kwnames)
{
    static const char *const names[] = {"n", NULL};
    static const bidepy_signature sig = {"read", names, 0, 1};
    PyObject *given[1];
    size_t n;
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        parse_bound(given[0], "n", &n) < 0)
        return NULL;
    return bidepy_op_new_sized(self, &read_kind, n);
}

/* -- lines ---------------------------------------------------------------- */

static int
line_start(bidepy_op *op)
{
    return bide_file_read_until(bidepy_file_under(op), "\n", 1, op->word.size,
                                &op->wait);
}

/* As of io: a line longer than the limit comes in pieces of its length. */
static PyObject *
line_fail(bidepy_op *op, int status)
{
    if (status != BIDE_ETOOLONG)
        return bidepy_file_fail(op, status);
    bide_file *f = bidepy_file_under(op);
    size_t len, n = op->word.size;
    const char *data = bide_file_data(f, &len);
    PyObject *bytes =
        PyBytes_FromStringAndSize(data, (Py_ssize_t)(len < n ? len : n));
    if (bytes)
        bide_file_consume(f, (size_t)PyBytes_GET_SIZE(bytes));
    return bytes;
}

static const bidepy_op_kind line_kind = {
    .name = "File.readline()",
    .start = line_start,
    .finish = take_bytes,
    .fail = line_fail,
};

PyObject *
bidepy_file_readline(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                     PyObject *kwnames)
{
    static const char *const names[] = {"limit", NULL};
    static const bidepy_signature sig = {"readline", names, 0, 1};
    PyObject *given[1];
    size_t n;
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        parse_bound(given[0], "limit", &n) < 0)
        return NULL;
    return n ? bidepy_op_new_sized(self, &line_kind, n)
             : bidepy_op_new_sized(self, &read_kind, 0);
}

static PyObject *
next_finish(bidepy_op *op)
{
    if (op->wait.u.io.len)
        return take_bytes(op);
    PyErr_SetNone(PyExc_StopAsyncIteration);
    return NULL;
}

static const bidepy_op_kind next_kind = {
    .name = "File.__anext__()",
    .start = line_start,
    .finish = next_finish,
    .fail = bidepy_file_fail,
};

PyObject *
bidepy_file_anext(PyObject *self)
{
    return bidepy_op_new_sized(self, &next_kind, SIZE_MAX);
}

/* -- into a buffer -------------------------------------------------------- */

static int
into_start(bidepy_op *op)
{
    Py_buffer *view = bidepy_stream_view(op, PyBUF_WRITABLE);
    if (!view)
        return BIDE_EHOST;
    return bide_file_read_exact(bidepy_file_under(op), (size_t)view->len,
                                &op->wait);
}

static PyObject *
into_finish(bidepy_op *op)
{
    bide_file *f = bidepy_file_under(op);
    size_t len, n = op->wait.u.io.len;
    const Py_buffer *view = op->word.ptr;
    const char *data = bide_file_data(f, &len);
    if (n) {
        memcpy(view->buf, data, n);
        bide_file_consume(f, n);
    }
    return PyLong_FromSize_t(n);
}

static const bidepy_op_kind into_kind = {
    .name = "File.read_into()",
    .start = into_start,
    .finish = into_finish,
    .fail = bidepy_file_fail,
    .release = bidepy_stream_unview,
};

static int
check_writable(PyObject *buffer)
{
    if (PyObject_CheckBuffer(buffer))
        return 0;
    PyErr_Format(PyExc_TypeError,
                 "buffer must be a writable buffer such as a bytearray, not "
                 "%.100s",
                 Py_TYPE(buffer)->tp_name);
    return -1;
}

PyObject *
bidepy_file_read_into(PyObject *self, PyObject *buffer)
{
    if (check_writable(buffer) < 0)
        return NULL;
    return bidepy_stream_buffered(self, &into_kind, buffer);
}

/* -- at a place ----------------------------------------------------------- */

static int
pread_start(bidepy_op *op)
{
    long long offset = PyLong_AsLongLong(op->arg);
    return bide_file_pread(bidepy_file_under(op), op->word.size, offset,
                           &op->wait);
}

static PyObject *
pread_finish(bidepy_op *op)
{
    void *block = op->wait.value.as.ptr;
    PyObject *bytes =
        PyBytes_FromStringAndSize(block, (Py_ssize_t)op->wait.u.io.len);
    bide_fs_free(block);
    return bytes;
}

static const bidepy_op_kind pread_kind = {
    .name = "File.pread()",
    .start = pread_start,
    .finish = pread_finish,
    .fail = bidepy_file_fail,
};

PyObject *
bidepy_file_pread(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                  PyObject *kwnames)
{
    static const char *const names[] = {"n", "offset", NULL};
    static const bidepy_signature sig = {"pread", names, 2, 2};
    PyObject *given[2];
    size_t n, offset;
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        bidepy_size(given[0], "n", 0, &n) < 0 ||
        bidepy_size(given[1], "offset", 0, &offset) < 0)
        return NULL;
    PyObject *at = PyLong_FromSize_t(offset);
    bidepy_op *op =
        at ? (bidepy_op *)bidepy_op_new_sized(self, &pread_kind, n) : NULL;
    if (op)
        op->arg = at;
    else
        Py_XDECREF(at);
    return (PyObject *)op;
}

/* The offset lies behind the buffer, in a tuple, until the start. */
static int
pread_into_start(bidepy_op *op)
{
    PyObject *both = op->arg;
    int64_t offset = PyLong_AsLongLong(PyTuple_GET_ITEM(both, 1));
    op->arg = Py_NewRef(PyTuple_GET_ITEM(both, 0));
    Py_DECREF(both);
    Py_buffer *view = bidepy_stream_view(op, PyBUF_WRITABLE);
    if (!view)
        return BIDE_EHOST;
    return bide_file_pread_into(bidepy_file_under(op), view->buf,
                                (size_t)view->len, offset, &op->wait);
}

static PyObject *
pread_into_finish(bidepy_op *op)
{
    return PyLong_FromSize_t(op->wait.u.io.len);
}

static const bidepy_op_kind pread_into_kind = {
    .name = "File.pread_into()",
    .start = pread_into_start,
    .finish = pread_into_finish,
    .fail = bidepy_file_fail,
    .release = bidepy_stream_unview,
};

PyObject *
bidepy_file_pread_into(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                       PyObject *kwnames)
{
    static const char *const names[] = {"buffer", "offset", NULL};
    static const bidepy_signature sig = {"pread_into", names, 2, 2};
    PyObject *given[2];
    size_t offset;
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        check_writable(given[0]) < 0 ||
        bidepy_size(given[1], "offset", 0, &offset) < 0)
        return NULL;
    PyObject *both = Py_BuildValue("(ON)", given[0], PyLong_FromSize_t(offset));
    bidepy_op *op =
        both ? bidepy_op_new(bidepy_of(self), &pread_into_kind, self) : NULL;
    if (op)
        op->arg = both;
    else
        Py_XDECREF(both);
    return (PyObject *)op;
}
