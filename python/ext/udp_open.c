/* bide.bind_udp() and connect_udp(). */
#include "udp.h"

/* The arguments of an operation beside the host, which is its `arg`. */
typedef struct options {
    int port;
    bide_udp_options udp;
    PyObject *local_host; /* str or NULL; counted */
    bidepy_udp_tuning tuning;
} options;

static const char *
host_of(const bidepy_op *op)
{
    return op->arg == Py_None ? NULL : PyUnicode_AsUTF8(op->arg);
}

static void
drop(options *o)
{
    Py_XDECREF(o->local_host);
    Py_XDECREF(o->tuning.interface);
}

static void
release(bidepy_op *op)
{
    drop(op->word.ptr);
    PyMem_Free(op->word.ptr);
    op->word.ptr = NULL;
}

static PyObject *
fail(bidepy_op *op, int status)
{
    const options *o = op->word.ptr;
    const char *host = host_of(op);
    if (status == BIDE_ENAME)
        return bidepy_raise(op->st, status,
                            "the host name '%s' could not be resolved", host);
    return bidepy_raise(op->st, status, "%s, host '%s', port %d",
                        op->kind->name, host ? host : "", o->port);
}

static PyObject *
finish(bidepy_op *op)
{
    const options *o = op->word.ptr;
    bide_udp *u = op->wait.value.as.ptr;
    int rc = bidepy_udp_tune(u, &o->tuning);
    if (rc == 0)
        return bidepy_udp_new(op->st, u);
    bide_udp_unref(u);
    return fail(op, rc);
}

/* Takes what `given` holds. */
static PyObject *
new_op(PyObject *module, const bidepy_op_kind *kind, PyObject *host,
       options *given)
{
    options *o = PyMem_Malloc(sizeof *o);
    bidepy_op *op =
        o ? bidepy_op_new(bidepy_of_module(module), kind, NULL) : NULL;
    if (!op) {
        drop(given);
        PyMem_Free(o);
        return o ? NULL : PyErr_NoMemory();
    }
    *o = *given;
    op->arg = Py_NewRef(host);
    op->word.ptr = o;
    return (PyObject *)op;
}

/* -- bind ----------------------------------------------------------------- */

static int
bind_start(bidepy_op *op)
{
    const options *o = op->word.ptr;
    return bide_udp_bind(host_of(op), o->port, &o->udp, &op->wait);
}

static const bidepy_op_kind bind_kind = {
    .name = "bind_udp()",
    .start = bind_start,
    .finish = finish,
    .fail = fail,
    .release = release,
};

#define TUNING_TEXT "\nThe rest, and what they mean: see UdpSocket.set()."

PyDoc_STRVAR(
    doc_bind,
    "bind_udp($module, /, host, port, *, reuse_addr=False, reuse_port=False,\n"
    "         v6_only=False, broadcast=None, ttl=None, multicast_ttl=None,\n"
    "         multicast_loop=None, recv_buffer=None, send_buffer=None,\n"
    "         multicast_interface=None)\n"
    "--\n\n"
    "A UdpSocket on `host` (a name or an address; None: every interface, both "
    "families) and\n`port` (0: a free one).\n\n"
    "OSError when that is not possible, such as a port in use. `reuse_addr`: "
    "several sockets\non the port, each of which gets what comes to a group. "
    "`reuse_port`: they share what\ncomes." TUNING_TEXT);

static PyObject *
bind_udp(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
         PyObject *kwnames)
{
    static const char *const names[] = {"host",       "port",
                                        "reuse_addr", "reuse_port",
                                        "v6_only",    BIDEPY_UDP_OPTIONS};
    static const bidepy_signature sig = {"bind_udp", names, 2, 2};
    PyObject *given[5 + BIDEPY_UDP_GIVEN];
    options o = {0};
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        bidepy_check_host(given[0], true) < 0 ||
        bidepy_parse_port(given[1], 0, &o.port) < 0 ||
        bidepy_parse_flag(given[2], false, &o.udp.reuse_addr) < 0 ||
        bidepy_parse_flag(given[3], false, &o.udp.reuse_port) < 0 ||
        bidepy_parse_flag(given[4], false, &o.udp.v6_only) < 0 ||
        bidepy_udp_parse_tuning(given + 5, &o.tuning) < 0)
        return NULL;
    return new_op(module, &bind_kind, given[0], &o);
}

/* -- connect -------------------------------------------------------------- */

static int
connect_start(bidepy_op *op)
{
    const options *o = op->word.ptr;
    return bide_udp_connect(host_of(op), o->port, &o->udp, &op->wait);
}

static const bidepy_op_kind connect_kind = {
    .name = "connect_udp()",
    .start = connect_start,
    .finish = finish,
    .fail = fail,
    .release = release,
};

PyDoc_STRVAR(
    doc_connect,
    "connect_udp($module, /, host, port, *, local=None, reuse_addr=False,\n"
    "            reuse_port=False, broadcast=None, ttl=None, "
    "multicast_ttl=None,\n"
    "            multicast_loop=None, recv_buffer=None, send_buffer=None,\n"
    "            multicast_interface=None)\n"
    "--\n\n"
    "A UdpSocket that sends to `host` and `port` and receives from there "
    "only.\n\n"
    "Nothing is sent yet. When nobody is there, a later send() or recv() "
    "raises\nConnectionRefusedError, if the peer's system says so. "
    "socket.gaierror for a name that\ncannot be resolved. `local`: the "
    "(address "
    "or None, port) to send from." TUNING_TEXT);

static PyObject *
connect_udp(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
            PyObject *kwnames)
{
    static const char *const names[] = {"host",       "port",
                                        "local",      "reuse_addr",
                                        "reuse_port", BIDEPY_UDP_OPTIONS};
    static const bidepy_signature sig = {"connect_udp", names, 2, 2};
    PyObject *given[5 + BIDEPY_UDP_GIVEN];
    options o = {0};
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        bidepy_check_host(given[0], false) < 0 ||
        bidepy_parse_port(given[1], 1, &o.port) < 0 ||
        bidepy_parse_flag(given[3], false, &o.udp.reuse_addr) < 0 ||
        bidepy_parse_flag(given[4], false, &o.udp.reuse_port) < 0 ||
        bidepy_parse_local(given[2], &o.local_host, &o.udp.local_port) < 0)
        return NULL;
    if (o.local_host)
        o.udp.local_host = PyUnicode_AsUTF8(o.local_host);
    if (bidepy_udp_parse_tuning(given + 5, &o.tuning) < 0) {
        drop(&o);
        return NULL;
    }
    return new_op(module, &connect_kind, given[0], &o);
}

PyMethodDef bidepy_udp_functions[] = {
    {"bind_udp", (PyCFunction)(void (*)(void))bind_udp,
     METH_FASTCALL | METH_KEYWORDS, doc_bind},
    {"connect_udp", (PyCFunction)(void (*)(void))connect_udp,
     METH_FASTCALL | METH_KEYWORDS, doc_connect},
    {NULL, NULL, 0, NULL},
};
