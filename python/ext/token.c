/* bide.CancelToken: cancellation from any thread, and a `with` block.
 *
 * Whoever uses the core's token (a task, a block, a child) holds this object
 * too, so that the reason, which the core keeps without a reference, lives as
 * long as it can be asked for.
 *
 * A timeout runs from when the token is made, if that is inside a runtime,
 * else from its first use in one. */
#include "bidepy.h"

typedef struct token_object {
    BIDEPY_HEAD
    bide_token *token;
    PyObject *parent;
    PyObject *reason;
    PyObject *weakrefs;
    bidepy_label label;
    int64_t duration; /* not started yet; else BIDE_FOREVER */
} token_object;

/* One `with` block over a token. */
typedef struct block {
    bidepy_entry entry;
} block;

/* -- making --------------------------------------------------------------- */

static int
start_clock(token_object *self, bide_loop *loop)
{
    if (self->duration == BIDE_FOREVER)
        return 0;
    int rc = bide_token_deadline(self->token, loop,
                                 bidepy_deadline(loop, self->duration));
    if (rc == 0)
        self->duration = BIDE_FOREVER;
    return rc;
}

static int
start_clocks(token_object *self, bide_loop *loop)
{
    int rc = 0;
    for (; self && rc == 0; self = (token_object *)self->parent)
        rc = start_clock(self, loop);
    return rc;
}

