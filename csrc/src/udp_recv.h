/* The receiving half of a datagram socket. */
#ifndef BIDE_UDP_RECV_H
#define BIDE_UDP_RECV_H

#include "bide.h"

/** Whether there is room for more datagrams. */
bool bide__udp_wants(const bide_udp *u);

/** Takes what the system has, and serves those that wait. */
void bide__udp_readable(bide_udp *u);

/** Tells a receiver of an error, or the next one to come. */
void bide__udp_failed(bide_udp *u, int error);

#endif
