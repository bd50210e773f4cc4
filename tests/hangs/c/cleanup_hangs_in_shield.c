/* Cleanup waits for ever; the shield around it has a deadline.
 *
 * expect: cleanup: task "server": the operation was cancelled (ECANCELED)
 */
#include "hang.h"

static void
serve(task *t)
{
    hanging *h = (hanging *)t;

    BEGIN(t);
    AWAIT(t, bide_park(&t->wait));
    bide_scope_init(&h->scope);
    bide_scope_shield(&h->scope, 10 * MS);
    must(bide_scope_enter(&h->scope, &t->base, NULL), "shield");
    AWAIT(t, bide_event_wait(arg_of(t), &t->wait));
    tell(t, "cleanup");
    bide_scope_leave(&h->scope);
    END(t);
}

static void
cancels(task *t)
{
    BEGIN(t);
    bide_task_cancel(arg_of(t), BIDE_NO_VALUE);
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);
    bide_event *flushed;

    must(bide_event_new("flushed", HERE, &flushed), "event");
    spawn_with(loop, "canceller", cancels,
               spawn_with(loop, "server", serve, flushed));
    return run(loop);
}
