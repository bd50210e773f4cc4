/* Two tasks take two locks, in opposite order.
 *
 * expect: a deadlock: task "pay" ({A}) waits for Mutex "ledger" (made at {B})
 *     held by task "audit" ({C}), which waits for Mutex "journal" (made at {D})
 *     held by task "pay" ({A})
 */
#include "hang.h"

static void
both(task *t)
{
    bide_mutex **order = arg_of(t);

    BEGIN(t);
    AWAIT(t, bide_mutex_lock(order[0], &t->wait));
    AWAIT(t, bide_yield(&t->wait));
    AWAIT(t, bide_mutex_lock(order[1], &t->wait));
    tell(t, "lock");
    if (t->status == 0)
        bide_mutex_unlock(order[1], &t->base);
    bide_mutex_unlock(order[0], &t->base);
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);
    bide_mutex *ledger = mutex_new("ledger", HERE);   /* B */
    bide_mutex *journal = mutex_new("journal", HERE); /* D */
    bide_mutex *audit[] = {ledger, journal}, *pay[] = {journal, ledger};

    spawn_with(loop, "audit", both, audit); /* C */
    spawn_with(loop, "pay", both, pay);     /* A */
    return run(loop);
}
