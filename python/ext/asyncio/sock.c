/* sock_recv(), sock_sendall() and their like: the system call is tried at once,
 * and only when it would block does the operation wait.
 *
 * The descriptor's interest is set once, for both directions and with
 * BIDE_EDGE, and stays: no system call per operation but the one that moves the
 * data. It is tied to the socket object: another object with the same number
 * has it set anew.
 *
 * Sockets that are not exactly socket.socket, and debug mode, take asyncio's
 * own methods. */
#include "fds.h"
#include "sock.h"

#include <sys/socket.h>

enum { SCRATCH = 65536 };

/* What an operation has beyond its op: `owner` is the socket. */
typedef struct sock_state {
    bidepy_loop *loop; /* strong */
    Py_buffer view;
    PyObject *result; /* new reference, until it is handed out */
    PyObject *args;   /* of `method` */
    const char *method;
    size_t size, done;
    int fd;
} sock_state;

static sock_state *
state_of(bidepy_op *op)
{
    return op->word.ptr;
}

static void
release(bidepy_op *op)
{
    sock_state *s = state_of(op);
    op->word.ptr = NULL;
    if (!s)
        return;
    if (s->view.obj)
        PyBuffer_Release(&s->view);
    Py_XDECREF(s->result);
    Py_XDECREF(s->args);
    Py_DECREF((PyObject *)s->loop);
    PyMem_Free(s);
}

static PyObject *
finish(bidepy_op *op)
{
    sock_state *s = state_of(op);
    PyObject *result = s->result;
    s->result = NULL;
    return result ? result : Py_NewRef(Py_None);
}

/* -- the interest -----------------------------------------------------------
 */

static bool
is_set_for(const bidepy_fd *entry, PyObject *socket)
{
    return entry->interest.slot && entry->socket &&
           ((PyWeakReference *)entry->socket)->wr_object == socket;
}

static int
set_for(bidepy_fd *entry, PyObject *socket)
{
    PyObject *free_ = PyObject_CallMethod(
        (PyObject *)entry->loop, "_ensure_fd_no_transport", "i", entry->fd);
    PyObject *weak = free_ ? PyWeakref_NewRef(socket, NULL) : NULL;
    Py_XDECREF(free_);
    if (!weak)
        return BIDE_EHOST;
    Py_XSETREF(entry->socket, weak);
    return bidepy_fd_update(entry, 0);
}

static int
wait_for(bidepy_op *op, unsigned direction)
{
    sock_state *s = state_of(op);
    bidepy_fd *entry = bidepy_fd_need(s->loop, s->fd);
    if (!entry)
        return BIDE_EHOST;
    int rc = is_set_for(entry, op->owner) ? 0 : set_for(entry, op->owner);
    if (rc == 0 &&
        (entry->handles[BIDEPY_READER] || entry->handles[BIDEPY_WRITER]))
        rc = bidepy_fd_update(entry, direction);
    if (rc)
        return rc;
    return bide_interest_wait(&entry->interest, direction, &op->wait);
}

/* After a system call that gave `rc` < 0: waits, or raises. */
static int
after_error(bidepy_op *op, unsigned direction)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return wait_for(op, direction);
    PyErr_SetFromErrno(PyExc_OSError);
    return BIDE_EHOST;
}

/* -- recv --------------------------------------------------------------------
 */

