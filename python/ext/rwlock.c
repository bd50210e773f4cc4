/* bide.RwLock: many readers or one writer. read() and write() give guards,
 * small objects for `async with`; a guard holds nothing but the lock and the
 * side, and can be entered again and again. */
#include "sync.h"

typedef struct rwlock {
    BIDEPY_PRIMITIVE
    bide_rwlock *rwlock;
} rwlock;

typedef struct guard {
    BIDEPY_HEAD
    PyObject *lock;
    bool write;
} guard;

static bide_rwlock *
core(const void *self)
{
    return ((const rwlock *)self)->rwlock;
}

static PyObject *
rwlock_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name", NULL};
    static const bidepy_signature sig = {"RwLock", names, 0, 0};
    PyObject *given[1];
    if (bidepy_parse_tuple(&sig, args, kwargs, given) < 0)
        return NULL;
    rwlock *self = bidepy_primitive_new(type, sizeof *self, given[0]);
    if (!self)
        return NULL;
    int rc =
        bide_rwlock_new(self->label.cname, self->label.site, &self->rwlock);
    return bidepy_primitive_made(self, rc);
}

static void
rwlock_dealloc(PyObject *self)
{
    bidepy_primitive_clear(self);
    bide_rwlock_unref(core(self));
    bidepy_primitive_free(self);
}

/* -- errors --------------------------------------------------------------- */

static PyObject *
raise_status(rwlock *self, int status)
{
    if (status != BIDE_EBROKEN)
        return bidepy_raise(self->st, status, NULL);
    const char *breaker = bide_rwlock_breaker(self->rwlock);
    PyObject *title = bidepy_primitive_title(self);
    if (title)
        bidepy_raise(self->st, status,
                     "%U is broken: task '%s' ended while writing; check "
                     "what it protects, then call reset()",
                     title, breaker ? breaker : "?");
    Py_XDECREF(title);
    return NULL;
}

static PyObject *
raise_not_owner(rwlock *self, bide_task *t, bool write)
{
    PyObject *title = bidepy_primitive_title(self);
    PyObject *task = title ? bidepy_task_title(t) : NULL;
    if (task)
        bidepy_raise(self->st, BIDE_ENOTOWNER,
                     write ? "%U does not hold the write lock of %U"
                           : "%U cannot end a read of %U, which nobody reads",
                     task, title);
    Py_XDECREF(title);
    Py_XDECREF(task);
    return NULL;
}

/* -- operations ----------------------------------------------------------- */

static int
read_start(bidepy_op *op)
{
    int rc = bidepy_primitive_enter(op, "RwLock");
    return rc ? rc : bide_rwlock_read(core(op->owner), &op->wait);
}

static int
write_start(bidepy_op *op)
{
    int rc = bidepy_primitive_enter(op, "RwLock");
    return rc ? rc : bide_rwlock_write(core(op->owner), &op->wait);
}

static PyObject *
lock_fail(bidepy_op *op, int status)
{
    if (status == BIDE_EDEADLOCK)
        return bidepy_raise_deadlock(op);
    return raise_status((rwlock *)op->owner, status);
}

static const bidepy_op_kind read_kind = {
    .name = "RwLock.read_lock()",
    .start = read_start,
    .fail = lock_fail,
    .flags = BIDEPY_OP_LEAF | BIDEPY_OP_OWNED,
};

static const bidepy_op_kind write_kind = {
    .name = "RwLock.write_lock()",
    .start = write_start,
    .fail = lock_fail,
    .flags = BIDEPY_OP_LEAF | BIDEPY_OP_OWNED,
};

static PyObject *
rwlock_read_lock(PyObject *self, PyObject *unused)
{
    (void)unused;
    return (PyObject *)bidepy_op_new(bidepy_of(self), &read_kind, self);
}

static PyObject *
rwlock_write_lock(PyObject *self, PyObject *unused)
{
    (void)unused;
    return (PyObject *)bidepy_op_new(bidepy_of(self), &write_kind, self);
}

static PyObject *
try_lock(PyObject *self, bool write)
{
    bide_task *t = bidepy_primitive_task(self, "RwLock",
                                         write ? "RwLock.try_write_lock()"
                                               : "RwLock.try_read_lock()");
    if (!t)
        return NULL;
    int rc = write ? bide_rwlock_try_write(core(self), t)
                   : bide_rwlock_try_read(core(self), t);
    if (rc < 0 && rc != BIDE_EWOULDBLOCK)
        return raise_status((rwlock *)self, rc);
    return PyBool_FromLong(rc == 0);
}

