/* bide.connect_unix() and listen_unix(), socketpair() and open_fd(). */
#include <errno.h>
#include <limits.h>

#include "listener.h"
#include "stream.h"

/* The options of a listen; its `arg`, as that of a connect, is the path as
 * bytes. */
typedef struct options {
    bide_unix_options listen;
} options;

static const char *
path_of(const bidepy_op *op)
{
    return PyBytes_AS_STRING(op->arg);
}

static void
release(bidepy_op *op)
{
    PyMem_Free(op->word.ptr);
}

static PyObject *
fail(bidepy_op *op, int status)
{
    return bidepy_raise(op->st, status, "%s, path '%s'", op->kind->name,
                        path_of(op));
}

/* New: bytes. */
static PyObject *
parse_path(PyObject *path)
{
    PyObject *bytes = NULL;
    if (!PyUnicode_FSConverter(path, &bytes))
        return NULL;
    if (PyBytes_GET_SIZE(bytes) > (PyBytes_AS_STRING(bytes)[0] == '@'))
        return bytes;
    Py_DECREF(bytes);
    PyErr_Format(PyExc_ValueError,
                 "path must be the path of a socket or '@' and a name, got %R",
                 path);
    return NULL;
}

static PyObject *
new_op(PyObject *module, const bidepy_op_kind *kind, PyObject *path,
       const options *given)
{
    PyObject *bytes = parse_path(path);
    options *o = bytes ? PyMem_Malloc(sizeof *o) : NULL;
    bidepy_op *op =
        o ? bidepy_op_new(bidepy_of_module(module), kind, NULL) : NULL;
    if (!op) {
        if (bytes && !o)
            PyErr_NoMemory();
        PyMem_Free(o);
        Py_XDECREF(bytes);
        return NULL;
    }
    *o = *given;
    op->arg = bytes;
    op->word.ptr = o;
    return (PyObject *)op;
}

/* -- connect -------------------------------------------------------------- */

static int
connect_start(bidepy_op *op)
{
    return bide_unix_connect(path_of(op), &op->wait);
}

static PyObject *
connect_finish(bidepy_op *op)
{
    return bidepy_stream_new(op->st, op->wait.value.as.ptr);
}

static const bidepy_op_kind connect_kind = {
    .name = "connect_unix()",
    .start = connect_start,
    .finish = connect_finish,
    .fail = fail,
    .release = release,
};

PyDoc_STRVAR(
    doc_connect,
    "connect_unix($module, /, path)\n"
    "--\n\n"
    "Connect to the Unix socket at `path` (str, bytes or os.PathLike, at most "
    "107 bytes);\ngives a Stream. '@name' is in Linux's abstract namespace, "
    "'./@name' a file.\n\n"
    "FileNotFoundError; ConnectionRefusedError when nobody listens; OSError. "
    "Waits while the\nlistener's backlog is full. A cancelled connect leaves "
    "nothing open.");

static PyObject *
connect_unix(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
             PyObject *kwnames)
{
    static const char *const names[] = {"path", NULL};
    static const bidepy_signature sig = {"connect_unix", names, 1, 1};
    PyObject *given[1];
    options o = {0};
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0)
        return NULL;
    return new_op(module, &connect_kind, given[0], &o);
}

/* -- listen --------------------------------------------------------------- */

static int
listen_start(bidepy_op *op)
{
    const options *o = op->word.ptr;
    return bide_unix_listen(path_of(op), &o->listen, &op->wait);
}

static PyObject *
listen_finish(bidepy_op *op)
{
    return bidepy_listener_new(op->st, op->wait.value.as.ptr);
}

static const bidepy_op_kind listen_kind = {
    .name = "listen_unix()",
    .start = listen_start,
    .finish = listen_finish,
    .fail = fail,
    .release = release,
};

static int
parse_mode(PyObject *value, int *out)
{
    size_t mode;
    *out = 0;
    if (!value || value == Py_None)
        return 0;
    if (bidepy_size(value, "mode", 1, &mode) < 0)
        return -1;
    if (mode > 07777) {
        PyErr_Format(PyExc_ValueError,
                     "mode must be permission bits such as 0o660, got %R",
                     value);
        return -1;
    }
    *out = (int)mode;
    return 0;
}

