/* A listening socket and the tasks that wait for its connections. */
#ifndef BIDE_LISTENER_H
#define BIDE_LISTENER_H

#include "address.h"

int bide__listener_new(bide_loop *loop, const bide__sockaddr *a,
                       const bide_tcp_options *o, bide_listener **out);

#endif
