/* bide.Condition: tasks that hold a mutex wait for a change of what it
 * protects. */
#include "sync.h"

typedef struct condition {
    BIDEPY_PRIMITIVE
    bide_condition *condition;
    PyObject *mutex; /* a bidepy_mutex */
} condition;

static bide_condition *
core(const void *self)
{
    return ((const condition *)self)->condition;
}

static PyObject *
given_mutex(bidepy_state *st, PyObject *mutex)
{
    if (!mutex || mutex == Py_None)
        return PyObject_CallNoArgs((PyObject *)st->type.mutex);
    if (Py_IS_TYPE(mutex, st->type.mutex))
        return Py_NewRef(mutex);
    PyErr_Format(PyExc_TypeError,
                 "mutex must be a bide.Mutex or None, not %.100s",
                 Py_TYPE(mutex)->tp_name);
    return NULL;
}

static PyObject *
condition_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"mutex", "name", NULL};
    static const bidepy_signature sig = {"Condition", names, 0, 1};
    PyObject *given[2];
    if (bidepy_parse_tuple(&sig, args, kwargs, given) < 0)
        return NULL;
    condition *self = bidepy_primitive_new(type, sizeof *self, given[1]);
    if (!self)
        return NULL;
    self->mutex = given_mutex(self->st, given[0]);
    if (!self->mutex) {
        Py_DECREF(self);
        return NULL;
    }
    int rc = bide_condition_new(((bidepy_mutex *)self->mutex)->mutex,
                                self->label.cname, self->label.site,
                                &self->condition);
    return bidepy_primitive_made(self, rc);
}

static void
condition_dealloc(PyObject *self)
{
    bidepy_primitive_clear(self);
    bide_condition_unref(core(self));
    Py_XDECREF(((condition *)self)->mutex);
    bidepy_primitive_free(self);
}

static int
condition_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((condition *)self)->mutex);
    return 0;
}

/* -- operations ----------------------------------------------------------- */

static PyObject *
raise_not_owner(condition *self, bide_task *t, const char *verb)
{
    PyObject *title = bidepy_primitive_title(self);
    PyObject *task = title ? bidepy_task_title(t) : NULL;
    if (task)
        bidepy_raise(self->st, BIDE_ENOTOWNER,
                     "%U has to hold the mutex of %U to %s: use `async with "
                     "condition:` around it",
                     task, title, verb);
    Py_XDECREF(title);
    Py_XDECREF(task);
    return NULL;
}

static int
wait_start(bidepy_op *op)
{
    int rc = bidepy_primitive_enter(op, "Condition");
    return rc ? rc : bide_condition_wait(core(op->owner), &op->wait);
}

static PyObject *
wait_fail(bidepy_op *op, int status)
{
    condition *self = (condition *)op->owner;
    if (status == BIDE_ENOTOWNER)
        return raise_not_owner(self, op->wait.task, "wait for it");
    if (status != BIDE_EBROKEN)
        return bidepy_raise(op->st, status, NULL);
    PyObject *title = bidepy_primitive_title(self->mutex);
    if (title)
        bidepy_raise(op->st, status,
                     "%U is broken: a task ended while holding it", title);
    Py_XDECREF(title);
    return NULL;
}

static const bidepy_op_kind wait_kind = {
    .name = "Condition.wait()",
    .start = wait_start,
    .fail = wait_fail,
    .flags = BIDEPY_OP_NO_RACE | BIDEPY_OP_LEAF | BIDEPY_OP_OWNED,
};

static PyObject *
condition_wait(PyObject *self, PyObject *unused)
{
    (void)unused;
    return (PyObject *)bidepy_op_new(bidepy_of(self), &wait_kind, self);
}

/* A loop around wait() reads best in Python. */
static PyObject *
condition_wait_for(PyObject *self, PyObject *predicate)
{
    if (!PyCallable_Check(predicate))
        return PyErr_Format(PyExc_TypeError,
                            "predicate must be callable, not %.100s",
                            Py_TYPE(predicate)->tp_name);
    return bidepy_call_helper("bide._helpers", "wait_for", self, predicate);
}

static PyObject *
notify(condition *self, size_t n, const char *method)
{
    bide_task *t = bidepy_primitive_task(self, "Condition", method);
    if (!t)
        return NULL;
    int rc = bide_condition_notify(self->condition, t, n);
    if (rc == BIDE_ENOTOWNER)
        return raise_not_owner(self, t, "notify");
    if (rc < 0)
        return bidepy_raise(self->st, rc, NULL);
    Py_RETURN_NONE;
}

