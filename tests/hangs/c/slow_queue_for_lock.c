/* Nobody holds a lock for long, but many want it: the last of them waits for
 * long.
 *
 * env: BIDE_SLOW_LOCK=500ms
 * expect: bide: a slow lock: Mutex "ledger" (made at {B})
 * expect: task "pay" ({A}) has waited for ... s
 */
#include "hang.h"

static void
pay(task *t)
{
    BEGIN(t);
    AWAIT(t, bide_mutex_lock(arg_of(t), &t->wait));
    AWAIT(t, bide_sleep_until(&t->wait,
                              bide_loop_now(t->base.loop, true) + 100 * MS));
    bide_mutex_unlock(arg_of(t), &t->base);
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);
    bide_mutex *ledger = mutex_new("ledger", HERE); /* B */

    for (int i = 0; i < 9; i++)
        spawn_with(loop, "pay", pay, ledger); /* A */
    return run(loop);
}
