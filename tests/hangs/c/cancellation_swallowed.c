/* A task ignores its cancellation: its next wait ends in the same way.
 *
 * expect: first: task "stubborn": the operation was cancelled (ECANCELED)
 * expect: second: task "stubborn": the operation was cancelled (ECANCELED)
 */
#include "hang.h"

static void
stubborn(task *t)
{
    BEGIN(t);
    AWAIT(t, bide_sleep_until(&t->wait, BIDE_FOREVER));
    tell(t, "first");
    AWAIT(t, bide_sleep_until(&t->wait, BIDE_FOREVER));
    tell(t, "second");
    END(t);
}

static void
cancels(task *t)
{
    BEGIN(t);
    bide_task_cancel(arg_of(t), BIDE_NO_VALUE);
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);

    spawn_with(loop, "canceller", cancels, spawn(loop, "stubborn", stubborn));
    return run(loop);
}
