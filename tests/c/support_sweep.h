/* support_sweep.h - cancelling a task at each of its parks, failing each
 * allocation. */
#ifndef BIDE_TEST_SUPPORT_SWEEP_H
#define BIDE_TEST_SUPPORT_SWEEP_H

#include "support.h"

/** A few tasks around one object. The parts are called in the order below, for
 * each run anew; `state` is zeroed memory of `state_size` bytes in
 * wd->state. */
typedef struct scenario {
    size_t state_size;
    /** Makes the object, spawns the tasks, answers the one to cancel. */
    actor *(*build)(world *wd, void *state);
    /** After the run: checks what must hold whatever was cancelled (`hit`: the
     * cancel struck), and drops the object. */
    void (*verify)(world *wd, void *state, bool hit);
} scenario;

/** Runs the scenario and cancels the victim at its first park, then, in a new
 * run, at its second, until it is no longer reached: at once and by a task that
 * comes later, in FIFO order and in drawn ones. */
void sweep_cancel(const scenario *s);

/** Runs `attempt` with the first allocation failing, then the second, until
 * none does; then with all failing from the first on, from the second, ...:
 * each time it has to give everything back. `attempt` answers 0 or
 * BIDE_ENOMEMORY. */
void sweep_memory(int (*attempt)(void));

#endif
