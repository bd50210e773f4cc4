/* bide.File: an open file. Opening with a mode string, and text, are in Python
 * (_files.py). */
#include "file.h"

#include <errno.h>
#include <stdio.h>

static bide_file *
core(const void *self)
{
    return ((const bidepy_file *)self)->file;
}

/* -- errors --------------------------------------------------------------- */

PyObject *
bidepy_fs_raise(bidepy_state *st, int status, const char *operation,
                PyObject *path, PyObject *other)
{
    return bidepy_fs_raise_text(st, status, operation, bide_strerror(status),
                                path, other);
}

PyObject *
bidepy_fs_raise_text(bidepy_state *st, int status, const char *operation,
                     const char *why, PyObject *path, PyObject *other)
{
    if (status <= -3000 || !path)
        return bidepy_raise(st, status, "%s: %s", operation, why);
    PyObject *text = PyUnicode_FromFormat("%s: %s", operation, why);
    PyObject *args = NULL;
    if (text && other)
        args = Py_BuildValue("(iOOOO)", -status, text, path, Py_None, other);
    else if (text)
        args = Py_BuildValue("(iOO)", -status, text, path);
    if (args)
        PyErr_SetObject(PyExc_OSError, args);
    Py_XDECREF(args);
    Py_XDECREF(text);
    return NULL;
}

PyObject *
bidepy_file_fail(bidepy_op *op, int status)
{
    const bidepy_file *self = (const bidepy_file *)op->owner;
    if (status == BIDE_ECLOSED) {
        PyErr_Format(op->st->exc.closed, "%s: the file %R is closed",
                     op->kind->name, self->path);
        return NULL;
    }
    if (status == BIDE_EWRONGLOOP)
        return bidepy_stream_raise(op->st, status, "file");
    if (status == BIDE_EINVALID)
        return bidepy_raise(op->st, status,
                            "%s: the position would be before the start, or "
                            "whence is none of 0, 1 and 2",
                            op->kind->name);
    return bidepy_fs_raise(op->st, status, op->kind->name, self->path, NULL);
}

PyObject *
bidepy_fs_path(PyObject *value, const char *argument)
{
    PyObject *bytes;
    if (PyUnicode_Check(value) || PyBytes_Check(value) ||
        PyObject_HasAttrString(value, "__fspath__"))
        return PyUnicode_FSConverter(value, &bytes) ? bytes : NULL;
    PyErr_Format(PyExc_TypeError,
                 "%s must be a str, bytes or os.PathLike, not %.100s", argument,
                 Py_TYPE(value)->tp_name);
    return NULL;
}

/* -- life ----------------------------------------------------------------- */

/* Steals `file`; `path` is borrowed. */
static PyObject *
new_file(bidepy_state *st, bide_file *file, PyObject *path)
{
    bidepy_file *self = bidepy_alloc(st, st->type.file, NULL);
    if (!self) {
        bide_file_unref(file);
        return NULL;
    }
    self->file = file;
    self->path = Py_NewRef(path);
    self->weakrefs = NULL;
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

static int
file_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((bidepy_file *)self)->path);
    return 0;
}

static int
file_clear(PyObject *self)
{
    (void)self; /* a path holds no references back */
    return 0;
}

static void
file_finalize(PyObject *self)
{
    if (bide_file_closed(core(self)) || bidepy_of(self)->closing)
        return;
    PyObject *error = PyErr_Occurred() ? bidepy_fetch() : NULL;
    if (PyErr_ResourceWarning(self, 1, "unclosed %R", self) < 0)
        PyErr_WriteUnraisable(self);
    if (error) {
        bidepy_reraise(error);
        Py_DECREF(error);
    }
}

static void
file_dealloc(PyObject *self)
{
    if (PyObject_CallFinalizerFromDealloc(self) < 0)
        return;
    PyObject_GC_UnTrack(self);
    if (((bidepy_file *)self)->weakrefs)
        PyObject_ClearWeakRefs(self);
    bide_file_unref(core(self));
    Py_XDECREF(((bidepy_file *)self)->path);
    bidepy_free(self, NULL);
}

