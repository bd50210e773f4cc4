/* bide.Changes: what happens in a directory, as what tasks wait for. */
#include "file.h"

enum { MANY = 256 };

typedef struct watcher {
    BIDEPY_HEAD
    bide_changes *changes;
    PyObject *path;   /* as given */
    PyObject *change; /* the class bide.Change */
    PyObject *weakrefs;
} watcher;

static bide_changes *
core(const void *self)
{
    return ((const watcher *)self)->changes;
}

/* -- opening -------------------------------------------------------------- */

/* Of `arg`: path as given, path as bytes, the class bide.Change. */
enum { PATH, BYTES, CLASS };

static int
open_start(bidepy_op *op)
{
    return bide_fs_watch(PyBytes_AS_STRING(PyTuple_GET_ITEM(op->arg, BYTES)),
                         &op->wait);
}

static PyObject *
open_finish(bidepy_op *op)
{
    bide_changes *c = op->wait.value.as.ptr;
    watcher *self = bidepy_alloc(op->st, op->st->type.changes, NULL);
    if (!self) {
        bide_changes_unref(c);
        return NULL;
    }
    self->changes = c;
    self->path = Py_NewRef(PyTuple_GET_ITEM(op->arg, PATH));
    self->change = Py_NewRef(PyTuple_GET_ITEM(op->arg, CLASS));
    self->weakrefs = NULL;
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

static PyObject *
open_fail(bidepy_op *op, int status)
{
    return bidepy_fs_raise_text(op->st, status, op->kind->name,
                                bide_fs_watch_strerror(status),
                                PyTuple_GET_ITEM(op->arg, PATH), NULL);
}

static const bidepy_op_kind open_kind = {
    .name = "watch()",
    .start = open_start,
    .finish = open_finish,
    .fail = open_fail,
};

PyDoc_STRVAR(
    doc_watch,
    "watch($module, path, /)\n--\n\n"
    "Watch a directory, from now on until the Changes object is closed: what "
    "is in it, not\nwhat is further below.\n\n"
    "    async with await bide.watch(folder) as changes:\n"
    "        async for change in changes:\n"
    "            print(change.kind, change.name)\n\n"
    "Each change is a bide.Change, whose `kind` is \"created\", \"removed\", "
    "\"modified\",\n\"attributes\", \"renamed\" (within the directory, from "
    "`old_name`), \"overflow\" (changes\nwere lost: look at all that is there) "
    "or \"gone\" (the directory itself was removed or\nrenamed: the last one). "
    "A file cannot be watched (NotADirectoryError): watch its\ndirectory, as "
    "programs replace files. OSError names the limit of the system's, if one "
    "is\nreached.");

/* New: the class bide.Change, which is Python's. */
static PyObject *
change_class(void)
{
    PyObject *module = PyImport_ImportModule("bide._watch");
    PyObject *class = module ? PyObject_GetAttrString(module, "Change") : NULL;
    Py_XDECREF(module);
    return class;
}

static PyObject *
watch(PyObject *module, PyObject *path)
{
    PyObject *bytes = bidepy_fs_path(path, "path");
    PyObject *class = bytes ? change_class() : NULL;
    PyObject *all = class ? PyTuple_Pack(3, path, bytes, class) : NULL;
    Py_XDECREF(class);
    Py_XDECREF(bytes);
    bidepy_op *op =
        all ? bidepy_op_new(bidepy_of_module(module), &open_kind, NULL) : NULL;
    if (op)
        op->arg = all;
    else
        Py_XDECREF(all);
    return (PyObject *)op;
}

/* -- life ----------------------------------------------------------------- */

static int
changes_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((watcher *)self)->path);
    Py_VISIT(((watcher *)self)->change);
    return 0;
}

static int
changes_clear(PyObject *self)
{
    Py_CLEAR(((watcher *)self)->change);
    return 0;
}