static PyObject *
condition_notify(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                 PyObject *kwnames)
{
    static const char *const names[] = {"n", NULL};
    static const bidepy_signature sig = {"notify", names, 0, 1};
    PyObject *given[1];
    size_t n = 1;
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        (given[0] && bidepy_size(given[0], "n", 0, &n) < 0))
        return NULL;
    return notify((condition *)self, n, "Condition.notify()");
}

static PyObject *
condition_notify_all(PyObject *self, PyObject *unused)
{
    (void)unused;
    return notify((condition *)self, SIZE_MAX, "Condition.notify_all()");
}

/* -- the mutex ------------------------------------------------------------ */

static PyObject *
condition_aenter(PyObject *self, PyObject *unused)
{
    (void)unused;
    return bidepy_mutex_lock(((condition *)self)->mutex, NULL);
}

static PyObject *
condition_aexit(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    return bidepy_mutex_aexit(((condition *)self)->mutex, args, nargs);
}

static PyObject *
condition_mutex(PyObject *self, void *closure)
{
    (void)closure;
    return Py_NewRef(((condition *)self)->mutex);
}

static PyObject *
condition_waiters(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(bide_condition_waiters(core(self)));
}

static PyObject *
condition_repr(PyObject *self)
{
    condition *c = (condition *)self;
    char detail[64];
    PyOS_snprintf(detail, sizeof detail, "%zu waiting",
                  bide_condition_waiters(c->condition));
    return bidepy_label_repr(&c->label, self, detail);
}

PyDoc_STRVAR(doc_wait,
             "wait($self, /)\n--\n\n"
             "Unlock the mutex, wait for a notification and lock it again. "
             "However it ends, the\ntask holds the mutex afterwards. A "
             "notification is never lost to a cancellation:\none that was "
             "given is delivered first. NotOwnerError: the task does not hold "
             "the\nmutex.");
PyDoc_STRVAR(doc_wait_for,
             "wait_for($self, predicate, /)\n--\n\n"
             "Wait until `predicate()` is true; gives what it returned. It is "
             "called with the\nmutex held, first before any wait.");
PyDoc_STRVAR(doc_notify, "notify($self, /, n=1)\n--\n\n"
                         "Wake up to `n` waiters, oldest first. NotOwnerError: "
                         "the task does not hold the mutex.");
PyDoc_STRVAR(doc_notify_all, "notify_all($self, /)\n--\n\n"
                             "Wake all who wait. Errors as notify().");
PyDoc_STRVAR(doc_condition,
             "Condition(mutex=None, *, name=None)\n--\n\n"
             "Wait, holding a mutex, until another task says that something "
             "changed.\n\n"
             "    async with condition:\n"
             "        await condition.wait_for(lambda: queue)\n\n"
             "`mutex`: a Mutex to use, also by several conditions; None makes "
             "one.");

static PyMethodDef methods[] = {
    {"wait", condition_wait, METH_NOARGS, doc_wait},
    {"wait_for", condition_wait_for, METH_O, doc_wait_for},
    {"notify", (PyCFunction)(void (*)(void))condition_notify,
     METH_FASTCALL | METH_KEYWORDS, doc_notify},
    {"notify_all", condition_notify_all, METH_NOARGS, doc_notify_all},
    {"__aenter__", condition_aenter, METH_NOARGS, NULL},
    {"__aexit__", (PyCFunction)(void (*)(void))condition_aexit, METH_FASTCALL,
     NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getters[] = {
    {"mutex", condition_mutex, NULL, "The Mutex it works with.", NULL},
    {"waiters", condition_waiters, NULL,
     "How many tasks wait for a notification (int).", NULL},
    BIDEPY_PRIMITIVE_NAME,
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)doc_condition},
    {Py_tp_new, condition_new},
    {Py_tp_dealloc, condition_dealloc},
    {Py_tp_traverse, condition_traverse},
    {Py_tp_repr, condition_repr},
    {Py_tp_methods, methods},
    {Py_tp_members, bidepy_primitive_members},
    {Py_tp_getset, getters},
    {0, NULL},
};

PyType_Spec bidepy_condition_spec = {
    .name = "bide.Condition",
    .basicsize = sizeof(condition),
    .flags = BIDEPY_CALLABLE_TYPE_FLAGS,
    .slots = slots,
};
