/* The reading half of bide.TLSStream: its operations. */
#include "tls_stream.h"

#include <string.h>

/* Ciphertext that a step decrypts: commonly, and at most. */
enum { CHUNK = 65536, MOST = 262144 };

/* -- one operation -------------------------------------------------------- */

/* What a kind of read needs: 0 it is there, BIDE_PARKED: more bytes, or an
 * error. */
typedef int (*check_fn)(bidepy_tls_stream *s, bidepy_op *op);

static int
not_yet(bidepy_tls_stream *s)
{
    if (s->peer_ended)
        return BIDE_EEOF;
    return s->error ? bidepy_tls_broken(s) : BIDE_PARKED;
}

static int
check_some(bidepy_tls_stream *s, bidepy_op *op)
{
    (void)op;
    if (bidepy_tls_buffered(s))
        return 0;
    int rc = not_yet(s);
    return rc == BIDE_EEOF ? 0 : rc;
}

static int
check_exact(bidepy_tls_stream *s, bidepy_op *op)
{
    return bidepy_tls_buffered(s) >= op->word.size ? 0 : not_yet(s);
}

/* Where the separator ends, 0: not there. `wait.value` remembers how far was
 * searched. */
static size_t
find(bidepy_tls_stream *s, bidepy_op *op)
{
    const char *sep = PyBytes_AS_STRING(op->arg);
    size_t len = (size_t)PyBytes_GET_SIZE(op->arg);
    size_t have = bidepy_tls_buffered(s);
    size_t end = have < op->word.size ? have : op->word.size;
    size_t at = (size_t)op->wait.value.as.integer;
    for (; at + len <= end; at++) {
        const char *front = bidepy_tls_front(s);
        const char *hit = memchr(front + at, sep[0], end - len - at + 1);
        if (!hit)
            break;
        at = (size_t)(hit - front);
        if (memcmp(hit, sep, len) == 0)
            return at + len;
    }
    op->wait.value.as.integer = end >= len ? (int64_t)(end - len + 1) : 0;
    return 0;
}

static int
check_until(bidepy_tls_stream *s, bidepy_op *op)
{
    size_t found = find(s, op);
    op->wait.u.io.len = found;
    if (found)
        return 0;
    return bidepy_tls_buffered(s) >= op->word.size ? BIDE_ETOOLONG : not_yet(s);
}

static int
go_on(bidepy_op *op, check_fn check, size_t most, size_t want)
{
    bidepy_tls_stream *s = bidepy_tls_stream_of(op);
    if (bide_stream_closed(s->base.stream))
        return BIDE_ECLOSED;
    int rc = bidepy_tls_ready(s, op);
    if (rc)
        return rc;
    while ((rc = check(s, op)) == BIDE_PARKED) {
        rc = bidepy_tls_fill(s, op, most, want);
        if (rc)
            break;
    }
    return rc;
}

static int
enter(bidepy_op *op)
{
    bidepy_tls_stream *s = bidepy_tls_stream_of(op);
    if (bide_scope_cancelled(op->wait.task->scope))
        return BIDE_ECANCELED;
    if (s->reader)
        return BIDE_EBUSY;
    s->reader = op;
    return 0;
}

static int
again(bidepy_op *op, int (*step)(bidepy_op *op))
{
    int rc = bidepy_tls_taken(op);
    if (rc == 0)
        rc = step(op);
    else if (rc == BIDE_PARKED)
        return rc;
    return rc == BIDE_PARKED ? BIDEPY_OP_AGAIN : rc;
}

static void
release(bidepy_op *op)
{
    bidepy_tls_stream *s = bidepy_tls_stream_of(op);
    if (s->reader == op)
        s->reader = NULL;
    bidepy_tls_leave(op);
}

/* -- results -------------------------------------------------------------- */

static PyObject *
some_finish(bidepy_op *op)
{
    bidepy_tls_stream *s = bidepy_tls_stream_of(op);
    size_t have = bidepy_tls_buffered(s);
    return bidepy_tls_take(s, have < op->word.size ? have : op->word.size);
}

static PyObject *
next_finish(bidepy_op *op)
{
    PyObject *bytes = some_finish(op);
    if (bytes && PyBytes_GET_SIZE(bytes) == 0) {
        Py_CLEAR(bytes);
        PyErr_SetNone(PyExc_StopAsyncIteration);
    }
    return bytes;
}

static PyObject *
exact_finish(bidepy_op *op)
{
    return bidepy_tls_take(bidepy_tls_stream_of(op), op->word.size);
}