static void
changes_dealloc(PyObject *self)
{
    watcher *w = (watcher *)self;
    PyObject_GC_UnTrack(self);
    if (w->weakrefs)
        PyObject_ClearWeakRefs(self);
    bide_changes_unref(w->changes);
    Py_XDECREF(w->path);
    Py_XDECREF(w->change);
    bidepy_free(self, NULL);
}

static PyObject *
changes_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<Changes %R%s>", ((watcher *)self)->path,
                                bide_changes_closed(core(self)) ? " closed"
                                                                : "");
}

/* -- waiting -------------------------------------------------------------- */

/* New, in the type that the path was given in. */
static PyObject *
name_of(const watcher *self, const char *name)
{
    if (!name)
        return Py_NewRef(Py_None);
    if (PyBytes_Check(self->path))
        return PyBytes_FromString(name);
    return PyUnicode_DecodeFSDefault(name);
}

static PyObject *
change_of(const watcher *self, const bide_change *c)
{
    if (!self->change) {
        PyErr_SetString(PyExc_RuntimeError, "the Changes object is gone");
        return NULL;
    }
    PyObject *name = name_of(self, c->name);
    PyObject *old = name ? name_of(self, c->old_name) : NULL;
    PyObject *change =
        old ? PyObject_CallFunction(self->change, "sOOO",
                                    bide_change_name(c->kind), name,
                                    c->is_dir ? Py_True : Py_False, old)
            : NULL;
    Py_XDECREF(name);
    Py_XDECREF(old);
    return change;
}

static int
recv_start(bidepy_op *op)
{
    return bide_changes_recv(core(op->owner), op->word.size, &op->wait);
}

static PyObject *
recv_finish(bidepy_op *op)
{
    bide_change *chain = op->wait.value.as.ptr;
    PyObject *change = change_of((watcher *)op->owner, chain);
    bide_changes_free(chain);
    return change;
}

static PyObject *
many_finish(bidepy_op *op)
{
    bide_change *chain = op->wait.value.as.ptr;
    PyObject *list = PyList_New((Py_ssize_t)op->wait.u.many.count);
    Py_ssize_t i = 0;
    for (bide_change *c = chain; list && c; c = c->next) {
        PyObject *change = change_of((watcher *)op->owner, c);
        if (change)
            PyList_SET_ITEM(list, i++, change);
        else
            Py_CLEAR(list);
    }
    bide_changes_free(chain);
    return list;
}

static PyObject *
recv_fail(bidepy_op *op, int status)
{
    PyObject *path = ((watcher *)op->owner)->path;
    if (status == BIDE_ECLOSED)
        return bidepy_raise(op->st, status, "%s: close() was called",
                            op->kind->name);
    if (status == BIDE_EEOF) {
        PyErr_Format(PyExc_EOFError, "%s: the directory %R is gone",
                     op->kind->name, path);
        return NULL;
    }
    if (status == BIDE_EWRONGLOOP)
        return bidepy_stream_raise(op->st, status, "Changes object");
    return bidepy_fs_raise(op->st, status, op->kind->name, path, NULL);
}

/* Iteration ends with the watch, however that ends. */
static PyObject *
next_fail(bidepy_op *op, int status)
{
    if (status != BIDE_ECLOSED && status != BIDE_EEOF)
        return recv_fail(op, status);
    PyErr_SetNone(PyExc_StopAsyncIteration);
    return NULL;
}

static const bidepy_op_kind recv_kind = {
    .name = "Changes.recv()",
    .start = recv_start,
    .finish = recv_finish,
    .fail = recv_fail,
};
static const bidepy_op_kind many_kind = {
    .name = "Changes.recv_many()",
    .start = recv_start,
    .finish = many_finish,
    .fail = recv_fail,
};
static const bidepy_op_kind next_kind = {
    .name = "Changes.__anext__()",
    .start = recv_start,
    .finish = recv_finish,
    .fail = next_fail,
};

static PyObject *
changes_recv(PyObject *self, PyObject *unused)
{
    (void)unused;
    return bidepy_op_new_sized(self, &recv_kind, 1);
}

