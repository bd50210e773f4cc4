/* A lock for critical sections of some tens of instructions, shared by a loop
 * and threads. Taking it free costs one atomic exchange and releasing it a
 * plain store, about a third of a pthread mutex; on contention it spins a
 * little and then yields the processor. Nothing blocks, allocates or calls a
 * host while holding one. */
#ifndef BIDE_LOCK_H
#define BIDE_LOCK_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

typedef struct bide__lock {
    atomic_bool held;
} bide__lock;

static inline void
bide__lock_wait(bide__lock *lock)
{
    do {
        for (int spins = 0;
             atomic_load_explicit(&lock->held, memory_order_relaxed); spins++)
            if (spins > 60)
                sched_yield();
    } while (atomic_exchange_explicit(&lock->held, true, memory_order_acquire));
}

static inline void
bide__lock_take(bide__lock *lock)
{
    if (atomic_exchange_explicit(&lock->held, true, memory_order_acquire))
        bide__lock_wait(lock);
}

static inline void
bide__lock_drop(bide__lock *lock)
{
    atomic_store_explicit(&lock->held, false, memory_order_release);
}

#endif
