/* All open loops of the process, for reports that cover every runtime.
 * Invariant: a loop is linked from bide_loop_new to bide_loop_close; `lock` is
 * held for list work only, so that no caller of each can block another. */
#ifndef BIDE_REGISTRY_H
#define BIDE_REGISTRY_H

#include "bide.h"

typedef struct bide__registered {
    bide_link link;
    uint64_t serial; /* 1, 2, ... in the order of making */
} bide__registered;

void bide__registry_add(bide__registered *r);
void bide__registry_remove(bide__registered *r);

/** The registered member of the open loop with the lowest serial above
 * `after`, or NULL. `keep` is called on it under the lock: to count a
 * reference. Any thread. */
bide__registered *bide__registry_next(uint64_t after,
                                      void (*keep)(bide__registered *r));

/** In the child of a fork: nobody holds the lock any more. */
void bide__registry_forked(void);

#endif
