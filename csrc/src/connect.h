/* Connecting, for what goes on with the connection before the task does. */
#ifndef BIDE_CONNECT_H
#define BIDE_CONNECT_H

#include "bide.h"

/** What follows a connection. */
typedef struct bide__then {
    /** Takes over `s`. 0 or an error ends the wait; BIDE_PARKED: it has been
     * moved on, to a kind and a queue of another. */
    int (*run)(struct bide__then *self, bide_wait *w, bide_stream *s);
    /** Once, whatever became of it. */
    void (*drop)(struct bide__then *self);
} bide__then;

/** As bide_tcp_connect_with; `then` may be NULL and is dropped on errors, too.
 */
int bide__connect(const char *host, int port, const bide_tcp_connect_options *o,
                  bide_wait *w, bide__then *then);

#endif
