/* What Python sees of a socket's transport: an asyncio.Transport. */
#include "aio.h"
#include "transport.h"

static bidepy_transport *
of(PyObject *self)
{
    return (bidepy_transport *)self;
}

static PyObject *
none_if(int rc)
{
    if (rc)
        return NULL;
    Py_RETURN_NONE;
}

/* -- state ---------------------------------------------------------------- */

static PyObject *
get_extra_info(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
               PyObject *kwnames)
{
    static const char *const names[] = {"name", "default", NULL};
    static const bidepy_signature sig = {"get_extra_info", names, 1, 2};
    PyObject *in[2];
    if (bidepy_parse(&sig, args, nargs, kwnames, in))
        return NULL;
    PyObject *value = PyDict_GetItemWithError(of(self)->extra, in[0]);
    if (!value && PyErr_Occurred())
        return NULL;
    return Py_NewRef(value ? value : in[1] ? in[1] : Py_None);
}

static PyObject *
is_closing(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(of(self)->closing);
}

static PyObject *
is_reading(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(bidepy_transport_is_reading(of(self)));
}

static PyObject *
set_protocol(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
             PyObject *kwnames)
{
    static const char *const names[] = {"protocol", NULL};
    static const bidepy_signature sig = {"set_protocol", names, 1, 1};
    PyObject *protocol = bidepy_parse_one(&sig, args, nargs, kwnames);
    if (!protocol)
        return NULL;
    return none_if(bidepy_transport_set_protocol(of(self), protocol));
}

static PyObject *
get_protocol(PyObject *self, PyObject *unused)
{
    (void)unused;
    PyObject *protocol = of(self)->protocol;
    return Py_NewRef(protocol ? protocol : Py_None);
}

/* -- reading -------------------------------------------------------------- */

static PyObject *
pause_reading(PyObject *self, PyObject *unused)
{
    (void)unused;
    bidepy_transport *t = of(self);
    if (!bidepy_transport_is_reading(t))
        Py_RETURN_NONE;
    t->paused = true;
    if (bidepy_transport_want(t))
        return NULL;
    return none_if(bidepy_net_debug(bidepy_transport_net(t), t->loop,
                                    "%r pauses reading", self));
}

static PyObject *
resume_reading(PyObject *self, PyObject *unused)
{
    (void)unused;
    bidepy_transport *t = of(self);
    if (t->closing || !t->paused)
        Py_RETURN_NONE;
    t->paused = false;
    if (bidepy_transport_start_reading(t))
        return NULL;
    return none_if(bidepy_net_debug(bidepy_transport_net(t), t->loop,
                                    "%r resumes reading", self));
}

/* Scheduled behind connection_made, which may have paused or closed. */
static PyObject *
start_reading(PyObject *self, PyObject *unused)
{
    (void)unused;
    bidepy_transport *t = of(self);
    if (!bidepy_transport_is_reading(t))
        Py_RETURN_NONE;
    return none_if(bidepy_transport_start_reading(t));
}

/* -- writing -------------------------------------------------------------- */

static PyObject *
transport_write(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                PyObject *kwnames)
{
    static const char *const names[] = {"data", NULL};
    static const bidepy_signature sig = {"write", names, 1, 1};
    PyObject *data = bidepy_parse_one(&sig, args, nargs, kwnames);
    return data ? none_if(bidepy_transport_write(of(self), data)) : NULL;
}

static PyObject *
writelines(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
           PyObject *kwnames)
{
    static const char *const names[] = {"list_of_data", NULL};
    static const bidepy_signature sig = {"writelines", names, 1, 1};
    PyObject *list = bidepy_parse_one(&sig, args, nargs, kwnames);
    return list ? none_if(bidepy_transport_writelines(of(self), list)) : NULL;
}

static PyObject *
write_eof(PyObject *self, PyObject *unused)
{
    (void)unused;
    return none_if(bidepy_transport_write_eof(of(self)));
}

static PyObject *
can_write_eof(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    Py_RETURN_TRUE;
}

