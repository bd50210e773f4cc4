/* A future fails, and whoever asked for it has gone meanwhile.
 *
 * expect: bide: forgotten: Future "answer" (made at {A}) failed with ECONNRESET
 *     (connection reset by peer), and nobody looked at it
 */
#include "hang.h"

#include <errno.h>

static void
answer(task *t)
{
    bide_future *f = arg_of(t);

    BEGIN(t);
    must(bide_future_settle(f, -ECONNRESET, BIDE_NO_VALUE), "settle");
    bide_future_unref(f);
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);
    bide_future *f;

    must(bide_future_new(&f), "future");
    bide_future_label(f, "answer", HERE); /* A */
    spawn_with(loop, "server", answer, f);
    return run(loop);
}
