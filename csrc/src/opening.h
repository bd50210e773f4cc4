/* Opening what a host name and a port stand for: a listener, a socket. */
#ifndef BIDE_OPENING_H
#define BIDE_OPENING_H

#include "address.h"
#include "dns.h"
#include "endpoint.h"

/** What is to be opened; begins the struct of who opens it, which is copied
 * when it has to wait for a name. The copy outlives a cancelled wait: `wait` is
 * NULL from then on. */
typedef struct bide__opening {
    bide_wait *wait;
    const bide_wait_kind *kind; /* its `abort` is bide__opening_abort */
    bide_loop *loop;
    int port;
    bool v6_only;
    /** Opens at one address: 0 and what was opened, or an error. */
    int (*open)(const struct bide__opening *self, const bide__sockaddr *a,
                void **out);
    bide__lookup lookup;
} bide__opening;

bool bide__opening_abort(bide_wait *w, bool forced);

/** Opens at the first address of the name that can be; without a host at all of
 * this machine's. `size` is that of the struct that `o` begins. The wait's
 * value is what was opened. */
int bide__opening_start(const bide__opening *o, size_t size, const char *host);

#endif