static PyObject *
set_write_buffer_limits(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                        PyObject *kwnames)
{
    static const char *const names[] = {"high", "low", NULL};
    static const bidepy_signature sig = {"set_write_buffer_limits", names, 0,
                                         2};
    PyObject *in[2];
    if (bidepy_parse(&sig, args, nargs, kwnames, in) ||
        bidepy_transport_uncork(of(self)) ||
        bidepy_transport_set_limits(of(self), in[0], in[1]))
        return NULL;
    return none_if(bidepy_transport_maybe_pause(of(self)));
}

static PyObject *
get_write_buffer_size(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (bidepy_transport_uncork(of(self)))
        return NULL;
    return PyLong_FromSize_t(of(self)->queue.size);
}

static PyObject *
get_write_buffer_limits(PyObject *self, PyObject *unused)
{
    (void)unused;
    return Py_BuildValue("(nn)", (Py_ssize_t)of(self)->low,
                         (Py_ssize_t)of(self)->high);
}

/* -- the end -------------------------------------------------------------- */

static PyObject *
transport_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    return none_if(bidepy_transport_close(of(self)));
}

static PyObject *
transport_abort(PyObject *self, PyObject *unused)
{
    (void)unused;
    return none_if(bidepy_transport_force_close(of(self), Py_None));
}

static PyObject *
force_close(PyObject *self, PyObject *exc)
{
    return none_if(bidepy_transport_force_close(of(self), exc));
}

static PyObject *
call_connection_lost(PyObject *self, PyObject *exc)
{
    return none_if(bidepy_transport_lost(of(self), exc));
}

/* -- for asyncio's sendfile ----------------------------------------------- */

static PyObject *
make_empty_waiter(PyObject *self, PyObject *unused)
{
    (void)unused;
    bidepy_transport *t = of(self);
    bidepy_net *net = bidepy_transport_net(t);
    if (t->empty_waiter) {
        PyErr_SetString(PyExc_RuntimeError, "Empty waiter is already set");
        return NULL;
    }
    if (bidepy_transport_uncork(t))
        return NULL;
    if (!t->loop) {
        PyErr_SetString(PyExc_RuntimeError, "Transport is closed");
        return NULL;
    }
    t->empty_waiter = bidepy_net_ask(t->loop, net->str.create_future, NULL);
    if (!t->empty_waiter)
        return NULL;
    if (t->queue.count == 0 &&
        bidepy_net_tell(t->empty_waiter, net->str.set_result, Py_None)) {
        Py_CLEAR(t->empty_waiter);
        return NULL;
    }
    return Py_NewRef(t->empty_waiter);
}

static PyObject *
reset_empty_waiter(PyObject *self, PyObject *unused)
{
    (void)unused;
    Py_CLEAR(of(self)->empty_waiter);
    Py_RETURN_NONE;
}

static PyObject *
unwatch(PyObject *self, PyObject *unused)
{
    (void)unused;
    return none_if(bidepy_transport_unwatch(of(self)));
}

static PyObject *
watch(PyObject *self, PyObject *unused)
{
    (void)unused;
    bidepy_transport *t = of(self);
    if (!t->loop || t->watch)
        Py_RETURN_NONE;
    return none_if(bidepy_transport_watch(t));
}

/* -- looks ---------------------------------------------------------------- */

static PyObject *
transport_repr(PyObject *self)
{
    bidepy_transport *t = of(self);
    const char *name = bidepy_net_type_name(self);
    const char *state = !t->sock ? " closed" : t->closing ? " closing" : "";
    if (!t->loop || ((bidepy_loop *)t->loop)->closed)
        return PyUnicode_FromFormat("<%s%s fd=%d>", name, state, t->fd);
    int events = t->watch ? bide_watch_wanted(t->watch) : 0;
    return PyUnicode_FromFormat("<%s%s fd=%d read=%s write=<%s, bufsize=%zu>>",
                                name, state, t->fd,
                                events & BIDE_READABLE ? "polling" : "idle",
                                events & BIDE_WRITABLE ? "polling" : "idle",
                                t->corked ? 0 : t->queue.size);
}

