/* Names to addresses, off the loop's thread and in a lane of its own, so that a
 * slow name server holds up neither tasks nor blocking work. */
#ifndef BIDE_DNS_H
#define BIDE_DNS_H

#include <uv.h>

#include "bide.h"

/** A look-up, embedded; it stays put until `done`. */
typedef struct bide__lookup {
    bide_job job;
    char *host; /* a copy */
    int status;
    struct addrinfo *found;
    /** As bide_job.done; also BIDE_ENAME and errors of the resolver. */
    void (*done)(struct bide__lookup *self, int status);
} bide__lookup;

/** Looks `host` up. On error `done` is not called. */
int bide__lookup_start(bide__lookup *q, bide_loop *l, const char *host,
                       void (*done)(bide__lookup *self, int status));

/** The result is not wanted any more; `done` follows all the same. */
void bide__lookup_cancel(bide__lookup *q);

/** Frees what a look-up holds, once it is over or was never started. */
void bide__lookup_fini(bide__lookup *q);

#endif
