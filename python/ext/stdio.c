/* Pipes and FIFOs, stdin(), stdout() and stderr(), terminals. */
#include "stream.h"

#include <limits.h>

/* New: a tuple of Streams on both (stolen). */
static PyObject *
two_streams(bidepy_state *st, bide_stream *const ends[2])
{
    PyObject *first = bidepy_stream_new(st, ends[0]);
    PyObject *second = bidepy_stream_new(st, ends[1]);
    PyObject *both = first && second ? PyTuple_Pack(2, first, second) : NULL;
    Py_XDECREF(first);
    Py_XDECREF(second);
    return both;
}

/* -- pipes ---------------------------------------------------------------- */

PyDoc_STRVAR(doc_pipe,
             "open_pipe($module, /)\n--\n\n"
             "A pipe, as a tuple of two Streams: the end to read and the end "
             "to write. Closing\nthe second ends the first; neither has "
             "shutdown() or addresses (OSError, ENOTSOCK).");

static PyObject *
open_pipe(PyObject *module, PyObject *unused)
{
    (void)unused;
    bidepy_state *st = bidepy_of_module(module);
    bidepy_runtime *runtime = bidepy_runtime_here(st, "open_pipe()");
    bide_stream *ends[2];
    if (!runtime)
        return NULL;
    int rc = bide_stream_open_pipe(runtime->loop, ends);
    return rc ? bidepy_raise(st, rc, "open_pipe()") : two_streams(st, ends);
}

/* 0 to read, 1 to write, or -1. */
static int
parse_mode(PyObject *mode)
{
    if (PyUnicode_Check(mode)) {
        if (PyUnicode_CompareWithASCIIString(mode, "r") == 0)
            return 0;
        if (PyUnicode_CompareWithASCIIString(mode, "w") == 0)
            return 1;
    }
    PyErr_Format(PyExc_ValueError, "mode must be 'r' or 'w', got %R", mode);
    return -1;
}

static PyObject *
fifo_open(bidepy_state *st, PyObject *path, bool write)
{
    PyObject *bytes;
    bide_stream *s;
    bidepy_runtime *runtime = bidepy_runtime_here(st, "open_fifo()");
    if (!runtime || !PyUnicode_FSConverter(path, &bytes))
        return NULL;
    const char *name = PyBytes_AS_STRING(bytes);
    int rc = bide_stream_open_fifo(runtime->loop, name, write, &s);
    if (rc == BIDE_EINVALID)
        bidepy_raise(st, rc, "path must be a FIFO (os.mkfifo()), '%s' is none",
                     name);
    else if (rc)
        bidepy_raise(st, rc, "open_fifo(), path '%s'", name);
    Py_DECREF(bytes);
    return rc ? NULL : bidepy_stream_new(st, s);
}

PyDoc_STRVAR(
    doc_fifo,
    "open_fifo($module, /, path, mode)\n--\n\n"
    "A Stream over the FIFO at `path`, to read ('r') or to write ('w'); never "
    "waits.\n\n"
    "Reading waits for the first writer, and ends when the last one has left. "
    "To write when\nnobody has it open to read is an OSError (ENXIO). "
    "ValueError: `path` is no FIFO.");

static PyObject *
open_fifo(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
          PyObject *kwnames)
{
    static const char *const names[] = {"path", "mode", NULL};
    static const bidepy_signature sig = {"open_fifo", names, 2, 2};
    PyObject *given[2];
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0)
        return NULL;
    int write = parse_mode(given[1]);
    return write < 0 ? NULL
                     : fifo_open(bidepy_of_module(module), given[0], write);
}

/* -- standard input and output -------------------------------------------- */

static PyObject *
standard(PyObject *module, int number, const char *name)
{
    bidepy_state *st = bidepy_of_module(module);
    bidepy_runtime *runtime = bidepy_runtime_here(st, name);
    bide_stream *s;
    if (!runtime)
        return NULL;
    int rc = bide_stream_open_stdio(runtime->loop, number, &s);
    if (rc == BIDE_EINVALID)
        return bidepy_raise(st, rc,
                            "%s: descriptor %d is no file, pipe, stream socket "
                            "or terminal",
                            name, number);
    return rc ? bidepy_raise(st, rc, "%s", name) : bidepy_stream_new(st, s);
}