static int
transport_traverse(PyObject *self, visitproc visit, void *arg)
{
    bidepy_transport *t = of(self);
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(t->extra);
    Py_VISIT(t->dict);
    Py_VISIT(t->loop);
    Py_VISIT(t->sock);
    Py_VISIT(t->protocol);
    Py_VISIT(t->server);
    Py_VISIT(t->watched);
    Py_VISIT(t->read_context);
    Py_VISIT(t->write_context);
    Py_VISIT(t->empty_waiter);
    return 0;
}

static int
transport_clear(PyObject *self)
{
    bidepy_transport *t = of(self);
    Py_CLEAR(t->extra);
    Py_CLEAR(t->dict);
    Py_CLEAR(t->loop);
    Py_CLEAR(t->sock);
    Py_CLEAR(t->protocol);
    Py_CLEAR(t->server);
    Py_CLEAR(t->watched);
    Py_CLEAR(t->read_context);
    Py_CLEAR(t->write_context);
    Py_CLEAR(t->empty_waiter);
    return 0;
}

static void
transport_dealloc(PyObject *self)
{
    bidepy_transport *t = of(self);
    bidepy_state *st = t->st;
    if (PyObject_CallFinalizerFromDealloc(self) < 0)
        return;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (t->weakrefs)
        PyObject_ClearWeakRefs(self);
    bide_watch_unref(t->watch);
    bidepy_sendq_clear(&t->queue);
    transport_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
    if (st && --st->live == 0)
        bidepy_state_drop(st);
}

/* -- the type ------------------------------------------------------------- */

#define FASTCALL (METH_FASTCALL | METH_KEYWORDS)

static PyMethodDef methods[] = {
    {"get_extra_info", BIDEPY_METHOD(get_extra_info), FASTCALL,
     "get_extra_info($self, name, default=None)\n--\n\n"
     "What is known of the connection: socket, sockname, peername, ..."},
    {"is_closing", is_closing, METH_NOARGS,
     "is_closing($self)\n--\n\nWhether it is closing or closed."},
    {"is_reading", is_reading, METH_NOARGS,
     "is_reading($self)\n--\n\nWhether data arrives."},
    {"set_protocol", BIDEPY_METHOD(set_protocol), FASTCALL,
     "set_protocol($self, protocol)\n--\n\nHave another protocol."},
    {"get_protocol", get_protocol, METH_NOARGS,
     "get_protocol($self)\n--\n\nThe present protocol."},
    {"pause_reading", pause_reading, METH_NOARGS,
     "pause_reading($self)\n--\n\nNo data_received() until resume_reading()."},
    {"resume_reading", resume_reading, METH_NOARGS,
     "resume_reading($self)\n--\n\nData arrives again."},
    {"_start_reading", start_reading, METH_NOARGS, NULL},
    {"write", BIDEPY_METHOD(transport_write), FASTCALL,
     "write($self, data)\n--\n\nSend bytes, or queue them."},
    {"writelines", BIDEPY_METHOD(writelines), FASTCALL,
     "writelines($self, list_of_data)\n--\n\nSend several pieces."},
    {"write_eof", write_eof, METH_NOARGS,
     "write_eof($self)\n--\n\nClose the writing end behind what is queued."},
    {"can_write_eof", can_write_eof, METH_NOARGS,
     "can_write_eof($self)\n--\n\nTrue."},
    {"set_write_buffer_limits", BIDEPY_METHOD(set_write_buffer_limits),
     FASTCALL,
     "set_write_buffer_limits($self, high=None, low=None)\n--\n\n"
     "Water marks of the queue, for pause_writing and resume_writing."},
    {"get_write_buffer_size", get_write_buffer_size, METH_NOARGS,
     "get_write_buffer_size($self)\n--\n\nHow many bytes are queued."},
    {"get_write_buffer_limits", get_write_buffer_limits, METH_NOARGS,
     "get_write_buffer_limits($self)\n--\n\nThe water marks: (low, high)."},
    {"close", transport_close, METH_NOARGS,
     "close($self)\n--\n\nClose once what is queued is out."},
    {"abort", transport_abort, METH_NOARGS,
     "abort($self)\n--\n\nClose at once."},
    {"_force_close", force_close, METH_O, NULL},
    {"_call_connection_lost", call_connection_lost, METH_O, NULL},
    {"_make_empty_waiter", make_empty_waiter, METH_NOARGS, NULL},
    {"_reset_empty_waiter", reset_empty_waiter, METH_NOARGS, NULL},
    {"_unwatch", unwatch, METH_NOARGS, NULL},
    {"_watch", watch, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL}};

