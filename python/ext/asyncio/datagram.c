/* asyncio's datagram transport, with what every datagram goes through in C. It
 * is a subclass of asyncio's own that adds methods and no state; whatever is
 * not the plain case is handed to asyncio's method.
 *
 * What has arrived is taken with one call of the system, up to BATCH at a time,
 * and is all in Python's hands before the protocol hears of the first. */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

enum {
    SLOT = 64 * 1024, /* more than a datagram has */
#ifdef __linux__
    BATCH = BIDEPY_NET_SCRATCH / SLOT
#else
    BATCH = 1
#endif
};

typedef struct address {
    struct sockaddr_storage at;
    socklen_t length;
} address;

static bidepy_net *
net_of(PyObject *self)
{
    PyObject *module = PyType_GetModuleByDef(Py_TYPE(self), &bidepy_module);
    bidepy_net *net = module ? bidepy_of_module(module)->net : NULL;
    if (!net && !PyErr_Occurred())
        bidepy_no_object(NULL); /* the module is gone */
    return net;
}

/* -1 with an exception. */
static int
int_of(PyObject *self, PyObject *name)
{
    PyObject *value = bidepy_net_get(self, name);
    int n = value ? (int)PyLong_AsLong(value) : -1;
    Py_XDECREF(value);
    return n;
}

static PyObject *
stock(PyObject *self, const bidepy_net *net, const char *name,
      PyObject *const *args, size_t n)
{
    PyObject *all[] = {self, n > 0 ? args[0] : NULL, n > 1 ? args[1] : NULL};
    PyObject *method = PyObject_GetAttrString(net->datagram_base, name);
    PyObject *result =
        method ? PyObject_Vectorcall(method, all, n + 1, NULL) : NULL;
    Py_XDECREF(method);
    return result;
}

/* protocol.error_received(OSError of errno). */
static PyObject *
tell_error(PyObject *self, bidepy_net *net)
{
    PyErr_SetFromErrno(PyExc_OSError);
    PyObject *exc = bidepy_fetch(), *before = bidepy_handling(exc);
    PyObject *protocol = bidepy_net_get(self, net->str._protocol);
    PyObject *done =
        protocol ? bidepy_net_ask(protocol, net->str.error_received, exc)
                 : NULL;
    bidepy_handled(before);
    Py_XDECREF(protocol);
    Py_DECREF(exc);
    return done;
}

/* -- addresses ------------------------------------------------------------ */

static PyObject *
inet_name(const struct sockaddr_in *in)
{
    char host[INET_ADDRSTRLEN];
    if (!inet_ntop(AF_INET, &in->sin_addr, host, sizeof host))
        return PyErr_SetFromErrno(PyExc_OSError);
    return Py_BuildValue("(si)", host, ntohs(in->sin_port));
}

/* With the interface's name behind a link's address, as Python has it. */
static PyObject *
inet6_name(const struct sockaddr_in6 *in)
{
    char host[NI_MAXHOST];
    if (getnameinfo((const struct sockaddr *)in, sizeof *in, host, sizeof host,
                    NULL, 0, NI_NUMERICHOST)) {
        PyErr_SetString(PyExc_OSError, "the sender's address has no name");
        return NULL;
    }
    return Py_BuildValue("(siII)", host, ntohs(in->sin6_port),
                         (unsigned)ntohl(in->sin6_flowinfo),
                         (unsigned)in->sin6_scope_id);
}

static PyObject *
unix_name(const struct sockaddr_un *un, socklen_t length)
{
    size_t start = offsetof(struct sockaddr_un, sun_path);
    if (length <= start)
        return length ? PyUnicode_FromString("") : Py_NewRef(Py_None);
    if (un->sun_path[0])
        return PyUnicode_DecodeFSDefaultAndSize(
            un->sun_path, (Py_ssize_t)strnlen(un->sun_path, length - start));
    return PyBytes_FromStringAndSize(un->sun_path,
                                     (Py_ssize_t)(length - start));
}

/* New: as the sockets of Python tell it. */
static PyObject *
name_of(const address *a)
{
    if (a->length == 0)
        Py_RETURN_NONE;
    switch (a->at.ss_family) {
    case AF_INET:
        return inet_name((const struct sockaddr_in *)&a->at);
    case AF_INET6:
        return inet6_name((const struct sockaddr_in6 *)&a->at);
    case AF_UNIX:
        return unix_name((const struct sockaddr_un *)&a->at, a->length);
    default:
        PyErr_SetString(PyExc_OSError, "an address of an unknown family");
        return NULL;
    }
}

