/* A mutex with an owner.
 * Invariant: there are waiters only while there is an owner, and the hold is
 * then marked as awaited; unlocking hands the mutex to the oldest of them,
 * which owns it before it runs. */
#ifndef BIDE_MUTEX_H
#define BIDE_MUTEX_H

#include "object.h"

struct bide_mutex {
    bide__object object;
    bide__held held; /* by its owner */
    bide_link waiters;
    bool broken;
    char breaker[64]; /* the name of the task that broke it */
};

/** Takes the mutex from its owner and hands it on. */
void bide__mutex_pass_on(bide_mutex *m);

/** Puts a wait that is parked, but in no queue, in line for the mutex; when it
 * has it, the wait fires with w->status. For conditions. */
void bide__mutex_enqueue(bide_mutex *m, bide_wait *w);

/** The `undo` of the waits whose object is a mutex. */
void bide__mutex_undo(bide_wait *w);

#endif
