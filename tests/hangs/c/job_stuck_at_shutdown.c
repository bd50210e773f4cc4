/* The loop is closed, and a job in a thread is not done.
 *
 * expect: close: job "compress" ({A}) is still running
 * expect: blocking jobs are still running (ESTUCK)
 */
#include "hang.h"

#include <unistd.h>

static void
compress(bide_job *j)
{
    (void)j;
    for (;;)
        pause();
}

static void
done(bide_job *j, int status)
{
    (void)j;
    (void)status;
}

static void
stuck(void *arg, const bide_job *j)
{
    (void)arg;
    fprintf(stderr, "close: job \"%s\" (%s:%d) is still running\n", j->name,
            j->site.file, j->site.line);
}

static bide_job job = {.run = compress,
                       .done = done,
                       .name = "compress",
                       .site = {__FILE__, __LINE__}}; /* A */

int
main(void)
{
    bide_loop *loop = loop_new(NULL);
    int rc;

    must(bide_job_submit(loop, &job), "job");
    rc = bide_loop_close(loop, 10 * MS, stuck, NULL);
    fprintf(stderr, "%s (%s)\n", bide_strerror(rc), bide_error_name(rc));
    return 1;
}
