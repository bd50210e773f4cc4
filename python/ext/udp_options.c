/* Options and addresses of bide.UdpSocket. */
#include "udp.h"

/* -- addresses ------------------------------------------------------------ */

static bidepy_udp_name *
slot_of(bidepy_udp *self, const bide_sockaddr *a)
{
    uint64_t h = a->private_[0] ^ a->private_[1] ^ a->private_[2];
    h *= UINT64_C(0x9e3779b97f4a7c15);
    return &self->peers[h >> 60 & (BIDEPY_UDP_CACHED - 1)];
}

PyObject *
bidepy_udp_tuple(bidepy_udp *self, const bide_sockaddr *address)
{
    bidepy_udp_name *slot = slot_of(self, address);
    bide_address text;
    if (slot->tuple && memcmp(&slot->address, address, sizeof *address) == 0)
        return Py_NewRef(slot->tuple);
    int rc = bide_sockaddr_text(address, &text);
    if (rc < 0)
        return bidepy_raise(self->st, rc, NULL);
    PyObject *tuple = Py_BuildValue("(si)", text.host, text.port);
    if (tuple) {
        slot->address = *address;
        Py_XSETREF(slot->tuple, Py_NewRef(tuple));
    }
    return tuple;
}

static int
parse_address(PyObject *tuple, bide_sockaddr *out)
{
    int port;
    if (!PyTuple_Check(tuple) || PyTuple_GET_SIZE(tuple) != 2) {
        PyErr_Format(PyExc_TypeError,
                     "address must be a tuple of host and port, not %R", tuple);
        return -1;
    }
    PyObject *host = PyTuple_GET_ITEM(tuple, 0);
    if (bidepy_check_host(host, false) < 0 ||
        bidepy_parse_port(PyTuple_GET_ITEM(tuple, 1), 1, &port) < 0)
        return -1;
    if (bide_sockaddr_parse(PyUnicode_AsUTF8(host), port, out) == 0)
        return 0;
    PyErr_Format(PyExc_ValueError,
                 "the host of an address must be numeric, got %R; use "
                 "bide.resolve() first",
                 host);
    return -1;
}

int
bidepy_udp_address(bidepy_udp *self, PyObject *tuple, bide_sockaddr *out)
{
    bidepy_udp_name *last = &self->sent;
    if (last->tuple == tuple) {
        *out = last->address;
        return 0;
    }
    for (int i = 0; i < BIDEPY_UDP_CACHED; i++)
        if (self->peers[i].tuple == tuple) {
            *out = self->peers[i].address;
            return 0;
        }
    if (parse_address(tuple, out) < 0)
        return -1;
    if (PyTuple_CheckExact(tuple) &&
        PyUnicode_CheckExact(PyTuple_GET_ITEM(tuple, 0)) &&
        PyLong_CheckExact(PyTuple_GET_ITEM(tuple, 1))) {
        last->address = *out;
        Py_XSETREF(last->tuple, Py_NewRef(tuple));
    }
    return 0;
}

void
bidepy_udp_forget(bidepy_udp *self)
{
    Py_CLEAR(self->sent.tuple);
    for (int i = 0; i < BIDEPY_UDP_CACHED; i++)
        Py_CLEAR(self->peers[i].tuple);
}

/* -- options -------------------------------------------------------------- */

static const struct {
    const char *name;
    int least, most;
} rows[] = {
#define X(NAME, name, least, most) {#name, least, most},
    BIDE_UDP_OPTIONS(X)
#undef X
};

static int
parse_interface(PyObject *value, PyObject **out)
{
    *out = NULL;
    if (!value || value == Py_None)
        return 0;
    if (!PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError,
                     "an interface must be a str, its name or address, not "
                     "%.100s",
                     Py_TYPE(value)->tp_name);
        return -1;
    }
    if (!PyUnicode_AsUTF8(value))
        return -1;
    *out = Py_NewRef(value);
    return 0;
}

