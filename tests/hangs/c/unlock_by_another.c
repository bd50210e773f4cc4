/* A task unlocks what another one holds.
 *
 * expect: unlock: task "audit": the calling task does not hold this lock
 *     (ENOTOWNER); task "pay" does
 */
#include "hang.h"

static void
pay(task *t)
{
    BEGIN(t);
    AWAIT(t, bide_mutex_lock(arg_of(t), &t->wait));
    AWAIT(t, bide_yield(&t->wait));
    bide_mutex_unlock(arg_of(t), &t->base);
    END(t);
}

static void
audit(task *t)
{
    bide_mutex *ledger = arg_of(t);
    int rc;

    BEGIN(t);
    rc = bide_mutex_unlock(ledger, &t->base);
    fprintf(stderr, "unlock: task \"%s\": %s (%s); task \"%s\" does\n",
            t->base.name, bide_strerror(rc), bide_error_name(rc),
            bide_mutex_owner(ledger)->name);
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);
    bide_mutex *ledger = mutex_new("ledger", HERE);

    spawn_with(loop, "pay", pay, ledger);
    spawn_with(loop, "audit", audit, ledger);
    return run(loop);
}