static PyObject *
rwlock_try_read_lock(PyObject *self, PyObject *unused)
{
    (void)unused;
    return try_lock(self, false);
}

static PyObject *
rwlock_try_write_lock(PyObject *self, PyObject *unused)
{
    (void)unused;
    return try_lock(self, true);
}

static int
unlock(PyObject *self, bool write)
{
    bide_task *t = bidepy_primitive_task(self, "RwLock",
                                         write ? "RwLock.write_unlock()"
                                               : "RwLock.read_unlock()");
    if (!t)
        return -1;
    int rc = write ? bide_rwlock_write_unlock(core(self), t)
                   : bide_rwlock_read_unlock(core(self));
    if (rc < 0)
        raise_not_owner((rwlock *)self, t, write);
    return rc;
}

static PyObject *
rwlock_read_unlock(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (unlock(self, false) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *
rwlock_write_unlock(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (unlock(self, true) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *
rwlock_reset(PyObject *self, PyObject *unused)
{
    (void)unused;
    rwlock *rw = (rwlock *)self;
    if (bidepy_primitive_bind(rw, "RwLock") < 0)
        return NULL;
    bide_rwlock_reset(rw->rwlock);
    Py_RETURN_NONE;
}

/* -- guards --------------------------------------------------------------- */

static PyObject *
guard_new(PyObject *lock, bool write)
{
    bidepy_state *st = bidepy_of(lock);
    guard *self = bidepy_alloc(st, st->type.rwlock_guard, NULL);
    if (!self)
        return NULL;
    self->lock = Py_NewRef(lock);
    self->write = write;
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

static PyObject *
rwlock_read(PyObject *self, PyObject *unused)
{
    (void)unused;
    return guard_new(self, false);
}

static PyObject *
rwlock_write(PyObject *self, PyObject *unused)
{
    (void)unused;
    return guard_new(self, true);
}

static PyObject *
guard_aenter(PyObject *self, PyObject *unused)
{
    (void)unused;
    guard *g = (guard *)self;
    return (PyObject *)bidepy_op_new(g->st, g->write ? &write_kind : &read_kind,
                                     g->lock);
}

static PyObject *
guard_aexit(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    (void)args;
    (void)nargs;
    guard *g = (guard *)self;
    return unlock(g->lock, g->write) < 0 ? NULL : bidepy_done(g->st);
}

static int
guard_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((guard *)self)->lock);
    return 0;
}

static void
guard_dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    Py_DECREF(((guard *)self)->lock);
    bidepy_free(self, NULL);
}

static PyObject *
guard_repr(PyObject *self)
{
    guard *g = (guard *)self;
    return PyUnicode_FromFormat("<%s guard of %R>", g->write ? "write" : "read",
                                g->lock);
}

static PyMethodDef guard_methods[] = {
    {"__aenter__", guard_aenter, METH_NOARGS, NULL},
    {"__aexit__", (PyCFunction)(void (*)(void))guard_aexit, METH_FASTCALL,
     NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot guard_slots[] = {
    {Py_tp_doc, "One side of a RwLock, for `async with`."},
    {Py_tp_dealloc, guard_dealloc},
    {Py_tp_traverse, guard_traverse},
    {Py_tp_repr, guard_repr},
    {Py_tp_methods, guard_methods},
    {0, NULL},
};

PyType_Spec bidepy_rwlock_guard_spec = {
    .name = "bide._core.RwLockGuard",
    .basicsize = sizeof(guard),
    .flags = BIDEPY_TYPE_FLAGS,
    .slots = guard_slots,
};

/* -- what it tells -------------------------------------------------------- */

static PyObject *
rwlock_readers(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(bide_rwlock_readers(core(self)));
}

static PyObject *
rwlock_writer(PyObject *self, void *closure)
{
    (void)closure;
    return bidepy_task_object(bide_rwlock_writer(core(self)));
}

static PyObject *
rwlock_waiters(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(bide_rwlock_waiters(core(self)));
}

static PyObject *
rwlock_repr(PyObject *self)
{
    rwlock *rw = (rwlock *)self;
    bide_task *writer = bide_rwlock_writer(rw->rwlock);
    size_t readers = bide_rwlock_readers(rw->rwlock);
    size_t waiters = bide_rwlock_waiters(rw->rwlock);
    char task[100], detail[160];
    if (writer) {
        bidepy_task_describe(writer, task, sizeof task);
        PyOS_snprintf(detail, sizeof detail, "written by %s, %zu waiting", task,
                      waiters);
    } else if (readers) {
        PyOS_snprintf(detail, sizeof detail, "%zu readers, %zu waiting",
                      readers, waiters);
    } else {
        PyOS_snprintf(detail, sizeof detail, "unlocked");
    }
    return bidepy_label_repr(&rw->label, self, detail);
}

PyDoc_STRVAR(doc_read, "read($self, /)\n--\n\n"
                       "A guard for `async with`: inside, the lock is held for "
                       "reading.");
PyDoc_STRVAR(doc_write, "write($self, /)\n--\n\n"
                        "A guard for `async with`: inside, the lock is held "
                        "for writing.");
PyDoc_STRVAR(doc_read_lock,
             "read_lock($self, /)\n--\n\n"
             "Wait until the task may read. Readers that come after a waiting "
             "writer queue\nbehind it. DeadlockError: the task holds the write "
             "lock. BrokenError: a writer\nended holding it. A cancelled wait "
             "never held the lock.");
PyDoc_STRVAR(doc_write_lock,
             "write_lock($self, /)\n--\n\n"
             "Wait until the task alone holds the lock. Errors as "
             "read_lock().");
PyDoc_STRVAR(doc_try_read_lock,
             "try_read_lock($self, /)\n--\n\n"
             "Take the read lock if that needs no wait: True, else False.");
PyDoc_STRVAR(doc_try_write_lock,
             "try_write_lock($self, /)\n--\n\n"
             "Take the write lock if that needs no wait: True, else False.");
PyDoc_STRVAR(doc_read_unlock, "read_unlock($self, /)\n--\n\n"
                              "End one read. NotOwnerError: nobody reads.");
PyDoc_STRVAR(doc_write_unlock,
             "write_unlock($self, /)\n--\n\n"
             "End the write. NotOwnerError: the task is not the writer.");
PyDoc_STRVAR(doc_reset, "reset($self, /)\n--\n\n"
                        "Make a broken lock usable again.");
PyDoc_STRVAR(doc_rwlock, "RwLock(*, name=None)\n--\n\n"
                         "Many readers or one writer, in order of arrival.\n\n"
                         "    async with rw.read(): ...\n"
                         "    async with rw.write(): ...");

static PyMethodDef methods[] = {
    {"read", rwlock_read, METH_NOARGS, doc_read},
    {"write", rwlock_write, METH_NOARGS, doc_write},
    {"read_lock", rwlock_read_lock, METH_NOARGS, doc_read_lock},
    {"write_lock", rwlock_write_lock, METH_NOARGS, doc_write_lock},
    {"try_read_lock", rwlock_try_read_lock, METH_NOARGS, doc_try_read_lock},
    {"try_write_lock", rwlock_try_write_lock, METH_NOARGS, doc_try_write_lock},
    {"read_unlock", rwlock_read_unlock, METH_NOARGS, doc_read_unlock},
    {"write_unlock", rwlock_write_unlock, METH_NOARGS, doc_write_unlock},
    {"reset", rwlock_reset, METH_NOARGS, doc_reset},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getters[] = {
    {"readers", rwlock_readers, NULL, "How many tasks read (int).", NULL},
    {"writer", rwlock_writer, NULL, "The Task that writes, or None.", NULL},
    {"waiters", rwlock_waiters, NULL, "How many tasks wait (int).", NULL},
    BIDEPY_PRIMITIVE_NAME,
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)doc_rwlock},
    {Py_tp_new, rwlock_new},
    {Py_tp_dealloc, rwlock_dealloc},
    {Py_tp_traverse, bidepy_primitive_traverse},
    {Py_tp_repr, rwlock_repr},
    {Py_tp_methods, methods},
    {Py_tp_members, bidepy_primitive_members},
    {Py_tp_getset, getters},
    {0, NULL},
};

PyType_Spec bidepy_rwlock_spec = {
    .name = "bide.RwLock",
    .basicsize = sizeof(rwlock),
    .flags = BIDEPY_CALLABLE_TYPE_FLAGS,
    .slots = slots,
};