/* Whether `name` is a plain (host, port) that needs no look-up; `*a` is it. */
static bool
plain_address(PyObject *name, int family, address *a)
{
    if (family != AF_INET || !PyTuple_CheckExact(name) ||
        PyTuple_GET_SIZE(name) != 2)
        return false;
    PyObject *host = PyTuple_GET_ITEM(name, 0);
    PyObject *port = PyTuple_GET_ITEM(name, 1);
    if (!PyUnicode_CheckExact(host) || !PyUnicode_IS_ASCII(host) ||
        !PyLong_CheckExact(port))
        return false;
    int overflow;
    long number = PyLong_AsLongAndOverflow(port, &overflow);
    struct sockaddr_in *in = (struct sockaddr_in *)&a->at;
    if (overflow || number < 0 || number > 0xffff)
        return false;
    memset(in, 0, sizeof *in);
    in->sin_family = AF_INET;
    in->sin_port = htons((uint16_t)number);
    a->length = sizeof *in;
    return inet_pton(AF_INET, PyUnicode_DATA(host), &in->sin_addr) == 1;
}

/* -- receiving ------------------------------------------------------------ */

typedef struct arrived {
    PyObject *data[BATCH], *sender[BATCH];
    int count;
} arrived;

static void
drop(arrived *all, int from)
{
    for (int i = from; i < all->count; i++) {
        Py_CLEAR(all->data[i]);
        Py_CLEAR(all->sender[i]);
    }
    all->count = from;
}

static int
keep(arrived *all, const char *data, size_t n, const address *from)
{
    int at = all->count;
    all->data[at] = PyBytes_FromStringAndSize(data, (Py_ssize_t)n);
    all->sender[at] = all->data[at] ? name_of(from) : NULL;
    if (all->sender[at]) {
        all->count++;
        return 0;
    }
    Py_CLEAR(all->data[at]);
    drop(all, 0);
    return -1;
}

#ifdef __linux__
/* 0; -1: an exception; -2: an error of the system's, in errno. */
static int
take(int fd, char *scratch, arrived *all)
{
    struct mmsghdr heads[BATCH];
    struct iovec slots[BATCH];
    address from[BATCH];
    int n;
    memset(heads, 0, sizeof heads);
    for (int i = 0; i < BATCH; i++) {
        slots[i] = (struct iovec){scratch + (size_t)i * SLOT, SLOT};
        heads[i].msg_hdr.msg_iov = &slots[i];
        heads[i].msg_hdr.msg_iovlen = 1;
        heads[i].msg_hdr.msg_name = &from[i].at;
        heads[i].msg_hdr.msg_namelen = sizeof from[i].at;
    }
    do
        n = recvmmsg(fd, heads, BATCH, MSG_DONTWAIT, NULL);
    while (n < 0 && errno == EINTR);
    for (int i = 0; i < n; i++) {
        from[i].length = heads[i].msg_hdr.msg_namelen;
        if (keep(all, slots[i].iov_base, heads[i].msg_len, &from[i]))
            return -1;
    }
    return n < 0 ? -2 : 0;
}
#else
static int
take(int fd, char *scratch, arrived *all)
{
    address from = {.length = sizeof from.at};
    ssize_t n;
    do
        n = recvfrom(fd, scratch, SLOT, MSG_DONTWAIT,
                     (struct sockaddr *)&from.at, &from.length);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -2 : keep(all, scratch, (size_t)n, &from);
}
#endif

/* Whether the transport has been closed by what it told. */
static int
is_over(PyObject *self, const bidepy_net *net)
{
    return bidepy_net_flag(self, net->str._conn_lost);
}

/* A callback failed: those after it have a right to be called. */
static int
report(PyObject *self, bidepy_net *net)
{
    if (bidepy_net_is_fatal())
        return -1;
    PyObject *exc = bidepy_fetch();
    PyObject *loop = bidepy_net_get(self, net->str._loop);
    bidepy_reraise(exc);
    Py_DECREF(exc);
    int rc = loop ? bidepy_net_report(
                        net, loop,
                        "Exception in callback DatagramTransport._read_ready()",
                        self, NULL)
                  : -1;
    Py_XDECREF(loop);
    return rc;
}

static int
deliver_one(PyObject *self, bidepy_net *net, PyObject *data, PyObject *sender)
{
    PyObject *protocol = bidepy_net_get(self, net->str._protocol);
    PyObject *args[] = {protocol, data, sender};
    PyObject *done = protocol ? PyObject_VectorcallMethod(
                                    net->str.datagram_received, args,
                                    3 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL)
                              : NULL;
    Py_XDECREF(done);
    Py_XDECREF(protocol);
    return done ? 0 : -1;
}

static int
deliver(PyObject *self, bidepy_net *net, arrived *all)
{
    int rc = 0;
    for (int i = 0; i < all->count && rc == 0; i++) {
        rc = i ? is_over(self, net) : 0;
        if (rc)
            return rc < 0 ? -1 : 0;
        rc = deliver_one(self, net, all->data[i], all->sender[i]);
        if (rc && i + 1 < all->count)
            rc = report(self, net);
    }
    return rc;
}

