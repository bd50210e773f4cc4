/* The producer is done, but does not say so: the consumer's loop has no end.
 *
 * expect: every task waits and nothing can wake one
 * expect: task "producer" ({C}) waits for task "consumer"
 *     ({A})
 * expect: task "consumer" ({A}) waits for Channel "numbers"
 *     (made at {B})
 */
#include "hang.h"

static bide_channel *numbers;

static void
consumer(task *t)
{
    BEGIN(t);
    do
        AWAIT(t, bide_channel_recv(numbers, &t->wait));
    while (t->status != BIDE_ECLOSED);
    END(t);
}

static void
producer(task *t)
{
    hanging *h = (hanging *)t;

    BEGIN(t);
    h->arg = spawn(t->base.loop, "consumer", consumer); /* A */
    for (h->step = 0; h->step < 10; h->step++) {
        t->wait.value.as.integer = h->step;
        AWAIT(t, bide_channel_send(numbers, &t->wait));
    }
    AWAIT(t, bide_task_join(h->arg, &t->wait));
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);

    must(bide_channel_new(4, "numbers", HERE, &numbers), "channel"); /* B */
    spawn(loop, "producer", producer);                               /* C */
    return run(loop);
}
