/* A task waits for an answer; who should give it forgot to.
 *
 * expect: every task waits and nothing can wake one
 * expect: task "asker" ({A}) waits for Future
 */
#include "hang.h"

static void
ask(task *t)
{
    BEGIN(t);
    AWAIT(t, bide_future_wait(arg_of(t), &t->wait));
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);
    bide_future *answer;

    must(bide_future_new(&answer), "future");
    spawn_with(loop, "asker", ask, answer); /* A */
    return run(loop);
}
