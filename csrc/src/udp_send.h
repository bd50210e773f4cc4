/* The sending half of a datagram socket. */
#ifndef BIDE_UDP_SEND_H
#define BIDE_UDP_SEND_H

#include "bide.h"

/** Sends for those that wait until the system is full again. */
void bide__udp_writable(bide_udp *u);

/** Ends the waits of all senders. */
void bide__udp_end_senders(bide_udp *u, int status);

#endif
