/* Datagram sockets of the system: making and tuning. */
#ifndef BIDE_UDP_SOCKET_H
#define BIDE_UDP_SOCKET_H

#include "address.h"

/** A non-blocking descriptor bound to `local` and connected to `peer`; either
 * may be NULL. A negative error. */
int bide__udp_socket(const bide__sockaddr *local, const bide__sockaddr *peer,
                     const bide_udp_options *o);

/** An option BIDE_UDP_* of a socket of `family`. */
int bide__udp_set(int fd, int family, int option, int value);
int bide__udp_get(int fd, int family, int option, int *value);

/** As bide_udp_join and bide_udp_leave, and bide_udp_multicast_via. */
int bide__udp_member(int fd, const char *group, const char *interface,
                     bool join);
int bide__udp_via(int fd, int family, const char *interface);

#endif
