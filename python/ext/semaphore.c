/* bide.Semaphore: permits, handed out in order of arrival. */
#include "sync.h"

typedef struct semaphore {
    BIDEPY_PRIMITIVE
    bide_semaphore *semaphore;
    size_t bound; /* 0: none */
} semaphore;

static bide_semaphore *
core(const void *self)
{
    return ((const semaphore *)self)->semaphore;
}

static PyObject *
semaphore_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"permits", "bounded", "name", NULL};
    static const bidepy_signature sig = {"Semaphore", names, 1, 1};
    PyObject *given[3];
    size_t permits;
    if (bidepy_parse_tuple(&sig, args, kwargs, given) < 0 ||
        bidepy_size(given[0], "permits", 0, &permits) < 0)
        return NULL;
    int bounded = given[1] ? PyObject_IsTrue(given[1]) : 0;
    if (bounded < 0)
        return NULL;
    if (bounded && permits == 0) {
        PyErr_SetString(PyExc_ValueError,
                        "permits must be at least 1 for a bounded semaphore: "
                        "with 0 no permit could ever be released");
        return NULL;
    }
    semaphore *self = bidepy_primitive_new(type, sizeof *self, given[2]);
    if (!self)
        return NULL;
    self->bound = bounded ? permits : 0;
    int rc = bide_semaphore_new(permits, bounded, self->label.cname,
                                self->label.site, &self->semaphore);
    return bidepy_primitive_made(self, rc);
}

static void
semaphore_dealloc(PyObject *self)
{
    bidepy_primitive_clear(self);
    bide_semaphore_unref(core(self));
    bidepy_primitive_free(self);
}

/* -- operations ----------------------------------------------------------- */

static int
acquire_start(bidepy_op *op)
{
    int rc = bidepy_primitive_enter(op, "Semaphore");
    return rc ? rc
              : bide_semaphore_acquire(core(op->owner), op->word.size,
                                       &op->wait);
}

static PyObject *
raise_broken(semaphore *self)
{
    const char *breaker = bide_semaphore_breaker(self->semaphore);
    PyObject *title = bidepy_primitive_title(self);
    if (title)
        bidepy_raise(self->st, BIDE_EBROKEN,
                     "%U is broken: task '%s' ended while holding permits; "
                     "check what they protect, then call reset()",
                     title, breaker ? breaker : "?");
    Py_XDECREF(title);
    return NULL;
}

static PyObject *
acquire_fail(bidepy_op *op, int status)
{
    if (status == BIDE_EDEADLOCK)
        return bidepy_raise_deadlock(op);
    if (status == BIDE_EBROKEN)
        return raise_broken((semaphore *)op->owner);
    return bidepy_raise(op->st, status, NULL);
}

static const bidepy_op_kind acquire_kind = {
    .name = "Semaphore.acquire()",
    .start = acquire_start,
    .fail = acquire_fail,
    .flags = BIDEPY_OP_LEAF,
};

/* `async with`: the permit is the task's until the block ends. */
static int
hold_start(bidepy_op *op)
{
    int rc = bidepy_primitive_enter(op, "Semaphore");
    return rc ? rc : bide_semaphore_hold(core(op->owner), 1, &op->wait);
}

static const bidepy_op_kind hold_kind = {
    .name = "Semaphore.acquire()",
    .start = hold_start,
    .fail = acquire_fail,
    .flags = BIDEPY_OP_LEAF | BIDEPY_OP_OWNED,
};

/* The optional argument `n` of acquire, try_acquire and release. What can
 * never be granted is refused here, before anything waits for it. */
static int
parse_count(PyObject *self, const char *function, PyObject *const *args,
            Py_ssize_t nargs, PyObject *kwnames, size_t *n)
{
    static const char *const names[] = {"n", NULL};
    const bidepy_signature sig = {function, names, 0, 1};
    PyObject *given[1];
    *n = 1;
    if (nargs == 0 && !kwnames)
        return 0;
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        (given[0] && bidepy_size(given[0], "n", 1, n) < 0))
        return -1;
    size_t bound = ((semaphore *)self)->bound;
    if (bound == 0 || *n <= bound)
        return 0;
    PyErr_Format(PyExc_ValueError,
                 "n must be at most the bound of the semaphore: got %zu of %zu",
                 *n, bound);
    return -1;
}

static PyObject *
semaphore_acquire(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                  PyObject *kwnames)
{
    size_t n;
    if (parse_count(self, "acquire", args, nargs, kwnames, &n) < 0)
        return NULL;
    return bidepy_op_new_sized(self, &acquire_kind, n);
}

static PyObject *
semaphore_aenter(PyObject *self, PyObject *unused)
{
    (void)unused;
    return (PyObject *)bidepy_op_new(bidepy_of(self), &hold_kind, self);
}

static PyObject *
semaphore_try_acquire(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                      PyObject *kwnames)
{
    semaphore *s = (semaphore *)self;
    size_t n;
    if (parse_count(self, "try_acquire", args, nargs, kwnames, &n) < 0 ||
        bidepy_primitive_bind(s, "Semaphore") < 0)
        return NULL;
    int rc = bide_semaphore_try_acquire(s->semaphore, n);
    if (rc == BIDE_EBROKEN)
        return raise_broken(s);
    if (rc < 0 && rc != BIDE_EWOULDBLOCK)
        return bidepy_raise(s->st, rc, NULL);
    return PyBool_FromLong(rc == 0);
}

