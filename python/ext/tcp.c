/* bide.connect_tcp() and listen_tcp(). */
#include "listener.h"
#include "stream.h"
#include "udp.h"

enum { PORT_MAX = 65535, BACKLOG_MAX = 1 << 20 };

/* The arguments of an operation beside the host, which is its `arg`. */
typedef struct options {
    int port;
    bool nodelay;
    bidepy_probes keepalive;
    bide_tcp_connect_options connect;
    PyObject *local_host; /* str or NULL; counted */
    char report[512];     /* of the addresses that failed */
    bide_tcp_options listen;
} options;

static const char *
host_of(const bidepy_op *op)
{
    return op->arg == Py_None ? NULL : PyUnicode_AsUTF8(op->arg);
}

static void
release(bidepy_op *op)
{
    options *o = op->word.ptr;
    Py_XDECREF(o->local_host);
    PyMem_Free(o);
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
    if (strstr(o->report, "; ")) /* more than one address */
        return bidepy_raise(op->st, status, "%s, host '%s', port %d (%s)",
                            op->kind->name, host ? host : "", o->port,
                            o->report);
    return bidepy_raise(op->st, status, "%s, host '%s', port %d",
                        op->kind->name, host ? host : "", o->port);
}

/* -- arguments ------------------------------------------------------------ */

int
bidepy_check_host(PyObject *host, bool optional)
{
    if (optional && host == Py_None)
        return 0;
    if (!PyUnicode_Check(host)) {
        PyErr_Format(PyExc_TypeError, "host must be a str%s, not %.100s",
                     optional ? " or None" : "", Py_TYPE(host)->tp_name);
        return -1;
    }
    Py_ssize_t length;
    const char *text = PyUnicode_AsUTF8AndSize(host, &length);
    if (!text)
        return -1;
    if ((size_t)length == strlen(text) && (optional || length))
        return 0;
    PyErr_Format(PyExc_ValueError, "host must be a name or an address, got %R",
                 host);
    return -1;
}

int
bidepy_parse_port(PyObject *value, size_t least, int *out)
{
    size_t port;
    if (bidepy_size(value, "port", least, &port) < 0)
        return -1;
    if (port > PORT_MAX) {
        PyErr_Format(PyExc_ValueError, "port must be at most %d, got %zu",
                     PORT_MAX, port);
        return -1;
    }
    *out = (int)port;
    return 0;
}

int
bidepy_parse_flag(PyObject *value, bool otherwise, bool *out)
{
    int on = value ? PyObject_IsTrue(value) : otherwise;
    *out = on > 0;
    return on < 0 ? -1 : 0;
}

static int
parse_stagger(PyObject *value, int64_t *out)
{
    *out = 0;
    if (!value)
        return 0;
    if (value == Py_None) {
        *out = BIDE_FOREVER / 4; /* one after the other */
        return 0;
    }
    if (bidepy_duration(value, "stagger", out) < 0)
        return -1;
    if (*out == 0)
        *out = 1;
    else if (*out > BIDE_FOREVER / 4)
        *out = BIDE_FOREVER / 4;
    return 0;
}

/* Takes what `given` holds. */
static PyObject *
new_op(PyObject *module, const bidepy_op_kind *kind, PyObject *host,
       const options *given)
{
    options *o = PyMem_Malloc(sizeof *o);
    bidepy_op *op =
        o ? bidepy_op_new(bidepy_of_module(module), kind, NULL) : NULL;
    if (!op) {
        Py_XDECREF(given->local_host);
        if (!o)
            return PyErr_NoMemory();
        PyMem_Free(o);
        return NULL;
    }
    *o = *given;
    op->arg = Py_NewRef(host);
    op->word.ptr = o;
    return (PyObject *)op;
}

/* The host is counted. */
int
bidepy_parse_local(PyObject *value, PyObject **host, int *port)
{
    bide_sockaddr a;
    *host = NULL;
    if (!value || value == Py_None)
        return 0;
    if (!PyTuple_Check(value) || PyTuple_GET_SIZE(value) != 2) {
        PyErr_Format(PyExc_TypeError,
                     "local must be a tuple of host and port, not %R", value);
        return -1;
    }
    PyObject *name = PyTuple_GET_ITEM(value, 0);
    if (bidepy_check_host(name, true) < 0 ||
        bidepy_parse_port(PyTuple_GET_ITEM(value, 1), 0, port) < 0)
        return -1;
    if (name == Py_None)
        return 0;
    if (bide_sockaddr_parse(PyUnicode_AsUTF8(name), 0, &a) < 0) {
        PyErr_Format(PyExc_ValueError,
                     "the host of local must be a numeric address, got %R",
                     name);
        return -1;
    }
    *host = Py_NewRef(name);
    return 0;
}

/* -- connect -------------------------------------------------------------- */

static int
connect_start(bidepy_op *op)
{
    options *o = op->word.ptr;
    o->connect.report = o->report;
    o->connect.report_size = sizeof o->report;
    return bide_tcp_connect_with(host_of(op), o->port, &o->connect, &op->wait);
}

static PyObject *
connect_finish(bidepy_op *op)
{
    const options *o = op->word.ptr;
    bide_stream *s = op->wait.value.as.ptr;
    int rc = o->nodelay ? 0 : bide_tcp_nodelay(s, false);
    if (rc == 0 && o->keepalive.idle)
        rc = bidepy_keepalive_set(s, &o->keepalive);
    if (rc == 0)
        return bidepy_stream_new(op->st, s);
    bide_stream_unref(s);
    return fail(op, rc);
}

