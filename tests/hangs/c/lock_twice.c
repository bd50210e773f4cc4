/* A task locks a mutex that it holds already.
 *
 * expect: a deadlock: task "audit" ({A}) waits for Mutex "ledger" (made at
 *     {B}), which it holds itself
 */
#include "hang.h"

static void
audit(task *t)
{
    bide_mutex *ledger = arg_of(t);

    BEGIN(t);
    AWAIT(t, bide_mutex_lock(ledger, &t->wait));
    AWAIT(t, bide_mutex_lock(ledger, &t->wait));
    tell(t, "lock");
    bide_mutex_unlock(ledger, &t->base);
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);
    bide_mutex *ledger = mutex_new("ledger", HERE); /* B */

    spawn_with(loop, "audit", audit, ledger); /* A */
    return run(loop);
}
