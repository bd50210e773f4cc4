/* Two loops share a lock, which is for one of them.
 *
 * expect: lock: task "audit": the object belongs to another runtime
 *     (EWRONGLOOP)
 */
#include "hang.h"

static void
locks(task *t)
{
    bide_mutex *ledger = arg_of(t);

    BEGIN(t);
    AWAIT(t, bide_mutex_lock(ledger, &t->wait));
    tell(t, "lock");
    if (t->status == 0)
        AWAIT(t, bide_park(&t->wait));
    END(t);
}

int
main(void)
{
    bide_loop *first = loop_new(NULL), *second = loop_new(NULL);
    bide_mutex *ledger = mutex_new("ledger", HERE);

    spawn_with(first, "pay", locks, ledger);
    spawn_with(second, "audit", locks, ledger);
    run(first);
    return run(second);
}
