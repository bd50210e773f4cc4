/* A task sleeps with the wrong sleep, and nothing else runs.
 *
 * env: BIDE_WATCHDOG=50ms
 * hangs
 * expect: bide: the loop is blocked: task "poller" ({A}) has been running for
 */
#include "hang.h"

#include <unistd.h>

static void
poll_often(task *t)
{
    BEGIN(t);
    for (;;) {
        while (sleep(3600) > 0)
            ;
        AWAIT(t, bide_yield(&t->wait));
    }
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);

    spawn(loop, "poller", poll_often); /* A */
    return run(loop);
}
