/* bide.Barrier: tasks wait until a number of them have come. */
#include "sync.h"

typedef struct barrier {
    BIDEPY_PRIMITIVE
    bide_barrier *barrier;
} barrier;

static bide_barrier *
core(const void *self)
{
    return ((const barrier *)self)->barrier;
}

static PyObject *
barrier_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"parties", "name", NULL};
    static const bidepy_signature sig = {"Barrier", names, 1, 1};
    PyObject *given[2];
    size_t parties;
    if (bidepy_parse_tuple(&sig, args, kwargs, given) < 0 ||
        bidepy_size(given[0], "parties", 1, &parties) < 0)
        return NULL;
    barrier *self = bidepy_primitive_new(type, sizeof *self, given[1]);
    if (!self)
        return NULL;
    int rc = bide_barrier_new(parties, self->label.cname, self->label.site,
                              &self->barrier);
    return bidepy_primitive_made(self, rc);
}

static void
barrier_dealloc(PyObject *self)
{
    bidepy_primitive_clear(self);
    bide_barrier_unref(core(self));
    bidepy_primitive_free(self);
}

/* -- operations ----------------------------------------------------------- */

static int
wait_start(bidepy_op *op)
{
    int rc = bidepy_primitive_enter(op, "Barrier");
    return rc ? rc : bide_barrier_wait(core(op->owner), &op->wait);
}

static PyObject *
wait_finish(bidepy_op *op)
{
    return PyLong_FromSize_t(op->wait.u.count);
}

static PyObject *
wait_fail(bidepy_op *op, int status)
{
    bidepy_state *st = op->st;
    if (status != BIDE_EBROKEN)
        return bidepy_raise(st, status, NULL);
    PyObject *title = bidepy_primitive_title(op->owner);
    if (title)
        bidepy_raise(st, status, "%U is broken: it was aborted or reset",
                     title);
    Py_XDECREF(title);
    return NULL;
}

static const bidepy_op_kind wait_kind = {
    .name = "Barrier.wait()",
    .start = wait_start,
    .finish = wait_finish,
    .fail = wait_fail,
    .flags = BIDEPY_OP_LEAF,
};

static PyObject *
barrier_wait(PyObject *self, PyObject *unused)
{
    (void)unused;
    return (PyObject *)bidepy_op_new(bidepy_of(self), &wait_kind, self);
}

static PyObject *
barrier_aexit(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    (void)args;
    (void)nargs;
    return bidepy_done(bidepy_of(self));
}

static PyObject *
barrier_abort(PyObject *self, PyObject *unused)
{
    (void)unused;
    barrier *b = (barrier *)self;
    if (bidepy_primitive_bind(b, "Barrier") < 0)
        return NULL;
    bide_barrier_abort(b->barrier);
    Py_RETURN_NONE;
}

static PyObject *
barrier_reset(PyObject *self, PyObject *unused)
{
    (void)unused;
    barrier *b = (barrier *)self;
    if (bidepy_primitive_bind(b, "Barrier") < 0)
        return NULL;
    bide_barrier_reset(b->barrier);
    Py_RETURN_NONE;
}

/* -- what it tells -------------------------------------------------------- */

static PyObject *
barrier_parties(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(bide_barrier_parties(core(self)));
}

static PyObject *
barrier_n_waiting(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(bide_barrier_waiting(core(self)));
}

static PyObject *
barrier_broken(PyObject *self, void *closure)
{
    (void)closure;
    return PyBool_FromLong(bide_barrier_broken(core(self)));
}

static PyObject *
barrier_repr(PyObject *self)
{
    barrier *b = (barrier *)self;
    char detail[80];
    if (bide_barrier_broken(b->barrier))
        return bidepy_label_repr(&b->label, self, "broken");
    PyOS_snprintf(detail, sizeof detail, "%zu of %zu waiting",
                  bide_barrier_waiting(b->barrier),
                  bide_barrier_parties(b->barrier));
    return bidepy_label_repr(&b->label, self, detail);
}

PyDoc_STRVAR(doc_wait,
             "wait($self, /)\n--\n\n"
             "Wait until `parties` tasks wait; gives the order of arrival "
             "(int), 0 for the\nfirst. BrokenError after abort() and when "
             "reset() is called meanwhile. A\ncancelled task has not arrived.");
PyDoc_STRVAR(doc_abort, "abort($self, /)\n--\n\n"
                        "Break the barrier: waiters and later arrivals get "
                        "BrokenError until reset().");
PyDoc_STRVAR(doc_reset, "reset($self, /)\n--\n\n"
                        "Make the barrier as new; who waits gets BrokenError.");
PyDoc_STRVAR(doc_barrier,
             "Barrier(parties, *, name=None)\n--\n\n"
             "Releases its waiters whenever `parties` tasks (at least 1) have "
             "come.\n\n"
             "    async with barrier as index: ...   # waits on entry");

static PyMethodDef methods[] = {
    {"wait", barrier_wait, METH_NOARGS, doc_wait},
    {"abort", barrier_abort, METH_NOARGS, doc_abort},
    {"reset", barrier_reset, METH_NOARGS, doc_reset},
    {"__aenter__", barrier_wait, METH_NOARGS, NULL},
    {"__aexit__", (PyCFunction)(void (*)(void))barrier_aexit, METH_FASTCALL,
     NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getters[] = {
    {"parties", barrier_parties, NULL, "How many tasks it takes (int).", NULL},
    {"n_waiting", barrier_n_waiting, NULL, "How many tasks wait (int).", NULL},
    {"broken", barrier_broken, NULL, "Whether it was aborted (bool).", NULL},
    BIDEPY_PRIMITIVE_NAME,
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)doc_barrier},
    {Py_tp_new, barrier_new},
    {Py_tp_dealloc, barrier_dealloc},
    {Py_tp_traverse, bidepy_primitive_traverse},
    {Py_tp_repr, barrier_repr},
    {Py_tp_methods, methods},
    {Py_tp_members, bidepy_primitive_members},
    {Py_tp_getset, getters},
    {0, NULL},
};

PyType_Spec bidepy_barrier_spec = {
    .name = "bide.Barrier",
    .basicsize = sizeof(barrier),
    .flags = BIDEPY_CALLABLE_TYPE_FLAGS,
    .slots = slots,
};
