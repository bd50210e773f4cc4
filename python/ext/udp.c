/* bide.UdpSocket: datagrams. */
#include "udp.h"

static bide_udp *
core(const void *self)
{
    return ((const bidepy_udp *)self)->udp;
}

/* -- life ----------------------------------------------------------------- */

PyObject *
bidepy_udp_new(bidepy_state *st, bide_udp *udp)
{
    bidepy_udp *self = bidepy_alloc(st, st->type.udp, NULL);
    if (!self) {
        bide_udp_unref(udp);
        return NULL;
    }
    self->udp = udp;
    memset(self->peers, 0, sizeof self->peers);
    self->sent.tuple = NULL;
    self->weakrefs = NULL;
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

static int
udp_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static void
udp_dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    if (((bidepy_udp *)self)->weakrefs)
        PyObject_ClearWeakRefs(self);
    bide_udp_unref(core(self));
    bidepy_udp_forget((bidepy_udp *)self);
    bidepy_free(self, NULL);
}

/* -- errors --------------------------------------------------------------- */

PyObject *
bidepy_udp_raise(bidepy_state *st, int status, const char *what)
{
    if (status == BIDE_ECLOSED) {
        PyErr_SetString(st->exc.stream_closed, "the socket is closed");
        return NULL;
    }
    if (status == BIDE_EWRONGLOOP)
        return bidepy_raise(st, status,
                            "the socket belongs to another runtime: it can be "
                            "used only by tasks of the bide.run() that made "
                            "it");
    if (status == BIDE_EWOULDBLOCK)
        return bidepy_raise(st, status, "%s would have to wait", what);
    return bidepy_raise(st, status, "%s", what);
}

PyObject *
bidepy_udp_fail(bidepy_op *op, int status)
{
    return bidepy_udp_raise(op->st, status, op->kind->name);
}

int
bidepy_udp_check(PyObject *self)
{
    if (bide_udp_loop(core(self)) == bide_loop_current())
        return 0;
    bidepy_udp_raise(bidepy_of(self), BIDE_EWRONGLOOP, NULL);
    return -1;
}

/* -- closing -------------------------------------------------------------- */

static int
close_now(PyObject *self)
{
    if (bide_udp_closed(core(self)))
        return 0;
    if (bidepy_udp_check(self) < 0)
        return -1;
    bide_udp_close(core(self));
    return 0;
}

