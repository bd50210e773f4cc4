/* A ring of 300 tasks, each with a lock that the one before it wants.
 *
 * expect: a deadlock: task "member" ({A}) waits for Mutex "first" (made at {B})
 *     held by task "member" ({A}), which waits for Mutex "later" (made at {C})
 *     held by
 * expect: which waits for Mutex "later" (made at {C}) held by task "member"
 *     ({A}), which waits for Mutex "last" (made at {D}) held by task "member"
 *     ({A})
 */
#include "hang.h"

enum { N = 300 };

static void
member(task *t)
{
    bide_mutex **locks = arg_of(t);

    BEGIN(t);
    AWAIT(t, bide_mutex_lock(locks[0], &t->wait));
    AWAIT(t, bide_yield(&t->wait));
    AWAIT(t, bide_mutex_lock(locks[1], &t->wait));
    tell(t, "lock");
    if (t->status == 0)
        bide_mutex_unlock(locks[1], &t->base);
    bide_mutex_unlock(locks[0], &t->base);
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);
    bide_mutex *ring[N + 1];

    ring[0] = ring[N] = mutex_new("first", HERE); /* B */
    for (int i = 1; i < N - 1; i++)
        ring[i] = mutex_new("later", HERE); /* C */
    ring[N - 1] = mutex_new("last", HERE);  /* D */
    for (int i = 0; i < N; i++)
        spawn_with(loop, "member", member, ring + i); /* A */
    return run(loop);
}
