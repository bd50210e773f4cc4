/* A call for other threads, made on the loop's own.
 *
 * expect: recv_blocking: task "cook": waiting here would never end: a deadlock
 *     (EDEADLOCK)
 */
#include "hang.h"

static void
cook(task *t)
{
    bide_value order;
    int rc;

    BEGIN(t);
    rc = bide_channel_recv_blocking(arg_of(t), &order, BIDE_FOREVER);
    fprintf(stderr, "recv_blocking: task \"%s\": %s (%s)\n", t->base.name,
            bide_strerror(rc), bide_error_name(rc));
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);
    bide_channel *orders;

    must(bide_channel_new(8, "orders", HERE, &orders), "channel");
    spawn_with(loop, "cook", cook, orders);
    return run(loop);
}
