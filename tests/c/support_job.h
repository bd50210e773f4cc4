/* support_job.h - a job that tells its task by a future, as the bindings' do.
 */
#ifndef BIDE_TEST_SUPPORT_JOB_H
#define BIDE_TEST_SUPPORT_JOB_H

#include "support.h"

typedef struct work {
    bide_job job;
    bide_future *done;
    gate *start, *go; /* opened as it starts; waited for before it ends */
    int input, output, status;
    bide_channel *channel;
    bool ended;
} work;

/** Doubles its input. */
void work_init(work *w, int input);

/** The job must have ended. */
void work_fini(work *w);

/** An actor that submits the work it is given, and writes the output. */
void submits_work(actor *a);

/** A world with at most so many threads in its pool. */
void world_begin_pool(world *wd, unsigned threads);

#endif
