/* Has a function run on the thread of a loop while a step blocks it. */
#ifndef BIDE_WATCHDOG_SIGNAL_H
#define BIDE_WATCHDOG_SIGNAL_H

#include <pthread.h>
#include <stdbool.h>

/** Installs the handler for a signal, or counts one more who needs it. 0 or a
 * system error. One caller at a time, as for the rest of these. */
int bide__watchdog_hold_signal(int signum);
void bide__watchdog_drop_signal(int signum);

/** Interrupts `thread`, which is alive, for `fn(arg)`, to be written as a
 * signal handler is. False: it did not come to that, and will not. */
bool bide__watchdog_interrupt(pthread_t thread, int signum,
                              void (*fn)(void *arg), void *arg);

/** In the child of a fork: no call is going on. */
void bide__watchdog_forked(void);

#endif
