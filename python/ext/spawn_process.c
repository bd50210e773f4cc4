/* _core._spawn(), under bide.open_process(): its arguments have been checked
 * and turned into bytes and ints by bide/_process.py. */
#include <errno.h>

#include "process.h"
#include "stream.h"

/* As in bide/_process.py; those of the subprocess module, and a terminal. */
enum { PIPE = -1, STDOUT = -2, DEVNULL = -3, PTY = -4 };

/* The operation's `arg` is the tuple of arguments, which owns the bytes. */
typedef struct request {
    bide_process_options o;
    const char **argv, **env;
    bide_fd_map *fds;
} request;

static void
free_request(request *r)
{
    if (!r)
        return;
    PyMem_Free(r->argv);
    PyMem_Free(r->env);
    PyMem_Free(r->fds);
    PyMem_Free(r);
}

static void
release(bidepy_op *op)
{
    free_request(op->word.ptr);
}

/* -- the arguments -------------------------------------------------------- */

/* Of a tuple of bytes: its strings, then NULL. To be freed. */
static const char **
strings_of(PyObject *tuple)
{
    Py_ssize_t n = PyTuple_GET_SIZE(tuple);
    const char **list = PyMem_New(const char *, (size_t)n + 1);
    if (!list) {
        PyErr_NoMemory();
        return NULL;
    }
    for (Py_ssize_t i = 0; i < n; i++)
        list[i] = PyBytes_AS_STRING(PyTuple_GET_ITEM(tuple, i));
    list[n] = NULL;
    return list;
}

static const char *
string_or_null(PyObject *bytes)
{
    return bytes == Py_None ? NULL : PyBytes_AS_STRING(bytes);
}

static int
stdio_of(bidepy_state *st, PyObject *value, bide_stdio *out)
{
    static const int kinds[] = {BIDE_STDIO_PIPE, BIDE_STDIO_STDOUT,
                                BIDE_STDIO_NULL, BIDE_STDIO_PTY};
    out->kind = BIDE_STDIO_INHERIT;
    if (value == Py_None)
        return 0;
    if (Py_IS_TYPE(value, st->type.stream)) {
        out->kind = BIDE_STDIO_STREAM;
        out->stream = ((bidepy_stream *)value)->stream;
        return 0;
    }
    long number = PyLong_AsLong(value);
    if (number == -1 && PyErr_Occurred())
        return -1;
    if (number >= 0) {
        out->kind = BIDE_STDIO_FD;
        out->fd = (int)number;
    } else {
        out->kind = kinds[-number - 1];
    }
    return 0;
}

/* Of a tuple of (child's number, descriptor). */
static int
fds_of(PyObject *tuple, request *r)
{
    Py_ssize_t n = PyTuple_GET_SIZE(tuple);
    r->fds = PyMem_New(bide_fd_map, (size_t)n + 1);
    if (!r->fds) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < n; i++)
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(tuple, i), "ii",
                              &r->fds[i].child_fd, &r->fds[i].fd))
            return -1;
    r->o.fds = r->fds;
    r->o.fd_count = (size_t)n;
    return 0;
}

static int
fill(bidepy_state *st, PyObject *args, request *r)
{
    PyObject *command, *argv, *file, *env, *cwd, *stdio, *fds, *grace;
    unsigned short rows, columns;
    if (!PyArg_ParseTuple(args, "OO!OOOO!O!(IIII)(HH)O:_spawn", &command,
                          &PyTuple_Type, &argv, &file, &env, &cwd,
                          &PyTuple_Type, &stdio, &PyTuple_Type, &fds,
                          &r->o.flags, &r->o.umask, &r->o.uid, &r->o.gid, &rows,
                          &columns, &grace))
        return -1;
    r->o.rows = rows;
    r->o.columns = columns;
    r->argv = strings_of(argv);
    r->env = env == Py_None ? NULL : strings_of(env);
    if (!r->argv || (env != Py_None && !r->env))
        return -1;
    r->o.argv = r->argv;
    r->o.env = r->env;
    r->o.file = string_or_null(file);
    r->o.cwd = string_or_null(cwd);
    for (int i = 0; i < BIDEPY_STDIO; i++)
        if (stdio_of(st, PyTuple_GET_ITEM(stdio, i), &r->o.stdio[i]) < 0)
            return -1;
    return fds_of(fds, r);
}

/* -- the operation -------------------------------------------------------- */

enum { COMMAND = 0, GRACE = 9 }; /* in the tuple of arguments */

static int
start(bidepy_op *op)
{
    const request *r = op->word.ptr;
    return bide_process_open(&r->o, &op->wait);
}

static PyObject *
finish(bidepy_op *op)
{
    return bidepy_process_new(op->st, op->wait.value.as.ptr,
                              PyTuple_GET_ITEM(op->arg, COMMAND),
                              PyTuple_GET_ITEM(op->arg, GRACE));
}

static PyObject *
raise_about(int status, const char *path)
{
    PyObject *name = PyUnicode_DecodeFSDefault(path);
    errno = -status;
    if (name)
        PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, name);
    Py_XDECREF(name);
    return NULL;
}

static PyObject *
fail(bidepy_op *op, int status)
{
    static const char *const whats[] = {
        [BIDE_SPAWN_PREPARE] = "",
        [BIDE_SPAWN_STDIO] = ", giving it its descriptors",
        [BIDE_SPAWN_IDENTITY] = ", setting its session, group or user",
    };
    const request *r = op->word.ptr;
    int64_t what = op->wait.value.as.integer;
    if (status == BIDE_EBUSY)
        return bidepy_raise(op->st, status,
                            "open_process(): a stream moves to a child only "
                            "with nothing read ahead and nobody waiting");
    if (status == BIDE_EINVALID)
        return bidepy_raise(op->st, status,
                            "open_process(): fds and the stdio arguments must "
                            "be valid descriptors, fds at most 1024");
    if (status < -4095)
        return bidepy_raise(op->st, status, "open_process(): %s",
                            bide_strerror(status));
    if (what == BIDE_SPAWN_EXEC)
        return raise_about(status, r->o.file ? r->o.file : r->o.argv[0]);
    if (what == BIDE_SPAWN_CWD)
        return raise_about(status, r->o.cwd);
    return bidepy_raise(op->st, status, "open_process()%s", whats[what]);
}

static const bidepy_op_kind kind = {
    .name = "open_process()",
    .start = start,
    .finish = finish,
    .fail = fail,
    .release = release,
};

static PyObject *
spawn(PyObject *module, PyObject *args)
{
    bidepy_state *st = bidepy_of_module(module);
    request *r = PyMem_Calloc(1, sizeof *r);
    if (!r)
        return PyErr_NoMemory();
    bidepy_op *op =
        fill(st, args, r) < 0 ? NULL : bidepy_op_new(st, &kind, NULL);
    if (!op) {
        free_request(r);
        return NULL;
    }
    op->arg = Py_NewRef(args);
    op->word.ptr = r;
    return (PyObject *)op;
}

PyMethodDef bidepy_spawn_process_functions[] = {
    {"_spawn", spawn, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