static int
parse_value(PyObject *given, int i, int *out)
{
    size_t n;
    *out = -1;
    if (!given || given == Py_None)
        return 0;
    if (bidepy_size(given, rows[i].name, (size_t)rows[i].least, &n) < 0)
        return -1;
    if (n <= (size_t)rows[i].most) {
        *out = (int)n;
        return 0;
    }
    PyErr_Format(PyExc_ValueError, "%s must be at most %d, not %zu",
                 rows[i].name, rows[i].most, n);
    return -1;
}

int
bidepy_udp_parse_tuning(PyObject *const *given, bidepy_udp_tuning *out)
{
    for (int i = 0; i < BIDEPY_UDP_VALUES; i++)
        if (parse_value(given[i], i, &out->values[i]) < 0)
            return -1;
    return parse_interface(given[BIDEPY_UDP_VALUES], &out->interface);
}

int
bidepy_udp_tune(bide_udp *u, const bidepy_udp_tuning *t)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < BIDEPY_UDP_VALUES; i++)
        if (t->values[i] >= 0)
            rc = bide_udp_set(u, i, t->values[i]);
    if (rc == 0 && t->interface)
        rc = bide_udp_multicast_via(u, PyUnicode_AsUTF8(t->interface));
    return rc;
}

PyObject *
bidepy_udp_set(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
               PyObject *kwnames)
{
    static const char *const names[] = {BIDEPY_UDP_OPTIONS};
    static const bidepy_signature sig = {"set", names, 0, 0};
    PyObject *given[BIDEPY_UDP_GIVEN];
    bidepy_udp_tuning t;
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        bidepy_udp_check(self) < 0 || bidepy_udp_parse_tuning(given, &t) < 0)
        return NULL;
    int rc = bidepy_udp_tune(((bidepy_udp *)self)->udp, &t);
    Py_XDECREF(t.interface);
    if (rc < 0)
        return bidepy_udp_raise(bidepy_of(self), rc, "UdpSocket.set()");
    Py_RETURN_NONE;
}

PyObject *
bidepy_udp_get(PyObject *self, PyObject *name)
{
    int value;
    for (int i = 0; i < BIDEPY_UDP_VALUES; i++) {
        if (!PyUnicode_Check(name) ||
            PyUnicode_CompareWithASCIIString(name, rows[i].name) != 0)
            continue;
        int rc = bide_udp_get(((bidepy_udp *)self)->udp, i, &value);
        if (rc < 0)
            return bidepy_udp_raise(bidepy_of(self), rc, "UdpSocket.get()");
        return PyLong_FromLong(value);
    }
    PyErr_Format(PyExc_ValueError, "there is no option %R", name);
    return NULL;
}

/* -- multicast ------------------------------------------------------------ */

static PyObject *
member(PyObject *self, const char *function, PyObject *const *args,
       Py_ssize_t nargs, PyObject *kwnames,
       int (*apply)(bide_udp *, const char *, const char *))
{
    static const char *const names[] = {"group", "interface", NULL};
    const bidepy_signature sig = {function, names, 1, 2};
    PyObject *given[2], *interface;
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0 ||
        bidepy_check_host(given[0], false) < 0 || bidepy_udp_check(self) < 0 ||
        parse_interface(given[1], &interface) < 0)
        return NULL;
    int rc = apply(((bidepy_udp *)self)->udp, PyUnicode_AsUTF8(given[0]),
                   interface ? PyUnicode_AsUTF8(interface) : NULL);
    Py_XDECREF(interface);
    if (rc == BIDE_EINVALID)
        return PyErr_Format(PyExc_ValueError,
                            "group must be a multicast address, got %R",
                            given[0]);
    if (rc < 0)
        return bidepy_udp_raise(bidepy_of(self), rc, "UdpSocket.join()");
    Py_RETURN_NONE;
}

PyObject *
bidepy_udp_join(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                PyObject *kwnames)
{
    return member(self, "join", args, nargs, kwnames, bide_udp_join);
}

PyObject *
bidepy_udp_leave(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                 PyObject *kwnames)
{
    return member(self, "leave", args, nargs, kwnames, bide_udp_leave);
}