static const bidepy_op_kind connect_kind = {
    .name = "connect_tcp()",
    .start = connect_start,
    .finish = connect_finish,
    .fail = fail,
    .release = release,
};

PyDoc_STRVAR(
    doc_connect,
    "connect_tcp($module, /, host, port, *, nodelay=True, keepalive=None,\n"
    "            local=None, stagger=0.25)\n"
    "--\n\n"
    "Connect to `host` (a name or an address); gives a Stream. Its addresses "
    "are tried, the\nfamilies in turns, each `stagger` seconds after the one "
    "before or when that has failed;\nthe first to answer wins (RFC 8305).\n\n"
    "OSError of the last address tried (ConnectionRefusedError, ...), which "
    "names them all;\nsocket.gaierror for a name that cannot be resolved. A "
    "cancelled connect leaves nothing\nopen.\n"
    "`nodelay`: small writes go out at once. `keepalive`: see "
    "Stream.set_keepalive().\n`local`: the (address or None, port) to connect "
    "from.");

static PyObject *
connect_tcp(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
            PyObject *kwnames)
{
    static const char *const names[] = {
        "host", "port", "nodelay", "keepalive", "local", "stagger", NULL};
    static const bidepy_signature sig = {"connect_tcp", names, 2, 2};
    PyObject *given[6];
    options o = {0};
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        bidepy_check_host(given[0], false) < 0 ||
        bidepy_parse_port(given[1], 1, &o.port) < 0 ||
        bidepy_parse_flag(given[2], true, &o.nodelay) < 0 ||
        bidepy_keepalive(given[3], &o.keepalive) < 0 ||
        parse_stagger(given[5], &o.connect.stagger) < 0 ||
        bidepy_parse_local(given[4], &o.local_host, &o.connect.local_port) < 0)
        return NULL;
    if (o.local_host)
        o.connect.local_host = PyUnicode_AsUTF8(o.local_host);
    return new_op(module, &connect_kind, given[0], &o);
}

/* -- listen --------------------------------------------------------------- */

static int
listen_start(bidepy_op *op)
{
    const options *o = op->word.ptr;
    return bide_tcp_listen(host_of(op), o->port, &o->listen, &op->wait);
}

static PyObject *
listen_finish(bidepy_op *op)
{
    return bidepy_listener_new(op->st, op->wait.value.as.ptr);
}

static const bidepy_op_kind listen_kind = {
    .name = "listen_tcp()",
    .start = listen_start,
    .finish = listen_finish,
    .fail = fail,
    .release = release,
};

int
bidepy_listener_backlog(PyObject *value, int *out)
{
    size_t n = 0;
    if (value && bidepy_size(value, "backlog", 1, &n) < 0)
        return -1;
    *out = n < BACKLOG_MAX ? (int)n : BACKLOG_MAX;
    return 0;
}

PyDoc_STRVAR(
    doc_listen,
    "listen_tcp($module, /, host, port, *, backlog=1024, reuse_port=False,\n"
    "           v6_only=False, nodelay=True, keepalive=None)\n"
    "--\n\n"
    "Listen on `host` (a name or an address; None: every interface, IPv4 and "
    "IPv6) and\n`port` (0: a free one, see Listener.port); gives a "
    "Listener.\n\n"
    "OSError when that is not possible, such as a port in use. `backlog`: how "
    "many\nconnections the system keeps until they are accepted. `reuse_port`: "
    "several listeners\nshare the port. `v6_only`: an IPv6 listener takes no "
    "IPv4 connections.");

static PyObject *
listen_tcp(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
           PyObject *kwnames)
{
    static const char *const names[] = {"host",       "port",    "backlog",
                                        "reuse_port", "v6_only", "nodelay",
                                        "keepalive",  NULL};
    static const bidepy_signature sig = {"listen_tcp", names, 2, 2};
    PyObject *given[7];
    options o = {0};
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        bidepy_check_host(given[0], true) < 0 ||
        bidepy_parse_port(given[1], 0, &o.port) < 0 ||
        bidepy_listener_backlog(given[2], &o.listen.backlog) < 0 ||
        bidepy_parse_flag(given[3], false, &o.listen.reuse_port) < 0 ||
        bidepy_parse_flag(given[4], false, &o.listen.v6_only) < 0 ||
        bidepy_parse_flag(given[5], true, &o.nodelay) < 0 ||
        bidepy_keepalive(given[6], &o.keepalive) < 0)
        return NULL;
    o.listen.delay = !o.nodelay;
    o.listen.keepalive = o.keepalive.idle;
    o.listen.keepalive_interval = o.keepalive.interval;
    o.listen.keepalive_count = o.keepalive.count;
    return new_op(module, &listen_kind, given[0], &o);
}

PyMethodDef bidepy_tcp_functions[] = {
    {"connect_tcp", (PyCFunction)(void (*)(void))connect_tcp,
     METH_FASTCALL | METH_KEYWORDS, doc_connect},
    {"listen_tcp", (PyCFunction)(void (*)(void))listen_tcp,
     METH_FASTCALL | METH_KEYWORDS, doc_listen},
    {"_report", bidepy_listener_report, METH_VARARGS,
     "_report(exception, message, object): for Listener.serve()."},
    {"_lost", bidepy_stream_is_lost, METH_VARARGS,
     "_lost(stream, exception): for Listener.serve()."},
    {NULL, NULL, 0, NULL},
};
