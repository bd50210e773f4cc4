/* A barrier for three, and only two come.
 *
 * expect: every task waits and nothing can wake one
 * expect: task "hare" ({A}) waits for Barrier "start" (made
 *     at {B})
 * expect: task "tortoise" ({C}) waits for Barrier "start"
 *     (made at {B})
 */
#include "hang.h"

static void
runner(task *t)
{
    BEGIN(t);
    AWAIT(t, bide_barrier_wait(arg_of(t), &t->wait));
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);
    bide_barrier *start;

    must(bide_barrier_new(3, "start", HERE, &start), "barrier"); /* B */
    spawn_with(loop, "hare", runner, start);                     /* A */
    spawn_with(loop, "tortoise", runner, start);                 /* C */
    return run(loop);
}
