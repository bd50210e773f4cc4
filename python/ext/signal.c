/* bide.Signals: signals of the process as what tasks wait for. What Ctrl-C does
 * to a run that does not listen for it is in signals.c. */
#include "bidepy.h"
#include "stream.h"

enum { MOST = 64 };

typedef struct listener {
    BIDEPY_HEAD
    bide_signal *signals;
    size_t count; /* of what was given last */
    PyObject *weakrefs;
} listener;

static bide_signal *
core(const void *self)
{
    return ((const listener *)self)->signals;
}

/* -- life ----------------------------------------------------------------- */

static int
parse_signals(PyObject *const *args, Py_ssize_t nargs, int *out)
{
    if (nargs < 1 || nargs > MOST) {
        PyErr_Format(PyExc_TypeError,
                     "signals() takes 1 to %d signals (%zd given)", MOST,
                     nargs);
        return -1;
    }
    for (Py_ssize_t i = 0; i < nargs; i++) {
        if (!PyLong_Check(args[i])) {
            PyErr_Format(PyExc_TypeError,
                         "signals must be ints such as signal.SIGUSR1, not "
                         "%.100s",
                         Py_TYPE(args[i])->tp_name);
            return -1;
        }
        int overflow;
        long number = PyLong_AsLongAndOverflow(args[i], &overflow);
        out[i] = overflow || number != (int)number ? -1 : (int)number;
    }
    return 0;
}

static PyObject *
refused(bidepy_state *st, int rc, PyObject *const *args, Py_ssize_t nargs)
{
    if (rc != BIDE_EINVALID)
        return bidepy_raise(st, rc, "signals()");
    PyObject *list = PyTuple_New(nargs);
    if (!list)
        return NULL;
    for (Py_ssize_t i = 0; i < nargs; i++)
        PyTuple_SET_ITEM(list, i, Py_NewRef(args[i]));
    PyErr_Format(PyExc_ValueError,
                 "signals(): different signals that can be caught are needed "
                 "(not SIGKILL, SIGSTOP or those of a fault), got %R",
                 list);
    Py_DECREF(list);
    return NULL;
}

PyDoc_STRVAR(
    doc_new,
    "signals($module, /, *signums)\n--\n\n"
    "Listen for signals of the process, from now on until the Signals object "
    "is closed.\n\n"
    "    with bide.signals(signal.SIGUSR1, signal.SIGHUP) as caught:\n"
    "        async for signum in caught:\n"
    "            ...\n\n"
    "Meanwhile their default action is off; handlers of signal.signal() that "
    "were set before\nare called too. bide.run() leaves SIGINT alone while "
    "anyone listens for it. Every\nlistener gets each signal. Unlike "
    "signal.signal() it works in any thread that runs a\nruntime: the system "
    "delivers to the process, and the core hands on to each loop. A\n"
    "signal.signal() for the same signal while listening takes it away.\n"
    "ValueError for signals that cannot be caught.");

static PyObject *
signals_new(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    bidepy_state *st = bidepy_of_module(module);
    int signums[MOST];
    if (parse_signals(args, nargs, signums) < 0)
        return NULL;
    bidepy_runtime *runtime = bidepy_runtime_here(st, "bide.signals()");
    if (!runtime)
        return NULL;
    bide_signal *s;
    int rc = bide_signal_new(runtime->loop, signums, (size_t)nargs, &s);
    if (rc)
        return refused(st, rc, args, nargs);
    listener *self = bidepy_alloc(st, st->type.signals, NULL);
    if (!self) {
        bide_signal_unref(s);
        return NULL;
    }
    self->signals = s;
    self->count = 0;
    self->weakrefs = NULL;
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

static int
signals_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static void
signals_dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    if (((listener *)self)->weakrefs)
        PyObject_ClearWeakRefs(self);
    bide_signal_unref(core(self));
    bidepy_free(self, NULL);
}

/* -- waiting -------------------------------------------------------------- */

static int
wait_start(bidepy_op *op)
{
    return bide_signal_wait(core(op->owner), &op->wait);
}

static PyObject *
wait_finish(bidepy_op *op)
{
    ((listener *)op->owner)->count = op->wait.u.count;
    return PyLong_FromLongLong(op->wait.value.as.integer);
}