#define OBJECT(name, field)                                                    \
    {                                                                          \
        name, T_OBJECT, offsetof(bidepy_transport, field), READONLY, NULL      \
    }
#define FLAG(name, field)                                                      \
    {                                                                          \
        name, T_BOOL, offsetof(bidepy_transport, field), READONLY, NULL        \
    }

static PyMemberDef members[] = {
    OBJECT("_loop", loop),
    OBJECT("_sock", sock),
    OBJECT("_protocol", protocol),
    OBJECT("_server", server),
    OBJECT("_empty_waiter", empty_waiter),
    FLAG("_closing", closing),
    FLAG("_paused", paused),
    FLAG("_eof", eof),
    FLAG("_protocol_paused", protocol_paused),
    {"_sock_fd", T_INT, offsetof(bidepy_transport, fd), READONLY, NULL},
    {"_conn_lost", T_UINT, offsetof(bidepy_transport, conn_lost), READONLY,
     NULL},
    {"__dictoffset__", T_PYSSIZET, offsetof(bidepy_transport, dict), READONLY,
     NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(bidepy_transport, weakrefs),
     READONLY, NULL},
    {NULL, 0, 0, 0, NULL}};

static PyType_Slot slots[] = {
    {Py_tp_doc, "A socket's transport; made by the loop."},
    {Py_tp_dealloc, transport_dealloc},
    {Py_tp_traverse, transport_traverse},
    {Py_tp_clear, transport_clear},
    {Py_tp_finalize, bidepy_transport_finalize},
    {Py_tp_repr, transport_repr},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {0, NULL}};

static PyType_Spec spec = {
    .name = "bide._core.SocketTransport",
    .basicsize = sizeof(bidepy_transport),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};

/* asyncio's class has slots, of which `_extra` comes first, where our struct
 * has room for them. */
static int
check_layout(PyObject *base)
{
    PyTypeObject *type = (PyTypeObject *)base;
    if ((size_t)type->tp_basicsize <= offsetof(bidepy_transport, dict))
        return 0;
    PyErr_SetString(PyExc_ImportError,
                    "bide: asyncio.Transport has a layout that this build does "
                    "not know; it supports CPython 3.11 to 3.13");
    return -1;
}

static int
set_flag(PyTypeObject *type, const char *name, PyObject *value)
{
    return PyObject_SetAttrString((PyObject *)type, name, value);
}

static int
mark_compatible(PyTypeObject *type)
{
    PyObject *module = PyImport_ImportModule("asyncio.constants");
    PyObject *modes =
        module ? PyObject_GetAttrString(module, "_SendfileMode") : NULL;
    PyObject *mode = modes ? PyObject_GetAttrString(modes, "TRY_NATIVE") : NULL;
    int rc = -1;
    if (mode && set_flag(type, "_sendfile_compatible", mode) == 0)
        rc = set_flag(type, "_start_tls_compatible", Py_True);
    Py_XDECREF(mode);
    Py_XDECREF(modes);
    Py_XDECREF(module);
    return rc;
}

int
bidepy_transport_types(bidepy_state *st, bidepy_net *net)
{
    static PyMethodDef readable = {"_on_readable", bidepy_transport_on_readable,
                                   METH_O, NULL};
    static PyMethodDef writable = {"_on_writable", bidepy_transport_on_writable,
                                   METH_O, NULL};
    PyObject *module = PyType_GetModule(st->type.op);
    if (!module || check_layout(net->transport_base))
        return -1;
    net->type.socket = (PyTypeObject *)PyType_FromModuleAndSpec(
        module, &spec, net->transport_base);
    if (!net->type.socket || mark_compatible(net->type.socket))
        return -1;
    net->on_readable = PyCFunction_New(&readable, NULL);
    net->on_writable = PyCFunction_New(&writable, NULL);
    return net->on_readable && net->on_writable ? 0 : -1;
}
