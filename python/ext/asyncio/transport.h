/* transport.h - a socket's asyncio transport, in parts: its life (transport.c),
 * reading (transport_read.c), writing (transport_write.c, transport_cork.c,
 * sendq.c) and what Python sees of it (transport_type.c).
 *
 * It does its own I/O when the core's watch tells that there is something to
 * do, and calls the protocol as asyncio's selector transports do: in the order
 * of the loop's callbacks, in a copy of the context in which it was begun.
 *
 * Invariants
 * - While the watch wants anything, the loop's table of watched transports
 * holds a reference: a transport nobody else holds goes on. Without, it can be
 *   collected, which is reported as asyncio does.
 * - `conn_lost` is not 0 from when connection_lost has been scheduled; from
 * then on nothing is wanted and the queue is empty.
 * - `loop`, `sock` and `protocol` are NULL once connection_lost has been
 * called.
 */
#ifndef BIDEPY_TRANSPORT_H
#define BIDEPY_TRANSPORT_H

#include "net.h"
#include "sendq.h"

typedef struct bidepy_transport {
    PyObject_HEAD PyObject
        *extra;         /* `_extra`, the slot of asyncio.BaseTransport */
    PyObject *slots[4]; /* of asyncio's flow control, which is not used */
    PyObject *dict, *weakrefs;
    bidepy_state *st;
    PyObject *loop, *sock, *protocol, *server;
    PyObject *watched; /* the loop's dict of those that it holds */
    PyObject *read_context, *write_context;
    PyObject *empty_waiter; /* of sendfile: a Future */
    bide_watch *watch;
    bidepy_sendq queue;
    size_t high, low; /* water marks of the queue */
    unsigned conn_lost;
    int fd;
    int told;       /* events in the loop's queue of callbacks */
    bool connected; /* the protocol is told of the end */
    bool buffered;  /* it is a BufferedProtocol */
    bool secured;   /* it is bide's SSLProtocol */
    bool started;   /* reading has begun */
    bool much;      /* the last read was a long one */
    bool closing, paused, eof, protocol_paused;
    bool corked; /* the queue goes out behind the current callback */
    bool listed; /* in the loop's list of those that were corked */
    struct bidepy_transport *next_corked;
} bidepy_transport;

static inline bidepy_net *
bidepy_transport_net(const bidepy_transport *t)
{
    return t->st->net;
}

typedef struct bidepy_transport_setup {
    PyObject *loop, *sock, *protocol, *waiter, *extra, *server;
} bidepy_transport_setup;

/** New; all of `s` are borrowed, the last three may be None. On error the
 * socket stays the caller's. */
PyObject *bidepy_transport_new(bidepy_state *st,
                               const bidepy_transport_setup *s);
/** What a transport still has, at the end of one that was not closed: warns. */
void bidepy_transport_finalize(PyObject *transport);

/** An error that ends the transport: reported unless it is an OSError, and then
 * handed to connection_lost. Takes the exception that is set. 0, or -1 when it
 * is one that ends the loop. */
int bidepy_transport_fatal(bidepy_transport *t, const char *message);
/** As asyncio's _force_close(exc): `exc` may be None. */
int bidepy_transport_force_close(bidepy_transport *t, PyObject *exc);
int bidepy_transport_close(bidepy_transport *t);
/** Calls connection_lost now. */
int bidepy_transport_lost(bidepy_transport *t, PyObject *exc);

/** Tells the watch what is wanted, out of the state. */
int bidepy_transport_want(bidepy_transport *t);
/** Makes the watch and tells it; ends it, for sendfile. */
int bidepy_transport_watch(bidepy_transport *t);
int bidepy_transport_unwatch(bidepy_transport *t);
/** Begins or goes on reading, in a copy of the current context. */
int bidepy_transport_start_reading(bidepy_transport *t);
/** The socket can be read, written. -1: an exception that ends the loop. */
int bidepy_transport_readable(bidepy_transport *t);
int bidepy_transport_writable(bidepy_transport *t);
/** What the loop calls then, with the transport. */
PyObject *bidepy_transport_on_readable(PyObject *module, PyObject *transport);
PyObject *bidepy_transport_on_writable(PyObject *module, PyObject *transport);

/** Sets the protocol and what is known of it. */
int bidepy_transport_set_protocol(bidepy_transport *t, PyObject *protocol);

/** Writes, or queues, all of `data` (any contiguous buffer). */
int bidepy_transport_write(bidepy_transport *t, PyObject *data);
int bidepy_transport_writelines(bidepy_transport *t, PyObject *list);
int bidepy_transport_write_eof(bidepy_transport *t);

/** Whether `more` bytes may wait for the end of the current callback. */
bool bidepy_transport_may_cork(const bidepy_transport *t, size_t more);
/** What is queued, which was queued by the current callback, waits so. */
void bidepy_transport_cork(bidepy_transport *t);
/** Sends what does. */
int bidepy_transport_uncork(bidepy_transport *t);
int bidepy_transport_set_limits(bidepy_transport *t, PyObject *high,
                                PyObject *low);
/** Tells the protocol to pause, if the queue is above the high mark. */
int bidepy_transport_maybe_pause(bidepy_transport *t);

static inline bool
bidepy_transport_is_reading(const bidepy_transport *t)
{
    return !t->closing && !t->paused;
}

#endif