static PyObject *
wait_fail(bidepy_op *op, int status)
{
    if (status == BIDE_ECLOSED)
        return bidepy_raise(op->st, status,
                            "Signals.wait(): no longer "
                            "listening, close() was called");
    return bidepy_raise(op->st, status, "%s: %s", op->kind->name,
                        bide_strerror(status));
}

static const bidepy_op_kind wait_kind = {
    .name = "Signals.wait()",
    .start = wait_start,
    .finish = wait_finish,
    .fail = wait_fail,
    .flags = BIDEPY_OP_LEAF,
};

static PyObject *
signals_wait(PyObject *self, PyObject *unused)
{
    (void)unused;
    return (PyObject *)bidepy_op_new(bidepy_of(self), &wait_kind, self);
}

static PyObject *
next_fail(bidepy_op *op, int status)
{
    if (status != BIDE_ECLOSED)
        return wait_fail(op, status);
    PyErr_SetNone(PyExc_StopAsyncIteration);
    return NULL;
}

static const bidepy_op_kind next_kind = {
    .name = "Signals.__anext__()",
    .start = wait_start,
    .finish = wait_finish,
    .fail = next_fail,
    .flags = BIDEPY_OP_LEAF,
};

static PyObject *
signals_anext(PyObject *self)
{
    return (PyObject *)bidepy_op_new(bidepy_of(self), &next_kind, self);
}

/* -- closing -------------------------------------------------------------- */

static PyObject *
signals_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (bide_signal_closed(core(self)))
        Py_RETURN_NONE;
    if (bidepy_stream_check(bidepy_of(self), bide_signal_loop(core(self)),
                            "Signals object") < 0)
        return NULL;
    bide_signal_close(core(self));
    Py_RETURN_NONE;
}

static PyObject *
signals_enter(PyObject *self, PyObject *unused)
{
    (void)unused;
    return Py_NewRef(self);
}

static PyObject *
signals_exit(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    (void)args;
    (void)nargs;
    return signals_close(self, NULL);
}

/* -- the type ------------------------------------------------------------- */

static PyObject *
get_count(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(((listener *)self)->count);
}

static PyObject *
get_closed(PyObject *self, void *closure)
{
    (void)closure;
    return PyBool_FromLong(bide_signal_closed(core(self)));
}

PyDoc_STRVAR(doc_wait,
             "wait($self, /)\n--\n\n"
             "Wait for one of the signals; gives its number (int). Signals are "
             "counted, not queued:\nwhat came in the meantime is one result, "
             "see `count`. Each goes to one of the tasks that\nwait on this "
             "object. A cancelled wait loses none. ClosedError after close().");
PyDoc_STRVAR(doc_close,
             "close($self, /)\n--\n\n"
             "Stop listening; what was before the first listener is put back "
             "after the last. Waits\nend with ClosedError, iteration ends. "
             "Closing twice is fine.");
PyDoc_STRVAR(doc_signals,
             "Listens for signals of the process, from bide.signals(). Closed "
             "at the end of a `with`\nblock, and when it is dropped.");

static PyMethodDef methods[] = {
    {"wait", signals_wait, METH_NOARGS, doc_wait},
    {"close", signals_close, METH_NOARGS, doc_close},
    {"__enter__", signals_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void (*)(void))signals_exit, METH_FASTCALL,
     NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(listener, weakrefs), READONLY,
     NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef getters[] = {
    {"count", get_count, NULL,
     "How many times the signal given last had been raised since it was given\n"
     "before (int).",
     NULL},
    {"closed", get_closed, NULL, "Whether it is closed (bool).", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)doc_signals},
    {Py_tp_dealloc, signals_dealloc},
    {Py_tp_traverse, signals_traverse},
    {Py_am_aiter, PyObject_SelfIter},
    {Py_am_anext, signals_anext},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {Py_tp_getset, getters},
    {0, NULL},
};

PyType_Spec bidepy_signals_spec = {
    .name = "bide.Signals",
    .basicsize = sizeof(listener),
    .flags = BIDEPY_TYPE_FLAGS,
    .slots = slots,
};

PyMethodDef bidepy_signal_functions[] = {
    {"signals", (PyCFunction)(void (*)(void))signals_new, METH_FASTCALL,
     doc_new},
    {NULL, NULL, 0, NULL}};
