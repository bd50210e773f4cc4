/* What a datagram socket is made of; udp_recv, udp_send and udp each work on
 * their part.
 *
 * Invariants
 * - While a task waits to receive, nothing is queued.
 * - It polls for reading from the first receive on until the queue has reached
 *   its mark, and for writing while a task waits to send.
 * - `error` is one of the system's that no task was there to be told. */
#ifndef BIDE_UDP_STATE_H
#define BIDE_UDP_STATE_H

#include "datagram.h"
#include "endpoint.h"

struct bide_udp {
    bide__endpoint base;
    int fd, family;
    int events; /* polled for */
    bool receiving;
    int error;
    bide__datagrams queue;
    bide_link receivers, senders; /* waits */
    uv_poll_t poll;
};

/** Polls for what is wanted now. */
int bide__udp_poll(bide_udp *u);

#endif
