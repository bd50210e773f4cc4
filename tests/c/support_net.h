/* support_net.h - one connection over the loopback interface: a stream of the
 * loop on one end, a plain blocking socket, the peer, on the other.
 *
 * What either end has handed to the system is there for the other at once, so
 * tests need not wait for the network; the peer's own calls return at once as
 * long as the test knows that the data is there. */
#ifndef BIDE_TEST_SUPPORT_NET_H
#define BIDE_TEST_SUPPORT_NET_H

#include "support.h"

typedef struct net {
    world wd;
    bide_listener *listener;
    bide_stream *stream;
    int peer; /* -1: closed */
    int port;
    /* For the tests. */
    char text[4096];
    char *data;
    size_t size;
    bool flag;
} net;

/** Opens the listener in a world that has begun. */
void net_listen(net *n);

/** A world with a listener only. */
void net_begin_listening(net *n);

/** And with a connection. */
void net_begin(net *n);
void net_end(net *n);

/** Runs, checks the trace, ends. */
void net_expect(net *n, const char *trace);

actor *net_spawn(net *n, const char *name, actor_body body);

/** The peer's side. */
int peer_connect(int port);
void peer_send(int fd, const char *text);
void peer_send_bytes(int fd, const char *data, size_t n);

/** Receives `n` bytes, which are there or on their way, into a string. */
void peer_recv(int fd, char *out, size_t n);

/** How many bytes could be received now. */
int peer_pending(int fd);

/** Whether the stream has ended for the peer, and nothing is left. */
bool peer_at_end(int fd);
void peer_close(int *fd);

/** Closes in such a way that the other end sees a reset. */
void peer_reset(int *fd);

/** A bound and listening plain socket, and its port. */
int peer_listen(int *port);

/** Whether `n` bytes have arrived in the stream's buffer. */
bool net_has(const bide_stream *s, size_t n);

/** What the wait of a read was granted, taken off the stream, as a string. */
const char *net_taken(net *n, bide_wait *w);

#endif
