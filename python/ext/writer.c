/* The writing half of bide.Stream, and buffers lent for an operation. */
#include "stream.h"

/* -- buffers of the caller ------------------------------------------------ */

/* Puts a view of `op->arg` into `op->word`; it is released with the op. */
Py_buffer *
bidepy_stream_view(bidepy_op *op, int flags)
{
    Py_buffer *view = PyMem_Malloc(sizeof *view);
    if (!view) {
        PyErr_NoMemory();
        return NULL;
    }
    if (PyObject_GetBuffer(op->arg, view, flags) < 0) {
        PyMem_Free(view);
        return NULL;
    }
    op->word.ptr = view;
    return view;
}

void
bidepy_stream_unview(bidepy_op *op)
{
    Py_buffer *view = op->word.ptr;
    if (!view)
        return;
    op->word.ptr = NULL;
    PyBuffer_Release(view);
    PyMem_Free(view);
}

PyObject *
bidepy_stream_buffered(PyObject *self, const bidepy_op_kind *kind,
                       PyObject *buffer)
{
    bidepy_op *op = bidepy_op_new(bidepy_of(self), kind, self);
    if (op)
        op->arg = Py_NewRef(buffer);
    return (PyObject *)op;
}

/* -- write ---------------------------------------------------------------- */

static int
write_start(bidepy_op *op)
{
    bide_stream *s = bidepy_stream_under(op);
    if (PyBytes_CheckExact(op->arg))
        return bide_stream_write(s, PyBytes_AS_STRING(op->arg),
                                 (size_t)PyBytes_GET_SIZE(op->arg), &op->wait);
    Py_buffer *view = bidepy_stream_view(op, PyBUF_SIMPLE);
    if (!view)
        return BIDE_EHOST;
    return bide_stream_write(s, view->buf, (size_t)view->len, &op->wait);
}

static const bidepy_op_kind write_kind = {
    .name = "Stream.write()",
    .start = write_start,
    .fail = bidepy_stream_fail,
    .release = bidepy_stream_unview,
};

PyObject *
bidepy_stream_write(PyObject *self, PyObject *data)
{
    if (PyBytes_CheckExact(data) || PyObject_CheckBuffer(data))
        return bidepy_stream_buffered(self, &write_kind, data);
    PyErr_Format(PyExc_TypeError,
                 "data must be bytes or another buffer, not %.100s%s",
                 Py_TYPE(data)->tp_name,
                 PyUnicode_Check(data) ? "; encode it first" : "");
    return NULL;
}

static int
shutdown_start(bidepy_op *op)
{
    return bide_stream_shutdown(bidepy_stream_under(op), &op->wait);
}

static const bidepy_op_kind shutdown_kind = {
    .name = "Stream.shutdown()",
    .start = shutdown_start,
    .fail = bidepy_stream_fail,
};

PyObject *
bidepy_stream_shutdown(PyObject *self, PyObject *unused)
{
    (void)unused;
    return (PyObject *)bidepy_op_new(bidepy_of(self), &shutdown_kind, self);
}
