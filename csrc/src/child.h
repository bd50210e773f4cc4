/* A child process as the loop sees it, from its start until it is reaped: the
 * user's object may be gone long before. */
#ifndef BIDE_CHILD_H
#define BIDE_CHILD_H

#include <stdatomic.h>
#include <sys/types.h>

#include "loop.h"

typedef struct bide__child {
    bide__handle handle; /* in the loop until reaped */
    bide_loop *loop;
    atomic_int owners; /* the user's object; who watches */
    pid_t pid;
    int pidfd; /* -1: a thread watches */
    int code;  /* once reaped: the exit code, or a negative signal */
    bool reaped;
    bool leads; /* a process group */
    bide_timer kill;
    uv_poll_t poll;
    bide_post ended; /* by the thread */
    /** On the loop's thread, once, unless the user's object has let go. */
    void (*exited)(struct bide__child *self);
    void *owner;
} bide__child;

/** Memory for one; NULL: out of memory. Freed by bide__child_release if it is
 * never watched. */
bide__child *bide__child_new(bide_loop *l);

/** Watches the child `pid`; `pidfd` is taken over. An error of the system: it
 * was killed. */
int bide__child_watch(bide__child *c, pid_t pid, int pidfd);

/** Reaps it if it has ended, and then calls `exited`. */
void bide__child_check(bide__child *c);

/** ESRCH: it has been reaped. */
int bide__child_signal(const bide__child *c, int signum, bool group);

/** See bide_process_stop. */
void bide__child_stop(bide__child *c, int64_t grace);

/** The user's object goes; the child goes on, and is reaped in time. */
void bide__child_release(bide__child *c);

#endif
