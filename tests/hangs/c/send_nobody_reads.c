/* A channel is full, and nobody takes anything out.
 *
 * expect: every task waits and nothing can wake one
 * expect: task "waiter" ({A}) waits for Channel "orders"
 *     (made at {B})
 */
#include "hang.h"

static bide_channel *orders;

static void
waiter(task *t)
{
    BEGIN(t);
    for (;;) {
        t->wait.value.as.integer = 1;
        AWAIT(t, bide_channel_send(orders, &t->wait));
    }
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);

    must(bide_channel_new(2, "orders", HERE, &orders), "channel"); /* B */
    spawn(loop, "waiter", waiter);                                 /* A */
    return run(loop);
}