#define STANDARD(name, number)                                                 \
    static PyObject *standard_##name(PyObject *module, PyObject *unused)       \
    {                                                                          \
        (void)unused;                                                          \
        return standard(module, number, #name "()");                           \
    }
STANDARD(stdin, 0)
STANDARD(stdout, 1)
STANDARD(stderr, 2)
#undef STANDARD

PyDoc_STRVAR(
    doc_stdin,
    "stdin($module, /)\n--\n\n"
    "Standard input as a Stream, be it a file, pipe, socket or terminal. To "
    "close the Stream\nleaves descriptor 0 open, and as it was: programs that "
    "share it do not find it\nnon-blocking. Files are read by threads.\n\n"
    "It reads past sys.stdin, and ahead: use one of the two.");
PyDoc_STRVAR(
    doc_stdout,
    "stdout($module, /)\n--\n\n"
    "Standard output as a Stream, as stdin(). A file is written by threads: "
    "write() ends when\none has the bytes, shutdown() when they are in the "
    "file, as they are when run() ends.");
PyDoc_STRVAR(doc_stderr, "stderr($module, /)\n--\n\n"
                         "Standard error as a Stream, as stdout().");

/* -- terminals ------------------------------------------------------------ */

static int
parse_cells(PyObject *value, const char *name, unsigned short *out)
{
    size_t n;
    if (bidepy_size(value, name, 1, &n) < 0)
        return -1;
    if (n > USHRT_MAX) {
        PyErr_Format(PyExc_ValueError, "%s must be 1 to %d, got %R", name,
                     USHRT_MAX, value);
        return -1;
    }
    *out = (unsigned short)n;
    return 0;
}

PyDoc_STRVAR(
    doc_pty,
    "open_pty($module, /, rows=24, columns=80)\n--\n\n"
    "A pair of terminals, as a tuple of two Streams: the master, which is the "
    "user's side,\nand the slave, which a program uses (stdin=slave of "
    "open_process()). The master's reading\nends when nobody has the slave "
    "open.");

static PyObject *
open_pty(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
         PyObject *kwnames)
{
    static const char *const names[] = {"rows", "columns", NULL};
    static const bidepy_signature sig = {"open_pty", names, 0, 2};
    bidepy_state *st = bidepy_of_module(module);
    PyObject *given[2];
    unsigned short rows = 0, columns = 0;
    bide_stream *ends[2];
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        (given[0] && parse_cells(given[0], "rows", &rows) < 0) ||
        (given[1] && parse_cells(given[1], "columns", &columns) < 0))
        return NULL;
    bidepy_runtime *runtime = bidepy_runtime_here(st, "open_pty()");
    if (!runtime)
        return NULL;
    int rc = bide_pty_open(runtime->loop, rows, columns, ends);
    return rc ? bidepy_raise(st, rc, "open_pty()") : two_streams(st, ends);
}

/* Of a Stream. */

const char bidepy_doc_set_tty_size[] =
    PyDoc_STR("set_tty_size($self, /, rows, columns)\n--\n\n"
              "Sets the size of a terminal's window, from either end of "
              "open_pty(); programs get a\nSIGWINCH.");
const char bidepy_doc_set_raw[] =
    PyDoc_STR("set_raw($self, on, /)\n--\n\n"
              "Puts a terminal into raw mode: each key at once, no echo, no "
              "signals from keys. What\nwas before is put back by "
              "set_raw(False), by close(), and when the process ends. OSError\n"
              "(ENOTTY): it is no terminal.");

PyObject *
bidepy_stream_is_tty(PyObject *self, void *closure)
{
    (void)closure;
    return PyBool_FromLong(bide_stream_is_tty(((bidepy_stream *)self)->stream));
}

PyObject *
bidepy_stream_tty_size(PyObject *self, void *closure)
{
    (void)closure;
    unsigned short rows, columns;
    int rc = bide_tty_size(((bidepy_stream *)self)->stream, &rows, &columns);
    if (rc)
        return bidepy_stream_raise(bidepy_of(self), rc, "stream");
    return Py_BuildValue("(ii)", rows, columns);
}

PyObject *
bidepy_stream_set_tty_size(PyObject *self, PyObject *const *args,
                           Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"rows", "columns", NULL};
    static const bidepy_signature sig = {"set_tty_size", names, 2, 2};
    PyObject *given[2];
    unsigned short rows, columns;
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        parse_cells(given[0], "rows", &rows) < 0 ||
        parse_cells(given[1], "columns", &columns) < 0)
        return NULL;
    int rc = bide_tty_resize(((bidepy_stream *)self)->stream, rows, columns);
    if (rc)
        return bidepy_stream_raise(bidepy_of(self), rc, "stream");
    Py_RETURN_NONE;
}

PyObject *
bidepy_stream_set_raw(PyObject *self, PyObject *on)
{
    int raw = PyObject_IsTrue(on);
    if (raw < 0)
        return NULL;
    int rc = bide_tty_raw(((bidepy_stream *)self)->stream, raw);
    if (rc)
        return bidepy_stream_raise(bidepy_of(self), rc, "stream");
    Py_RETURN_NONE;
}

PyMethodDef bidepy_stdio_functions[] = {
    {"open_pipe", open_pipe, METH_NOARGS, doc_pipe},
    {"open_fifo", BIDEPY_METHOD(open_fifo), METH_FASTCALL | METH_KEYWORDS,
     doc_fifo},
    {"open_pty", BIDEPY_METHOD(open_pty), METH_FASTCALL | METH_KEYWORDS,
     doc_pty},
    {"stdin", standard_stdin, METH_NOARGS, doc_stdin},
    {"stdout", standard_stdout, METH_NOARGS, doc_stdout},
    {"stderr", standard_stderr, METH_NOARGS, doc_stderr},
    {NULL, NULL, 0, NULL},
};
