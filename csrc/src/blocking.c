#include "blocking.h"

#include <stdatomic.h>

#include "loop.h"
#include "pool.h"

/* -- coming back ---------------------------------------------------------- */

static void
on_done(bide_post *post)
{
    bide_job *j = bide__of(post, bide_job, post);
    bide_loop *l = j->loop;
    int status = j->state == BIDE__JOB_CANCELLED ? BIDE_ECANCELED : 0;
    l->jobs--;
    if (l->stats && status == 0)
        bide__stats_note_one(l->stats, BIDE__STATS_POOL_QUEUE, j->waited);
    j->done(j, status);
    bide_loop_unref(l);
}

/* On the pool's thread. The loop may have closed without waiting. */
static void
on_ran(bide_job *j)
{
    bide_loop *l = j->loop;
    if (bide_loop_post(l, &j->post) == 0)
        return;
    j->done(j, BIDE_ECLOSED);
    bide_loop_unref(l);
}

/* -- going out ------------------------------------------------------------ */

enum { LANE_BLOCKING, LANE_DNS, LANE_ALONE };

static int
need_pool(bide_loop *l, struct bide__pool **slot, unsigned threads)
{
    if (*slot)
        return 0;
    bide__pool_options o = {
        .threads = threads,
        .keep_alive = l->pool_keep_alive,
        .thread_begin = l->host.thread_begin,
        .thread_end = l->host.thread_end,
        .ctx = l->host.ctx,
        .ran = on_ran,
    };
    struct bide__pool *made;
    int rc = bide__pool_new(&o, &made);
    if (rc)
        return rc;
    bide__lock_take(&l->pools);
    *slot = made;
    bide__lock_drop(&l->pools);
    return 0;
}

static int
submit(bide_loop *l, bide_job *j, int lane)
{
    struct bide__pool **pool = lane == LANE_DNS ? &l->dns : &l->blocking;
    if (l->ending || atomic_load(&l->closed))
        return BIDE_ECLOSED;
    if (l->fork_count != bide__fork_count)
        return BIDE_EFORKED;
    int rc = need_pool(l, pool,
                       lane == LANE_DNS ? BIDE__DNS_THREADS : l->pool_threads);
    if (rc)
        return rc;
    j->loop = bide_loop_ref(l);
    j->post.deliver = on_done;
    j->lane = (uint8_t)lane;
    j->link.next = NULL;
    l->jobs++;
    rc = bide__pool_submit(*pool, j, lane == LANE_ALONE);
    if (rc) {
        l->jobs--;
        bide_loop_unref(l);
    }
    return rc;
}

int
bide_job_submit(bide_loop *l, bide_job *j)
{
    return submit(l, j, LANE_BLOCKING);
}

int
bide_job_spawn(bide_loop *l, bide_job *j)
{
    return submit(l, j, LANE_ALONE);
}

int
bide__job_submit_dns(bide_loop *l, bide_job *j)
{
    return submit(l, j, LANE_DNS);
}

bool
bide_job_cancel(bide_job *j)
{
    bide_loop *l = j->loop;
    struct bide__pool *pool = j->lane == LANE_DNS ? l->dns : l->blocking;
    bool queued = pool && bide__pool_take_back(pool, j);
    if (queued)
        bide_loop_post(l, &j->post);
    return queued;
}

/* -- the end -------------------------------------------------------------- */

static bool
close_pool(bide_loop *l, struct bide__pool **slot, int64_t grace,
           void (*stuck)(void *arg, const bide_job *j), void *arg)
{
    if (!*slot)
        return true;
    bide_job *j;
    while ((j = bide__pool_pop(*slot)))
        bide_loop_post(j->loop, &j->post);
    bide__lock_take(&l->pools);
    struct bide__pool *pool = *slot;
    *slot = NULL;
    bide__lock_drop(&l->pools);
    return bide__pool_close(pool, grace, stuck, arg);
}

bool
bide__jobs_close(bide_loop *l, int64_t grace,
                 void (*stuck)(void *arg, const bide_job *j), void *arg)
{
    int64_t start = (int64_t)uv_hrtime();
    bool ended = close_pool(l, &l->blocking, grace, stuck, arg);
    if (grace != BIDE_FOREVER)
        grace -= (int64_t)uv_hrtime() - start;
    return close_pool(l, &l->dns, grace, stuck, arg) && ended;
}

/* -- reports -------------------------------------------------------------- */

size_t
bide__jobs_threads(bide_loop *l)
{
    bide__lock_take(&l->pools);
    size_t n = (l->blocking ? bide__pool_threads(l->blocking) : 0) +
               (l->dns ? bide__pool_threads(l->dns) : 0);
    bide__lock_drop(&l->pools);
    return n;
}

void
bide__jobs_each(bide_loop *l,
                void (*visit)(void *arg, const bide_job *j, bool running),
                void *arg)
{
    bide__lock_take(&l->pools);
    if (l->blocking)
        bide__pool_each(l->blocking, visit, arg);
    if (l->dns)
        bide__pool_each(l->dns, visit, arg);
    bide__lock_drop(&l->pools);
}
