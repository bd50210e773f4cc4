/* A connection is taken from a pool and not given back.
 *
 * expect: every task waits and nothing can wake one
 * expect: task "second" ({A}) waits for Semaphore "pool"
 *     (made at {B})
 */
#include "hang.h"

static void
query(task *t)
{
    BEGIN(t);
    AWAIT(t, bide_semaphore_acquire(arg_of(t), 1, &t->wait));
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);
    bide_semaphore *pool;

    must(bide_semaphore_new(1, true, "pool", HERE, &pool), "pool"); /* B */
    spawn_with(loop, "first", query, pool);
    spawn_with(loop, "second", query, pool); /* A */
    return run(loop);
}
