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
    op->wait.value.as.integer = 0; /* for find() */
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

/* -- what came ------------------------------------------------------------ */

static const char *
data(const bidepy_op *op, size_t *len)
{
    const bidepy_tls_stream *s = bidepy_tls_stream_of(op);
    *len = bidepy_tls_buffered(s);
    return *len ? bidepy_tls_front(s) : "";
}

static void
consume(const bidepy_op *op, size_t n)
{
    bidepy_tls_consume(bidepy_tls_stream_of(op), n);
}

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
until_finish(bidepy_op *op)
{
    return bidepy_tls_take(bidepy_tls_stream_of(op), op->wait.u.io.len);
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

KIND(some_kind, "TLSStream.read()", some, some_finish, bidepy_stream_fail);
KIND(next_kind, "TLSStream.__anext__()", some, next_finish, bidepy_stream_fail);
KIND(exact_kind, "TLSStream.read_exact()", exact, exact_finish,
     bidepy_exact_fail);
KIND(peek_kind, "TLSStream.peek()", exact, bidepy_peek_finish,
     bidepy_peek_fail);
KIND(until_kind, "TLSStream.read_until()", until, until_finish,
     bidepy_until_fail);
KIND(line_kind, "TLSStream.read_line()", until, until_finish, bidepy_line_fail);
KIND(next_line_kind, "TLSStream.lines()", until, until_finish,
     bidepy_next_line_fail);

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
    if (rc == 0)
        rc = bidepy_into_view(op) ? into_step(op) : BIDE_EHOST;
    return rc;
}

static int
into_take(bidepy_op *op)
{
    return again(op, into_step);
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
    .finish = bidepy_into_finish,
    .fail = bidepy_stream_fail,
    .release = into_release,
    .flags = BIDEPY_OP_NO_RACE,
    .take = into_take,
};

const bidepy_reads bidepy_tls_reads = {
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
