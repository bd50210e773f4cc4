/* Three philosophers, each with a fork in the hand, wait for the next one's.
 *
 * expect: a deadlock: task "Kant" ({A}) waits for Mutex "fork 0" (made at {B})
 *     held by task "Plato" ({A}), which waits for Mutex "fork 1" (made at {B})
 *     held by task "Hume" ({A}), which waits for Mutex "fork 2" (made at {B})
 *     held by task "Kant" ({A})
 */
#include "hang.h"

static void
philosopher(task *t)
{
    bide_mutex **forks = arg_of(t);

    BEGIN(t);
    AWAIT(t, bide_mutex_lock(forks[0], &t->wait));
    AWAIT(t, bide_yield(&t->wait));
    AWAIT(t, bide_mutex_lock(forks[1], &t->wait));
    tell(t, "lock");
    if (t->status == 0)
        bide_mutex_unlock(forks[1], &t->base);
    bide_mutex_unlock(forks[0], &t->base);
    END(t);
}

int
main(void)
{
    static const char *forks[] = {"fork 0", "fork 1", "fork 2"};
    static const char *names[] = {"Plato", "Hume", "Kant"};
    bide_loop *loop = loop_new(NULL);
    bide_mutex *table[4];

    for (int i = 0; i < 3; i++)
        table[i] = mutex_new(forks[i], HERE); /* B */
    table[3] = table[0];
    for (int i = 0; i < 3; i++)
        spawn_with(loop, names[i], philosopher, table + i); /* A */
    return run(loop);
}
