/* All connections of a pool are with tasks that want a lock; its holder wants a
 * connection.
 *
 * expect: a deadlock: task "report" ({A}) waits for Semaphore "pool" (made at
 *     {B})
 * expect: task "query" ({C}), which waits for Mutex "ledger" (made at {D}) held
 *     by task "report" ({A})
 */
#include "hang.h"

static bide_semaphore *pool;
static bide_mutex *ledger;

static void
query(task *t)
{
    BEGIN(t);
    AWAIT(t, bide_semaphore_hold(pool, 1, &t->wait));
    AWAIT(t, bide_yield(&t->wait));
    AWAIT(t, bide_mutex_lock(ledger, &t->wait));
    bide_mutex_unlock(ledger, &t->base);
    bide_semaphore_drop(pool, 1, &t->base);
    END(t);
}

static void
report(task *t)
{
    BEGIN(t);
    AWAIT(t, bide_mutex_lock(ledger, &t->wait));
    while (bide_mutex_waiters(ledger) < 3)
        AWAIT(t, bide_yield(&t->wait));
    AWAIT(t, bide_semaphore_hold(pool, 1, &t->wait));
    tell(t, "hold");
    bide_mutex_unlock(ledger, &t->base);
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);

    must(bide_semaphore_new(3, true, "pool", HERE, &pool), "pool"); /* B */
    ledger = mutex_new("ledger", HERE);                             /* D */
    for (int i = 0; i < 3; i++)
        spawn(loop, "query", query); /* C */
    spawn(loop, "report", report);   /* A */
    return run(loop);
}