static ssize_t
receive(int fd, void *data, size_t size)
{
    ssize_t got;
    do
        got = recv(fd, data, size, MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    return got;
}

static char *
scratch_of(bidepy_loop *loop)
{
    if (!loop->scratch)
        loop->scratch = PyMem_Malloc(SCRATCH);
    return loop->scratch;
}

/* Small ones go through one buffer of the loop's: the bytes object is as long
 * as what came. */
static int
try_small(bidepy_op *op, sock_state *s)
{
    char *scratch = scratch_of(s->loop);
    if (!scratch) {
        PyErr_NoMemory();
        return BIDE_EHOST;
    }
    ssize_t got = receive(s->fd, scratch, s->size);
    if (got < 0)
        return after_error(op, BIDE_READABLE);
    s->result = PyBytes_FromStringAndSize(scratch, got);
    return s->result ? 0 : BIDE_EHOST;
}

static int
try_recv(bidepy_op *op)
{
    sock_state *s = state_of(op);
    if (s->size <= SCRATCH)
        return try_small(op, s);
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)s->size);
    if (!bytes)
        return BIDE_EHOST;
    ssize_t got = receive(s->fd, PyBytes_AS_STRING(bytes), s->size);
    if (got < 0) {
        Py_DECREF(bytes);
        return after_error(op, BIDE_READABLE);
    }
    if (_PyBytes_Resize(&bytes, got))
        return BIDE_EHOST;
    s->result = bytes;
    return 0;
}

static int
try_recv_into(bidepy_op *op)
{
    sock_state *s = state_of(op);
    ssize_t got = receive(s->fd, s->view.buf, (size_t)s->view.len);
    if (got < 0)
        return after_error(op, BIDE_READABLE);
    s->result = PyLong_FromSsize_t(got);
    return s->result ? 0 : BIDE_EHOST;
}

/* -- sendall ------------------------------------------------------------------
 */

static int
try_sendall(bidepy_op *op)
{
    sock_state *s = state_of(op);
    const char *data = s->view.buf;
    size_t size = (size_t)s->view.len;
    while (s->done < size) {
        ssize_t sent = send(s->fd, data + s->done, size - s->done,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0)
            s->done += (size_t)sent;
        else if (errno != EINTR)
            return after_error(op, BIDE_WRITABLE);
    }
    return 0;
}

/* -- what the socket's own methods do
 * ------------------------------------------ */

static int
try_method(bidepy_op *op, unsigned direction)
{
    sock_state *s = state_of(op);
    PyObject *method = PyObject_GetAttrString(op->owner, s->method);
    s->result = method ? PyObject_CallObject(method, s->args) : NULL;
    Py_XDECREF(method);
    if (s->result)
        return 0;
    if (!PyErr_ExceptionMatches(PyExc_BlockingIOError) &&
        !PyErr_ExceptionMatches(PyExc_InterruptedError))
        return BIDE_EHOST;
    PyErr_Clear();
    return wait_for(op, direction);
}

static int
try_reading(bidepy_op *op)
{
    return try_method(op, BIDE_READABLE);
}

static int
try_writing(bidepy_op *op)
{
    return try_method(op, BIDE_WRITABLE);
}

static PyObject *
finish_accept(bidepy_op *op)
{
    PyObject *pair = finish(op);
    PyObject *done =
        PyObject_CallMethod(PyTuple_GET_ITEM(pair, 0), "setblocking", "i", 0);
    if (!done)
        Py_CLEAR(pair);
    Py_XDECREF(done);
    return pair;
}

/* -- the kinds
 * ------------------------------------------------------------------ */

/* Another may have been faster, or there was room for a part only. */
static int
take(bidepy_op *op)
{
    if (op->wait.state != BIDE_WAIT_FIRED)
        return BIDE_PARKED;
    int rc = bide_wait_take(&op->wait);
    if (rc)
        return rc;
    bide_wait_init(&op->wait, op->wait.task);
    rc = op->kind->start(op);
    return rc == BIDE_PARKED ? BIDEPY_OP_AGAIN : rc;
}

/* What all kinds share. */
#define KIND_FIELDS(text, attempt, end)                                        \
    .name = (text), .start = (attempt), .take = take, .finish = (end),         \
    .release = release, .flags = BIDEPY_OP_NO_RACE

static const bidepy_op_kind recv_kind = {
    KIND_FIELDS("loop.sock_recv()", try_recv, finish)};
static const bidepy_op_kind recv_into_kind = {
    KIND_FIELDS("loop.sock_recv_into()", try_recv_into, finish)};
