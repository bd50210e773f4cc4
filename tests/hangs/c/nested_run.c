/* A loop is run in a task of another one.
 *
 * expect: run: another task is already doing this (EBUSY)
 */
#include "hang.h"

static void
outer(task *t)
{
    bide_loop *inner;
    int rc;

    BEGIN(t);
    inner = loop_new(NULL);
    rc = bide_loop_run(inner, NULL);
    fprintf(stderr, "run: %s (%s)\n", bide_strerror(rc), bide_error_name(rc));
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);

    spawn(loop, "outer", outer);
    return run(loop);
}
