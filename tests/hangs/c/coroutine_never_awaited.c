/* A task is prepared, and its start is forgotten.
 *
 * expect: bide: forgotten: task "mailer" ({A}) was never started
 */
#include "hang.h"

int
main(void)
{
    bide_task mailer;

    bide_task_init(&mailer, task_resume);
    mailer.name = "mailer";
    mailer.site = HERE; /* A */
    bide_task_fini(&mailer);
    return 0;
}
