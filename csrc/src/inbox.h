/* What other threads hand to a loop: a lock-free stack that the loop takes
 * whole and reverses, so posts arrive in the order in which they were pushed
 * (Treiber 1986, with take-all in place of pop, which has no ABA problem).
 * Invariant: after close no push succeeds, and close returns only when no
 * thread is still between its push and the end of its wake-up. */
#ifndef BIDE_INBOX_H
#define BIDE_INBOX_H

#include <stdatomic.h>

#include "bide.h"

typedef struct bide__inbox {
    _Atomic(bide_post *) top;
    atomic_uint senders;
} bide__inbox;

/** Announces a push and the wake-up that follows; bide__inbox_leave ends it. */
static inline void
bide__inbox_enter(bide__inbox *in)
{
    atomic_fetch_add(&in->senders, 1);
}

static inline void
bide__inbox_leave(bide__inbox *in)
{
    atomic_fetch_sub(&in->senders, 1);
}

/** BIDE_ECLOSED after close. Any thread. */
int bide__inbox_push(bide__inbox *in, bide_post *p);

static inline bool
bide__inbox_empty(bide__inbox *in)
{
    return atomic_load(&in->top) == NULL;
}

/** Delivers what is there now; answers how many. Loop's thread. */
size_t bide__inbox_drain(bide__inbox *in);

/** Refuses further pushes and delivers what had arrived. Loop's thread. */
void bide__inbox_close(bide__inbox *in);

#endif