static PyObject *
file_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<File %R%s>", ((bidepy_file *)self)->path,
                                bide_file_closed(core(self)) ? " closed" : "");
}

/* -- opening -------------------------------------------------------------- */

/* Of `arg`: (path as given, path as bytes); of `word`: flags and mode. */
static int
open_start(bidepy_op *op)
{
    return bide_file_open(PyBytes_AS_STRING(PyTuple_GET_ITEM(op->arg, 1)),
                          (int)(op->word.integer >> 32),
                          (int)(op->word.integer & 0xffffffff), &op->wait);
}

static PyObject *
open_finish(bidepy_op *op)
{
    return new_file(op->st, op->wait.value.as.ptr,
                    PyTuple_GET_ITEM(op->arg, 0));
}

static PyObject *
open_fail(bidepy_op *op, int status)
{
    return bidepy_fs_raise(op->st, status, op->kind->name,
                           PyTuple_GET_ITEM(op->arg, 0), NULL);
}

static const bidepy_op_kind open_kind = {
    .name = "open_file()",
    .start = open_start,
    .finish = open_finish,
    .fail = open_fail,
};

static PyObject *
file_open(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    int flags, mode;
    if (nargs != 3) {
        PyErr_SetString(PyExc_TypeError, "_open_file() takes 3 arguments");
        return NULL;
    }
    flags = (int)PyLong_AsLong(args[1]);
    mode = (int)PyLong_AsLong(args[2]);
    if (PyErr_Occurred())
        return NULL;
    PyObject *path = bidepy_fs_path(args[0], "path");
    PyObject *both = path ? PyTuple_Pack(2, args[0], path) : NULL;
    Py_XDECREF(path);
    bidepy_op *op =
        both ? bidepy_op_new(bidepy_of_module(module), &open_kind, NULL) : NULL;
    if (!op) {
        Py_XDECREF(both);
        return NULL;
    }
    op->arg = both;
    op->word.integer = (int64_t)flags << 32 | mode;
    return (PyObject *)op;
}

/* Steals the descriptor on success. */
static PyObject *
file_adopt(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    bidepy_state *st = bidepy_of_module(module);
    bide_file *f;
    if (nargs != 2) {
        PyErr_SetString(PyExc_TypeError, "_adopt_file() takes 2 arguments");
        return NULL;
    }
    int fd = (int)PyLong_AsLong(args[0]);
    bidepy_runtime *runtime =
        PyErr_Occurred() ? NULL : bidepy_runtime_here(st, "bide.open_file()");
    if (!runtime)
        return NULL;
    int rc = bide_file_open_fd(runtime->loop, fd, &f);
    if (rc)
        return bidepy_fs_raise(st, rc, "open_file()", args[1], NULL);
    return new_file(st, f, args[1]);
}

/* -- stat, close ---------------------------------------------------------- */

static int
stat_start(bidepy_op *op)
{
    return bide_file_stat(bidepy_file_under(op), &op->wait);
}

static PyObject *
stat_finish(bidepy_op *op)
{
    PyObject *result = bidepy_fs_stat(op->wait.value.as.ptr);
    bide_fs_free(op->wait.value.as.ptr);
    return result;
}

static const bidepy_op_kind stat_kind = {
    .name = "File.stat()",
    .start = stat_start,
    .finish = stat_finish,
    .fail = bidepy_file_fail,
};

static PyObject *
file_stat(PyObject *self, PyObject *unused)
{
    (void)unused;
    return (PyObject *)bidepy_op_new(bidepy_of(self), &stat_kind, self);
}

static int
close_start(bidepy_op *op)
{
    return bide_file_close(bidepy_file_under(op), &op->wait);
}

static const bidepy_op_kind close_kind = {
    .name = "File.close()",
    .start = close_start,
    .fail = bidepy_file_fail,
};

