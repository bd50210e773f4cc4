/* udp.h - bide.UdpSocket as its own files see it. */
#ifndef BIDEPY_UDP_H
#define BIDEPY_UDP_H

#include "bidepy.h"

enum { BIDEPY_UDP_CACHED = 16 };

/** An address, and the (host, port) that stands for it. */
typedef struct bidepy_udp_name {
    bide_sockaddr address;
    PyObject *tuple; /* or NULL */
} bidepy_udp_name;

/** The tuples are of str and int: no cycle goes through them. */
typedef struct bidepy_udp {
    BIDEPY_HEAD
    bide_udp *udp;
    bidepy_udp_name peers[BIDEPY_UDP_CACHED]; /* by hash: heard from */
    bidepy_udp_name sent;                     /* last sent to */
    PyObject *weakrefs;
} bidepy_udp;

static inline bide_udp *
bidepy_udp_under(const bidepy_op *op)
{
    return ((const bidepy_udp *)op->owner)->udp;
}

/** New UdpSocket on `udp` (stolen, also on failure). */
PyObject *bidepy_udp_new(bidepy_state *st, bide_udp *udp);

/** Sets the exception for `status`; NULL. */
PyObject *bidepy_udp_raise(bidepy_state *st, int status, const char *what);
PyObject *bidepy_udp_fail(bidepy_op *op, int status);

/** 0 if this thread runs the socket's loop; -1 with an exception. */
int bidepy_udp_check(PyObject *self);

/** New: the (host, port) of an address, and back: -1 with an exception. */
PyObject *bidepy_udp_tuple(bidepy_udp *self, const bide_sockaddr *address);
int bidepy_udp_address(bidepy_udp *self, PyObject *tuple, bide_sockaddr *out);
void bidepy_udp_forget(bidepy_udp *self);

/** Options that can be set at any time: those of the core, in their order, and
 * multicast_interface. A table of names begins with its own and ends so. */
#define BIDEPY_UDP_OPTIONS                                                     \
    "broadcast", "ttl", "multicast_ttl", "multicast_loop", "recv_buffer",      \
        "send_buffer", "multicast_interface", NULL
enum { BIDEPY_UDP_VALUES = 6, BIDEPY_UDP_GIVEN };

typedef struct bidepy_udp_tuning {
    int values[BIDEPY_UDP_VALUES]; /* -1: not given */
    PyObject *interface;           /* str or NULL; counted */
} bidepy_udp_tuning;

/** `given`: BIDEPY_UDP_GIVEN arguments, NULL where absent. */
int bidepy_udp_parse_tuning(PyObject *const *given, bidepy_udp_tuning *out);
int bidepy_udp_tune(bide_udp *u, const bidepy_udp_tuning *t);

/* Methods: udp_recv.c, udp_send.c, udp_options.c. */
#define BIDEPY_UDP_KEYWORDS(X)                                                 \
    X(recv)                                                                    \
    X(recv_from)                                                               \
    X(recv_many)                                                               \
    X(try_recv)                                                                \
    X(try_recv_from)                                                           \
    X(send_to)                                                                 \
    X(try_send_to)                                                             \
    X(set)                                                                     \
    X(join)                                                                    \
    X(leave)
#define X(name)                                                                \
    PyObject *bidepy_udp_##name(PyObject *self, PyObject *const *args,         \
                                Py_ssize_t nargs, PyObject *kwnames);
BIDEPY_UDP_KEYWORDS(X)
#undef X
PyObject *bidepy_udp_send(PyObject *self, PyObject *data);
PyObject *bidepy_udp_try_send(PyObject *self, PyObject *data);
PyObject *bidepy_udp_send_many(PyObject *self, PyObject *messages);
PyObject *bidepy_udp_get(PyObject *self, PyObject *name);
PyObject *bidepy_udp_anext(PyObject *self);

/* Arguments of tcp.c, too: -1 with an exception. */
int bidepy_check_host(PyObject *host, bool optional);
int bidepy_parse_port(PyObject *value, size_t least, int *out);
int bidepy_parse_local(PyObject *value, PyObject **host, int *port);
int bidepy_parse_flag(PyObject *value, bool otherwise, bool *out);

#endif
