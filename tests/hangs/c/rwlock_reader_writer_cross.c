/* Each of two tasks reads one table and wants to write to the other.
 *
 * expect: a deadlock: task "import" ({A}) waits for RwLock "users" (made at
 *     {B}) held by task "export" ({C}), which waits for RwLock "groups" (made
 *     at {D}) held by task "import" ({A})
 */
#include "hang.h"

static void
copy(task *t)
{
    bide_rwlock **tables = arg_of(t);

    BEGIN(t);
    AWAIT(t, bide_rwlock_read(tables[0], &t->wait));
    AWAIT(t, bide_yield(&t->wait));
    AWAIT(t, bide_rwlock_write(tables[1], &t->wait));
    tell(t, "write");
    if (t->status == 0)
        bide_rwlock_write_unlock(tables[1], &t->base);
    bide_rwlock_read_unlock(tables[0]);
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);
    bide_rwlock *users, *groups;

    must(bide_rwlock_new("users", HERE, &users), "rwlock");   /* B */
    must(bide_rwlock_new("groups", HERE, &groups), "rwlock"); /* D */
    bide_rwlock *out[] = {users, groups}, *in[] = {groups, users};
    spawn_with(loop, "export", copy, out); /* C */
    spawn_with(loop, "import", copy, in);  /* A */
    return run(loop);
}