static const bidepy_op_kind sendall_kind = {
    KIND_FIELDS("loop.sock_sendall()", try_sendall, finish)};
static const bidepy_op_kind reading_kind = {
    KIND_FIELDS("loop.sock_recvfrom()", try_reading, finish)};
static const bidepy_op_kind writing_kind = {
    KIND_FIELDS("loop.sock_sendto()", try_writing, finish)};
static const bidepy_op_kind accept_kind = {
    KIND_FIELDS("loop.sock_accept()", try_reading, finish_accept)};

/* -- the methods
 * ------------------------------------------------------------------ */

/* Whether the fast way is for this socket; -1 with an exception. */
static int
is_plain(bidepy_loop *self, PyObject *socket)
{
    return !self->debug && !self->closed &&
           Py_IS_TYPE(socket, (PyTypeObject *)self->st->aio->socket_class);
}

static bidepy_op *
new_op(bidepy_loop *self, const bidepy_op_kind *kind, PyObject *socket)
{
    int fd = PyObject_AsFileDescriptor(socket);
    if (fd < 0)
        return NULL;
    sock_state *s = PyMem_Calloc(1, sizeof *s);
    bidepy_op *op = s ? bidepy_op_new(self->st, kind, socket) : NULL;
    if (!op) {
        PyMem_Free(s);
        return (bidepy_op *)(s ? NULL : PyErr_NoMemory());
    }
    s->loop = (bidepy_loop *)Py_NewRef((PyObject *)self);
    s->fd = fd;
    op->word.ptr = s;
    return op;
}

/* Drops an operation that could not be made. */
static bidepy_op *
unmade(bidepy_op *op)
{
    op->phase = BIDEPY_OP_OVER;
    release(op);
    Py_DECREF((PyObject *)op);
    return NULL;
}

static PyObject *
own_way(PyObject *self, const char *name, PyObject *const *args,
        Py_ssize_t nargs, PyObject *kwnames)
{
    return bidepy_loop_stock((bidepy_loop *)self, name, args, nargs, kwnames);
}

/* An operation that could not be made is asyncio's to judge: it raises at the
 * await, and knows what there is to do about nothing. */
static PyObject *
or_own_way(bidepy_op *op, PyObject *self, const char *name,
           PyObject *const *args, Py_ssize_t nargs)
{
    if (op || PyErr_ExceptionMatches(PyExc_MemoryError))
        return (PyObject *)op;
    PyErr_Clear();
    return own_way(self, name, args, nargs, NULL);
}

/* The method `name` of `nargs` arguments, by position, of a plain socket. */
#define FAST(self, args, nargs, kwnames, wanted)                               \
    ((nargs) == (wanted) && !(kwnames) &&                                      \
     is_plain((bidepy_loop *)(self), (args)[0]))

static PyObject *
sock_recv(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
          PyObject *kwnames)
{
    if (!FAST(self, args, nargs, kwnames, 2))
        return own_way(self, "sock_recv", args, nargs, kwnames);
    Py_ssize_t size = PyNumber_AsSsize_t(args[1], PyExc_OverflowError);
    bidepy_op *op =
        size > 0 ? new_op((bidepy_loop *)self, &recv_kind, args[0]) : NULL;
    if (op)
        state_of(op)->size = (size_t)size;
    return or_own_way(op, self, "sock_recv", args, nargs);
}

/* NULL with an exception, or without one: there is no room in the buffer. */
static bidepy_op *
with_buffer(PyObject *self, const bidepy_op_kind *kind, PyObject *const *args,
            int flags)
{
    bidepy_op *op = new_op((bidepy_loop *)self, kind, args[0]);
    if (op && PyObject_GetBuffer(args[1], &state_of(op)->view, flags)) {
        state_of(op)->view.obj = NULL;
        return unmade(op);
    }
    return op && state_of(op)->view.len == 0 ? unmade(op) : op;
}

