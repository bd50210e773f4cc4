/* All open loops of the process, for reports that cover every runtime, and for
 * forks.
 * Invariant: a loop is linked from bide_loop_new to bide_loop_close; `lock` is
 * held for list work only, so that no caller of each can block another. */
#ifndef BIDE_REGISTRY_H
#define BIDE_REGISTRY_H

#include "bide.h"

/** Which epoll descriptor of a loop: libuv's, and those inside it. */
enum { BIDE__EPOLL_UV, BIDE__EPOLL_WAITS, BIDE__EPOLL_INTERESTS, BIDE__EPOLLS };

typedef struct bide__registered {
    bide_link link;
    uint64_t serial;          /* 1, 2, ... in the order of making */
    int epolls[BIDE__EPOLLS]; /* the loop's own; -1: none */
} bide__registered;

void bide__registry_init(bide__registered *r);
void bide__registry_add(bide__registered *r);
void bide__registry_remove(bide__registered *r);

/** The registered member of the open loop with the lowest serial above
 * `after`, or NULL. `keep` is called on it under the lock: to count a
 * reference. Any thread. */
bide__registered *bide__registry_next(uint64_t after,
                                      void (*keep)(bide__registered *r));

/** Around a fork, in the parent: the list is whole in the child. */
void bide__registry_forking(void);
void bide__registry_fork_over(void);

/** In the child of a fork, whose loops are the parent's: an epoll is shared
 * with the parent, which would lose what the child takes out of it. So each
 * number gets an empty one. */
void bide__registry_forked(void);

#endif
