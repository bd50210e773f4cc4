/* A task waits for orders, but none that could send any is left.
 *
 * expect: every task waits and nothing can wake one
 * expect: task "cook" ({A}) waits for Channel "orders" (made
 *     at {B})
 */
#include "hang.h"

static bide_channel *orders;

static void
cook(task *t)
{
    BEGIN(t);
    for (;;)
        AWAIT(t, bide_channel_recv(orders, &t->wait));
    END(t);
}

static void
waiter(task *t)
{
    BEGIN(t);
    t->wait.value.as.integer = 1;
    AWAIT(t, bide_channel_send(orders, &t->wait));
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);

    must(bide_channel_new(8, "orders", HERE, &orders), "channel"); /* B */
    spawn(loop, "cook", cook);                                     /* A */
    spawn(loop, "waiter", waiter);
    return run(loop);
}
