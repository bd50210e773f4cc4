/* TCP: making and tuning; what flows is stream's. */
#ifndef BIDE_TCP_H
#define BIDE_TCP_H

#include <uv.h>

#include "bide.h"

enum { BIDE__PORT_MAX = 65535 };

/** A new open stream of `l` that is not connected. */
int bide__tcp_new(bide_loop *l, bide_stream **out);

/** A new stream over a connected descriptor; on error `fd` stays with the
 * caller. */
int bide__tcp_adopt(bide_loop *l, int fd, bide_stream **out);

/** The same for one that has its options from a listener. */
int bide__tcp_accepted(bide_loop *l, int fd, bide_stream **out);

/** Gives back a stream in `w->value` that its task did not take. */
void bide__tcp_undo(bide_wait *w);

#endif