static PyObject *
changes_recv_many(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                  PyObject *kwnames)
{
    static const char *const names[] = {"limit", NULL};
    static const bidepy_signature sig = {"recv_many", names, 0, 1};
    PyObject *given[1];
    size_t limit = MANY;
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        (given[0] && bidepy_size(given[0], "limit", 1, &limit) < 0))
        return NULL;
    return bidepy_op_new_sized(self, &many_kind, limit);
}

static PyObject *
changes_anext(PyObject *self)
{
    return bidepy_op_new_sized(self, &next_kind, 1);
}

/* -- closing -------------------------------------------------------------- */

static PyObject *
changes_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (bide_changes_closed(core(self)))
        Py_RETURN_NONE;
    if (bidepy_stream_check(bidepy_of(self), bide_changes_loop(core(self)),
                            "Changes object") < 0)
        return NULL;
    bide_changes_close(core(self));
    Py_RETURN_NONE;
}

static PyObject *
changes_aenter(PyObject *self, PyObject *unused)
{
    (void)unused;
    return bidepy_ready(bidepy_of(self), self);
}

static PyObject *
changes_aexit(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    (void)args;
    (void)nargs;
    PyObject *none = changes_close(self, NULL);
    if (!none)
        return NULL;
    Py_DECREF(none);
    return bidepy_done(bidepy_of(self));
}

/* -- the type ------------------------------------------------------------- */

static PyObject *
get_closed(PyObject *self, void *closure)
{
    (void)closure;
    return PyBool_FromLong(bide_changes_closed(core(self)));
}

PyDoc_STRVAR(doc_recv,
             "recv($self, /)\n--\n\n"
             "Wait for the next change; gives a bide.Change. Each goes to one "
             "of the tasks that wait on\nthis object; another watch of the "
             "directory has its own. A cancelled wait loses none.\nEOFError "
             "after \"gone\", ClosedError after close().");
PyDoc_STRVAR(doc_recv_many, "recv_many($self, /, limit=256)\n--\n\n"
                            "Wait for changes; gives a list of 1 to `limit` "
                            "of them.");
PyDoc_STRVAR(doc_close, "close($self, /)\n--\n\n"
                        "Stop watching. Waits end with ClosedError, iteration "
                        "ends. Closing twice is fine.");
PyDoc_STRVAR(doc_changes,
             "Tells what changes in a directory, from bide.watch(). Closed at "
             "the end of an\n`async with` block, and when it is dropped.");

static PyMethodDef methods[] = {
    {"recv", changes_recv, METH_NOARGS, doc_recv},
    {"recv_many", BIDEPY_METHOD(changes_recv_many),
     METH_FASTCALL | METH_KEYWORDS, doc_recv_many},
    {"close", changes_close, METH_NOARGS, doc_close},
    {"__aenter__", changes_aenter, METH_NOARGS, NULL},
    {"__aexit__", BIDEPY_METHOD(changes_aexit), METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"path", T_OBJECT_EX, offsetof(watcher, path), READONLY,
     "What is watched, as given."},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(watcher, weakrefs), READONLY,
     NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef getters[] = {
    {"closed", get_closed, NULL, "Whether it is closed (bool).", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)doc_changes},
    {Py_tp_dealloc, changes_dealloc},
    {Py_tp_traverse, changes_traverse},
    {Py_tp_clear, changes_clear},
    {Py_tp_repr, changes_repr},
    {Py_am_aiter, PyObject_SelfIter},
    {Py_am_anext, changes_anext},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {Py_tp_getset, getters},
    {0, NULL},
};

PyType_Spec bidepy_changes_spec = {
    .name = "bide.Changes",
    .basicsize = sizeof(watcher),
    .flags = BIDEPY_TYPE_FLAGS,
    .slots = slots,
};

PyMethodDef bidepy_changes_functions[] = {{"watch", watch, METH_O, doc_watch},
                                          {NULL, NULL, 0, NULL}};
