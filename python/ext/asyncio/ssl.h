/* ssl.h - the hot half of asyncio's SSLProtocol. The class bide uses is a
 * subclass of asyncio.sslproto.SSLProtocol, whose own code does handshakes,
 * shutdowns, timeouts and errors, and of the type here: the attributes by which
 * that code and this one share the state of a connection are members of the
 * struct, so that both see the same and neither has to ask the other.
 *
 * Ciphertext is fed to OpenSSL in whole records only. Then their number tells
 * how often there is something to read, and asking in vain, which raises an
 * exception and costs more than a small message, does not happen.
 *
 * Invariants
 * - `partial` is the beginning of a record whose rest has not arrived.
 * - Unless `behind`, every record that was fed has been read. */
#ifndef BIDEPY_SSL_H
#define BIDEPY_SSL_H

#include "../tls_engine.h"
#include "net.h"

typedef struct bidepy_ssl_base {
    PyObject_HEAD bidepy_state *st;
    /* Of SSLProtocol, by the names it gives them. */
    PyObject *loop, *app_protocol, *transport;
    PyObject *sslobj, *incoming, *outgoing;
    PyObject *state, *write_backlog;
    PyObject *outgoing_high_water;
    Py_ssize_t write_buffer_size, conn_lost;
    char app_is_buffer, app_reading_paused, ssl_reading_paused;
    char app_writing_paused, ssl_writing_paused;
    /* Ours. */
    bidepy_tls engine;
    bool ready; /* the engine is */
    bool behind;
    char *partial;
    size_t partial_len, partial_room;
    PyObject *buffer; /* bytearray for transports of others: get_buffer() */
} bidepy_ssl_base;

extern PyType_Spec bidepy_ssl_base_spec;

/** Before any of the following: the engine, made of what __init__ left. */
int bidepy_ssl_need(bidepy_ssl_base *p);

/** Ciphertext has arrived. -1 with an exception of a callback's. */
int bidepy_ssl_received(bidepy_ssl_base *p, const char *data, size_t n);

/** As SSLProtocol._do_read. `records`: how many have just been fed, of `size`
 * bytes; 0: not known. */
int bidepy_ssl_do_read(bidepy_ssl_base *p, size_t records, size_t size);
int bidepy_ssl_do_write(bidepy_ssl_base *p);
int bidepy_ssl_process_outgoing(bidepy_ssl_base *p);
/** One piece of plaintext, or several, to be sent. */
int bidepy_ssl_send(bidepy_ssl_base *p, PyObject *data);
int bidepy_ssl_send_list(bidepy_ssl_base *p, PyObject *list);

/** The exception that is set goes to _fatal_error, unless it ends the loop. */
int bidepy_ssl_fail(bidepy_ssl_base *p);

static inline bidepy_net *
bidepy_ssl_net(const bidepy_ssl_base *p)
{
    return p->st->net;
}

#endif