static PyObject *
sock_recv_into(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
               PyObject *kwnames)
{
    if (!FAST(self, args, nargs, kwnames, 2))
        return own_way(self, "sock_recv_into", args, nargs, kwnames);
    return or_own_way(with_buffer(self, &recv_into_kind, args, PyBUF_WRITABLE),
                      self, "sock_recv_into", args, nargs);
}

static PyObject *
sock_sendall(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
             PyObject *kwnames)
{
    if (!FAST(self, args, nargs, kwnames, 2))
        return own_way(self, "sock_sendall", args, nargs, kwnames);
    return or_own_way(with_buffer(self, &sendall_kind, args, PyBUF_SIMPLE),
                      self, "sock_sendall", args, nargs);
}

/* `method` of the socket, with the arguments that follow it. */
static bidepy_op *
by_method(PyObject *self, const bidepy_op_kind *kind, const char *method,
          PyObject *const *args, Py_ssize_t nargs)
{
    bidepy_op *op = new_op((bidepy_loop *)self, kind, args[0]);
    if (!op)
        return NULL;
    sock_state *s = state_of(op);
    s->method = method;
    s->args = PyTuple_New(nargs - 1);
    if (!s->args)
        return unmade(op);
    for (Py_ssize_t i = 1; i < nargs; i++)
        PyTuple_SET_ITEM(s->args, i - 1, Py_NewRef(args[i]));
    return op;
}

static PyObject *
sock_recvfrom(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
              PyObject *kwnames)
{
    if (!FAST(self, args, nargs, kwnames, 2))
        return own_way(self, "sock_recvfrom", args, nargs, kwnames);
    return or_own_way(by_method(self, &reading_kind, "recvfrom", args, nargs),
                      self, "sock_recvfrom", args, nargs);
}

static PyObject *
sock_recvfrom_into(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                   PyObject *kwnames)
{
    if (!FAST(self, args, nargs, kwnames, nargs == 3 ? 3 : 2))
        return own_way(self, "sock_recvfrom_into", args, nargs, kwnames);
    return or_own_way(
        by_method(self, &reading_kind, "recvfrom_into", args, nargs), self,
        "sock_recvfrom_into", args, nargs);
}

static PyObject *
sock_sendto(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
            PyObject *kwnames)
{
    if (!FAST(self, args, nargs, kwnames, 3))
        return own_way(self, "sock_sendto", args, nargs, kwnames);
    return or_own_way(by_method(self, &writing_kind, "sendto", args, nargs),
                      self, "sock_sendto", args, nargs);
}

static PyObject *
sock_accept(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
            PyObject *kwnames)
{
    if (!FAST(self, args, nargs, kwnames, 1))
        return own_way(self, "sock_accept", args, nargs, kwnames);
    return or_own_way(by_method(self, &accept_kind, "accept", args, nargs),
                      self, "sock_accept", args, nargs);
}

#define METHOD(name, arguments, text)                                          \
    {                                                                          \
#name, BIDEPY_METHOD(name), METH_FASTCALL | METH_KEYWORDS,             \
            #name "($self, sock" arguments ")\n--\n\n" text                    \
    }

PyMethodDef bidepy_loop_sock_methods[] = {
    METHOD(sock_recv, ", n", "Receive at most n bytes."),
    METHOD(sock_recv_into, ", buf", "Receive into a buffer; how much."),
    METHOD(sock_recvfrom, ", bufsize", "Receive a datagram: (data, address)."),
    METHOD(sock_recvfrom_into, ", buf, nbytes=0",
           "Receive a datagram into a buffer: (size, address)."),
    METHOD(sock_sendall, ", data", "Send all of the data."),
    METHOD(sock_sendto, ", data, address", "Send a datagram; how much."),
    METHOD(sock_accept, "", "Accept a connection: (socket, address)."),
    {NULL, NULL, 0, NULL}};
