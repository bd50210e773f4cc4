/* A blocking read of a pipe into which nobody writes.
 *
 * env: BIDE_WATCHDOG=50ms
 * hangs
 * expect: bide: the loop is blocked: task "reader" ({A}) has been running for
 */
#include "hang.h"

#include <unistd.h>

static void
read_all(task *t)
{
    int *fds = arg_of(t);
    char text[100];

    BEGIN(t);
    if (read(fds[0], text, sizeof text) < 0)
        perror("read");
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);
    int fds[2];

    if (pipe(fds))
        return 2;
    spawn_with(loop, "reader", read_all, fds); /* A */
    return run(loop);
}
