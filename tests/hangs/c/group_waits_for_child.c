/* A task waits for its group; the child wants the lock that the task holds.
 *
 * expect: lock: a deadlock: task "child" ({A}) waits for Mutex "ledger" (made
 *     at {B}) held by task "parent" ({C}), which waits for its TaskGroup, where
 *     task "child" ({A})
 */
#include "hang.h"

static bide_mutex *ledger;
static bide_scope group;
static bide_wait *leaver;

static void
child(task *t)
{
    BEGIN(t);
    AWAIT(t, bide_mutex_lock(ledger, &t->wait));
    tell(t, "lock");
    bide_unpark(leaver, 0);
    END(t);
}

static void
parent(task *t)
{
    BEGIN(t);
    AWAIT(t, bide_mutex_lock(ledger, &t->wait));
    bide_scope_init(&group);
    bide_scope_attach(&group, &t->base.base);
    leaver = &t->wait;
    spawn_in(t->base.loop, &group, "child", child, NULL, HERE); /* A */
    AWAIT(t, bide_park_for(&group, &t->wait));
    bide_scope_detach(&group);
    bide_mutex_unlock(ledger, &t->base);
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);

    ledger = mutex_new("ledger", HERE); /* B */
    spawn(loop, "parent", parent);      /* C */
    return run(loop);
}
