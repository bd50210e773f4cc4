/* The wait-for graph: whether a wait can ever end.
 *
 * A wait on a lock or a task ends by the doing of one task, that on a lock with
 * readers or a semaphore when enough holders have given back, that on a group
 * when all of its tasks have ended. A task is stuck if its one wait is, and no
 * deadline will end that. */
#ifndef BIDE_CYCLE_H
#define BIDE_CYCLE_H

#include "wait.h"

/** The search behind bide__wait_is_cycle. */
bool bide__wait_ends_cycle(bide_wait *w, const bide_wait_kind *kind,
                           void *object);

/** Whether parking `w` for `object` would close a cycle that nothing else ends.
 * If so, leaves kind and object in `w` for bide_wait_explain. Behind a task
 * that is about to run there is none: where many contend, that is the rule. */
static inline bool
bide__wait_is_cycle(bide_wait *w, const bide_wait_kind *kind, void *object)
{
    const bide_task *blocker = bide__wait_blocker(kind, object);
    return BIDE__DIAGNOSTICS &&
           !(blocker && blocker->state == BIDE_TASK_READY) &&
           bide__wait_ends_cycle(w, kind, object);
}

/** The task to name behind `w`: the one through which the way leads back to
 * `self`, or else any that `w` depends on. NULL: none is known. */
const bide_task *bide__wait_behind(const bide_wait *w, const bide_task *self);

/** Before the running task waits for `group` by `w`: the tasks of the group
 * that wait for this one would never end, and have their waits ended with
 * BIDE_EDEADLOCK. */
void bide__group_break_cycles(bide_scope *group, bide_wait *w);

#endif
