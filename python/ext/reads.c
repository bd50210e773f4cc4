/* What Stream and TLSStream share of reading: arguments, and ends that leave
 * what came in the stream. The operations are in reader.c and tls_reader.c. */
#include "stream.h"

#include <string.h>

enum { CHUNK = 65536, SEPARATOR_MAX = 64 };

static const bidepy_reads *
reads_of(const void *self)
{
    return ((const bidepy_stream *)self)->reads;
}

/* -- what came ------------------------------------------------------------ */

static PyObject *
first_bytes(bidepy_op *op, size_t most)
{
    size_t len;
    const char *data = reads_of(op->owner)->data(op, &len);
    return PyBytes_FromStringAndSize(data,
                                     (Py_ssize_t)(len < most ? len : most));
}

/* asyncio's IncompleteReadError(partial, expected); steals `expected`. */
static PyObject *
raise_incomplete(bidepy_op *op, PyObject *expected)
{
    PyObject *class = op->st->exc.incomplete_read;
    PyObject *error =
        PyObject_CallFunction(class, "NN", first_bytes(op, SIZE_MAX), expected);
    if (error)
        PyErr_SetObject(class, error);
    Py_XDECREF(error);
    return NULL;
}

PyObject *
bidepy_exact_fail(bidepy_op *op, int status)
{
    if (status == BIDE_EEOF)
        return raise_incomplete(op, PyLong_FromSize_t(op->word.size));
    return bidepy_stream_fail(op, status);
}

static PyObject *
raise_overrun(bidepy_op *op)
{
    PyObject *class = op->st->exc.limit_overrun;
    size_t len;
    reads_of(op->owner)->data(op, &len);
    PyObject *error = PyObject_CallFunction(
        class, "Nn",
        PyUnicode_FromFormat("%R was not found in the first %zu bytes (limit)",
                             op->arg, op->word.size),
        (Py_ssize_t)len);
    if (error)
        PyErr_SetObject(class, error);
    Py_XDECREF(error);
    return NULL;
}

PyObject *
bidepy_until_fail(bidepy_op *op, int status)
{
    if (status == BIDE_EEOF)
        return raise_incomplete(op, Py_NewRef(Py_None));
    if (status == BIDE_ETOOLONG)
        return raise_overrun(op);
    return bidepy_stream_fail(op, status);
}

/* The last line may lack its end. */
PyObject *
bidepy_line_fail(bidepy_op *op, int status)
{
    if (status != BIDE_EEOF)
        return bidepy_until_fail(op, status);
    PyObject *rest = first_bytes(op, SIZE_MAX);
    if (rest)
        reads_of(op->owner)->consume(op, (size_t)PyBytes_GET_SIZE(rest));
    return rest;
}

/* A line of lines(): its end is the end of the stream. */
PyObject *
bidepy_next_line_fail(bidepy_op *op, int status)
{
    PyObject *rest = bidepy_line_fail(op, status);
    if (!rest || PyBytes_GET_SIZE(rest))
        return rest;
    Py_DECREF(rest);
    PyErr_SetNone(PyExc_StopAsyncIteration);
    return NULL;
}

PyObject *
bidepy_peek_finish(bidepy_op *op)
{
    PyObject *bytes = first_bytes(op, op->word.size);
    reads_of(op->owner)->consume(op, 0);
    return bytes;
}

PyObject *
bidepy_peek_fail(bidepy_op *op, int status)
{
    return status == BIDE_EEOF ? bidepy_peek_finish(op)
                               : bidepy_stream_fail(op, status);
}

Py_buffer *
bidepy_into_view(bidepy_op *op)
{
    Py_buffer *view = bidepy_stream_view(op, PyBUF_WRITABLE);
    if (!view || view->len > 0)
        return view;
    PyErr_SetString(PyExc_ValueError,
                    "buffer must have room for at least 1 byte");
    return NULL;
}

PyObject *
bidepy_into_finish(bidepy_op *op)
{
    const Py_buffer *view = op->word.ptr;
    size_t n;
    const char *data = reads_of(op->owner)->data(op, &n);
    if (n > (size_t)view->len)
        n = (size_t)view->len;
    if (n) {
        memcpy(view->buf, data, n);
        reads_of(op->owner)->consume(op, n);
    }
    return PyLong_FromSize_t(n);
}

