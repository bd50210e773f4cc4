/* The side of bide.Channel that threads see: calls that block. */
#include "channel.h"

/* -- threads -------------------------------------------------------------- */

static int
refuse_loop_thread(bidepy_channel *self, const char *method,
                   const char *instead)
{
    if (!bide_loop_current())
        return 0;
    bidepy_raise(self->st, BIDE_EDEADLOCK,
                 "%s would stop every task of the runtime on this thread; use "
                 "`await %s`, or call it in spawn_blocking()",
                 method, instead);
    return -1;
}

/* Only the main thread is told of signals: its waits are cut into slices, so
 * that Ctrl-C ends them. -1 with an exception. */
static int
is_main_thread(void)
{
    PyObject *threading = PyImport_ImportModule("threading");
    PyObject *main =
        threading ? PyObject_CallMethod(threading, "main_thread", NULL) : NULL;
    PyObject *ident = main ? PyObject_GetAttrString(main, "ident") : NULL;
    unsigned long id = ident ? PyLong_AsUnsignedLong(ident) : 0;
    Py_XDECREF(threading);
    Py_XDECREF(main);
    Py_XDECREF(ident);
    if (PyErr_Occurred())
        return -1;
    return id == PyThread_get_thread_ident();
}

static const int64_t slice = INT64_C(100000000);

/* Blocks without the GIL: sends `*v`, or receives into it. */
static int
block(bide_channel *ch, bool send, bide_value *v, int64_t timeout)
{
    int main = is_main_thread();
    if (main < 0)
        return BIDE_EHOST;
    for (;;) {
        int64_t now = main && timeout > slice ? slice : timeout;
        int rc;
        Py_BEGIN_ALLOW_THREADS rc =
            send ? bide_channel_send_blocking(ch, *v, now)
                 : bide_channel_recv_blocking(ch, v, now);
        Py_END_ALLOW_THREADS if (rc != BIDE_ETIMEDOUT ||
                                 now == timeout) return rc;
        if (timeout != BIDE_FOREVER)
            timeout -= now;
        if (PyErr_CheckSignals() < 0)
            return BIDE_EHOST;
    }
}

PyObject *
bidepy_channel_send_blocking(PyObject *self, PyObject *const *args,
                             Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"value", "timeout", NULL};
    static const bidepy_signature sig = {"send_blocking", names, 1, 2};
    PyObject *given[2];
    int64_t timeout;
    bidepy_channel *ch = (bidepy_channel *)self;
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        bidepy_duration(given[1], "timeout", &timeout) < 0 ||
        refuse_loop_thread(ch, "send_blocking()", "channel.send()") < 0)
        return NULL;
    bide_value v = bidepy_value(Py_NewRef(given[0]));
    int rc = bide_channel_try_send(ch->channel, v);
    if (rc == BIDE_EWOULDBLOCK)
        rc = block(ch->channel, true, &v, timeout);
    if (rc == 0)
        Py_RETURN_NONE;
    Py_DECREF(bidepy_object_of(v));
    return bidepy_channel_raise(ch, rc, "send_blocking()");
}

/* New reference, or NULL with `*rc` an error and no exception yet (unless it
 * is BIDE_EHOST). */
static PyObject *
recv_blocking(bidepy_channel *ch, int64_t timeout, int *rc)
{
    bide_value v;
    *rc = bide_channel_try_recv(ch->channel, &v);
    if (*rc == BIDE_EWOULDBLOCK)
        *rc = block(ch->channel, false, &v, timeout);
    return *rc == 0 ? bidepy_object_of(v) : NULL;
}

PyObject *
bidepy_channel_recv_blocking(PyObject *self, PyObject *const *args,
                             Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"timeout", NULL};
    static const bidepy_signature sig = {"recv_blocking", names, 0, 1};
    PyObject *given[1];
    int64_t timeout;
    int rc;
    bidepy_channel *ch = (bidepy_channel *)self;
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        bidepy_duration(given[0], "timeout", &timeout) < 0 ||
        refuse_loop_thread(ch, "recv_blocking()", "channel.recv()") < 0)
        return NULL;
    PyObject *value = recv_blocking(ch, timeout, &rc);
    return value ? value : bidepy_channel_raise(ch, rc, "recv_blocking()");
}

typedef struct iterator {
    BIDEPY_HEAD
    PyObject *channel;
} iterator;

PyObject *
bidepy_channel_iter_blocking(PyObject *self, PyObject *unused)
{
    (void)unused;
    bidepy_state *st = bidepy_of(self);
    iterator *it = bidepy_alloc(st, st->type.channel_iterator, NULL);
    if (!it)
        return NULL;
    it->channel = Py_NewRef(self);
    PyObject_GC_Track(it);
    return (PyObject *)it;
}

static PyObject *
iterator_next(PyObject *self)
{
    bidepy_channel *ch = (bidepy_channel *)((iterator *)self)->channel;
    if (refuse_loop_thread(ch, "iter_blocking()", "channel.recv()") < 0)
        return NULL;
    int rc;
    PyObject *value = recv_blocking(ch, BIDE_FOREVER, &rc);
    if (value || rc == BIDE_ECLOSED)
        return value;
    return bidepy_channel_raise(ch, rc, "iter_blocking()");
}

static int
iterator_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((iterator *)self)->channel);
    return 0;
}

static void
iterator_dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    Py_DECREF(((iterator *)self)->channel);
    bidepy_free(self, NULL);
}

static PyType_Slot iterator_slots[] = {
    {Py_tp_doc, "Receives from a Channel on a thread, until it is closed."},
    {Py_tp_dealloc, iterator_dealloc},
    {Py_tp_traverse, iterator_traverse},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, iterator_next},
    {0, NULL},
};

PyType_Spec bidepy_channel_iterator_spec = {
    .name = "bide._core.ChannelIterator",
    .basicsize = sizeof(iterator),
    .flags = BIDEPY_TYPE_FLAGS,
    .slots = iterator_slots,
};
