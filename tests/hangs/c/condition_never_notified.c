/* A task waits for a change, and who makes it does not notify.
 *
 * expect: every task waits and nothing can wake one
 * expect: task "consumer" ({A}) waits for Condition "stock"
 *     (made at {B})
 */
#include "hang.h"

static bide_mutex *lock;
static bide_condition *changed;
static int apples;

static void
consumer(task *t)
{
    BEGIN(t);
    AWAIT(t, bide_mutex_lock(lock, &t->wait));
    while (apples == 0)
        AWAIT(t, bide_condition_wait(changed, &t->wait));
    bide_mutex_unlock(lock, &t->base);
    END(t);
}

static void
producer(task *t)
{
    BEGIN(t);
    AWAIT(t, bide_mutex_lock(lock, &t->wait));
    apples++;
    bide_mutex_unlock(lock, &t->base);
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);

    lock = mutex_new("lock", HERE);
    must(bide_condition_new(lock, "stock", HERE, &changed), "stock"); /* B */
    spawn(loop, "consumer", consumer);                                /* A */
    spawn(loop, "producer", producer);
    return run(loop);
}