static PyObject *
new_token(bidepy_state *st, PyObject *parent, PyObject *seconds, PyObject *name)
{
    int64_t duration;
    if (bidepy_duration(seconds, "timeout", &duration))
        return NULL;
    token_object *self = bidepy_alloc(st, st->type.token, &st->token_pool);
    if (!self)
        return NULL;
    size_t head = offsetof(token_object, token);
    memset((char *)self + head, 0, sizeof *self - head);
    PyObject_GC_Track(self);
    self->duration = duration;
    bide_token *above = parent ? ((token_object *)parent)->token : NULL;
    int rc = bide_token_new(above, &self->token);
    self->parent = Py_XNewRef(parent);
    bide_loop *loop = bide_loop_current();
    if (rc == 0 && loop)
        rc = start_clocks(self, loop);
    if (rc || bidepy_label_set(&self->label, name)) {
        if (rc)
            bidepy_raise(st, rc, NULL);
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static int
check_parent(bidepy_state *st, PyObject **parent)
{
    if (!*parent || *parent == Py_None) {
        *parent = NULL;
        return 0;
    }
    if (Py_IS_TYPE(*parent, st->type.token))
        return 0;
    PyErr_Format(PyExc_TypeError, "parent must be a CancelToken, not %.100s",
                 Py_TYPE(*parent)->tp_name);
    return -1;
}

static const char *const names[] = {"timeout", "parent", "name", NULL};
static const bidepy_signature sig = {"CancelToken", names, 0, 1};

PyObject *
bidepy_token_vectorcall(PyObject *type, PyObject *const *args, size_t nargsf,
                        PyObject *kwnames)
{
    bidepy_state *st = bidepy_of_type((PyTypeObject *)type);
    PyObject *in[3];
    if (bidepy_parse(&sig, args, PyVectorcall_NARGS(nargsf), kwnames, in) ||
        check_parent(st, &in[1]))
        return NULL;
    return new_token(st, in[1], in[0], in[2]);
}

static PyObject *
token_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    bidepy_state *st = bidepy_of_type(type);
    PyObject *in[3];
    if (bidepy_parse_tuple(&sig, args, kwargs, in) || check_parent(st, &in[1]))
        return NULL;
    return new_token(st, in[1], in[0], in[2]);
}

PyDoc_STRVAR(child_doc,
             "child($self, timeout=None, *, name=None)\n--\n\n"
             "A token that is cancelled with this one, and by itself.");

static PyObject *
token_child(PyObject *token, PyObject *const *args, Py_ssize_t nargs,
            PyObject *kwnames)
{
    static const char *const child_names[] = {"timeout", "name", NULL};
    static const bidepy_signature child_sig = {"child", child_names, 0, 1};
    PyObject *in[2];
    if (bidepy_parse(&child_sig, args, nargs, kwnames, in))
        return NULL;
    return new_token(bidepy_of(token), token, in[0], in[1]);
}

bide_token *
bidepy_token_use(bidepy_state *st, PyObject *token, bide_loop *loop)
{
    token_object *self = (token_object *)token;
    if (!Py_IS_TYPE(token, st->type.token)) {
        PyErr_Format(PyExc_TypeError, "token must be a CancelToken, not %.100s",
                     Py_TYPE(token)->tp_name);
        return NULL;
    }
    int rc = start_clocks(self, loop);
    if (rc == 0)
        return self->token;
    bidepy_raise(st, rc, "%s", bide_strerror(rc));
    return NULL;
}

/* -- cancelling ----------------------------------------------------------- */

PyDoc_STRVAR(cancel_doc,
             "cancel($self, reason=None, /)\n--\n\n"
             "Cancel what runs under the token: waits there end with\n"
             "Cancelled(reason). True, or False when it was cancelled before.\n"
             "Any thread may call this.");

static PyObject *
token_cancel(PyObject *token, PyObject *const *args, Py_ssize_t nargs)
{
    token_object *self = (token_object *)token;
    if (nargs > 1) {
        PyErr_SetString(PyExc_TypeError,
                        "cancel() takes at most 1 argument: the reason");
        return NULL;
    }
    PyObject *reason = nargs && args[0] != Py_None ? args[0] : NULL;
    if (!bide_token_cancel(self->token, bidepy_value(reason)))
        Py_RETURN_FALSE;
    self->reason = Py_XNewRef(reason);
    Py_RETURN_TRUE;
}

static PyObject *
get_cancelled(PyObject *token, void *unused)
{
    (void)unused;
    return PyBool_FromLong(
        bide_token_cancelled(((token_object *)token)->token));
}

/* Borrowed: the reason of the token or of the nearest one above it. */
static PyObject *
nearest_reason(token_object *self)
{
    for (; self; self = (token_object *)self->parent)
        if (self->reason)
            return self->reason;
    return NULL;
}

static PyObject *
get_reason(PyObject *token, void *unused)
{
    (void)unused;
    PyObject *reason = nearest_reason((token_object *)token);
    return Py_NewRef(reason ? reason : Py_None);
}

static PyObject *
get_name(PyObject *token, void *unused)
{
    (void)unused;
    return bidepy_label_name(&((token_object *)token)->label);
}

static PyObject *
token_check(PyObject *token, PyObject *unused)
{
    (void)unused;
    token_object *self = (token_object *)token;
    if (!bide_token_cancelled(self->token))
        Py_RETURN_NONE;
    PyObject *reason = nearest_reason(self);
    if (reason)
        PyErr_SetObject(self->st->exc.cancelled, reason);
    else
        PyErr_SetNone(self->st->exc.cancelled);
    return NULL;
}

/* -- the block ------------------------------------------------------------ */

static void
free_block(bidepy_entry *entry)
{
    PyMem_Free(bidepy_container(entry, block, entry));
}

static PyObject *
token_enter(PyObject *token, PyObject *unused)
{
    (void)unused;
    token_object *self = (token_object *)token;
    bidepy_task *task = bidepy_task_here(self->st);
    if (!task)
        return bidepy_raise_no_task(self->st, "with CancelToken");
    bide_token *k = bidepy_token_use(self->st, token, task->task.loop);
    if (!k)
        return NULL;
    block *b = PyMem_Malloc(sizeof *b);
    if (!b)
        return PyErr_NoMemory();
    bide_scope_init(&b->entry.scope);
    b->entry.ended = free_block;
    int rc = bidepy_enter(&b->entry, task, k, token);
    if (rc) {
        PyMem_Free(b);
        return bidepy_raise(self->st, rc, NULL);
    }
    return Py_NewRef(token);
}

/* The innermost block of the running task over `token`. */
static bidepy_entry *
find_block(bidepy_task *task, PyObject *token)
{
    bidepy_entry *e = task ? task->entered : NULL;
    while (e && (e->owner != token || e->left))
        e = e->outer;
    return e;
}

static PyObject *
token_exit(PyObject *token, PyObject *const *args, Py_ssize_t nargs)
{
    bidepy_state *st = bidepy_of(token);
    bidepy_entry *e = find_block(bidepy_task_acting(st), token);
    if (!e && nargs > 1 && bidepy_is_closing(args[1]))
        Py_RETURN_FALSE;
    if (!e) {
        PyErr_SetString(PyExc_RuntimeError,
                        "a CancelToken's block has to be left by the task that "
                        "entered it");
        return NULL;
    }
    int rc = bidepy_leave(e);
    if (rc == BIDE_EHOST)
        return NULL;
    return PyBool_FromLong(rc != 0 && nargs > 1 && args[1] != Py_None &&
                           bidepy_is_cancelled(st, args[1]));
}

/* -- the type ------------------------------------------------------------- */

static PyObject *
token_repr(PyObject *token)
{
    token_object *self = (token_object *)token;
    return bidepy_label_repr(&self->label, token,
                             bide_token_cancelled(self->token) ? "cancelled"
                                                               : NULL);
}

static int
token_traverse(PyObject *token, visitproc visit, void *arg)
{
    token_object *self = (token_object *)token;
    Py_VISIT(Py_TYPE(token));
    Py_VISIT(self->parent);
    Py_VISIT(self->reason);
    return 0;
}

/* The reason of a token in use stays: the core has a pointer to it, but whoever
 * uses the token holds it, so this is not called before. */
static int
token_clear(PyObject *token)
{
    Py_CLEAR(((token_object *)token)->reason);
    return 0;
}

static void
token_dealloc(PyObject *token)
{
    token_object *self = (token_object *)token;
    PyObject_GC_UnTrack(token);
    Py_TRASHCAN_BEGIN(token, token_dealloc);
    if (self->weakrefs)
        PyObject_ClearWeakRefs(token);
    bide_token_unref(self->token);
    bidepy_label_clear(&self->label);
    Py_XDECREF(self->reason);
    Py_XDECREF(self->parent);
    bidepy_free(self, &self->st->token_pool);
    Py_TRASHCAN_END;
}

static PyMethodDef token_methods[] = {
    {"__enter__", token_enter, METH_NOARGS, NULL},
    {"__exit__", BIDEPY_METHOD(token_exit), METH_FASTCALL, NULL},
    {"cancel", BIDEPY_METHOD(token_cancel), METH_FASTCALL, cancel_doc},
    {"child", BIDEPY_METHOD(token_child), METH_FASTCALL | METH_KEYWORDS,
     child_doc},
    {"raise_if_cancelled", token_check, METH_NOARGS,
     "raise_if_cancelled($self, /)\n--\n\nRaise Cancelled(reason) if the token "
     "is cancelled; any thread."},
    {NULL, NULL, 0, NULL}};

static PyGetSetDef token_getset[] = {
    {"cancelled", get_cancelled, NULL,
     "Whether the token, or one above it, is cancelled or expired.", NULL},
    {"reason", get_reason, NULL,
     "What cancel() was given, here or above; else None.", NULL},
    {"name", get_name, NULL, "The name given for reports, or None.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyMemberDef token_members[] = {{"__weaklistoffset__", T_PYSSIZET,
                                       offsetof(token_object, weakrefs),
                                       READONLY, NULL},
                                      {NULL, 0, 0, 0, NULL}};

PyDoc_STRVAR(
    token_doc,
    "CancelToken(timeout=None, *, parent=None, name=None)\n--\n\n"
    "Cancels tasks and blocks, from any thread.\n\n"
    "timeout  seconds after which it cancels by itself, counted from here, or\n"
    "         from its first use if it is made outside bide.run()\n"
    "parent   a token that cancels this one too\n\n"
    "Give it to spawn(token=...), or use it as `with token:`; the block takes\n"
    "the Cancelled that the token caused, and `token.cancelled` tells. A "
    "token\n"
    "may be used many times, by many tasks of one runtime.");

static PyType_Slot token_slots[] = {
    {Py_tp_doc, (void *)token_doc}, {Py_tp_new, token_new},
    {Py_tp_dealloc, token_dealloc}, {Py_tp_traverse, token_traverse},
    {Py_tp_clear, token_clear},     {Py_tp_repr, token_repr},
    {Py_tp_methods, token_methods}, {Py_tp_getset, token_getset},
    {Py_tp_members, token_members}, {0, NULL}};

PyType_Spec bidepy_token_spec = {
    .name = "bide.CancelToken",
    .basicsize = sizeof(token_object),
    .flags = BIDEPY_CALLABLE_TYPE_FLAGS,
    .slots = token_slots,
};
