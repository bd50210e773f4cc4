/* Sockets of the system. */
#ifndef BIDE_SOCKET_H
#define BIDE_SOCKET_H

#include "address.h"

/** A bound, listening, non-blocking descriptor, or a negative error. */
int bide__socket_listen(const bide__sockaddr *a, const bide_tcp_options *o);

/** A descriptor of the next connection; UV_EAGAIN: none waits. A connection
 * that broke while it was waiting is passed over. */
int bide__socket_accept(int fd);

/** A new socket of `type` (SOCK_STREAM, SOCK_DGRAM), non-blocking and closed on
 * exec. */
int bide__socket_open(int family, int type);

/** Of our end, and of the peer's. */
int bide__socket_name(int fd, bide__sockaddr *out);
int bide__socket_peer(int fd, bide__sockaddr *out);

void bide__socket_close(int fd);

#endif
