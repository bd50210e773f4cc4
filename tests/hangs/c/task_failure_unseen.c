/* A task fails in the background, and nobody ever asks for its result.
 *
 * expect: bide: forgotten: task "mailer" ({A}) failed with EPIPE (broken pipe),
 *     and nobody looked at it
 */
#include "hang.h"

#include <errno.h>

static void
mailer_resume(bide_task *base)
{
    task *t = base->host;

    bide_task_finish_with(base, -EPIPE);
    bide_task_fini(base);
    free(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);
    bide_task *mailer = spawn(loop, "mailer", NULL); /* A */

    mailer->resume = mailer_resume;
    return run(loop);
}
