/* Of bide.Stream: reading and writing without waiting, and the marks between
 * which it buffers. */
#include "stream.h"

static bide_stream *
core(const void *self)
{
    return ((const bidepy_stream *)self)->stream;
}

static int
check(PyObject *self)
{
    return bidepy_stream_check(bidepy_of(self), bide_stream_loop(core(self)),
                               "stream");
}

static PyObject *
would_block(PyObject *self, int status, const char *why)
{
    if (status == BIDE_EWOULDBLOCK)
        return bidepy_raise(bidepy_of(self), status, "%s", why);
    return bidepy_stream_failed((bidepy_stream *)self, status);
}

/* -- reading -------------------------------------------------------------- */

PyObject *
bidepy_stream_try_read(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                       PyObject *kwnames)
{
    static const char *const names[] = {"max", NULL};
    static const bidepy_signature sig = {"try_read", names, 0, 1};
    size_t max, n, len;
    if (bidepy_stream_size(&sig, args, nargs, kwnames, &max) < 0 ||
        check(self) < 0)
        return NULL;
    int rc = bide_stream_try_read(core(self), max, &n);
    if (rc < 0)
        return would_block(self, rc, "Stream.try_read(): nothing is there yet");
    const char *data = bide_stream_data(core(self), &len);
    PyObject *bytes = PyBytes_FromStringAndSize(data, (Py_ssize_t)n);
    if (bytes && n)
        bide_stream_consume(core(self), n);
    return bytes;
}

/* -- writing -------------------------------------------------------------- */

/* A view of `data`, to be released. */
static int
view_of(PyObject *self, PyObject *data, Py_buffer *view)
{
    if (!PyObject_CheckBuffer(data)) {
        PyErr_Format(PyExc_TypeError,
                     "data must be bytes or another buffer, not %.100s%s",
                     Py_TYPE(data)->tp_name,
                     PyUnicode_Check(data) ? "; encode it first" : "");
        return -1;
    }
    if (check(self) < 0)
        return -1;
    return PyObject_GetBuffer(data, view, PyBUF_SIMPLE);
}

PyObject *
bidepy_stream_try_write(PyObject *self, PyObject *data)
{
    Py_buffer view;
    size_t done;
    if (view_of(self, data, &view) < 0)
        return NULL;
    bide_buffer one = {view.buf, (size_t)view.len};
    int rc = bide_stream_try_write(core(self), &one, 1, &done);
    PyBuffer_Release(&view);
    if (rc < 0)
        return would_block(self, rc,
                           "Stream.try_write(): the system takes no more now");
    return PyLong_FromSize_t(done);
}

PyObject *
bidepy_stream_write_nowait(PyObject *self, PyObject *data)
{
    Py_buffer view;
    if (view_of(self, data, &view) < 0)
        return NULL;
    int rc = bide_stream_write_nowait(core(self), view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    if (rc < 0)
        return bidepy_stream_failed((bidepy_stream *)self, rc);
    Py_RETURN_NONE;
}

static int
drain_start(bidepy_op *op)
{
    return bide_stream_drain(bidepy_stream_under(op), &op->wait);
}

static const bidepy_op_kind drain_kind = {
    .name = "Stream.drain()",
    .start = drain_start,
    .fail = bidepy_stream_fail,
};

PyObject *
bidepy_stream_drain(PyObject *self, PyObject *unused)
{
    (void)unused;
    return (PyObject *)bidepy_op_new(bidepy_of(self), &drain_kind, self);
}

/* -- marks ---------------------------------------------------------------- */

PyObject *
bidepy_stream_set_limits(PyObject *self, PyObject *const *args,
                         Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"read_high", "read_low", "write_high",
                                        "write_low", NULL};
    static const bidepy_signature sig = {"set_limits", names, 0, 0};
    PyObject *given[4];
    bide_stream_limits l;
    bide_stream_get_limits(core(self), &l);
    size_t *const slots[] = {&l.read_high, &l.read_low, &l.write_high,
                             &l.write_low};
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0)
        return NULL;
    for (int i = 0; i < 4; i++)
        if (given[i] && given[i] != Py_None &&
            bidepy_size(given[i], names[i], i == 0, slots[i]) < 0)
            return NULL;
    if (check(self) < 0)
        return NULL;
    int rc = bide_stream_set_limits(core(self), &l);
    if (rc == BIDE_EINVALID)
        return PyErr_Format(PyExc_ValueError,
                            "read_low must not be above read_high (%zu and "
                            "%zu), nor write_low above write_high (%zu and "
                            "%zu)",
                            l.read_low, l.read_high, l.write_low, l.write_high);
    if (rc < 0)
        return bidepy_stream_raise(bidepy_of(self), rc, "stream");
    Py_RETURN_NONE;
}

PyObject *
bidepy_stream_limits(PyObject *self, void *closure)
{
    (void)closure;
    bide_stream_limits l;
    bide_stream_get_limits(core(self), &l);
    return Py_BuildValue("{sKsKsKsK}", "read_high",
                         (unsigned long long)l.read_high, "read_low",
                         (unsigned long long)l.read_low, "write_high",
                         (unsigned long long)l.write_high, "write_low",
                         (unsigned long long)l.write_low);
}

PyObject *
bidepy_stream_unsent(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(bide_stream_unsent(core(self)));
}

PyObject *
bidepy_stream_buffered_bytes(PyObject *self, void *closure)
{
    (void)closure;
    size_t len;
    bide_stream_data(core(self), &len);
    return PyLong_FromSize_t(len);
}
