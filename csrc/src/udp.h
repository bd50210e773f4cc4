/* Datagram sockets: life. */
#ifndef BIDE_UDP_H
#define BIDE_UDP_H

#include "bide.h"

/** On a descriptor of `family`, which on error stays with the caller. */
int bide__udp_open(bide_loop *l, int fd, int family, bide_udp **out);

#endif
