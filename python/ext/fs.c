/* The operations of bide.fs. The module in Python gives them their signatures;
 * here is one function for them all. */
#include "file.h"

typedef struct operation {
    bidepy_op_kind kind;
    int (*submit)(const char *path, const char *other, const bidepy_op *op,
                  bide_wait *w);
} operation;

/* `op->arg` is a tuple: path and other as given, both as bytes (or None), two
 * ints, data. */
enum { PATH, OTHER, PATH_BYTES, OTHER_BYTES, FIRST, SECOND, DATA, PARTS };

static long long
number(const bidepy_op *op, int part)
{
    return PyLong_AsLongLong(PyTuple_GET_ITEM(op->arg, part));
}

static const char *
text(const bidepy_op *op, int part)
{
    PyObject *o = PyTuple_GET_ITEM(op->arg, part);
    return o == Py_None ? NULL : PyBytes_AS_STRING(o);
}

/* -- what each submits ---------------------------------------------------- */

#define SUBMIT(name, call)                                                     \
    static int submit_##name(const char *path, const char *other,              \
                             const bidepy_op *op, bide_wait *w)                \
    {                                                                          \
        (void)other;                                                           \
        (void)op;                                                              \
        return call;                                                           \
    }
SUBMIT(stat, bide_fs_stat(path, number(op, FIRST) != 0, w))
SUBMIT(mkdir,
       bide_fs_mkdir(path, (int)number(op, FIRST), number(op, SECOND) != 0, w))
SUBMIT(rmdir, bide_fs_rmdir(path, w))
SUBMIT(unlink, bide_fs_unlink(path, w))
SUBMIT(remove_tree, bide_fs_remove_tree(path, w))
SUBMIT(rename, bide_fs_rename(path, other, w))
SUBMIT(link, bide_fs_link(path, other, w))
SUBMIT(symlink, bide_fs_symlink(path, other, w))
SUBMIT(readlink, bide_fs_readlink(path, w))
SUBMIT(chmod, bide_fs_chmod(path, (int)number(op, FIRST), w))
SUBMIT(utime, bide_fs_utime(path, number(op, FIRST), number(op, SECOND), w))
SUBMIT(copy_file, bide_fs_copy(path, other, w))
SUBMIT(listdir, bide_fs_scan(path, w))
SUBMIT(open_directory, bide_directory_open(path, w))
SUBMIT(temp, bide_fs_temp(path, number(op, FIRST) != 0, w))
SUBMIT(read_file, bide_fs_read_file(path, w))
#undef SUBMIT

static int
submit_write_file(const char *path, const char *other, const bidepy_op *op,
                  bide_wait *w)
{
    (void)other;
    Py_buffer view;
    if (PyObject_GetBuffer(PyTuple_GET_ITEM(op->arg, DATA), &view,
                           PyBUF_SIMPLE) < 0)
        return BIDE_EHOST;
    int rc =
        bide_fs_write_file(path, view.buf, (size_t)view.len,
                           (int)number(op, FIRST), (int)number(op, SECOND), w);
    PyBuffer_Release(&view);
    return rc;
}

/* -- what each gives ------------------------------------------------------ */

static PyObject *
give_stat(bidepy_op *op)
{
    PyObject *result = bidepy_fs_stat(op->wait.value.as.ptr);
    bide_fs_free(op->wait.value.as.ptr);
    return result;
}

static PyObject *
give_bytes(bidepy_op *op)
{
    PyObject *result = PyBytes_FromStringAndSize(op->wait.value.as.ptr,
                                                 (Py_ssize_t)op->wait.u.count);
    bide_fs_free(op->wait.value.as.ptr);
    return result;
}

/* Names are bytes for whoever asked with bytes. */
static PyObject *
name_of(const bidepy_op *op, const char *name)
{
    if (PyBytes_Check(PyTuple_GET_ITEM(op->arg, PATH)))
        return PyBytes_FromString(name);
    return PyUnicode_DecodeFSDefault(name);
}

static PyObject *
give_path(bidepy_op *op)
{
    PyObject *result = name_of(op, op->wait.value.as.ptr);
    bide_fs_free(op->wait.value.as.ptr);
    return result;
}

/* What an entry is to the caller; NULL with an exception. */
typedef PyObject *(*show_fn)(const bidepy_op *op, const bide_entry *e);

static PyObject *
show_name(const bidepy_op *op, const bide_entry *e)
{
    return name_of(op, e->name);
}

static PyObject *
show_entry(const bidepy_op *op, const bide_entry *e)
{
    return Py_BuildValue("(NC)", name_of(op, e->name), (int)e->type);
}

static PyObject *
give_list(bidepy_op *op, show_fn show)
{
    const bide_entry *list = op->wait.value.as.ptr;
    Py_ssize_t n = (Py_ssize_t)op->wait.u.count;
    PyObject *result = PyList_New(n);
    for (Py_ssize_t i = 0; result && i < n; i++) {
        PyObject *entry = show(op, &list[i]);
        if (entry)
            PyList_SET_ITEM(result, i, entry);
        else
            Py_CLEAR(result);
    }
    bide_fs_free((void *)list);
    return result;
}

static PyObject *
give_names(bidepy_op *op)
{
    return give_list(op, show_name);
}

static PyObject *
give_entries(bidepy_op *op)
{
    return give_list(op, show_entry);
}

/* -- directories in pieces ------------------------------------------------- */

static const char directory[] = "bide.directory";

static void
drop_directory(PyObject *capsule)
{
    bide_directory_unref(PyCapsule_GetPointer(capsule, directory));
}

static PyObject *
give_directory(bidepy_op *op)
{
    bide_directory *d = op->wait.value.as.ptr;
    PyObject *capsule = PyCapsule_New(d, directory, drop_directory);
    if (!capsule)
        bide_directory_unref(d);
    return capsule;
}

