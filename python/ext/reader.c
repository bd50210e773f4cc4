/* The reading half of bide.Stream.
 *
 * What is read goes straight from the core's buffer into the object returned;
 * only then is it consumed, so that a failure in between loses nothing. */
#include "stream.h"

#include <string.h>

enum { CHUNK = 65536, SEPARATOR_MAX = 64 };

/* What was read so far, new; it stays buffered. */
static PyObject *
partial(bidepy_op *op)
{
    size_t len;
    const char *data = bide_stream_data(bidepy_stream_under(op), &len);
    return PyBytes_FromStringAndSize(data, (Py_ssize_t)len);
}

/* asyncio's IncompleteReadError(partial, expected). */
static PyObject *
raise_incomplete(bidepy_op *op, PyObject *expected)
{
    PyObject *bytes = partial(op);
    PyObject *error =
        bytes && expected
            ? PyObject_CallFunctionObjArgs(op->st->exc.incomplete_read, bytes,
                                           expected, NULL)
            : NULL;
    if (error)
        PyErr_SetObject(op->st->exc.incomplete_read, error);
    Py_XDECREF(error);
    Py_XDECREF(bytes);
    Py_XDECREF(expected);
    return NULL;
}

/* -- read ----------------------------------------------------------------- */

static PyObject *
take_bytes(bidepy_op *op)
{
    bide_stream *s = bidepy_stream_under(op);
    size_t len, n = op->wait.u.io.len;
    const char *data = bide_stream_data(s, &len);
    PyObject *bytes = PyBytes_FromStringAndSize(data, (Py_ssize_t)n);
    if (bytes && n)
        bide_stream_consume(s, n);
    return bytes;
}

static int
read_start(bidepy_op *op)
{
    return bide_stream_read(bidepy_stream_under(op), op->word.size, &op->wait);
}

static const bidepy_op_kind read_kind = {
    .name = "Stream.read()",
    .start = read_start,
    .finish = take_bytes,
    .fail = bidepy_stream_fail,
};

static PyObject *
new_sized(PyObject *self, const bidepy_op_kind *kind, size_t size)
{
    bidepy_op *op = bidepy_op_new(bidepy_of(self), kind, self);
    if (op)
        op->word.size = size;
    return (PyObject *)op;
}

PyObject *
bidepy_stream_read(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                   PyObject *kwnames)
{
    static const char *const names[] = {"max", NULL};
    static const bidepy_signature sig = {"read", names, 0, 1};
    PyObject *given[1];
    size_t max = CHUNK;
    if (nargs == 0 && !kwnames)
        return new_sized(self, &read_kind, max);
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        (given[0] && bidepy_size(given[0], "max", 1, &max) < 0))
        return NULL;
    return new_sized(self, &read_kind, max);
}

/* -- read_exact ----------------------------------------------------------- */

static int
exact_start(bidepy_op *op)
{
    return bide_stream_read_exact(bidepy_stream_under(op), op->word.size,
                                  &op->wait);
}

static PyObject *
exact_fail(bidepy_op *op, int status)
{
    if (status == BIDE_EEOF)
        return raise_incomplete(op, PyLong_FromSize_t(op->word.size));
    return bidepy_stream_fail(op, status);
}

static const bidepy_op_kind exact_kind = {
    .name = "Stream.read_exact()",
    .start = exact_start,
    .finish = take_bytes,
    .fail = exact_fail,
};

PyObject *
bidepy_stream_read_exact(PyObject *self, PyObject *value)
{
    size_t n;
    if (bidepy_size(value, "n", 0, &n) < 0)
        return NULL;
    return new_sized(self, &exact_kind, n);
}

/* -- read_until, read_line ------------------------------------------------ */

static int
until_start(bidepy_op *op)
{
    return bide_stream_read_until(
        bidepy_stream_under(op), PyBytes_AS_STRING(op->arg),
        (size_t)PyBytes_GET_SIZE(op->arg), op->word.size, &op->wait);
}

static PyObject *
raise_overrun(bidepy_op *op)
{
    size_t len;
    bide_stream_data(bidepy_stream_under(op), &len);
    PyObject *error = PyObject_CallFunction(
        op->st->exc.limit_overrun, "Nn",
        PyUnicode_FromFormat("%R was not found in the first %zu bytes (limit)",
                             op->arg, op->word.size),
        (Py_ssize_t)len);
    if (error)
        PyErr_SetObject(op->st->exc.limit_overrun, error);
    Py_XDECREF(error);
    return NULL;
}

static PyObject *
until_fail(bidepy_op *op, int status)
{
    if (status == BIDE_EEOF)
        return raise_incomplete(op, Py_NewRef(Py_None));
    if (status == BIDE_ETOOLONG)
        return raise_overrun(op);
    return bidepy_stream_fail(op, status);
}

/* The last line may lack its end. */
static PyObject *
line_fail(bidepy_op *op, int status)
{
    if (status != BIDE_EEOF)
        return until_fail(op, status);
    PyObject *rest = partial(op);
    if (rest)
        bide_stream_consume(bidepy_stream_under(op),
                            (size_t)PyBytes_GET_SIZE(rest));
    return rest;
}

static const bidepy_op_kind until_kind = {
    .name = "Stream.read_until()",
    .start = until_start,
    .finish = take_bytes,
    .fail = until_fail,
};

static const bidepy_op_kind line_kind = {
    .name = "Stream.read_line()",
    .start = until_start,
    .finish = take_bytes,
    .fail = line_fail,
};

PyObject *
bidepy_stream_separator(PyObject *value)
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

