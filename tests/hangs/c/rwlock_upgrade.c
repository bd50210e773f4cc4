/* A reader wants to write without giving up its read lock.
 *
 * expect: a deadlock: task "edit" ({A}) waits for RwLock "table" (made at {B}),
 *     which it holds itself
 */
#include "hang.h"

static void
edit(task *t)
{
    bide_rwlock *table = arg_of(t);

    BEGIN(t);
    AWAIT(t, bide_rwlock_read(table, &t->wait));
    AWAIT(t, bide_rwlock_write(table, &t->wait));
    tell(t, "write");
    bide_rwlock_read_unlock(table);
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);
    bide_rwlock *table;

    must(bide_rwlock_new("table", HERE, &table), "rwlock"); /* B */
    spawn_with(loop, "edit", edit, table);                  /* A */
    return run(loop);
}
