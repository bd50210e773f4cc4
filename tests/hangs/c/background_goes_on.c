/* A heartbeat goes on, but it is of the background: nobody is left that could
 * wake the others, and the report has it last.
 *
 * expect: every task waits and nothing can wake one
 * expect: task "reader" ({A}) waits for Event "news" (made at {B}): wait, for
 * ... s task "heartbeat" ({C}), of the background, waits for timer: sleep, for
 *     ... s
 */
#include "hang.h"

static void
beat(task *t)
{
    BEGIN(t);
    do
        AWAIT(t, bide_sleep_until(&t->wait, bide_loop_now(t->base.loop, true) +
                                                3600 * 1000 * MS));
    while (t->status == 0);
    END(t);
}

static void
reader(task *t)
{
    BEGIN(t);
    AWAIT(t, bide_event_wait(arg_of(t), &t->wait));
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);
    bide_event *news;

    must(bide_event_new("news", HERE, &news), "event"); /* B */
    spawn_background(loop, "heartbeat", beat);          /* C */
    spawn_with(loop, "reader", reader, news);           /* A */
    return run(loop);
}
