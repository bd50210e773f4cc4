/* One end of a TLS connection, without I/O. */
#include "tls_engine.h"

#include <limits.h>

enum {
    HEADER = 5,
    RECORD_MAX = 16384 + 2048, /* as the oldest version in use allows */
    FIRST_TYPE = 20,           /* change_cipher_spec ... */
    LAST_TYPE = 24             /* ... heartbeat */
};

/* -- lent memory ---------------------------------------------------------- */

/* An object that lends memory to the call under way, and none after it. */
typedef struct window {
    BIDEPY_HEAD
    char *memory;
    size_t size;
    int readonly;
} window;

static int
window_get(PyObject *self, Py_buffer *view, int flags)
{
    window *w = (window *)self;
    return PyBuffer_FillInfo(view, self, w->memory, (Py_ssize_t)w->size,
                             w->readonly, flags);
}

static int
window_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static void
window_dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    bidepy_free(self, NULL);
}

static PyType_Slot window_slots[] = {
    {Py_tp_doc, "Memory lent for one call."},
    {Py_tp_dealloc, window_dealloc},
    {Py_tp_traverse, window_traverse},
    {Py_bf_getbuffer, window_get},
    {0, NULL},
};

PyType_Spec bidepy_window_spec = {
    .name = "bide._core.Window",
    .basicsize = sizeof(window),
    .flags = BIDEPY_TYPE_FLAGS,
    .slots = window_slots,
};

static void
lend(bidepy_tls *e, char *memory, size_t size, int readonly)
{
    window *w = (window *)e->window;
    w->memory = memory;
    w->size = size;
    w->readonly = readonly;
}

static int
new_window(bidepy_tls *e)
{
    window *w = bidepy_alloc(e->st, e->st->type.window, NULL);
    if (!w)
        return -1;
    w->memory = NULL;
    w->size = 0;
    w->readonly = 1;
    PyObject_GC_Track(w);
    e->window = (PyObject *)w;
    /* For SSLObject.read(len, buffer): 0 is as much as fits. */
    e->window_args = Py_BuildValue("(iO)", 0, e->window);
    return e->window_args ? 0 : -1;
}

/* -- making one ----------------------------------------------------------- */

static PyObject *
or_none(PyObject *o)
{
    return o ? o : Py_None;
}

/* context.wrap_bio(incoming, outgoing, server_side, hostname, session) */
static PyObject *
wrap_bio(bidepy_tls *e, const bidepy_tls_setup *setup)
{
    PyObject *method = PyObject_GetAttrString(setup->context, "wrap_bio");
    if (!method)
        return NULL;
    PyObject *args[] = {
        e->incoming, e->outgoing, setup->server_side ? Py_True : Py_False,
        or_none(setup->server_hostname), or_none(setup->session)};
    PyObject *object = PyObject_Vectorcall(method, args, 5, NULL);
    Py_DECREF(method);
    return object;
}

/* The object inside the SSLObject, whose methods are C functions; where there
 * is none, the SSLObject has to do. */
static int
take_methods(bidepy_tls *e)
{
    PyObject *inner = PyObject_GetAttrString(e->object, "_sslobj");
    if (!inner)
        PyErr_Clear();
    PyObject *from = inner && inner != Py_None ? inner : e->object;
    const struct {
        PyObject **slot;
        PyObject *object;
        const char *name;
    } rows[] = {
        {&e->read, from, "read"},
        {&e->write, from, "write"},
        {&e->shake, from, "do_handshake"},
        {&e->pending, from, "pending"},
        {&e->shutdown, from, from == e->object ? "unwrap" : "shutdown"},
        {&e->feed, e->incoming, "write"},
        {&e->output, e->outgoing, "read"},
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof rows / sizeof *rows; i++) {
        *rows[i].slot = PyObject_GetAttrString(rows[i].object, rows[i].name);
        rc = *rows[i].slot ? 0 : -1;
    }
    Py_XDECREF(inner);
    return rc;
}

static int
take_errors(bidepy_tls *e, PyObject *ssl)
{
    e->want_read = PyObject_GetAttrString(ssl, "SSLWantReadError");
    e->want_write = PyObject_GetAttrString(ssl, "SSLWantWriteError");
    e->zero_return = PyObject_GetAttrString(ssl, "SSLZeroReturnError");
    return e->want_read && e->want_write && e->zero_return ? 0 : -1;
}

static int
take_module(bidepy_tls *e, PyObject *ssl)
{
    if (take_errors(e, ssl))
        return -1;
    e->incoming = PyObject_CallMethod(ssl, "MemoryBIO", NULL);
    e->outgoing = PyObject_CallMethod(ssl, "MemoryBIO", NULL);
    return e->incoming && e->outgoing ? 0 : -1;
}

int
bidepy_tls_init(bidepy_tls *e, bidepy_state *st, const bidepy_tls_setup *setup)
{
    PyObject *ssl = PyImport_ImportModule("ssl");
    if (!ssl)
        return -1;
    e->st = st;
    int rc = take_module(e, ssl);
    Py_DECREF(ssl);
    if (rc < 0 || new_window(e) < 0)
        return -1;
    e->object = wrap_bio(e, setup);
    return e->object ? take_methods(e) : -1;
}

int
bidepy_tls_adopt(bidepy_tls *e, bidepy_state *st, PyObject *object,
                 PyObject *incoming, PyObject *outgoing)
{
    PyObject *ssl = PyImport_ImportModule("ssl");
    if (!ssl)
        return -1;
    e->st = st;
    int rc = take_errors(e, ssl);
    Py_DECREF(ssl);
    if (rc < 0 || new_window(e) < 0)
        return -1;
    e->object = Py_NewRef(object);
    e->incoming = Py_NewRef(incoming);
    e->outgoing = Py_NewRef(outgoing);
    return take_methods(e);
}