static PyObject *
file_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    return (PyObject *)bidepy_op_new(bidepy_of(self), &close_kind, self);
}

static PyObject *
file_aenter(PyObject *self, PyObject *unused)
{
    (void)unused;
    return bidepy_ready(bidepy_of(self), self);
}

static PyObject *
file_aexit(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    (void)args;
    (void)nargs;
    return file_close(self, NULL);
}

static PyObject *
file_flush(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (!bide_file_closed(core(self)))
        return bidepy_done(bidepy_of(self));
    PyErr_Format(bidepy_of(self)->exc.closed,
                 "File.flush(): the file %R is closed",
                 ((bidepy_file *)self)->path);
    return NULL;
}

static PyObject *
file_fileno(PyObject *self, PyObject *unused)
{
    (void)unused;
    int fd = bide_file_fd(core(self));
    if (fd >= 0)
        return PyLong_FromLong(fd);
    PyErr_Format(bidepy_of(self)->exc.closed,
                 "File.fileno(): the file %R is closed",
                 ((bidepy_file *)self)->path);
    return NULL;
}

/* -- the type ------------------------------------------------------------- */

static PyObject *
get_closed(PyObject *self, void *closure)
{
    (void)closure;
    return PyBool_FromLong(bide_file_closed(core(self)));
}

PyDoc_STRVAR(doc_read,
             "read($self, /, n=-1)\n--\n\n"
             "Read `n` bytes from the position, fewer only at the end of the "
             "file; -1 or None: all up\nto the end. A cancelled read leaves "
             "the position where it was.");
PyDoc_STRVAR(doc_read_into, "read_into($self, buffer, /)\n--\n\n"
                            "Fill a writable buffer from the position; gives "
                            "the bytes read, fewer only at the end.");
PyDoc_STRVAR(doc_readline,
             "readline($self, /, limit=-1)\n--\n\n"
             "Read up to and including b'\\n', or the end of the file; b'' "
             "there. At most `limit` bytes.");
PyDoc_STRVAR(doc_pread, "pread($self, /, n, offset)\n--\n\n"
                        "Read up to `n` bytes at `offset`; the position "
                        "stays.");
PyDoc_STRVAR(doc_write,
             "write($self, data, /)\n--\n\n"
             "Write all of `data` at the position (in append mode at the end); "
             "gives its length. Ends\nwhen the system has taken it. A write "
             "that a thread has begun is not cancelled any more:\nit ends, and "
             "the cancellation lands at the next await.");
PyDoc_STRVAR(doc_write_many,
             "write_many($self, buffers, /)\n--\n\n"
             "Write several buffers as one; gives their length in all.");
PyDoc_STRVAR(doc_pread_into,
             "pread_into($self, /, buffer, offset)\n--\n\n"
             "Fill a writable buffer from `offset`; gives the bytes read, "
             "fewer only at the end.\nThe position stays.");
PyDoc_STRVAR(doc_pwrite, "pwrite($self, /, data, offset)\n--\n\n"
                         "Write at `offset`; the position stays.");
PyDoc_STRVAR(doc_seek, "seek($self, /, offset, whence=0)\n--\n\n"
                       "Move the position, from the start (0), itself (1) or "
                       "the end (2); gives the new one.");
PyDoc_STRVAR(doc_tell, "tell($self, /)\n--\n\nGive the position.");
PyDoc_STRVAR(doc_truncate,
             "truncate($self, /, size=None)\n--\n\n"
             "Make the file `size` bytes long, or as long as the position; "
             "gives the size.");
PyDoc_STRVAR(doc_flush, "flush($self, /)\n--\n\n"
                        "Nothing to do: a write has reached the system when it "
                        "ends. See fsync().");
PyDoc_STRVAR(doc_fsync, "fsync($self, /, data_only=False)\n--\n\n"
                        "Wait until what was written is on the disk.");