static int
release(semaphore *s, size_t n)
{
    if (bidepy_primitive_bind(s, "Semaphore") < 0)
        return -1;
    int rc = bide_semaphore_release(s->semaphore, n);
    if (rc != BIDE_EOVERFLOW) {
        if (rc < 0)
            bidepy_raise(s->st, rc, NULL);
        return rc;
    }
    PyObject *title = bidepy_primitive_title(s);
    if (title)
        PyErr_Format(PyExc_ValueError,
                     "%U was released more often than acquired: %zu free, "
                     "%zu released, bound %zu",
                     title, bide_semaphore_permits(s->semaphore), n, s->bound);
    Py_XDECREF(title);
    return -1;
}

static PyObject *
semaphore_release(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                  PyObject *kwnames)
{
    size_t n;
    if (parse_count(self, "release", args, nargs, kwnames, &n) < 0 ||
        release((semaphore *)self, n) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *
semaphore_aexit(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    (void)args;
    (void)nargs;
    bidepy_state *st = bidepy_of(self);
    bidepy_task *task = bidepy_task_acting(st);
    if (task && bide_semaphore_drop(core(self), 1, &task->task) == 0)
        return bidepy_done(st);
    if (release((semaphore *)self, 1) < 0)
        return NULL;
    return bidepy_done(st);
}

static PyObject *
semaphore_reset(PyObject *self, PyObject *unused)
{
    (void)unused;
    semaphore *s = (semaphore *)self;
    if (bidepy_primitive_bind(s, "Semaphore") < 0)
        return NULL;
    bide_semaphore_reset(s->semaphore);
    Py_RETURN_NONE;
}

/* -- what it tells -------------------------------------------------------- */

static PyObject *
semaphore_permits(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(bide_semaphore_permits(core(self)));
}

static PyObject *
semaphore_waiters(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(bide_semaphore_waiters(core(self)));
}

static PyObject *
semaphore_repr(PyObject *self)
{
    semaphore *s = (semaphore *)self;
    char detail[80];
    PyOS_snprintf(detail, sizeof detail, "%zu free, %zu waiting",
                  bide_semaphore_permits(s->semaphore),
                  bide_semaphore_waiters(s->semaphore));
    return bidepy_label_repr(&s->label, self, detail);
}

PyDoc_STRVAR(doc_acquire,
             "acquire($self, /, n=1)\n--\n\n"
             "Wait for `n` permits and take them, all at once. A large request "
             "at the head\nof the queue is not overtaken by smaller ones. A "
             "cancelled wait took nothing.");
PyDoc_STRVAR(doc_try_acquire,
             "try_acquire($self, /, n=1)\n--\n\n"
             "Take `n` permits if they are free and nobody waits: True, else "
             "False.");
PyDoc_STRVAR(doc_release,
             "release($self, /, n=1)\n--\n\n"
             "Give `n` permits back; any task may. ValueError above the bound "
             "of a bounded\nsemaphore.");
PyDoc_STRVAR(
    doc_semaphore,
    "Semaphore(permits, *, bounded=False, name=None)\n--\n\n"
    "A number of permits, handed out in order of arrival.\n\n"
    "    async with semaphore: ...\n\n"
    "`bounded`: releasing more than was acquired is a ValueError. A "
    "permit that\n`async with` took is the task's: deadlocks among such "
    "holders are an error,\nand a task that ends with one breaks the "
    "semaphore until reset().");

static PyMethodDef methods[] = {
    {"acquire", (PyCFunction)(void (*)(void))semaphore_acquire,
     METH_FASTCALL | METH_KEYWORDS, doc_acquire},
    {"try_acquire", (PyCFunction)(void (*)(void))semaphore_try_acquire,
     METH_FASTCALL | METH_KEYWORDS, doc_try_acquire},
    {"release", (PyCFunction)(void (*)(void))semaphore_release,
     METH_FASTCALL | METH_KEYWORDS, doc_release},
    {"reset", semaphore_reset, METH_NOARGS,
     "reset($self, /)\n--\n\n"
     "Make a broken semaphore whole: with the permits that were lost."},
    {"__aenter__", semaphore_aenter, METH_NOARGS, NULL},
    {"__aexit__", (PyCFunction)(void (*)(void))semaphore_aexit, METH_FASTCALL,
     NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getters[] = {
    {"permits", semaphore_permits, NULL, "How many permits are free (int).",
     NULL},
    {"waiters", semaphore_waiters, NULL, "How many tasks wait (int).", NULL},
    BIDEPY_PRIMITIVE_NAME,
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)doc_semaphore},
    {Py_tp_new, semaphore_new},
    {Py_tp_dealloc, semaphore_dealloc},
    {Py_tp_traverse, bidepy_primitive_traverse},
    {Py_tp_repr, semaphore_repr},
    {Py_tp_methods, methods},
    {Py_tp_members, bidepy_primitive_members},
    {Py_tp_getset, getters},
    {0, NULL},
};

PyType_Spec bidepy_semaphore_spec = {
    .name = "bide.Semaphore",
    .basicsize = sizeof(semaphore),
    .flags = BIDEPY_CALLABLE_TYPE_FLAGS,
    .slots = slots,
};