PyDoc_STRVAR(
    doc_listen,
    "listen_unix($module, /, path, *, mode=None, backlog=1024)\n"
    "--\n\n"
    "Listen on a Unix socket at `path`, as for connect_unix(); gives a "
    "Listener.\n\n"
    "The file of a socket that nobody listens on any more is replaced; "
    "anything else there is\nan OSError (EADDRINUSE). The file is removed when "
    "the listener is closed. `mode`: its\npermissions, such as 0o660; None: "
    "what the umask leaves. `backlog`: how many connections\nthe system keeps "
    "until they are accepted.");

static PyObject *
listen_unix(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
            PyObject *kwnames)
{
    static const char *const names[] = {"path", "mode", "backlog", NULL};
    static const bidepy_signature sig = {"listen_unix", names, 1, 1};
    PyObject *given[3];
    options o = {0};
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        parse_mode(given[1], &o.listen.mode) < 0 ||
        bidepy_listener_backlog(given[2], &o.listen.backlog) < 0)
        return NULL;
    return new_op(module, &listen_kind, given[0], &o);
}

/* -- socketpair, open_fd -------------------------------------------------- */

PyDoc_STRVAR(doc_pair, "socketpair($module, /)\n--\n\n"
                       "Two Streams that are connected to each other, as a "
                       "tuple.");

static PyObject *
socketpair_new(PyObject *module, PyObject *unused)
{
    (void)unused;
    bidepy_state *st = bidepy_of_module(module);
    bidepy_runtime *runtime = bidepy_runtime_here(st, "socketpair()");
    if (!runtime)
        return NULL;
    bide_stream *ends[2];
    int rc = bide_stream_pair(runtime->loop, ends);
    if (rc)
        return bidepy_raise(st, rc, "socketpair()");
    PyObject *first = bidepy_stream_new(st, ends[0]);
    PyObject *second = bidepy_stream_new(st, ends[1]);
    PyObject *both = first && second ? PyTuple_Pack(2, first, second) : NULL;
    Py_XDECREF(first);
    Py_XDECREF(second);
    return both;
}

PyDoc_STRVAR(
    doc_open_fd,
    "open_fd($module, fd, /)\n--\n\n"
    "A Stream over the descriptor `fd` (int): a connected stream socket, such "
    "as\nsock.detach(), or an end of a pipe. It becomes the stream's: "
    "non-blocking, and closed\nwith it, unless it is 0, 1 or 2; on an error "
    "it stays yours.\n\n"
    "ValueError for what cannot be waited for or is no byte stream (files, "
    "terminals,\ndatagram sockets); OSError, such as ENOTCONN. A pipe ends by "
    "close(): it has no\nshutdown() and no addresses (OSError, ENOTSOCK).");

static PyObject *
open_fd(PyObject *module, PyObject *value)
{
    bidepy_state *st = bidepy_of_module(module);
    size_t fd;
    if (bidepy_size(value, "fd", 0, &fd) < 0)
        return NULL;
    bidepy_runtime *runtime = bidepy_runtime_here(st, "open_fd()");
    if (!runtime)
        return NULL;
    bide_stream *s;
    int rc =
        fd > INT_MAX ? -EBADF : bide_stream_open_fd(runtime->loop, (int)fd, &s);
    if (rc == BIDE_EINVALID)
        return bidepy_raise(st, rc,
                            "open_fd(): descriptor %zu is neither a pipe nor a "
                            "stream socket: files are for spawn_blocking(), "
                            "other kinds for wait_readable()",
                            fd);
    if (rc)
        return bidepy_raise(st, rc, "open_fd(), descriptor %zu", fd);
    return bidepy_stream_new(st, s);
}

PyMethodDef bidepy_unix_functions[] = {
    {"connect_unix", (PyCFunction)(void (*)(void))connect_unix,
     METH_FASTCALL | METH_KEYWORDS, doc_connect},
    {"listen_unix", (PyCFunction)(void (*)(void))listen_unix,
     METH_FASTCALL | METH_KEYWORDS, doc_listen},
    {"socketpair", socketpair_new, METH_NOARGS, doc_pair},
    {"open_fd", open_fd, METH_O, doc_open_fd},
    {NULL, NULL, 0, NULL},
};
