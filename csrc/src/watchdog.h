/* One thread for the process looks at all loops that run, a few times per
 * threshold, and reports the step that lasts. */
#ifndef BIDE_WATCHDOG_H
#define BIDE_WATCHDOG_H

#include "bide.h"

/** What `how` comes to with the environment's settings. BIDE_EINVALID. */
int bide__watchdog_settle(bide_watchdog *how, bool debug);

/** Around each run of the loop, on its thread. */
int bide__watchdog_enter(bide_loop *l);
void bide__watchdog_leave(bide_loop *l);

/** Before the loop is closed: the watchdog forgets it. */
void bide__watchdog_forget(bide_loop *l);

#endif
