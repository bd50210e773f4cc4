/* The loop is closed, and a job in a thread is not done.
 *
 * expect: close: job "compress" ({A}) is still running
 * expect: blocking jobs are still running (ESTUCK)
 */
#include "hang.h"

#include <stdatomic.h>
#include <unistd.h>

static atomic_bool begun;

static void
compress(bide_job *j)
{
    (void)j;
    atomic_store(&begun, true);
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
    while (!atomic_load(&begun))
        usleep(1000);
    rc = bide_loop_close(loop, 10 * MS, stuck, NULL);
    fprintf(stderr, "%s (%s)\n", bide_strerror(rc), bide_error_name(rc));
    return 1;
}
