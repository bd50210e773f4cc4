/* The process's side of signals: the one handler, what it counts, and whom it
 * wakes. */
#ifndef BIDE_SIGNAL_HANDLER_H
#define BIDE_SIGNAL_HANDLER_H

#include <stdbool.h>

/** Whether the number is that of a signal that can be listened to. */
bool bide__signal_can(int signum);

/** Installs the handler for a signal, or counts one more who wants it. */
int bide__signal_watch(int signum);
void bide__signal_unwatch(int signum);

/** How often the handler has run while somebody wanted the signal. */
unsigned bide__signal_raised(int signum);

/** From now on the handler writes a byte to `fd`; NULL: there are too many. */
struct bide__signal_slot *bide__signal_take_slot(int fd);

/** No more; then `fd` may be closed. */
void bide__signal_free_slot(struct bide__signal_slot *s);

#endif