/* Of `arg` as of every operation, and OTHER is the directory. */
static int
next_start(bidepy_op *op)
{
    return bide_directory_next(
        PyCapsule_GetPointer(PyTuple_GET_ITEM(op->arg, OTHER), directory),
        (size_t)number(op, FIRST), &op->wait);
}

static PyObject *
next_fail(bidepy_op *op, int status)
{
    return bidepy_fs_raise(op->st, status, op->kind->name,
                           PyTuple_GET_ITEM(op->arg, PATH), NULL);
}

static const bidepy_op_kind next_kind = {
    .name = "fs.scandir()",
    .start = next_start,
    .finish = give_entries,
    .fail = next_fail,
};

static PyObject *
directory_next(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 3 || !PyCapsule_IsValid(args[0], directory) ||
        !PyLong_Check(args[2])) {
        PyErr_SetString(PyExc_TypeError, "_directory_next() takes a directory, "
                                         "its path and a limit");
        return NULL;
    }
    PyObject *all = PyTuple_Pack(PARTS, args[1], args[0], Py_None, Py_None,
                                 args[2], Py_None, Py_None);
    bidepy_op *op =
        all ? bidepy_op_new(bidepy_of_module(module), &next_kind, NULL) : NULL;
    if (op)
        op->arg = all;
    else
        Py_XDECREF(all);
    return (PyObject *)op;
}

static PyObject *
directory_close(PyObject *module, PyObject *capsule)
{
    (void)module;
    bide_directory *d = PyCapsule_GetPointer(capsule, directory);
    if (!d)
        return NULL;
    bide_directory_close(d);
    Py_RETURN_NONE;
}

/* -- the operations ------------------------------------------------------- */

static int
start(bidepy_op *op)
{
    return ((const operation *)op->kind)
        ->submit(text(op, PATH_BYTES), text(op, OTHER_BYTES), op, &op->wait);
}

static PyObject *
fail(bidepy_op *op, int status)
{
    PyObject *other = PyTuple_GET_ITEM(op->arg, OTHER);
    return bidepy_fs_raise(op->st, status, op->kind->name,
                           PyTuple_GET_ITEM(op->arg, PATH),
                           other == Py_None ? NULL : other);
}

/* NOLINTBEGIN(bugprone-macro-parentheses) */
#define ROW(id, give)                                                          \
    {                                                                          \
        .kind = {.name = "fs." #id "()",                                       \
                 .start = start,                                               \
                 .finish = give,                                               \
                 .fail = fail},                                                \
        .submit = submit_##id,                                                 \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

static const operation operations[] = {
    ROW(stat, give_stat),
    ROW(mkdir, NULL),
    ROW(rmdir, NULL),
    ROW(unlink, NULL),
    ROW(remove_tree, NULL),
    ROW(rename, NULL),
    ROW(link, NULL),
    ROW(symlink, NULL),
    ROW(readlink, give_path),
    ROW(chmod, NULL),
    ROW(utime, NULL),
    ROW(copy_file, NULL),
    ROW(listdir, give_names),
    ROW(temp, give_path),
    ROW(read_file, give_bytes),
    ROW(write_file, NULL),
    ROW(open_directory, give_directory),
};
#undef ROW

static const operation *
find(PyObject *name)
{
    const char *id = PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : NULL;
    for (size_t i = 0; id && i < sizeof operations / sizeof *operations; i++) {
        const char *full = operations[i].kind.name + 3; /* "fs." */
        size_t n = strlen(id);
        if (strncmp(full, id, n) == 0 && strcmp(full + n, "()") == 0)
            return &operations[i];
    }
    if (!PyErr_Occurred())
        PyErr_Format(PyExc_ValueError, "_fs(): no operation %R", name);
    return NULL;
}

/* New: the parts of an operation's arguments. */
static PyObject *
parts(PyObject *const *args)
{
    PyObject *path = bidepy_fs_path(args[1], "path"), *other = NULL;
    if (!path)
        return NULL;
    other = args[2] == Py_None ? Py_NewRef(Py_None)
                               : bidepy_fs_path(args[2], "path");
    PyObject *all = other ? PyTuple_Pack(PARTS, args[1], args[2], path, other,
                                         args[3], args[4], args[5])
                          : NULL;
    Py_DECREF(path);
    Py_XDECREF(other);
    return all;
}

static PyObject *
fs(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 6 || !PyLong_Check(args[3]) || !PyLong_Check(args[4])) {
        PyErr_SetString(PyExc_TypeError,
                        "_fs() takes an operation, two paths, two ints and "
                        "data");
        return NULL;
    }
    PyLong_AsLongLong(args[3]);
    PyLong_AsLongLong(args[4]);
    if (PyErr_Occurred())
        return NULL;
    const operation *o = find(args[0]);
    PyObject *all = o ? parts(args) : NULL;
    bidepy_op *op =
        all ? bidepy_op_new(bidepy_of_module(module), &o->kind, NULL) : NULL;
    if (op)
        op->arg = all;
    else
        Py_XDECREF(all);
    return (PyObject *)op;
}

PyMethodDef bidepy_fs_functions[] = {
    {"_fs", BIDEPY_METHOD(fs), METH_FASTCALL,
     "_fs($module, operation, path, other, first, second, data, /)\n--\n\n"
     "An operation of bide.fs."},
    {"_directory_next", BIDEPY_METHOD(directory_next), METH_FASTCALL,
     "_directory_next($module, directory, path, limit, /)\n--\n\n"
     "The next entries of a directory."},
    {"_directory_close", directory_close, METH_O,
     "_directory_close($module, directory, /)\n--\n\nCloses a directory."},
    {NULL, NULL, 0, NULL}};
