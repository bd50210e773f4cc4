/* Looking for something a while before going to sleep for it. A wake-up costs
 * ten microseconds or more on both sides; a job of the pool is often shorter.
 * How long it pays to look follows success: each time it did not help the
 * patience shrinks by a quarter, each time it did it doubles, between the
 * bounds below. (The idea is that of adaptive mutexes, as in glibc and
 * Solaris.) */
#ifndef BIDE_SPIN_H
#define BIDE_SPIN_H

#include <sched.h>
#include <stdbool.h>
#include <uv.h>

enum { BIDE__SPIN_LEAST = 500, BIDE__SPIN_MOST = 30000 /* ns */ };

/** Looks until `there(arg)` or the patience, in ns, is at its end. Yields the
 * processor meanwhile: whoever brings it may need this one. */
static inline bool
bide__spin(unsigned *patience, bool (*there)(void *arg), void *arg)
{
    uint64_t end = uv_hrtime() + *patience;
    bool found;
    while (!(found = there(arg)) && uv_hrtime() < end)
        sched_yield();
    if (!found)
        *patience -= *patience / 4;
    else if (*patience < BIDE__SPIN_MOST)
        *patience *= 2;
    if (*patience < BIDE__SPIN_LEAST)
        *patience = BIDE__SPIN_LEAST;
    return found;
}

#endif
