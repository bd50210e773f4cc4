/* The life of a runtime: puts the layers below together. */
#include <stdatomic.h>

#include "alloc.h"
#include "blocking.h"
#include "dump_signal.h"
#include "forgotten.h"
#include "grant.h"
#include "inspector.h"
#include "lookout.h"
#include "loop.h"
#include "report.h"
#include "scope.h"
#include "wait.h"
#include "watchdog.h"

enum { POOL_THREADS = 512 };

static const int64_t pool_keep_alive = 10 * INT64_C(1000000000);

static int
measure(bide_loop *l, const bide_loop_options *o)
{
    if ((o && o->stats) || bide__stats_wanted()) {
        l->stats = bide__alloc(sizeof *l->stats);
        if (!l->stats)
            return BIDE_ENOMEMORY;
        bide__stats_init(l->stats);
        l->exact = l->stats;
        bide__loop_set_measures(l, true);
    }
    return bide__lookout_settle(l, o);
}

int
bide_loop_new(const bide_loop_options *o, bide_loop **out)
{
    bide__alloc_settle();
    bide_loop *l = bide__alloc(sizeof *l);
    if (!l)
        return BIDE_ENOMEMORY;
    if (o) {
        l->host = o->host;
        l->virtual_clock = o->virtual_clock;
        l->seed = o->seed;
        l->pool_threads = o->pool_threads;
        l->pool_keep_alive = o->pool_keep_alive;
        l->watched.how = o->watchdog;
    }
    if (!l->pool_threads)
        l->pool_threads = POOL_THREADS;
    if (!l->pool_keep_alive)
        l->pool_keep_alive = pool_keep_alive;
    l->plain = l->fork_count = bide__fork_count;
    int rc = bide__watchdog_settle(&l->watched.how, o && o->debug);
    if (!rc)
        rc = measure(l, o);
    if (!rc)
        rc = bide__loop_init(l);
    if (rc) {
        bide__free(l->stats);
        bide__free(l);
        return rc;
    }
    bide_scope_init(&l->root);
    l->root.loop = l;
    bide__registry_add(&l->registered);
    bide__dump_signal_from_environment();
    bide__inspector_from_environment();
    *out = l;
    return 0;
}

static void
cancel_background(bide_task *t, void *unused)
{
    (void)unused;
    if (t->background && !bide_scope_cancelled(&t->base))
        bide_task_cancel(t, BIDE_NO_VALUE);
}

/* With nobody to wait for, what is left of the background is cancelled; again
 * when one that ended for it has started another. */
static void
end_background(bide_loop *l)
{
    bide__background *b = &l->background;
    if (b->tasks != l->tasks || b->swept == l->next_id)
        return;
    b->swept = l->next_id;
    bide_loop_each_task(l, cancel_background, NULL);
}

/* In the child nothing of the parent's runtime may be used: its threads are
 * gone and its epoll descriptor is shared. */
static int
run(bide_loop *l)
{
    for (;;) {
        if (l->fork_count != bide__fork_count)
            return BIDE_EFORKED;
        bide__loop_resume(l);
        if (l->stop)
            return 0;
        if (bide__unlikely(l->background.tasks && !l->until))
            end_background(l);
        int rc = bide__loop_turn(l);
        if (rc)
            return rc;
        if (l->stop)
            return 0;
    }
}

int
bide_loop_run(bide_loop *l, bide_task *until)
{
    if (bide__loop_here)
        return BIDE_EBUSY;
    if (atomic_load(&l->closed))
        return BIDE_ECLOSED;
    if (until ? until->state == BIDE_TASK_DONE : l->tasks == 0)
        return 0;
    int rc = bide__watchdog_enter(l);
    if (rc)
        return rc;
    bide__loop_here = l;
    atomic_store(&l->running, true);
    l->until = until;
    l->stop = false;
    rc = run(l);
    bide__watchdog_leave(l);
    if (!bide__list_empty(&l->reports.pending) && rc != BIDE_EFORKED)
        bide__reports_deliver(l);
    l->until = NULL;
    atomic_store(&l->running, false);
    bide__loop_here = NULL;
    return rc;
}

int
bide_loop_close(bide_loop *l, int64_t grace,
                void (*stuck)(void *arg, const bide_job *job), void *arg)
{
    bide_loop *here = bide__loop_here;
    if (here == l || l->tasks)
        return BIDE_EBUSY;
    if (atomic_load(&l->closed))
        return 0;
    bide__watchdog_forget(l);
    bide__registry_remove(&l->registered);
    bide__loop_here = l;
    bool forked = l->fork_count != bide__fork_count;
    if (l->host.poll_begin)
        l->host.poll_begin(l->host.ctx);
    l->ending = true;
    bool ended = forked || bide__jobs_close(l, grace, stuck, arg);
    if (l->host.poll_end)
        l->host.poll_end(l->host.ctx);
    bide__inbox_drain(&l->inbox);
    if (!forked)
        bide__forgotten_close(l);
    bide__reports_end(l, forked); /* also of what was given back since */
    atomic_store(&l->closed, true);
    if (forked)
        uv_loop_fork(&l->uv);
    bide__grant_free_spares(l);
    bide__loop_fini(l);
    bide__loop_here = here;
    return ended ? 0 : BIDE_ESTUCK;
}

void
bide_loop_stop(bide_loop *l)
{
    l->stop = true;
}

void
bide_loop_pause(bide_loop *l)
{
    l->pause = true;
}

void
bide_loop_expire(bide_loop *l)
{
    if (l->timers.count)
        bide__timers_expire(&l->timers, bide_loop_now(l, true));
}

bool
bide_loop_closed(const bide_loop *l)
{
    return atomic_load(&l->closed);
}

bide_loop *
bide_loop_current(void)
{
    return bide__loop_here;
}

bide_task *
bide_task_current(void)
{
    return bide__loop_here ? bide__loop_here->current : NULL;
}

bide_scope *
bide_loop_root(bide_loop *l)
{
    return &l->root;
}

void
bide_loop_count(bide_loop *l, bide_loop_counts *out)
{
    *out = (bide_loop_counts){
        .tasks = l->tasks,
        .ready = bide__list_count(&l->ready),
        .timers = l->timers.count,
        .io_waits = l->io_waits,
        .handles = l->handle_count,
        .jobs = l->jobs,
        .threads = bide__jobs_threads(l),
        .resumes = bide__loop_steps(l),
        .polls = l->polls,
        .blocks = l->watched.blocks,
        .slow_locks = l->reports.slow_locks,
        .stalls = l->reports.stalls,
    };
}
