/* Writing to asyncio's streams, and the types of all of them: see streams.h. */
#include "streams.h"

#include "transport.h"

bidepy_state *
bidepy_stream_state(PyObject *self)
{
    PyObject *module = PyType_GetModuleByDef(Py_TYPE(self), &bidepy_module);
    bidepy_state *st = module ? bidepy_of_module(module) : NULL;
    if (!st || st->net)
        return st;
    bidepy_no_object(NULL); /* the module is gone */
    return NULL;
}

static PyObject *
none_if(int rc)
{
    if (rc)
        return NULL;
    Py_RETURN_NONE;
}

/* -- writing -------------------------------------------------------------- */

static PyObject *
writer_write(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
             PyObject *kwnames)
{
    static const char *const names[] = {"data", NULL};
    static const bidepy_signature sig = {"write", names, 1, 1};
    PyObject *data = bidepy_parse_one(&sig, args, nargs, kwnames);
    bidepy_state *st = data ? bidepy_stream_state(self) : NULL;
    PyObject *transport =
        st ? bidepy_net_get(self, st->net->str._transport) : NULL;
    if (!transport)
        return NULL;
    int rc = Py_IS_TYPE(transport, st->net->type.socket)
                 ? bidepy_transport_write((bidepy_transport *)transport, data)
                 : bidepy_net_tell(transport, st->net->str.write, data);
    Py_DECREF(transport);
    return none_if(rc);
}

/* 1: the reader has none; 0: it has, or who knows; -1. */
static int
has_no_exception(PyObject *writer, const bidepy_net *net)
{
    PyObject *reader = bidepy_net_get(writer, net->str._reader);
    PyObject *exc = NULL;
    int rc = reader == Py_None ? 1 : reader ? 0 : -1;
    if (rc == 0 && Py_IS_TYPE(reader, net->type.stream_reader)) {
        exc = bidepy_net_get(reader, net->str._exception);
        rc = exc ? exc == Py_None : -1;
    }
    Py_XDECREF(exc);
    Py_XDECREF(reader);
    return rc;
}

static int
is_open(PyObject *writer, const bidepy_net *net)
{
    PyObject *transport = bidepy_net_get(writer, net->str._transport);
    int closing = -1;
    if (transport && Py_IS_TYPE(transport, net->type.socket)) {
        closing = ((bidepy_transport *)transport)->closing;
    } else if (transport) {
        PyObject *told = bidepy_net_ask(transport, net->str.is_closing, NULL);
        closing = told ? PyObject_IsTrue(told) : -1;
        Py_XDECREF(told);
    }
    Py_XDECREF(transport);
    return closing < 0 ? -1 : !closing;
}

static int
may_go_on(PyObject *writer, const bidepy_net *net)
{
    PyObject *protocol = bidepy_net_get(writer, net->str._protocol);
    int rc = protocol ? 0 : -1;
    if (rc == 0 && Py_IS_TYPE(protocol, net->type.stream_protocol)) {
        int lost = bidepy_net_flag(protocol, net->str._connection_lost);
        int paused = lost ? 0 : bidepy_net_flag(protocol, net->str._paused);
        rc = lost < 0 || paused < 0 ? -1 : !lost && !paused;
    }
    Py_XDECREF(protocol);
    return rc;
}

static bidepy_stream_step
drain_step(bidepy_stream_call *c, PyObject **result)
{
    bidepy_net *net = c->st->net;
    int rc = has_no_exception(c->subject, net);
    if (rc > 0)
        rc = is_open(c->subject, net);
    if (rc > 0)
        rc = may_go_on(c->subject, net);
    if (rc > 0) {
        *result = Py_NewRef(Py_None);
        return BIDEPY_STREAM_READY;
    }
    return rc ? BIDEPY_STREAM_ERROR : BIDEPY_STREAM_LEND;
}

static const bidepy_stream_kind drain_kind = {"StreamWriter.drain", "drain",
                                              drain_step};

static PyObject *
writer_drain(PyObject *self, PyObject *unused)
{
    (void)unused;
    bidepy_state *st = bidepy_stream_state(self);
    return st ? bidepy_stream_call_new(st, &drain_kind, self, NULL, 0) : NULL;
}

/* -- the types ------------------------------------------------------------ */

static PyMethodDef writer_methods[] = {
    {"write", BIDEPY_METHOD(writer_write), METH_FASTCALL | METH_KEYWORDS,
     "write($self, data)\n--\n\nSend bytes, or queue them."},
    {"drain", writer_drain, METH_NOARGS,
     "drain($self)\n--\n\nWait until there is room to write."},
    {NULL, NULL, 0, NULL}};

static PyTypeObject *
make(PyObject *module, const char *name, PyMethodDef *methods, PyObject *base)
{
    PyType_Slot slots[] = {{Py_tp_methods, methods}, {0, NULL}};
    PyType_Spec spec = {.name = name,
                        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
                        .slots = slots};
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, base);
}

int
bidepy_stream_types(bidepy_state *st, bidepy_net *net)
{
    PyObject *module = PyType_GetModule(st->type.op);
    if (!module)
        return -1;
    net->type.stream_reader =
        make(module, "bide._core.StreamReader", bidepy_stream_reader_methods,
             net->stream_reader_base);
    if (net->type.stream_reader)
        net->type.stream_protocol =
            make(module, "bide._core.StreamReaderProtocol",
                 bidepy_stream_protocol_methods, net->stream_protocol_base);
    if (net->type.stream_protocol)
        net->type.stream_writer = make(module, "bide._core.StreamWriter",
                                       writer_methods, net->stream_writer_base);
    return net->type.stream_writer ? 0 : -1;
}
