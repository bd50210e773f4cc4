/* A lock is held for long, while another task waits for it.
 *
 * env: BIDE_SLOW_LOCK=50ms
 * hangs
 * expect: bide: a slow lock: Mutex "ledger" (made at {B}), held for ... s by
 *     task "backup" ({A}); task "pay 1" ({C}) has waited for ... s, with 1 more
 *     behind it
 */
#include "hang.h"

static void
backup(task *t)
{
    BEGIN(t);
    AWAIT(t, bide_mutex_lock(arg_of(t), &t->wait));
    AWAIT(t, bide_sleep_until(&t->wait, bide_loop_now(t->base.loop, true) +
                                            3600 * 1000 * MS));
    bide_mutex_unlock(arg_of(t), &t->base);
    END(t);
}

static void
pay(task *t)
{
    BEGIN(t);
    AWAIT(t, bide_mutex_lock(arg_of(t), &t->wait));
    bide_mutex_unlock(arg_of(t), &t->base);
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);
    bide_mutex *ledger = mutex_new("ledger", HERE); /* B */

    spawn_with(loop, "backup", backup, ledger); /* A */
    spawn_with(loop, "pay 1", pay, ledger);     /* C */
    spawn_with(loop, "pay 2", pay, ledger);
    return run(loop);
}