static PyObject *
peek_finish(bidepy_op *op)
{
    bidepy_tls_stream *s = bidepy_tls_stream_of(op);
    size_t have = bidepy_tls_buffered(s);
    size_t n = have < op->word.size ? have : op->word.size;
    return PyBytes_FromStringAndSize(n ? bidepy_tls_front(s) : NULL,
                                     (Py_ssize_t)n);
}

static PyObject *
until_finish(bidepy_op *op)
{
    return bidepy_tls_take(bidepy_tls_stream_of(op), op->wait.u.io.len);
}

/* asyncio's IncompleteReadError(partial, expected); steals `expected`. */
static PyObject *
raise_incomplete(bidepy_op *op, PyObject *expected)
{
    bidepy_tls_stream *s = bidepy_tls_stream_of(op);
    PyObject *class = op->st->exc.incomplete_read;
    size_t have = bidepy_tls_buffered(s);
    PyObject *error =
        PyObject_CallFunction(class, "y#N", have ? bidepy_tls_front(s) : "",
                              (Py_ssize_t)have, expected);
    if (error)
        PyErr_SetObject(class, error);
    Py_XDECREF(error);
    return NULL;
}

static PyObject *
exact_fail(bidepy_op *op, int status)
{
    if (status == BIDE_EEOF)
        return raise_incomplete(op, PyLong_FromSize_t(op->word.size));
    return bidepy_stream_fail(op, status);
}

