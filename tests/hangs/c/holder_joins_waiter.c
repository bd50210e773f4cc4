/* The holder of a lock waits for the end of a task that waits for the lock.
 *
 * expect: a deadlock: task "worker" ({A}) waits for Mutex "ledger" (made at
 *     {B}) held by task "boss" ({C}), which waits for task "worker" ({A})
 */
#include "hang.h"

static bide_mutex *ledger;

static void
worker(task *t)
{
    BEGIN(t);
    AWAIT(t, bide_mutex_lock(ledger, &t->wait));
    tell(t, "lock");
    if (t->status == 0)
        bide_mutex_unlock(ledger, &t->base);
    END(t);
}

static void
boss(task *t)
{
    BEGIN(t);
    AWAIT(t, bide_mutex_lock(ledger, &t->wait));
    AWAIT(t, bide_task_join(spawn(t->base.loop, "worker", worker), /* A */
                            &t->wait));
    bide_mutex_unlock(ledger, &t->base);
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);

    ledger = mutex_new("ledger", HERE); /* B */
    spawn(loop, "boss", boss);          /* C */
    return run(loop);
}
