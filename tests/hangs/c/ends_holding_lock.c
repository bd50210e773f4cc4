/* A task ends without unlocking.
 *
 * expect: audit: the object was broken by another task: task "careless" ended
 *     while holding it
 */
#include "hang.h"

static void
careless(task *t)
{
    BEGIN(t);
    AWAIT(t, bide_mutex_lock(arg_of(t), &t->wait));
    END(t);
}

static void
audit(task *t)
{
    bide_mutex *ledger = arg_of(t);

    BEGIN(t);
    AWAIT(t, bide_mutex_lock(ledger, &t->wait));
    if (t->status == BIDE_EBROKEN)
        fprintf(stderr, "audit: %s: task \"%s\" ended while holding it\n",
                bide_strerror(t->status), bide_mutex_breaker(ledger));
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);
    bide_mutex *ledger = mutex_new("ledger", HERE);

    spawn_with(loop, "careless", careless, ledger);
    spawn_with(loop, "audit", audit, ledger);
    return run(loop);
}