/* -- methods -------------------------------------------------------------- */

/* Steals `separator`, which may be NULL with an exception. */
static PyObject *
new_until(PyObject *self, const bidepy_op_kind *kind, PyObject *separator,
          size_t limit)
{
    bidepy_op *op =
        separator ? (bidepy_op *)bidepy_op_new_sized(self, kind, limit) : NULL;
    if (op)
        op->arg = separator;
    else
        Py_XDECREF(separator);
    return (PyObject *)op;
}

int
bidepy_stream_size(const bidepy_signature *sig, PyObject *const *args,
                   Py_ssize_t nargs, PyObject *kwnames, size_t *out)
{
    PyObject *given[1];
    *out = CHUNK;
    if (nargs == 0 && !kwnames)
        return 0;
    if (bidepy_parse(sig, args, nargs, kwnames, given) < 0)
        return -1;
    return given[0] ? bidepy_size(given[0], sig->names[0], 1, out) : 0;
}

PyObject *
bidepy_stream_read(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                   PyObject *kwnames)
{
    static const char *const names[] = {"max", NULL};
    static const bidepy_signature sig = {"read", names, 0, 1};
    size_t max;
    if (bidepy_stream_size(&sig, args, nargs, kwnames, &max) < 0)
        return NULL;
    return bidepy_op_new_sized(self, reads_of(self)->some, max);
}

PyObject *
bidepy_stream_anext(PyObject *self)
{
    return bidepy_op_new_sized(self, reads_of(self)->next, CHUNK);
}

PyObject *
bidepy_stream_read_exact(PyObject *self, PyObject *value)
{
    size_t n;
    if (bidepy_size(value, "n", 0, &n) < 0)
        return NULL;
    return bidepy_op_new_sized(self, reads_of(self)->exact, n);
}

PyObject *
bidepy_stream_peek(PyObject *self, PyObject *value)
{
    size_t n;
    if (bidepy_size(value, "n", 1, &n) < 0)
        return NULL;
    return bidepy_op_new_sized(self, reads_of(self)->peek, n);
}

static PyObject *
read_separator(PyObject *value)
{
    if (!PyObject_CheckBuffer(value)) {
        PyErr_Format(PyExc_TypeError, "separator must be bytes, not %.100s",
                     Py_TYPE(value)->tp_name);
        return NULL;
    }
    PyObject *bytes = PyBytes_FromObject(value);
    if (!bytes)
        return NULL;
    Py_ssize_t n = PyBytes_GET_SIZE(bytes);
    if (n >= 1 && n <= SEPARATOR_MAX)
        return bytes;
    PyErr_Format(PyExc_ValueError, "separator must have 1 to %d bytes, got %zd",
                 SEPARATOR_MAX, n);
    Py_DECREF(bytes);
    return NULL;
}

PyObject *
bidepy_stream_read_until(PyObject *self, PyObject *const *args,
                         Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"separator", "limit", NULL};
    static const bidepy_signature sig = {"read_until", names, 1, 2};
    PyObject *given[2];
    size_t limit = CHUNK;
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        (given[1] && bidepy_size(given[1], "limit", 1, &limit) < 0))
        return NULL;
    return new_until(self, reads_of(self)->until, read_separator(given[0]),
                     limit);
}

PyObject *
bidepy_stream_read_line(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                        PyObject *kwnames)
{
    static const char *const names[] = {"limit", NULL};
    static const bidepy_signature sig = {"read_line", names, 0, 1};
    size_t limit;
    if (bidepy_stream_size(&sig, args, nargs, kwnames, &limit) < 0)
        return NULL;
    return new_until(self, reads_of(self)->line,
                     PyBytes_FromStringAndSize("\n", 1), limit);
}

PyObject *
bidepy_stream_next_line(PyObject *self, size_t limit)
{
    return new_until(self, reads_of(self)->next_line,
                     PyBytes_FromStringAndSize("\n", 1), limit);
}

PyObject *
bidepy_stream_read_into(PyObject *self, PyObject *buffer)
{
    if (PyObject_CheckBuffer(buffer))
        return bidepy_stream_buffered(self, reads_of(self)->into, buffer);
    PyErr_Format(PyExc_TypeError,
                 "buffer must be a writable buffer such as a bytearray, not "
                 "%.100s",
                 Py_TYPE(buffer)->tp_name);
    return NULL;
}
