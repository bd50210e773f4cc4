/* A bounded queue of values between the tasks of one loop and any threads.
 *
 * The values lie in a ring under a short lock. Who waits is kept twice: tasks
 * in lists that only the loop's thread changes, threads in lists of parkers. A
 * thread never touches a task's wait: when it has put in or taken out something
 * a task waits for, it posts one `kick` to the loop, which matches the two.
 *
 * Invariants
 * - `lock` guards everything. Whoever is served is told outside it, one at a
 *   time: firing one wait may take its siblings off this very channel.
 * - At rest (no kick on its way) nobody waits for what is there: senders wait
 *   only at a full ring, receivers only at an empty one.
 * - Tickets order waiting tasks and threads among each other: FIFO. */
#ifndef BIDE_CHANNEL_H
#define BIDE_CHANNEL_H

#include "lock.h"
#include "object.h"
#include "parker.h"
#include "ring.h"

struct bide_channel {
    bide__object object;
    bide__lock lock;
    bool closed;
    bool kicked; /* the kick is on its way */
    size_t capacity;
    bide__ring ring;
    size_t ticket;
    bide_link task_senders, task_receivers;     /* bide_wait */
    bide_link thread_senders, thread_receivers; /* bide__parker */
    bide_post kick;
};

static inline bool
bide__channel_senders_wait(const bide_channel *ch)
{
    return !bide__list_empty(&ch->task_senders) ||
           !bide__list_empty(&ch->thread_senders);
}

static inline bool
bide__channel_receivers_wait(const bide_channel *ch)
{
    return !bide__list_empty(&ch->task_receivers) ||
           !bide__list_empty(&ch->thread_receivers);
}

/** After a change: serves whom it lets go on, threads from here, tasks if this
 * is the loop's thread, else the loop is told. Called with the lock held,
 * returns with it given up. */
void bide__channel_settle(bide_channel *ch);

#endif
