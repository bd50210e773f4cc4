/* Stream.lines(): an asynchronous iterator over lines. */
#include "stream.h"

typedef struct lines {
    BIDEPY_HEAD
    PyObject *stream;
    size_t limit;
} lines;

PyObject *
bidepy_stream_lines(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                    PyObject *kwnames)
{
    static const char *const names[] = {"limit", NULL};
    static const bidepy_signature sig = {"lines", names, 0, 1};
    bidepy_state *st = bidepy_of(self);
    size_t limit;
    if (bidepy_stream_size(&sig, args, nargs, kwnames, &limit) < 0)
        return NULL;
    lines *it = bidepy_alloc(st, st->type.lines, NULL);
    if (!it)
        return NULL;
    it->stream = Py_NewRef(self);
    it->limit = limit;
    PyObject_GC_Track(it);
    return (PyObject *)it;
}

static PyObject *
lines_anext(PyObject *self)
{
    const lines *it = (lines *)self;
    return bidepy_stream_next_line(it->stream, it->limit);
}

static int
lines_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((lines *)self)->stream);
    return 0;
}

static void
lines_dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    Py_DECREF(((lines *)self)->stream);
    bidepy_free(self, NULL);
}

static PyType_Slot slots[] = {
    {Py_tp_dealloc, lines_dealloc},
    {Py_tp_traverse, lines_traverse},
    {Py_am_aiter, PyObject_SelfIter},
    {Py_am_anext, lines_anext},
    {0, NULL},
};

PyType_Spec bidepy_lines_spec = {
    .name = "bide._lines",
    .basicsize = sizeof(lines),
    .flags = BIDEPY_TYPE_FLAGS,
    .slots = slots,
};
