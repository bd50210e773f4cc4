/* peer.h - a connection to the server under load: TCP, Unix, TLS or UDP.
 *
 * Opened blocking, so that a first message can make the round trip and be
 * checked; then made non-blocking. */
#ifndef LOAD_PEER_H
#define LOAD_PEER_H

#include <stddef.h>
#include <sys/types.h>

#include <openssl/ssl.h>

/** Where the server is, and how it is talked to. */
typedef struct target {
    const char *host; /* IPv4 */
    int port;
    const char *path;   /* Unix, in place of both */
    int udp, tls;       /* in place of plain TCP */
    int many_addresses; /* TCP: from all of 127/8, there are not enough
                           ports for a connection each */
    unsigned next_address;
    SSL_CTX *context;
} target;

typedef struct peer {
    int fd;
    SSL *ssl; /* NULL without TLS */
} peer;

/** Says why the program cannot go on, and ends it. */
void die(const char *format, ...)
    __attribute__((noreturn, format(printf, 1, 2)));

/** Prepares what all connections share. */
void target_init(target *t);

/** A new connection. Ends the program if there is none to be had. */
peer peer_open(target *t);
void peer_unblock(peer *p);
void peer_close(peer *p);

/** As send and recv: -1 and EAGAIN if nothing can be done now. */
ssize_t peer_send(peer *p, const void *data, size_t len);
ssize_t peer_recv(peer *p, void *data, size_t len);

#endif
