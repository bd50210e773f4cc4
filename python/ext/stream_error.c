/* Errors of streams: as exceptions, and whose doing they are. */
#include "tls_stream.h"

PyObject *
bidepy_stream_raise(bidepy_state *st, int status, const char *what)
{
    if (status == BIDE_ECLOSED) {
        PyErr_Format(st->exc.stream_closed, "the %s is closed", what);
        return NULL;
    }
    if (status == BIDE_EBUSY)
        return bidepy_raise(st, status,
                            "another task is reading from this %s: one task "
                            "reads a stream, and may hand on what it reads "
                            "through a Channel",
                            what);
    if (status == BIDE_EWRONGLOOP)
        return bidepy_raise(st, status,
                            "the %s belongs to another runtime: it can be used "
                            "only by tasks of the bide.run() that made it",
                            what);
    return bidepy_raise(st, status, NULL);
}

PyObject *
bidepy_stream_failed(bidepy_stream *self, int status)
{
    self->lost |= bide_stream_lost(self->stream, status);
    return bidepy_stream_raise(self->st, status, "stream");
}

PyObject *
bidepy_stream_fail(bidepy_op *op, int status)
{
    return bidepy_stream_failed((bidepy_stream *)op->owner, status);
}

int
bidepy_stream_check(bidepy_state *st, const bide_loop *loop, const char *what)
{
    if (loop == bide_loop_current())
        return 0;
    bidepy_stream_raise(st, BIDE_EWRONGLOOP, what);
    return -1;
}

/* -- connections that the peer or the network ended ------------------------ */

/* An OSError's status; 0: it has none. */
static int
status_of(PyObject *error)
{
    PyObject *number = PyObject_GetAttrString(error, "errno");
    long value = number && number != Py_None ? PyLong_AsLong(number) : 0;
    Py_XDECREF(number);
    PyErr_Clear();
    return value > 0 && value < 3000 ? (int)-value : 0;
}

static bool
is_lost(const bidepy_stream *self, PyObject *error)
{
    const bidepy_tls_stream *tls = (const bidepy_tls_stream *)self;
    if (Py_IS_TYPE(self, self->st->type.tls_stream)) {
        if (error == tls->error)
            return true;
        if (tls->ended &&
            PyErr_GivenExceptionMatches(error, PyExc_BrokenPipeError))
            return false;
    }
    return self->lost && bide_stream_lost(self->stream, status_of(error));
}

PyObject *
bidepy_stream_is_lost(PyObject *module, PyObject *args)
{
    PyObject *self, *error;
    bidepy_state *st = bidepy_of_module(module);
    if (!PyArg_ParseTuple(args, "O!O:_lost", st->type.stream, &self, &error))
        return NULL;
    return PyBool_FromLong(PyErr_GivenExceptionMatches(error, PyExc_OSError) &&
                           is_lost((bidepy_stream *)self, error));
}
