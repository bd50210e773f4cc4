/* bide.Event: a flag that tasks wait for. */
#include "sync.h"

typedef struct event {
    BIDEPY_PRIMITIVE
    bide_event *event;
} event;

static bide_event *
core(const void *self)
{
    return ((const event *)self)->event;
}

static PyObject *
event_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name", NULL};
    static const bidepy_signature sig = {"Event", names, 0, 0};
    PyObject *given[1];
    if (bidepy_parse_tuple(&sig, args, kwargs, given) < 0)
        return NULL;
    event *self = bidepy_primitive_new(type, sizeof *self, given[0]);
    if (!self)
        return NULL;
    int rc = bide_event_new(self->label.cname, self->label.site, &self->event);
    return bidepy_primitive_made(self, rc);
}

static void
event_dealloc(PyObject *self)
{
    bidepy_primitive_clear(self);
    bide_event_unref(core(self));
    bidepy_primitive_free(self);
}

static int
wait_start(bidepy_op *op)
{
    int rc = bidepy_primitive_enter(op, "Event");
    return rc ? rc : bide_event_wait(core(op->owner), &op->wait);
}

static const bidepy_op_kind wait_kind = {
    .name = "Event.wait()",
    .start = wait_start,
    .flags = BIDEPY_OP_LEAF,
};

static PyObject *
event_wait(PyObject *self, PyObject *unused)
{
    (void)unused;
    return (PyObject *)bidepy_op_new(bidepy_of(self), &wait_kind, self);
}

static PyObject *
event_set(PyObject *self, PyObject *unused)
{
    (void)unused;
    event *e = (event *)self;
    if (bidepy_primitive_bind(e, "Event") < 0)
        return NULL;
    bide_event_set(e->event);
    Py_RETURN_NONE;
}

static PyObject *
event_clear(PyObject *self, PyObject *unused)
{
    (void)unused;
    event *e = (event *)self;
    if (bidepy_primitive_bind(e, "Event") < 0)
        return NULL;
    bide_event_clear(e->event);
    Py_RETURN_NONE;
}

static PyObject *
event_is_set(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(bide_event_is_set(core(self)));
}

static PyObject *
event_waiters(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(bide_event_waiters(core(self)));
}

static PyObject *
event_repr(PyObject *self)
{
    event *e = (event *)self;
    char detail[64];
    if (bide_event_is_set(e->event))
        return bidepy_label_repr(&e->label, self, "set");
    PyOS_snprintf(detail, sizeof detail, "clear, %zu waiting",
                  bide_event_waiters(e->event));
    return bidepy_label_repr(&e->label, self, detail);
}

PyDoc_STRVAR(doc_wait, "wait($self, /)\n--\n\n"
                       "Wait until the event is set; at once if it is.");
PyDoc_STRVAR(doc_set,
             "set($self, /)\n--\n\n"
             "Set the event and wake all who wait now, even if it is cleared "
             "before they run.\nFor the runtime's thread; from another one use "
             "a Future or a Channel.");
PyDoc_STRVAR(doc_clear, "clear($self, /)\n--\n\n"
                        "Make later waits wait again.");
PyDoc_STRVAR(doc_is_set, "is_set($self, /)\n--\n\n"
                         "Whether the event is set (bool).");
PyDoc_STRVAR(doc_event, "Event(*, name=None)\n--\n\n"
                        "A flag that tasks wait for, clear at first.");

static PyMethodDef methods[] = {
    {"wait", event_wait, METH_NOARGS, doc_wait},
    {"set", event_set, METH_NOARGS, doc_set},
    {"clear", event_clear, METH_NOARGS, doc_clear},
    {"is_set", event_is_set, METH_NOARGS, doc_is_set},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getters[] = {
    {"waiters", event_waiters, NULL, "How many tasks wait (int).", NULL},
    BIDEPY_PRIMITIVE_NAME,
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)doc_event},
    {Py_tp_new, event_new},
    {Py_tp_dealloc, event_dealloc},
    {Py_tp_traverse, bidepy_primitive_traverse},
    {Py_tp_repr, event_repr},
    {Py_tp_methods, methods},
    {Py_tp_members, bidepy_primitive_members},
    {Py_tp_getset, getters},
    {0, NULL},
};

PyType_Spec bidepy_event_spec = {
    .name = "bide.Event",
    .basicsize = sizeof(event),
    .flags = BIDEPY_CALLABLE_TYPE_FLAGS,
    .slots = slots,
};