/* Steals `separator`, which may be NULL with an exception. */
static PyObject *
new_until(PyObject *self, const bidepy_op_kind *kind, PyObject *separator,
          PyObject *limit)
{
    size_t n = CHUNK;
    if (!separator)
        return NULL;
    if (limit && bidepy_size(limit, "limit", 1, &n) < 0) {
        Py_DECREF(separator);
        return NULL;
    }
    bidepy_op *op = (bidepy_op *)new_sized(self, kind, n);
    if (op)
        op->arg = separator;
    else
        Py_DECREF(separator);
    return (PyObject *)op;
}

PyObject *
bidepy_stream_read_until(PyObject *self, PyObject *const *args,
                         Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"separator", "limit", NULL};
    static const bidepy_signature sig = {"read_until", names, 1, 2};
    PyObject *given[2];
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0)
        return NULL;
    return new_until(self, &until_kind, bidepy_stream_separator(given[0]),
                     given[1]);
}

PyObject *
bidepy_stream_read_line(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                        PyObject *kwnames)
{
    static const char *const names[] = {"limit", NULL};
    static const bidepy_signature sig = {"read_line", names, 0, 1};
    PyObject *given[1];
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0)
        return NULL;
    return new_until(self, &line_kind, PyBytes_FromStringAndSize("\n", 1),
                     given[0]);
}

/* A line of lines(): its end is the end of the stream. */
static PyObject *
next_line_fail(bidepy_op *op, int status)
{
    PyObject *rest = line_fail(op, status);
    if (!rest || PyBytes_GET_SIZE(rest))
        return rest;
    Py_DECREF(rest);
    PyErr_SetNone(PyExc_StopAsyncIteration);
    return NULL;
}

static const bidepy_op_kind next_line_kind = {
    .name = "Stream.lines()",
    .start = until_start,
    .finish = take_bytes,
    .fail = next_line_fail,
};

PyObject *
bidepy_stream_next_line(PyObject *self, size_t limit)
{
    PyObject *separator = PyBytes_FromStringAndSize("\n", 1);
    bidepy_op *op =
        separator ? (bidepy_op *)new_sized(self, &next_line_kind, limit) : NULL;
    if (op)
        op->arg = separator;
    else
        Py_XDECREF(separator);
    return (PyObject *)op;
}

/* -- peek ----------------------------------------------------------------- */

/* New: the first bytes, `most` at most, which stay. */
static PyObject *
look(bidepy_op *op, size_t most)
{
    size_t len;
    const char *data = bide_stream_data(bidepy_stream_under(op), &len);
    PyObject *bytes =
        PyBytes_FromStringAndSize(data, (Py_ssize_t)(len < most ? len : most));
    bide_stream_consume(bidepy_stream_under(op), 0);
    return bytes;
}

static PyObject *
peek_finish(bidepy_op *op)
{
    return look(op, op->word.size);
}

static PyObject *
peek_fail(bidepy_op *op, int status)
{
    return status == BIDE_EEOF ? look(op, op->word.size)
                               : bidepy_stream_fail(op, status);
}

static const bidepy_op_kind peek_kind = {
    .name = "Stream.peek()",
    .start = exact_start,
    .finish = peek_finish,
    .fail = peek_fail,
};

PyObject *
bidepy_stream_peek(PyObject *self, PyObject *value)
{
    size_t n;
    if (bidepy_size(value, "n", 1, &n) < 0)
        return NULL;
    return new_sized(self, &peek_kind, n);
}

/* -- iteration ------------------------------------------------------------ */

static PyObject *
next_finish(bidepy_op *op)
{
    if (op->wait.u.io.len)
        return take_bytes(op);
    PyErr_SetNone(PyExc_StopAsyncIteration);
    return NULL;
}

static const bidepy_op_kind next_kind = {
    .name = "Stream.__anext__()",
    .start = read_start,
    .finish = next_finish,
    .fail = bidepy_stream_fail,
};

PyObject *
bidepy_stream_anext(PyObject *self)
{
    return new_sized(self, &next_kind, CHUNK);
}

/* -- read_into ------------------------------------------------------------ */

static int
into_start(bidepy_op *op)
{
    Py_buffer *view = bidepy_stream_view(op, PyBUF_WRITABLE);
    if (!view)
        return BIDE_EHOST;
    if (view->len > 0)
        return bide_stream_read(bidepy_stream_under(op), (size_t)view->len,
                                &op->wait);
    PyErr_SetString(PyExc_ValueError,
                    "buffer must have room for at least 1 byte");
    return BIDE_EHOST;
}

static PyObject *
into_finish(bidepy_op *op)
{
    bide_stream *s = bidepy_stream_under(op);
    size_t len, n = op->wait.u.io.len;
    const Py_buffer *view = op->word.ptr;
    const char *data = bide_stream_data(s, &len);
    if (n) {
        memcpy(view->buf, data, n);
        bide_stream_consume(s, n);
    }
    return PyLong_FromSize_t(n);
}

static const bidepy_op_kind into_kind = {
    .name = "Stream.read_into()",
    .start = into_start,
    .finish = into_finish,
    .fail = bidepy_stream_fail,
    .release = bidepy_stream_unview,
};

PyObject *
bidepy_stream_read_into(PyObject *self, PyObject *buffer)
{
    if (PyObject_CheckBuffer(buffer))
        return bidepy_stream_buffered(self, &into_kind, buffer);
    PyErr_Format(PyExc_TypeError,
                 "buffer must be a writable buffer such as a bytearray, not "
                 "%.100s",
                 Py_TYPE(buffer)->tp_name);
    return NULL;
}