static PyObject *
raise_overrun(bidepy_op *op)
{
    PyObject *class = op->st->exc.limit_overrun;
    PyObject *error = PyObject_CallFunction(
        class, "Nn",
        PyUnicode_FromFormat("%R was not found in the first %zu bytes (limit)",
                             op->arg, op->word.size),
        (Py_ssize_t)bidepy_tls_buffered(bidepy_tls_stream_of(op)));
    if (error)
        PyErr_SetObject(class, error);
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

static PyObject *
line_fail(bidepy_op *op, int status)
{
    bidepy_tls_stream *s = bidepy_tls_stream_of(op);
    if (status != BIDE_EEOF)
        return until_fail(op, status);
    return bidepy_tls_take(s, bidepy_tls_buffered(s));
}

/* -- kinds ---------------------------------------------------------------- */

static int
some_step(bidepy_op *op)
{
    return go_on(op, check_some, op->word.size, 0);
}

static int
exact_step(bidepy_op *op)
{
    size_t n = op->word.size, most = n < CHUNK ? CHUNK : n;
    return go_on(op, check_exact, most < MOST ? most : MOST, n);
}

static int
until_step(bidepy_op *op)
{
    return go_on(op, check_until, CHUNK, 0);
}

/* As exact, but the end of the stream is no error. */
static int
peek_step(bidepy_op *op)
{
    int rc = exact_step(op);
    return rc == BIDE_EEOF ? 0 : rc;
}

#define STEP(name)                                                             \
    static int name##_start(bidepy_op *op)                                     \
    {                                                                          \
        int rc = enter(op);                                                    \
        return rc ? rc : name##_step(op);                                      \
    }                                                                          \
    static int name##_take(bidepy_op *op)                                      \
    {                                                                          \
        return again(op, name##_step);                                         \
    }

STEP(some)
STEP(exact)
STEP(until)
STEP(peek)

/* NOLINTBEGIN(bugprone-macro-parentheses) */
#define KIND(field, shown, step, end, failure)                                 \
    static const bidepy_op_kind field = {                                      \
        .name = shown,                                                         \
        .start = step##_start,                                                 \
        .finish = end,                                                         \
        .fail = failure,                                                       \
        .release = release,                                                    \
        .flags = BIDEPY_OP_NO_RACE,                                            \
        .take = step##_take,                                                   \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

KIND(read_kind, "TLSStream.read()", some, some_finish, bidepy_stream_fail);
KIND(next_kind, "TLSStream.__anext__()", some, next_finish, bidepy_stream_fail);
KIND(exact_kind, "TLSStream.read_exact()", exact, exact_finish, exact_fail);
KIND(until_kind, "TLSStream.read_until()", until, until_finish, until_fail);
KIND(line_kind, "TLSStream.read_line()", until, until_finish, line_fail);
KIND(peek_kind, "TLSStream.peek()", peek, peek_finish, bidepy_stream_fail);

/* -- methods -------------------------------------------------------------- */

static PyObject *
new_sized(PyObject *self, const bidepy_op_kind *kind, size_t size)
{
    bidepy_op *op = bidepy_op_new(bidepy_of(self), kind, self);
    if (op) {
        op->word.size = size;
        op->wait.value.as.integer = 0;
    }
    return (PyObject *)op;
}

PyObject *
bidepy_tls_stream_read(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
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

PyObject *
bidepy_tls_stream_read_exact(PyObject *self, PyObject *value)
{
    size_t n;
    if (bidepy_size(value, "n", 0, &n) < 0)
        return NULL;
    return new_sized(self, &exact_kind, n);
}

PyObject *
bidepy_tls_stream_peek(PyObject *self, PyObject *value)
{
    size_t n;
    if (bidepy_size(value, "n", 0, &n) < 0)
        return NULL;
    return new_sized(self, &peek_kind, n);
}

/* Steals `separator`, which may be NULL with an exception. */
static PyObject *
new_until(PyObject *self, const bidepy_op_kind *kind, PyObject *separator,
          PyObject *limit)
{
    size_t n = CHUNK;
    bidepy_op *op = NULL;
    if (separator && (!limit || bidepy_size(limit, "limit", 1, &n) == 0))
        op = (bidepy_op *)new_sized(self, kind, n);
    if (op)
        op->arg = separator;
    else
        Py_XDECREF(separator);
    return (PyObject *)op;
}

PyObject *
bidepy_tls_stream_read_until(PyObject *self, PyObject *const *args,
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
bidepy_tls_stream_read_line(PyObject *self, PyObject *const *args,
                            Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"limit", NULL};
    static const bidepy_signature sig = {"read_line", names, 0, 1};
    PyObject *given[1];
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0)
        return NULL;
    return new_until(self, &line_kind, PyBytes_FromStringAndSize("\n", 1),
                     given[0]);
}

/* For lines(): at the end of the stream the iteration ends, too. */
static PyObject *
next_line_fail(bidepy_op *op, int status)
{
    if (status == BIDE_EEOF && !bidepy_tls_buffered(bidepy_tls_stream_of(op))) {
        PyErr_SetNone(PyExc_StopAsyncIteration);
        return NULL;
    }
    return line_fail(op, status);
}

KIND(next_line_kind, "TLSStream.lines()", until, until_finish, next_line_fail);

PyObject *
bidepy_tls_stream_next_line(PyObject *self, size_t limit)
{
    bidepy_op *op = (bidepy_op *)new_sized(self, &next_line_kind, limit);
    if (op && !(op->arg = PyBytes_FromStringAndSize("\n", 1)))
        Py_CLEAR(op);
    return (PyObject *)op;
}

PyObject *
bidepy_tls_stream_anext(PyObject *self)
{
    return new_sized(self, &next_kind, CHUNK);
}

/* -- read_into ------------------------------------------------------------ */

static int
into_step(bidepy_op *op)
{
    return go_on(op, check_some, CHUNK, 0);
}

static int
into_start(bidepy_op *op)
{
    int rc = enter(op);
    Py_buffer *view = rc ? NULL : bidepy_stream_view(op, PyBUF_WRITABLE);
    if (rc || !view)
        return rc ? rc : BIDE_EHOST;
    if (view->len > 0)
        return into_step(op);
    PyErr_SetString(PyExc_ValueError,
                    "buffer must have room for at least 1 byte");
    return BIDE_EHOST;
}

static int
into_take(bidepy_op *op)
{
    return again(op, into_step);
}

static PyObject *
into_finish(bidepy_op *op)
{
    bidepy_tls_stream *s = bidepy_tls_stream_of(op);
    const Py_buffer *view = op->word.ptr;
    size_t n = bidepy_tls_buffered(s);
    if (n > (size_t)view->len)
        n = (size_t)view->len;
    if (n) {
        memcpy(view->buf, bidepy_tls_front(s), n);
        bidepy_tls_consume(s, n);
    }
    return PyLong_FromSize_t(n);
}

static void
into_release(bidepy_op *op)
{
    bidepy_stream_unview(op);
    release(op);
}

static const bidepy_op_kind into_kind = {
    .name = "TLSStream.read_into()",
    .start = into_start,
    .finish = into_finish,
    .fail = bidepy_stream_fail,
    .release = into_release,
    .flags = BIDEPY_OP_NO_RACE,
    .take = into_take,
};

PyObject *
bidepy_tls_stream_read_into(PyObject *self, PyObject *buffer)
{
    if (PyObject_CheckBuffer(buffer))
        return bidepy_stream_buffered(self, &into_kind, buffer);
    PyErr_Format(PyExc_TypeError,
                 "buffer must be a writable buffer such as a bytearray, not "
                 "%.100s",
                 Py_TYPE(buffer)->tp_name);
    return NULL;
}
