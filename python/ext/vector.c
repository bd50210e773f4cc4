/* write_many() of Stream and File: several buffers in one write. */
#include "file.h"

/* Views of the buffers, which go with the operation; `list` lies behind them.
 */
typedef struct views {
    Py_ssize_t count;
    bide_buffer *list;
    Py_buffer view[];
} views;

static void
release(bidepy_op *op)
{
    views *v = op->word.ptr;
    if (!v)
        return;
    op->word.ptr = NULL;
    for (Py_ssize_t i = 0; i < v->count; i++)
        PyBuffer_Release(&v->view[i]);
    PyMem_Free(v);
}

/* Takes views of the buffers of `op->arg`, a tuple, into `op->word`. */
static views *
view_all(bidepy_op *op)
{
    size_t n = (size_t)PyTuple_GET_SIZE(op->arg);
    views *v =
        PyMem_Malloc(sizeof *v + n * (sizeof(Py_buffer) + sizeof(bide_buffer)));
    if (!v) {
        PyErr_NoMemory();
        return NULL;
    }
    op->word.ptr = v;
    v->list = (bide_buffer *)(void *)&v->view[n];
    for (v->count = 0; (size_t)v->count < n; v->count++) {
        Py_buffer *view = &v->view[v->count];
        if (PyObject_GetBuffer(PyTuple_GET_ITEM(op->arg, v->count), view,
                               PyBUF_SIMPLE) < 0)
            return NULL;
        v->list[v->count] = (bide_buffer){view->buf, (size_t)view->len};
    }
    return v;
}

static int
many_start(bidepy_op *op)
{
    const views *v = view_all(op);
    if (!v)
        return BIDE_EHOST;
    return bide_stream_write_many(bidepy_stream_under(op), v->list,
                                  (size_t)v->count, &op->wait);
}

static const bidepy_op_kind many_kind = {
    .name = "Stream.write_many()",
    .start = many_start,
    .fail = bidepy_stream_fail,
    .release = release,
};

static int
file_start(bidepy_op *op)
{
    const views *v = view_all(op);
    if (!v)
        return BIDE_EHOST;
    return bide_file_write_many(bidepy_file_under(op), v->list,
                                (size_t)v->count, &op->wait);
}

static PyObject *
file_finish(bidepy_op *op)
{
    return PyLong_FromSize_t(op->wait.u.io.len);
}

static const bidepy_op_kind file_kind = {
    .name = "File.write_many()",
    .start = file_start,
    .finish = file_finish,
    .fail = bidepy_file_fail,
    .release = release,
};

static PyObject *
write_many(PyObject *self, const bidepy_op_kind *kind, PyObject *buffers)
{
    if (PyObject_CheckBuffer(buffers) || PyUnicode_Check(buffers)) {
        PyErr_Format(PyExc_TypeError,
                     "buffers must be a sequence of buffers, not %.100s; one "
                     "alone is for write()",
                     Py_TYPE(buffers)->tp_name);
        return NULL;
    }
    PyObject *all = PySequence_Tuple(buffers);
    if (!all)
        return NULL;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(all); i++) {
        PyObject *one = PyTuple_GET_ITEM(all, i);
        if (PyObject_CheckBuffer(one))
            continue;
        PyErr_Format(PyExc_TypeError,
                     "buffers[%zd] must be bytes or another buffer, not %.100s",
                     i, Py_TYPE(one)->tp_name);
        Py_DECREF(all);
        return NULL;
    }
    PyObject *op = bidepy_stream_buffered(self, kind, all);
    Py_DECREF(all);
    return op;
}

PyObject *
bidepy_stream_write_many(PyObject *self, PyObject *buffers)
{
    return write_many(self, &many_kind, buffers);
}

PyObject *
bidepy_file_write_many(PyObject *self, PyObject *buffers)
{
    return write_many(self, &file_kind, buffers);
}
