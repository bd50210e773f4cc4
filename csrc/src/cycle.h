/* The wait-for graph: whether a wait can ever end.
 *
 * A wait on a lock or a task ends by the doing of one task, that on a lock with
 * readers or a semaphore when enough holders have given back, that on a group
 * when all of its tasks have ended. A task is stuck if its one wait is, and no
 * deadline will end that. */
#ifndef BIDE_CYCLE_H
#define BIDE_CYCLE_H

#include "wait.h"

/** Whether parking `w` for `object` would close a cycle that nothing else ends.
 * Leaves kind and object in `w` for bide_wait_explain. */
bool bide__wait_is_cycle(bide_wait *w, const bide_wait_kind *kind,
                         void *object);

/** The task to name behind `w`: the one through which the way leads back to
 * `self`, or else any that `w` depends on. NULL: none is known. */
const bide_task *bide__wait_behind(const bide_wait *w, const bide_task *self);

/** Before the running task waits for `group` by `w`: the tasks of the group
 * that wait for this one would never end, and have their waits ended with
 * BIDE_EDEADLOCK. */
void bide__group_break_cycles(bide_scope *group, bide_wait *w);

#endif
