/* bide.Mutex: a lock that knows which task holds it. */
#include "sync.h"

static bide_mutex *
core(const void *self)
{
    return ((const bidepy_mutex *)self)->mutex;
}

static PyObject *
mutex_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name", NULL};
    static const bidepy_signature sig = {"Mutex", names, 0, 0};
    PyObject *given[1];
    if (bidepy_parse_tuple(&sig, args, kwargs, given) < 0)
        return NULL;
    bidepy_mutex *self = bidepy_primitive_new(type, sizeof *self, given[0]);
    if (!self)
        return NULL;
    int rc = bide_mutex_new(self->label.cname, self->label.site, &self->mutex);
    return bidepy_primitive_made(self, rc);
}

static void
mutex_dealloc(PyObject *self)
{
    bidepy_primitive_clear(self);
    bide_mutex_unref(core(self));
    bidepy_primitive_free(self);
}

/* -- errors --------------------------------------------------------------- */

static PyObject *
raise_broken(bidepy_mutex *self)
{
    const char *breaker = bide_mutex_breaker(self->mutex);
    PyObject *title = bidepy_primitive_title(self);
    if (title)
        bidepy_raise(self->st, BIDE_EBROKEN,
                     "%U is broken: task '%s' ended while holding it; check "
                     "what it protects, then call reset()",
                     title, breaker ? breaker : "?");
    Py_XDECREF(title);
    return NULL;
}

static PyObject *
raise_not_owner(bidepy_mutex *self, bide_task *t)
{
    bide_task *owner = bide_mutex_owner(self->mutex);
    PyObject *title = bidepy_primitive_title(self);
    PyObject *task = title ? bidepy_task_title(t) : NULL;
    PyObject *holder = task && owner ? bidepy_task_title(owner) : NULL;
    if (holder)
        bidepy_raise(self->st, BIDE_ENOTOWNER,
                     "%U cannot unlock %U, which %U holds", task, title,
                     holder);
    else if (task && !owner)
        bidepy_raise(self->st, BIDE_ENOTOWNER,
                     "%U cannot unlock %U, which is not locked", task, title);
    Py_XDECREF(title);
    Py_XDECREF(task);
    Py_XDECREF(holder);
    return NULL;
}

static PyObject *
raise_status(bidepy_mutex *self, bide_task *t, int status)
{
    if (status == BIDE_EBROKEN)
        return raise_broken(self);
    if (status == BIDE_ENOTOWNER)
        return raise_not_owner(self, t);
    return bidepy_raise(self->st, status, NULL);
}

/* -- operations ----------------------------------------------------------- */

static int
lock_start(bidepy_op *op)
{
    int rc = bidepy_primitive_enter(op, "Mutex");
    return rc ? rc : bide_mutex_lock(core(op->owner), &op->wait);
}

static PyObject *
lock_fail(bidepy_op *op, int status)
{
    if (status == BIDE_EDEADLOCK)
        return bidepy_raise_deadlock(op);
    return raise_status((bidepy_mutex *)op->owner, op->wait.task, status);
}

static const bidepy_op_kind lock_kind = {
    .name = "Mutex.lock()",
    .start = lock_start,
    .fail = lock_fail,
    .flags = BIDEPY_OP_LEAF | BIDEPY_OP_OWNED,
};

PyObject *
bidepy_mutex_lock(PyObject *self, PyObject *unused)
{
    (void)unused;
    return (PyObject *)bidepy_op_new(bidepy_of(self), &lock_kind, self);
}

static PyObject *
mutex_try_lock(PyObject *self, PyObject *unused)
{
    (void)unused;
    bide_task *t = bidepy_primitive_task(self, "Mutex", "Mutex.try_lock()");
    if (!t)
        return NULL;
    int rc = bide_mutex_try_lock(core(self), t);
    if (rc == BIDE_EWOULDBLOCK)
        Py_RETURN_FALSE;
    if (rc < 0)
        return raise_status((bidepy_mutex *)self, t, rc);
    Py_RETURN_TRUE;
}

static int
unlock(PyObject *self)
{
    bide_task *t = bidepy_primitive_task(self, "Mutex", "Mutex.unlock()");
    if (!t)
        return -1;
    int rc = bide_mutex_unlock(core(self), t);
    if (rc < 0)
        raise_status((bidepy_mutex *)self, t, rc);
    return rc;
}

static PyObject *
mutex_unlock(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (unlock(self) < 0)
        return NULL;
    Py_RETURN_NONE;
}

