/* A task waits for an event, which its owner forgot to set.
 *
 * expect: every task waits and nothing can wake one
 * expect: task "client" ({A}) waits for Event "server is up"
 *     (made at {B})
 */
#include "hang.h"

static void
client(task *t)
{
    BEGIN(t);
    AWAIT(t, bide_event_wait(arg_of(t), &t->wait));
    END(t);
}

static void
server(task *t)
{
    BEGIN(t);
    AWAIT(t, bide_yield(&t->wait));
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);
    bide_event *up;

    must(bide_event_new("server is up", HERE, &up), "event"); /* B */
    spawn_with(loop, "client", client, up);                   /* A */
    spawn(loop, "server", server);
    return run(loop);
}
