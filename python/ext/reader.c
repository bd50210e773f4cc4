/* The reading half of bide.Stream: its operations.
 *
 * What is read goes straight from the core's buffer into the object returned;
 * only then is it consumed, so that a failure in between loses nothing. */
#include "stream.h"

/* -- what came ------------------------------------------------------------ */

static const char *
data(const bidepy_op *op, size_t *len)
{
    return bide_stream_data(bidepy_stream_under(op), len);
}

static void
consume(const bidepy_op *op, size_t n)
{
    bide_stream_consume(bidepy_stream_under(op), n);
}

static PyObject *
take_bytes(bidepy_op *op)
{
    bide_stream *s = bidepy_stream_under(op);
    size_t len, n = op->wait.u.io.len;
    const char *front = bide_stream_data(s, &len);
    PyObject *bytes = PyBytes_FromStringAndSize(front, (Py_ssize_t)n);
    if (bytes && n)
        bide_stream_consume(s, n);
    return bytes;
}

static PyObject *
next_finish(bidepy_op *op)
{
    if (op->wait.u.io.len)
        return take_bytes(op);
    PyErr_SetNone(PyExc_StopAsyncIteration);
    return NULL;
}

/* -- starts --------------------------------------------------------------- */

static int
some_start(bidepy_op *op)
{
    return bide_stream_read(bidepy_stream_under(op), op->word.size, &op->wait);
}

static int
exact_start(bidepy_op *op)
{
    return bide_stream_read_exact(bidepy_stream_under(op), op->word.size,
                                  &op->wait);
}

static int
until_start(bidepy_op *op)
{
    return bide_stream_read_until(
        bidepy_stream_under(op), PyBytes_AS_STRING(op->arg),
        (size_t)PyBytes_GET_SIZE(op->arg), op->word.size, &op->wait);
}

static int
into_start(bidepy_op *op)
{
    const Py_buffer *view = bidepy_into_view(op);
    if (!view)
        return BIDE_EHOST;
    return bide_stream_read(bidepy_stream_under(op), (size_t)view->len,
                            &op->wait);
}

/* -- kinds ---------------------------------------------------------------- */

static const bidepy_op_kind some_kind = {
    .name = "Stream.read()",
    .start = some_start,
    .finish = take_bytes,
    .fail = bidepy_stream_fail,
};

static const bidepy_op_kind next_kind = {
    .name = "Stream.__anext__()",
    .start = some_start,
    .finish = next_finish,
    .fail = bidepy_stream_fail,
};

static const bidepy_op_kind exact_kind = {
    .name = "Stream.read_exact()",
    .start = exact_start,
    .finish = take_bytes,
    .fail = bidepy_exact_fail,
};

static const bidepy_op_kind peek_kind = {
    .name = "Stream.peek()",
    .start = exact_start,
    .finish = bidepy_peek_finish,
    .fail = bidepy_peek_fail,
};

static const bidepy_op_kind until_kind = {
    .name = "Stream.read_until()",
    .start = until_start,
    .finish = take_bytes,
    .fail = bidepy_until_fail,
};

static const bidepy_op_kind line_kind = {
    .name = "Stream.read_line()",
    .start = until_start,
    .finish = take_bytes,
    .fail = bidepy_line_fail,
};

static const bidepy_op_kind next_line_kind = {
    .name = "Stream.lines()",
    .start = until_start,
    .finish = take_bytes,
    .fail = bidepy_next_line_fail,
};

static const bidepy_op_kind into_kind = {
    .name = "Stream.read_into()",
    .start = into_start,
    .finish = bidepy_into_finish,
    .fail = bidepy_stream_fail,
    .release = bidepy_stream_unview,
};

const bidepy_reads bidepy_stream_reads = {
    .some = &some_kind,
    .next = &next_kind,
    .exact = &exact_kind,
    .peek = &peek_kind,
    .until = &until_kind,
    .line = &line_kind,
    .next_line = &next_line_kind,
    .into = &into_kind,
    .data = data,
    .consume = consume,
};
