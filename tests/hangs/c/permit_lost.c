/* A task ends with a permit that it holds.
 *
 * expect: second: the object was broken by another task: task "first" ended
 *     while holding it
 */
#include "hang.h"

static void
query(task *t)
{
    bide_semaphore *pool = arg_of(t);

    BEGIN(t);
    AWAIT(t, bide_semaphore_hold(pool, 1, &t->wait));
    if (t->status == BIDE_EBROKEN)
        fprintf(stderr, "%s: %s: task \"%s\" ended while holding it\n",
                t->base.name, bide_strerror(t->status),
                bide_semaphore_breaker(pool));
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);
    bide_semaphore *pool;

    must(bide_semaphore_new(1, true, "pool", HERE, &pool), "pool");
    spawn_with(loop, "first", query, pool);
    spawn_with(loop, "second", query, pool);
    return run(loop);
}