#define OBJECTS(X)                                                             \
    X(object)                                                                  \
    X(incoming)                                                                \
    X(outgoing)                                                                \
    X(window)                                                                  \
    X(window_args)                                                             \
    X(feed)                                                                    \
    X(output)                                                                  \
    X(read)                                                                    \
    X(write)                                                                   \
    X(shake)                                                                   \
    X(shutdown)                                                                \
    X(pending)                                                                 \
    X(want_read)                                                               \
    X(want_write)                                                              \
    X(zero_return)

void
bidepy_tls_clear(bidepy_tls *e)
{
#define X(field) Py_CLEAR(e->field);
    OBJECTS(X)
#undef X
}

int
bidepy_tls_traverse(const bidepy_tls *e, visitproc visit, void *arg)
{
#define X(field) Py_VISIT(e->field);
    OBJECTS(X)
#undef X
    return 0;
}

/* -- records -------------------------------------------------------------- */

/* The size of the record that begins at `data`, of which a header is there;
 * 0: this is no record. */
static size_t
record_size(const unsigned char *data)
{
    size_t body = (size_t)data[3] << 8 | data[4];
    if (data[0] < FIRST_TYPE || data[0] > LAST_TYPE || data[1] != 3 ||
        body > RECORD_MAX)
        return 0;
    return HEADER + body;
}

size_t
bidepy_tls_split(const char *data, size_t n, size_t *need, unsigned *count)
{
    size_t whole = 0;
    *need = HEADER;
    *count = 0;
    while (n - whole >= HEADER) {
        size_t size = record_size((const unsigned char *)data + whole);
        if (size == 0) {
            *count = UINT_MAX;
            return n;
        }
        if (n - whole < size) {
            *need = size;
            break;
        }
        whole += size;
        ++*count;
    }
    return whole;
}

size_t
bidepy_tls_records(const char *data, size_t n, size_t *need)
{
    unsigned count;
    return bidepy_tls_split(data, n, need, &count);
}

/* -- calls ---------------------------------------------------------------- */

/* What the exception that is set means; clears it unless it is an error. */
static int
outcome(bidepy_tls *e)
{
    if (PyErr_ExceptionMatches(e->want_read) ||
        PyErr_ExceptionMatches(e->want_write)) {
        PyErr_Clear();
        return BIDEPY_TLS_WANT;
    }
    if (PyErr_ExceptionMatches(e->zero_return)) {
        PyErr_Clear();
        e->ended = true;
        return BIDEPY_TLS_END;
    }
    return -1;
}

static int
done(bidepy_tls *e, PyObject *result)
{
    if (!result)
        return outcome(e);
    Py_DECREF(result);
    return BIDEPY_TLS_DONE;
}

/* Calls a method with `n` bytes at `data`. */
static PyObject *
call_with(bidepy_tls *e, PyObject *method, const char *data, size_t n)
{
    lend(e, (char *)data, n, 1);
    PyObject *result = PyObject_CallOneArg(method, e->window);
    lend(e, NULL, 0, 1);
    return result;
}

int
bidepy_tls_feed(bidepy_tls *e, const char *data, size_t n)
{
    PyObject *result = call_with(e, e->feed, data, n);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

int
bidepy_tls_feed_eof(bidepy_tls *e)
{
    PyObject *result = PyObject_CallMethod(e->incoming, "write_eof", NULL);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

int
bidepy_tls_handshake(bidepy_tls *e)
{
    return done(e, PyObject_CallNoArgs(e->shake));
}

/* One record at most. DONE with 0 bytes is an end that is not marked. */
static int
read_once(bidepy_tls *e, char *out, size_t n, size_t *got)
{
    *got = 0;
    lend(e, out, n, 0);
    PyObject *result = PyObject_Call(e->read, e->window_args, NULL);
    lend(e, NULL, 0, 1);
    if (!result)
        return outcome(e);
    Py_ssize_t count = PyLong_AsSsize_t(result);
    Py_DECREF(result);
    if (count < 0)
        return -1;
    *got = (size_t)count;
    e->ended = count == 0;
    return count ? BIDEPY_TLS_DONE : BIDEPY_TLS_END;
}

int
bidepy_tls_read_some(bidepy_tls *e, char *out, size_t n, unsigned records,
                     size_t *got)
{
    int rc = BIDEPY_TLS_DONE;
    *got = 0;
    while (records-- && *got < n && rc == BIDEPY_TLS_DONE) {
        size_t count;
        rc = read_once(e, out + *got, n - *got, &count);
        *got += count;
    }
    return rc;
}

int
bidepy_tls_read(bidepy_tls *e, char *out, size_t n, size_t *got)
{
    return bidepy_tls_read_some(e, out, n, UINT_MAX, got);
}

int
bidepy_tls_write(bidepy_tls *e, PyObject *data)
{
    PyObject *result = PyObject_CallOneArg(e->write, data);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

int
bidepy_tls_write_from(bidepy_tls *e, const char *data, size_t n)
{
    PyObject *result = call_with(e, e->write, data, n);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

PyObject *
bidepy_tls_output(bidepy_tls *e)
{
    return PyObject_CallNoArgs(e->output);
}

int
bidepy_tls_end(bidepy_tls *e)
{
    int rc = done(e, PyObject_CallNoArgs(e->shutdown));
    if (rc == BIDEPY_TLS_DONE)
        e->ended = true;
    return rc == BIDEPY_TLS_DONE ? BIDEPY_TLS_END : rc;
}