PyObject *
bidepy_mutex_aexit(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    (void)args;
    (void)nargs;
    return unlock(self) < 0 ? NULL : bidepy_done(bidepy_of(self));
}

static PyObject *
mutex_reset(PyObject *self, PyObject *unused)
{
    (void)unused;
    bidepy_mutex *m = (bidepy_mutex *)self;
    if (bidepy_primitive_bind(m, "Mutex") < 0)
        return NULL;
    bide_mutex_reset(m->mutex);
    Py_RETURN_NONE;
}

/* -- what it tells -------------------------------------------------------- */

static PyObject *
mutex_locked(PyObject *self, void *closure)
{
    (void)closure;
    return PyBool_FromLong(bide_mutex_owner(core(self)) != NULL);
}

static PyObject *
mutex_owner(PyObject *self, void *closure)
{
    (void)closure;
    return bidepy_task_object(bide_mutex_owner(core(self)));
}

static PyObject *
mutex_waiters(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(bide_mutex_waiters(core(self)));
}

static PyObject *
mutex_repr(PyObject *self)
{
    bidepy_mutex *m = (bidepy_mutex *)self;
    bide_task *owner = bide_mutex_owner(m->mutex);
    if (bide_mutex_breaker(m->mutex))
        return bidepy_label_repr(&m->label, self, "broken");
    if (!owner)
        return bidepy_label_repr(&m->label, self, "unlocked");
    char task[100], detail[160];
    bidepy_task_describe(owner, task, sizeof task);
    PyOS_snprintf(detail, sizeof detail, "locked by %s, %zu waiting", task,
                  bide_mutex_waiters(m->mutex));
    return bidepy_label_repr(&m->label, self, detail);
}

PyDoc_STRVAR(doc_lock,
             "lock($self, /)\n--\n\n"
             "Wait until the calling task holds the mutex; first come, first "
             "served.\n\n"
             "DeadlockError: the task already holds it. BrokenError: its "
             "holder ended\nwithout unlocking. A cancelled wait never held "
             "the mutex.");
PyDoc_STRVAR(doc_try_lock,
             "try_lock($self, /)\n--\n\n"
             "Take the mutex if it is free: True, else False. Never waits.");
PyDoc_STRVAR(doc_unlock,
             "unlock($self, /)\n--\n\n"
             "Hand the mutex to the oldest waiter. NotOwnerError unless the "
             "calling task\nholds it.");
PyDoc_STRVAR(doc_reset, "reset($self, /)\n--\n\n"
                        "Make a broken mutex free again.");
PyDoc_STRVAR(doc_mutex,
             "Mutex(*, name=None)\n--\n\n"
             "A lock held by one task at a time, handed over in order of "
             "arrival.\n\n"
             "    async with mutex: ...\n\n"
             "It is not reentrant. A task that ends while holding it breaks "
             "it: waiters and\nlater lockers get BrokenError until reset(). "
             "For tasks of one runtime; threads\nuse threading.Lock.");

static PyMethodDef methods[] = {
    {"lock", bidepy_mutex_lock, METH_NOARGS, doc_lock},
    {"try_lock", mutex_try_lock, METH_NOARGS, doc_try_lock},
    {"unlock", mutex_unlock, METH_NOARGS, doc_unlock},
    {"reset", mutex_reset, METH_NOARGS, doc_reset},
    {"__aenter__", bidepy_mutex_lock, METH_NOARGS, NULL},
    {"__aexit__", (PyCFunction)(void (*)(void))bidepy_mutex_aexit,
     METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getters[] = {
    {"locked", mutex_locked, NULL, "Whether a task holds the mutex (bool).",
     NULL},
    {"owner", mutex_owner, NULL, "The Task that holds the mutex, or None.",
     NULL},
    {"waiters", mutex_waiters, NULL, "How many tasks wait for it (int).", NULL},
    BIDEPY_PRIMITIVE_NAME,
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)doc_mutex},
    {Py_tp_new, mutex_new},
    {Py_tp_dealloc, mutex_dealloc},
    {Py_tp_traverse, bidepy_primitive_traverse},
    {Py_tp_repr, mutex_repr},
    {Py_tp_methods, methods},
    {Py_tp_members, bidepy_primitive_members},
    {Py_tp_getset, getters},
    {0, NULL},
};

PyType_Spec bidepy_mutex_spec = {
    .name = "bide.Mutex",
    .basicsize = sizeof(bidepy_mutex),
    .flags = BIDEPY_CALLABLE_TYPE_FLAGS,
    .slots = slots,
};
