/* bide.Interval: ticks at a fixed distance. */
#include "bidepy.h"

typedef struct interval {
    BIDEPY_HEAD
    bide_loop *loop; /* see bidepy_bind */
    bide_interval core;
    int64_t period;
    int missed;
    PyObject *weakrefs;
} interval;

static const char *const behaviours[] = {
    [BIDE_BURST] = "burst", [BIDE_DELAY] = "delay", [BIDE_SKIP] = "skip"};

/* -- life ----------------------------------------------------------------- */

static int
parse_missed(PyObject *value, int *out)
{
    *out = BIDE_BURST;
    if (!value)
        return 0;
    if (!PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "missed must be a str, not %.100s",
                     Py_TYPE(value)->tp_name);
        return -1;
    }
    for (int i = BIDE_BURST; i <= BIDE_SKIP; i++)
        if (PyUnicode_CompareWithASCIIString(value, behaviours[i]) == 0) {
            *out = i;
            return 0;
        }
    PyErr_Format(PyExc_ValueError,
                 "missed must be 'burst', 'delay' or 'skip', got %R", value);
    return -1;
}

static int
parse_period(PyObject *value, int64_t *out)
{
    if (bidepy_duration(value, "period", out) < 0)
        return -1;
    if (*out > 0)
        return 0;
    PyErr_Format(PyExc_ValueError, "period must be above 0 seconds, got %R",
                 value);
    return -1;
}

PyDoc_STRVAR(
    doc_new,
    "interval($module, /, period, missed='burst')\n--\n\n"
    "An Interval whose first tick is due now and the others every `period` "
    "seconds.\n\n"
    "`missed`: what becomes of ticks when the program was more than 5 ms late "
    "to ask for one:\n"
    "    'burst'  they keep their times; those that are due come at once\n"
    "    'delay'  the next comes a period after the late one was given\n"
    "    'skip'   the next comes at the next multiple of the period\n"
    "NoRuntimeError outside bide.run().");

static PyObject *
interval_new(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
             PyObject *kwnames)
{
    static const char *const names[] = {"period", "missed", NULL};
    static const bidepy_signature sig = {"interval", names, 1, 2};
    bidepy_state *st = bidepy_of_module(module);
    PyObject *given[2];
    int64_t period;
    int missed;
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        parse_period(given[0], &period) < 0 ||
        parse_missed(given[1], &missed) < 0)
        return NULL;
    bidepy_runtime *runtime = bidepy_runtime_here(st, "bide.interval()");
    interval *self = runtime ? bidepy_alloc(st, st->type.interval, NULL) : NULL;
    if (!self)
        return NULL;
    self->loop = bide_loop_ref(runtime->loop);
    self->weakrefs = NULL;
    self->period = period;
    self->missed = missed;
    bide_interval_init(&self->core, bide_loop_now(runtime->loop, true), period,
                       missed);
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

static int
interval_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static void
interval_dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    if (((interval *)self)->weakrefs)
        PyObject_ClearWeakRefs(self);
    bidepy_unbind(&((interval *)self)->loop);
    bidepy_free(self, NULL);
}

/* -- ticks ---------------------------------------------------------------- */

static int
tick_start(bidepy_op *op)
{
    interval *self = (interval *)op->owner;
    if (bidepy_bind(self->st, &self->loop, "Interval") < 0)
        return BIDE_EHOST;
    return bide_interval_tick(&self->core, &op->wait);
}

static PyObject *
tick_finish(bidepy_op *op)
{
    return PyFloat_FromDouble((double)op->wait.value.as.integer / 1e9);
}

static PyObject *
tick_fail(bidepy_op *op, int status)
{
    if (status == BIDE_EBUSY)
        return bidepy_raise(op->st, status,
                            "Interval.tick(): another task waits for the next "
                            "tick; give each its own interval");
    return bidepy_raise(op->st, status, "Interval.tick(): %s",
                        bide_strerror(status));
}

static const bidepy_op_kind tick_kind = {
    .name = "Interval.tick()",
    .start = tick_start,
    .finish = tick_finish,
    .fail = tick_fail,
    .flags = BIDEPY_OP_LEAF,
};

static PyObject *
interval_anext(PyObject *self)
{
    return (PyObject *)bidepy_op_new(bidepy_of(self), &tick_kind, self);
}

static PyObject *
interval_tick(PyObject *self, PyObject *unused)
{
    (void)unused;
    return interval_anext(self);
}

static PyObject *
interval_reset(PyObject *object, PyObject *unused)
{
    (void)unused;
    interval *self = (interval *)object;
    if (!bidepy_runtime_here(self->st, "Interval.reset()") ||
        bidepy_bind(self->st, &self->loop, "Interval") < 0)
        return NULL;
    int rc = bide_interval_reset(&self->core,
                                 bidepy_deadline(self->loop, self->period));
    if (rc)
        return bidepy_raise(self->st, rc,
                            "Interval.reset(): a task waits for the next tick");
    Py_RETURN_NONE;
}

/* -- the type ------------------------------------------------------------- */

static PyObject *
get_period(PyObject *self, void *closure)
{
    (void)closure;
    return PyFloat_FromDouble((double)((interval *)self)->period / 1e9);
}

static PyObject *
get_missed(PyObject *self, void *closure)
{
    (void)closure;
    return PyUnicode_FromString(behaviours[((interval *)self)->missed]);
}

static PyObject *
interval_repr(PyObject *self)
{
    PyObject *period = get_period(self, NULL);
    if (!period)
        return NULL;
    PyObject *text =
        PyUnicode_FromFormat("<Interval of %S s, missed='%s'>", period,
                             behaviours[((interval *)self)->missed]);
    Py_DECREF(period);
    return text;
}

PyDoc_STRVAR(
    doc_tick,
    "tick($self, /)\n--\n\n"
    "Wait for the next tick; gives the time it was due, in seconds of "
    "bide.now(). One that is\ndue is given at once. A cancelled tick() loses "
    "none. BusyError when another task waits.");
PyDoc_STRVAR(doc_reset, "reset($self, /)\n--\n\n"
                        "Let the next tick be due one period from now. "
                        "BusyError while a task waits.");
PyDoc_STRVAR(doc_interval,
             "Ticks at a fixed distance, from bide.interval().\n\n"
             "    async for when in bide.interval(1.0, missed='skip'):\n"
             "        ...");

static PyMethodDef methods[] = {
    {"tick", interval_tick, METH_NOARGS, doc_tick},
    {"reset", interval_reset, METH_NOARGS, doc_reset},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(interval, weakrefs), READONLY,
     NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef getters[] = {
    {"period", get_period, NULL, "Seconds between two ticks (float).", NULL},
    {"missed", get_missed, NULL, "'burst', 'delay' or 'skip'.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)doc_interval},
    {Py_tp_dealloc, interval_dealloc},
    {Py_tp_traverse, interval_traverse},
    {Py_tp_repr, interval_repr},
    {Py_am_aiter, PyObject_SelfIter},
    {Py_am_anext, interval_anext},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {Py_tp_getset, getters},
    {0, NULL},
};

PyType_Spec bidepy_interval_spec = {
    .name = "bide.Interval",
    .basicsize = sizeof(interval),
    .flags = BIDEPY_TYPE_FLAGS,
    .slots = slots,
};

PyMethodDef bidepy_interval_functions[] = {
    {"interval", (PyCFunction)(void (*)(void))interval_new,
     METH_FASTCALL | METH_KEYWORDS, doc_new},
    {NULL, NULL, 0, NULL}};
