/* A task waits for its own end.
 *
 * expect: a deadlock: task "ouroboros" ({A}) waits for task "ouroboros"
 */
#include "hang.h"

static void
ouroboros(task *t)
{
    BEGIN(t);
    AWAIT(t, bide_task_join(&t->base, &t->wait));
    tell(t, "join");
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);

    spawn(loop, "ouroboros", ouroboros); /* A */
    return run(loop);
}