static PyObject *
udp_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (close_now(self) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *
udp_aclose(PyObject *self, PyObject *unused)
{
    (void)unused;
    return close_now(self) < 0 ? NULL : bidepy_done(bidepy_of(self));
}

static PyObject *
udp_aenter(PyObject *self, PyObject *unused)
{
    (void)unused;
    return bidepy_ready(bidepy_of(self), self);
}

static PyObject *
udp_aexit(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    (void)args;
    (void)nargs;
    return udp_aclose(self, NULL);
}

/* -- what it is ----------------------------------------------------------- */

static PyObject *
udp_address(PyObject *self, void *closure)
{
    bide_address a;
    int rc = closure ? bide_udp_peer(core(self), &a)
                     : bide_udp_local(core(self), &a);
    if (rc < 0)
        return bidepy_udp_raise(bidepy_of(self), rc, "UdpSocket");
    return Py_BuildValue("(si)", a.host, a.port);
}

static PyObject *
udp_port(PyObject *self, void *closure)
{
    (void)closure;
    bide_address a;
    int rc = bide_udp_local(core(self), &a);
    if (rc < 0)
        return bidepy_udp_raise(bidepy_of(self), rc, "UdpSocket");
    return PyLong_FromLong(a.port);
}

static PyObject *
udp_closed(PyObject *self, void *closure)
{
    (void)closure;
    return PyBool_FromLong(bide_udp_closed(core(self)));
}

static PyObject *
udp_fileno(PyObject *self, PyObject *unused)
{
    (void)unused;
    int fd = bide_udp_fd(core(self));
    if (fd < 0)
        return bidepy_udp_raise(bidepy_of(self), fd, "UdpSocket");
    return PyLong_FromLong(fd);
}

static PyObject *
udp_repr(PyObject *self)
{
    bide_address here, peer;
    if (bide_udp_local(core(self), &here) < 0)
        return PyUnicode_FromString("<UdpSocket closed>");
    if (bide_udp_peer(core(self), &peer) < 0)
        return PyUnicode_FromFormat("<UdpSocket on %s:%d>", here.host,
                                    here.port);
    return PyUnicode_FromFormat("<UdpSocket %s:%d to %s:%d>", here.host,
                                here.port, peer.host, peer.port);
}

/* -- the type ------------------------------------------------------------- */

#define ROW(name, flags, text)                                                 \
    {                                                                          \
#name, BIDEPY_METHOD(bidepy_udp_##name), flags, #name text             \
    }

static PyMethodDef methods[] = {
    ROW(recv, METH_FASTCALL | METH_KEYWORDS,
        "($self, /, max=65535)\n--\n\n"
        "Wait for a datagram; gives its bytes. OSError (EMSGSIZE) when it is "
        "longer than\n`max`: it stays the next one. ConnectionRefusedError on "
        "a connected socket when\nnobody is there. A cancelled one loses "
        "nothing."),
    ROW(recv_from, METH_FASTCALL | METH_KEYWORDS,
        "($self, /, max=65535)\n--\n\n"
        "recv() that gives (bytes, (host, port)): with its sender."),
    ROW(recv_many, METH_FASTCALL | METH_KEYWORDS,
        "($self, /, limit=64)\n--\n\n"
        "Wait for datagrams; gives a list of 1 to `limit` (bytes, (host, "
        "port))."),
    ROW(try_recv, METH_FASTCALL | METH_KEYWORDS,
        "($self, /, max=65535)\n--\n\n"
        "recv() without waiting: WouldBlockError when nothing is there."),
    ROW(try_recv_from, METH_FASTCALL | METH_KEYWORDS,
        "($self, /, max=65535)\n--\n\n"
        "recv_from() without waiting: WouldBlockError when nothing is there."),
    ROW(send, METH_O,
        "($self, data, /)\n--\n\n"
        "Send a datagram to the peer of a connected socket; waits only while "
        "the system's\nbuffer is full. OSError (EMSGSIZE) when it is too "
        "long."),
    ROW(send_to, METH_FASTCALL | METH_KEYWORDS,
        "($self, /, data, address)\n--\n\n"
        "Send a datagram to `address`, (host, port) with a numeric host."),
    ROW(send_many, METH_O,
        "($self, messages, /)\n--\n\n"
        "Send several datagrams, in order, with few system calls: a sequence "
        "of (data,\naddress) or, on a connected socket, of data. When it is "
        "cancelled or fails, the\nfirst of them may have gone."),
    ROW(try_send, METH_O,
        "($self, data, /)\n--\n\n"
        "send() without waiting: WouldBlockError when the system's buffer is "
        "full."),
    ROW(try_send_to, METH_FASTCALL | METH_KEYWORDS,
        "($self, /, data, address)\n--\n\n"
        "send_to() without waiting: WouldBlockError when the system's buffer "
        "is full."),
    ROW(set, METH_FASTCALL | METH_KEYWORDS,
        "($self, /, *, broadcast=None, ttl=None, multicast_ttl=None,\n"
        "    multicast_loop=None, recv_buffer=None, send_buffer=None,\n"
        "    multicast_interface=None)\n--\n\n"
        "Set options; those not given stay.\n\n"
        "`broadcast`: may send to broadcast addresses. `ttl`, `multicast_ttl`: "
        "hops of what is\nsent, and is sent to groups. `multicast_loop`: this "
        "host gets that, too. The buffers\nare the system's, in bytes. "
        "`multicast_interface`: the name or address of the one that\nsends to "
        "groups."),
    ROW(get, METH_O,
        "($self, name, /)\n--\n\n"
        "The value of an option of set(), as the system has it (int)."),
    ROW(join, METH_FASTCALL | METH_KEYWORDS,
        "($self, /, group, interface=None)\n--\n\n"
        "Join a multicast group, a numeric address, on an interface: its name "
        "or, for IPv4,\nits address; None: the system chooses."),
    ROW(leave, METH_FASTCALL | METH_KEYWORDS,
        "($self, /, group, interface=None)\n--\n\n"
        "Leave a group joined with the same arguments."),
    {"close", udp_close, METH_NOARGS,
     "close($self, /)\n--\n\n"
     "Close at once; waits end with StreamClosedError. Closing twice is "
     "fine."},
    {"aclose", udp_aclose, METH_NOARGS,
     "aclose($self, /)\n--\n\nclose(), to be awaited."},
    {"fileno", udp_fileno, METH_NOARGS,
     "fileno($self, /)\n--\n\nThe descriptor, which stays the socket's."},
    {"__aenter__", udp_aenter, METH_NOARGS, NULL},
    {"__aexit__", BIDEPY_METHOD(udp_aexit), METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(bidepy_udp, weakrefs), READONLY,
     NULL},
    {NULL, 0, 0, 0, NULL},
};

static char peer_only[] = "peer";

static PyGetSetDef getters[] = {
    {"address", udp_address, NULL, "Our end: (host, port).", NULL},
    {"peer_address", udp_address, NULL,
     "The end of a connected socket: (host, port).", peer_only},
    {"port", udp_port, NULL, "The port of our end (int).", NULL},
    {"closed", udp_closed, NULL, "Whether it is closed (bool).", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(doc_udp,
             "A socket for datagrams, from bind_udp() or connect_udp().\n\n"
             "    async with socket:                     # closed at the end\n"
             "        async for data, address in socket: # until it is closed\n"
             "            await socket.send_to(data, address)\n\n"
             "Several tasks may receive and send.");

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)doc_udp},     {Py_tp_dealloc, udp_dealloc},
    {Py_tp_traverse, udp_traverse},   {Py_tp_repr, udp_repr},
    {Py_am_aiter, PyObject_SelfIter}, {Py_am_anext, bidepy_udp_anext},
    {Py_tp_methods, methods},         {Py_tp_members, members},
    {Py_tp_getset, getters},          {0, NULL},
};

PyType_Spec bidepy_udp_spec = {
    .name = "bide.UdpSocket",
    .basicsize = sizeof(bidepy_udp),
    .flags = BIDEPY_TYPE_FLAGS,
    .slots = slots,
};
