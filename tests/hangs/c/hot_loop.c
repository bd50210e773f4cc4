/* A task waits for a flag by asking for it all the time.
 *
 * env: BIDE_WATCHDOG=50ms
 * hangs
 * expect: bide: the loop is blocked: task "spinner" ({A}) has been running for
 */
#include "hang.h"

#include <stdatomic.h>

static atomic_bool flag;

static void
spin(task *t)
{
    BEGIN(t);
    while (!atomic_load(&flag))
        ;
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);

    spawn(loop, "spinner", spin); /* A */
    return run(loop);
}
