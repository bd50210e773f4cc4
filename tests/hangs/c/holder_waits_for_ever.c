/* All wait for a lock whose holder waits for what nobody brings. The holder
 * comes first in the report.
 *
 * expect: nothing can wake one (ESTALLED): task "backup" ({A}) waits for Event
 *     "disk is back" (made at {E}): wait, for ... s; 2 tasks wait for it
 *     holds Mutex "ledger" (made at {B}), for
 * expect: task "pay 1" ({C}) waits for Mutex "ledger" (made at {B}): lock, held
 *     by task "backup" ({A}), for ... s
 * expect: task "pay 2" ({D}) waits for Mutex "ledger"
 */
#include "hang.h"

static bide_event *disk;

static void
backup(task *t)
{
    BEGIN(t);
    AWAIT(t, bide_mutex_lock(arg_of(t), &t->wait));
    AWAIT(t, bide_event_wait(disk, &t->wait));
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

    must(bide_event_new("disk is back", HERE, &disk), "event"); /* E */
    spawn_with(loop, "backup", backup, ledger);                 /* A */
    spawn_with(loop, "pay 1", pay, ledger);                     /* C */
    spawn_with(loop, "pay 2", pay, ledger);                     /* D */
    return run(loop);
}
