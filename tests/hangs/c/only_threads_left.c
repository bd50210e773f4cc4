/* A thread holds the loop, as it may still post: so the run does not end; what
 * everybody waits for is reported all the same.
 *
 * hangs
 * expect: bide: every task has waited for ... s, and only another thread can
 *     wake one: task "reader" ({A}) waits for Event "news" (made at {B}): wait,
 *     for ... s
 */
#include "hang.h"

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
    bide_loop *loop = loop_new(&(bide_loop_options){.stall = 100 * MS});
    bide_event *news;

    must(bide_event_new("news", HERE, &news), "event"); /* B */
    spawn_with(loop, "reader", reader, news);           /* A */
    bide_loop_hold(loop);
    return run(loop);
}
