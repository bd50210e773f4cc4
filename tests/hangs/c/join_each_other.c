/* Two tasks wait for each other's end.
 *
 * expect: a deadlock: task "Romeo" ({A}) waits for task "Juliet" ({B}), which
 *     waits for task "Romeo" ({A})
 */
#include "hang.h"

static bide_task *tasks[2];

static void
waits(task *t)
{
    bide_task **other = arg_of(t);

    BEGIN(t);
    AWAIT(t, bide_task_join(*other, &t->wait));
    tell(t, "join");
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);

    tasks[0] = spawn_with(loop, "Juliet", waits, &tasks[1]); /* B */
    tasks[1] = spawn_with(loop, "Romeo", waits, &tasks[0]);  /* A */
    return run(loop);
}
