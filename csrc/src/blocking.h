/* Jobs of a loop on its own pools: one for blocking work, one for names, so
 * that slow name servers delay nothing else. */
#ifndef BIDE_BLOCKING_H
#define BIDE_BLOCKING_H

#include "bide.h"

enum { BIDE__DNS_THREADS = 16 };

/** As bide_job_submit, into the lane of the resolver. */
int bide__job_submit_dns(bide_loop *l, bide_job *j);

/** Ends both pools; see bide_loop_close. */
bool bide__jobs_close(bide_loop *l, int64_t grace,
                      void (*stuck)(void *arg, const bide_job *j), void *arg);

/** These two: any thread. */
size_t bide__jobs_threads(bide_loop *l);

/** Visits the jobs that run and those that are queued, under locks. */
void bide__jobs_each(bide_loop *l,
                     void (*visit)(void *arg, const bide_job *j, bool running),
                     void *arg);

#endif