static PyObject *
read_ready(PyObject *self, PyObject *unused)
{
    (void)unused;
    arrived all = {.count = 0};
    bidepy_net *net = net_of(self);
    int over = net ? is_over(self, net) : -1;
    if (over)
        return over < 0 ? NULL : Py_NewRef(Py_None);
    int fd = int_of(self, net->str._sock_fd);
    char *scratch = fd < 0 ? NULL : bidepy_net_scratch(net);
    int rc = scratch ? take(fd, scratch, &all) : -1;
    if (rc == -2 && errno != EAGAIN && errno != EWOULDBLOCK)
        return tell_error(self, net);
    if (rc == 0)
        rc = deliver(self, net, &all);
    drop(&all, 0);
    return rc == -1 ? NULL : Py_NewRef(Py_None);
}

/* -- sending -------------------------------------------------------------- */

/* 1: `name` is where it may go at once, to `*to` (of no length: where the
 * socket is connected to); 0: asyncio's method has to see; -1. */
static int
find_way(PyObject *self, const bidepy_net *net, PyObject *name, address *to)
{
    int lost = bidepy_net_flag(self, net->str._conn_lost);
    int queued = lost ? 0 : bidepy_net_flag(self, net->str._buffer);
    int family = lost || queued ? 0 : int_of(self, net->str._bide_family);
    if (lost < 0 || queued < 0 || PyErr_Occurred())
        return -1;
    to->length = 0;
    if (lost || queued)
        return 0;
    if (family == 0)
        return name == Py_None;
    PyObject *fixed = bidepy_net_get(self, net->str._address);
    bool free = fixed == Py_None;
    Py_XDECREF(fixed);
    return fixed ? free && plain_address(name, family, to) : -1;
}

/* 1: it is sent; 0: there is no room; -1: an error, in errno. */
static int
send_now(int fd, const Py_buffer *view, const address *to)
{
    ssize_t n;
    do
        n = sendto(fd, view->buf, (size_t)view->len, MSG_DONTWAIT,
                   to->length ? (const struct sockaddr *)&to->at : NULL,
                   to->length);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return 1;
    return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
}

/* 1: it is sent; 0: asyncio's method has to see; -1: an error, in errno;
 * -2: an exception. */
static int
try_send(PyObject *self, const bidepy_net *net, PyObject *data, PyObject *name)
{
    Py_buffer view;
    address to;
    int rc = find_way(self, net, name, &to);
    if (rc <= 0)
        return rc ? -2 : 0;
    if (!PyBytes_Check(data) && !PyByteArray_Check(data) &&
        !PyMemoryView_Check(data))
        return 0;
    int fd = int_of(self, net->str._sock_fd);
    if (fd < 0)
        return -2;
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)) {
        PyErr_Clear();
        return 0;
    }
    rc = view.len ? send_now(fd, &view, &to) : 0;
    int error = errno;
    PyBuffer_Release(&view);
    errno = error;
    return rc;
}

static PyObject *
send_to(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
        PyObject *kwnames)
{
    static const char *const names[] = {"data", "addr", NULL};
    static const bidepy_signature sig = {"sendto", names, 1, 2};
    PyObject *in[2];
    bidepy_net *net = net_of(self);
    if (!net || bidepy_parse(&sig, args, nargs, kwnames, in))
        return NULL;
    in[1] = in[1] ? in[1] : Py_None;
    switch (try_send(self, net, in[0], in[1])) {
    case 1:
        Py_RETURN_NONE;
    case 0:
        return stock(self, net, "sendto", in, 2);
    case -1:
        return tell_error(self, net);
    default:
        return NULL;
    }
}

/* -- the type ------------------------------------------------------------- */

static PyMethodDef methods[] = {
    {"_read_ready", read_ready, METH_NOARGS, NULL},
    {"sendto", BIDEPY_METHOD(send_to), METH_FASTCALL | METH_KEYWORDS,
     "sendto($self, data, addr=None)\n--\n\n"
     "Send a datagram to where the socket is connected, or to `addr`."},
    {NULL, NULL, 0, NULL}};

static PyType_Slot slots[] = {{Py_tp_methods, methods}, {0, NULL}};

static PyType_Spec spec = {
    .name = "bide._core.DatagramTransport",
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = slots,
};

int
bidepy_datagram_type(bidepy_state *st, bidepy_net *net)
{
    PyObject *module = PyType_GetModule(st->type.op);
    if (module)
        net->type.datagram = (PyTypeObject *)PyType_FromModuleAndSpec(
            module, &spec, net->datagram_base);
    return net->type.datagram ? 0 : -1;
}