PyDoc_STRVAR(doc_stat, "stat($self, /)\n--\n\nGive the file's os.stat_result.");
PyDoc_STRVAR(doc_close,
             "close($self, /)\n--\n\n"
             "Close once the operations begun before have ended; a late error "
             "of a write is raised\nhere. When cancelled it closes all the "
             "same. Closing twice is fine.");
PyDoc_STRVAR(doc_fileno, "fileno($self, /)\n--\n\n"
                         "The descriptor. It does not share the file's "
                         "position.");
PyDoc_STRVAR(
    doc_file,
    "An open file, from bide.open_file(). Operations take effect in the order "
    "in which they\nwere awaited, whatever task did; different files do not "
    "wait for each other.\n\n"
    "    async with await bide.open_file(path, 'rb') as f:\n"
    "        async for line in f:\n"
    "            ...");

/* NOLINTNEXTLINE(bugprone-macro-parentheses) */
#define NAMED METH_FASTCALL | METH_KEYWORDS

static PyMethodDef methods[] = {
    {"read", BIDEPY_METHOD(bidepy_file_read), NAMED, doc_read},
    {"read_into", bidepy_file_read_into, METH_O, doc_read_into},
    {"readline", BIDEPY_METHOD(bidepy_file_readline), NAMED, doc_readline},
    {"pread", BIDEPY_METHOD(bidepy_file_pread), NAMED, doc_pread},
    {"write", bidepy_file_write, METH_O, doc_write},
    {"write_many", bidepy_file_write_many, METH_O, doc_write_many},
    {"pread_into", BIDEPY_METHOD(bidepy_file_pread_into), NAMED,
     doc_pread_into},
    {"pwrite", BIDEPY_METHOD(bidepy_file_pwrite), NAMED, doc_pwrite},
    {"seek", BIDEPY_METHOD(bidepy_file_seek), NAMED, doc_seek},
    {"tell", bidepy_file_tell, METH_NOARGS, doc_tell},
    {"truncate", BIDEPY_METHOD(bidepy_file_truncate), NAMED, doc_truncate},
    {"flush", file_flush, METH_NOARGS, doc_flush},
    {"fsync", BIDEPY_METHOD(bidepy_file_fsync), NAMED, doc_fsync},
    {"stat", file_stat, METH_NOARGS, doc_stat},
    {"close", file_close, METH_NOARGS, doc_close},
    {"aclose", file_close, METH_NOARGS, "aclose($self, /)\n--\n\nAs close()."},
    {"fileno", file_fileno, METH_NOARGS, doc_fileno},
    {"__aenter__", file_aenter, METH_NOARGS, NULL},
    {"__aexit__", BIDEPY_METHOD(file_aexit), METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"name", T_OBJECT_EX, offsetof(bidepy_file, path), READONLY,
     "What the file was opened with."},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(bidepy_file, weakrefs),
     READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef getters[] = {
    {"closed", get_closed, NULL, "Whether it is closed (bool).", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)doc_file},    {Py_tp_dealloc, file_dealloc},
    {Py_tp_finalize, file_finalize},  {Py_tp_traverse, file_traverse},
    {Py_tp_clear, file_clear},        {Py_tp_repr, file_repr},
    {Py_am_aiter, PyObject_SelfIter}, {Py_am_anext, bidepy_file_anext},
    {Py_tp_methods, methods},         {Py_tp_members, members},
    {Py_tp_getset, getters},          {0, NULL},
};

PyType_Spec bidepy_file_spec = {
    .name = "bide.File",
    .basicsize = sizeof(bidepy_file),
    .flags = BIDEPY_TYPE_FLAGS,
    .slots = slots,
};

PyMethodDef bidepy_file_functions[] = {
    {"_open_file", BIDEPY_METHOD(file_open), METH_FASTCALL,
     "_open_file($module, path, flags, mode, /)\n--\n\nopen_file()'s core."},
    {"_adopt_file", BIDEPY_METHOD(file_adopt), METH_FASTCALL,
     "_adopt_file($module, fd, name, /)\n--\n\nA File over a descriptor."},
    {NULL, NULL, 0, NULL}};
