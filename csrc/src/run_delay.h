/* How long a thread was ready to run while no processor was free. */
#ifndef BIDE_RUN_DELAY_H
#define BIDE_RUN_DELAY_H

#include <stdint.h>

/** The number by which the system knows this thread; 0: it has none. */
long bide__thread_number(void);

/** Nanoseconds since the thread began; 0 where the system does not count. */
int64_t bide__run_delay(long thread);

#endif
