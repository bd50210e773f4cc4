/* All wait for a lock whose holder sleeps: no cycle, and yet nothing goes on.
 *
 * env: BIDE_DUMP_SIGNAL=USR1
 * signal: USR1
 * hangs
 * expect: task "backup" ({A}): parked for ... waits for timer: sleep, ends in
 *     ... s holds Mutex "ledger" (made at {B}) for
 * expect: task "pay" ({C}): parked for ... waits for Mutex "ledger" (made at
 *     {B}): lock, held by task "backup" ({A})
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
    puts("ready");
    fflush(stdout);
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
    spawn_with(loop, "pay", pay, ledger);       /* C */
    return run(loop);
}
