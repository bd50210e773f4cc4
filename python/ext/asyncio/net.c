/* What the asyncio half keeps of asyncio, and calls that all its files make. */
#include "net.h"

#include "aio.h"
#include "streams.h"
#include "transport.h"

enum { LINE = 64 };

/* -- what is kept --------------------------------------------------------- */

static int
import_objects(bidepy_net *net)
{
    const struct {
        PyObject **slot;
        const char *module, *name;
    } rows[] = {
#define X(field, module, name) {&net->field, module, name},
        BIDEPY_NET_IMPORTS(X)
#undef X
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        PyObject *module = PyImport_ImportModule(rows[i].module);
        if (!module)
            return -1;
        *rows[i].slot = PyObject_GetAttrString(module, rows[i].name);
        Py_DECREF(module);
        if (!*rows[i].slot)
            return -1;
    }
    return 0;
}

static int
intern_names(bidepy_net *net)
{
#define X(name)                                                                \
    net->str.name = PyUnicode_InternFromString(#name);                         \
    if (!net->str.name)                                                        \
        return -1;
    BIDEPY_NET_NAMES(X)
#undef X
    return 0;
}

static int
import_states(bidepy_net *net)
{
    PyObject *module = PyImport_ImportModule("asyncio.sslproto");
    PyObject *states =
        module ? PyObject_GetAttrString(module, "SSLProtocolState") : NULL;
    Py_XDECREF(module);
    if (!states)
        return -1;
    net->tls.wrapped = PyObject_GetAttrString(states, "WRAPPED");
    net->tls.do_handshake = PyObject_GetAttrString(states, "DO_HANDSHAKE");
    net->tls.flushing = PyObject_GetAttrString(states, "FLUSHING");
    net->tls.shutdown = PyObject_GetAttrString(states, "SHUTDOWN");
    Py_DECREF(states);
    return net->tls.wrapped && net->tls.do_handshake && net->tls.flushing &&
                   net->tls.shutdown
               ? 0
               : -1;
}

bidepy_net *
bidepy_net_of(bidepy_state *st)
{
    if (st->net)
        return st->net;
    bidepy_net *net = PyMem_Calloc(1, sizeof *net);
    if (!net) {
        PyErr_NoMemory();
        return NULL;
    }
    if (import_objects(net) || intern_names(net) || import_states(net) ||
        bidepy_transport_types(st, net) || bidepy_stream_types(st, net) ||
        bidepy_datagram_type(st, net)) {
        bidepy_net_free(net);
        return NULL;
    }
    st->net = net;
    return net;
}

int
bidepy_net_visit(bidepy_net *net, visitproc visit, void *arg)
{
    if (!net)
        return 0;
#define X(field) Py_VISIT(net->type.field);
    BIDEPY_NET_TYPES(X)
#undef X
#define X(field, module, name) Py_VISIT(net->field);
    BIDEPY_NET_IMPORTS(X)
#undef X
    return 0;
}

void
bidepy_net_free(bidepy_net *net)
{
    if (!net)
        return;
#define X(field) Py_CLEAR(net->type.field);
    BIDEPY_NET_TYPES(X)
#undef X
#define X(field, module, name) Py_CLEAR(net->field);
    BIDEPY_NET_IMPORTS(X)
#undef X
#define X(name) Py_CLEAR(net->str.name);
    BIDEPY_NET_NAMES(X)
#undef X
    Py_CLEAR(net->tls.wrapped);
    Py_CLEAR(net->tls.do_handshake);
    Py_CLEAR(net->tls.flushing);
    Py_CLEAR(net->tls.shutdown);
    Py_CLEAR(net->on_readable);
    Py_CLEAR(net->on_writable);
    PyMem_Free(net->scratch_block);
    PyMem_Free(net);
}

/* At the start of a cache line: some processors copy out of the kernel at a
 * third of the speed to an address 16 bytes behind it, as malloc gives. */
char *
bidepy_net_scratch(bidepy_net *net)
{
    if (!net->scratch) {
        net->scratch_block = PyMem_Malloc(BIDEPY_NET_SCRATCH + LINE);
        if (!net->scratch_block) {
            PyErr_NoMemory();
            return NULL;
        }
        uintptr_t at = (uintptr_t)net->scratch_block;
        net->scratch = net->scratch_block + (LINE - at % LINE);
    }
    return net->scratch;
}

/* -- attributes ------------------------------------------------------------ */

PyObject *
bidepy_net_get(PyObject *object, PyObject *name)
{
    PyObject *dict = PyObject_GenericGetDict(object, NULL);
    PyObject *value = dict ? PyDict_GetItemWithError(dict, name) : NULL;
    Py_XINCREF(value);
    Py_XDECREF(dict);
    if (value || PyErr_Occurred())
        return value;
    return PyObject_GetAttr(object, name);
}

int
bidepy_net_set(PyObject *object, PyObject *name, PyObject *value)
{
    PyObject *dict = PyObject_GenericGetDict(object, NULL);
    int rc = dict ? PyDict_SetItem(dict, name, value) : -1;
    Py_XDECREF(dict);
    return rc;
}

/* -- errors --------------------------------------------------------------- */

bool
bidepy_net_is_fatal(void)
{
    return PyErr_ExceptionMatches(PyExc_KeyboardInterrupt) ||
           PyErr_ExceptionMatches(PyExc_SystemExit);
}

static int
put(PyObject *dict, PyObject *key, PyObject *value)
{
    return value ? PyDict_SetItem(dict, key, value) : 0;
}

int
bidepy_net_report(bidepy_net *net, PyObject *loop, const char *message,
                  PyObject *transport, PyObject *protocol)
{
    PyObject *exc = bidepy_fetch(), *before = bidepy_handling(exc);
    PyObject *text = PyUnicode_FromString(message);
    PyObject *context = PyDict_New();
    int rc = -1;
    if (text && context && put(context, net->str.message, text) == 0 &&
        put(context, net->str.exception, exc) == 0 &&
        put(context, net->str.transport, transport) == 0 &&
        put(context, net->str.protocol, protocol) == 0)
        rc = bidepy_net_tell(loop, net->str.call_exception_handler, context);
    bidepy_handled(before);
    Py_XDECREF(context);
    Py_XDECREF(text);
    Py_DECREF(exc);
    return rc;
}

static int
is_debugging(bidepy_net *net, PyObject *loop)
{
    PyObject *on = bidepy_net_ask(loop, net->str.get_debug, NULL);
    int debug = on ? PyObject_IsTrue(on) : -1;
    Py_XDECREF(on);
    return debug;
}

int
bidepy_net_debug(bidepy_net *net, PyObject *loop, const char *format,
                 PyObject *subject)
{
    int debug = is_debugging(net, loop);
    if (debug <= 0)
        return debug;
    PyObject *done =
        PyObject_CallMethod(net->logger, "debug", "sO", format, subject);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

static int
log_error(bidepy_net *net, PyObject *subject, const char *message,
          PyObject *exc)
{
    PyObject *method = PyObject_GetAttr(net->logger, net->str.debug);
    PyObject *args = Py_BuildValue("(sOs)", "%r: %s", subject, message);
    PyObject *with = Py_BuildValue("{s:O}", "exc_info", exc);
    PyObject *done =
        method && args && with ? PyObject_Call(method, args, with) : NULL;
    Py_XDECREF(done);
    Py_XDECREF(with);
    Py_XDECREF(args);
    Py_XDECREF(method);
    return done ? 0 : -1;
}

int
bidepy_net_debug_error(bidepy_net *net, PyObject *loop, const char *message,
                       PyObject *subject, PyObject *exc)
{
    int debug = is_debugging(net, loop);
    return debug > 0 ? log_error(net, subject, message, exc) : debug;
}

int
bidepy_net_warn(bidepy_net *net, const char *text)
{
    PyObject *message = PyUnicode_FromString(text);
    int rc =
        message ? bidepy_net_tell(net->logger, net->str.warning, message) : -1;
    Py_XDECREF(message);
    return rc;
}

/* -- the loop ------------------------------------------------------------- */

int
bidepy_net_call(PyObject *loop, PyObject *callable, PyObject *const *args,
                size_t nargs, PyObject *context)
{
    bidepy_loop *self = (bidepy_loop *)loop;
    if (bidepy_loop_check_call(self))
        return -1;
    return bidepy_loop_call(self, callable, args, nargs, context);
}

int
bidepy_net_call_soon(PyObject *loop, PyObject *callable, PyObject *argument,
                     PyObject *second)
{
    PyObject *args[2] = {argument, second};
    return bidepy_net_call(loop, callable, args,
                           second     ? 2
                           : argument ? 1
                                      : 0,
                           NULL);
}

bide_loop *
bidepy_net_core(PyObject *loop)
{
    return ((bidepy_loop *)loop)->runtime->loop;
}

/* -- functions of the module ---------------------------------------------- */

PyDoc_STRVAR(socket_transport_doc,
             "_socket_transport(loop, sock, protocol, waiter, extra, server, /)"
             "\n--\n\nThe transport of a connected socket.");

static PyObject *
socket_transport(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 6) {
        PyErr_SetString(PyExc_TypeError, "_socket_transport() takes the loop, "
                                         "sock, protocol, waiter, extra and "
                                         "server");
        return NULL;
    }
    bidepy_transport_setup setup = {.loop = args[0],
                                    .sock = args[1],
                                    .protocol = args[2],
                                    .waiter = args[3],
                                    .extra = args[4],
                                    .server = args[5]};
    return bidepy_transport_new(bidepy_of_module(module), &setup);
}

/* The classes of streams.h. */
static PyObject *
stream_types(PyObject *module, PyObject *unused)
{
    (void)unused;
    bidepy_net *net = bidepy_net_of(bidepy_of_module(module));
    return net ? PyTuple_Pack(3, net->type.stream_reader,
                              net->type.stream_protocol,
                              net->type.stream_writer)
               : NULL;
}

static PyObject *
datagram_type(PyObject *module, PyObject *unused)
{
    (void)unused;
    bidepy_net *net = bidepy_net_of(bidepy_of_module(module));
    return Py_XNewRef(net ? (PyObject *)net->type.datagram : NULL);
}

PyMethodDef bidepy_net_functions[] = {
    {"_socket_transport", BIDEPY_METHOD(socket_transport), METH_FASTCALL,
     socket_transport_doc},
    {"_stream_types", stream_types, METH_NOARGS, NULL},
    {"_datagram_type", datagram_type, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL}};
