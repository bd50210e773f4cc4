/* A condition is waited for without its mutex.
 *
 * expect: wait: task "main": the calling task does not hold this lock
 *     (ENOTOWNER)
 */
#include "hang.h"

static void
waits(task *t)
{
    BEGIN(t);
    AWAIT(t, bide_condition_wait(arg_of(t), &t->wait));
    tell(t, "wait");
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);
    bide_condition *changed;

    must(bide_condition_new(mutex_new("stock", HERE), "stock", HERE, &changed),
         "condition");
    spawn_with(loop, "main", waits, changed);
    return run(loop);
}
