#include "pool.h"

#include <pthread.h>

#include "alloc.h"

typedef struct worker {
    bide_link link; /* in workers, or in ended */
    bide__pool *pool;
    bide_job *job; /* running, or the one it was started for */
    bool alone;
    uv_thread_t thread;
} worker;

struct bide__pool {
    uv_mutex_t lock;
    uv_cond_t work;  /* a job was queued, or closing */
    uv_cond_t ended; /* a thread has ended */
    bide_link queue;
    bide_link workers;
    bide_link done; /* ended threads, to be joined */
    size_t idle, shared, refs;
    bool closing;
    bool loose; /* nobody joins any more */
    bide__pool_options options;
};

int
bide__pool_new(const bide__pool_options *o, bide__pool **out)
{
    bide__pool *p = bide__alloc(sizeof *p);
    if (!p)
        return BIDE_ENOMEMORY;
    int rc = uv_mutex_init(&p->lock);
    if (rc)
        goto no_lock;
    rc = uv_cond_init(&p->work);
    if (rc)
        goto no_work;
    rc = uv_cond_init(&p->ended);
    if (rc)
        goto no_ended;
    bide__list_init(&p->queue);
    bide__list_init(&p->workers);
    bide__list_init(&p->done);
    p->options = *o;
    p->refs = 1;
    *out = p;
    return 0;
no_ended:
    uv_cond_destroy(&p->work);
no_work:
    uv_mutex_destroy(&p->lock);
no_lock:
    bide__free(p);
    return rc;
}

/* Drops one reference; the lock is held and given up. */
static void
unref_unlock(bide__pool *p)
{
    bool last = --p->refs == 0;
    uv_mutex_unlock(&p->lock);
    if (!last)
        return;
    uv_cond_destroy(&p->ended);
    uv_cond_destroy(&p->work);
    uv_mutex_destroy(&p->lock);
    bide__free(p);
}

/* -- the thread ----------------------------------------------------------- */

/* The next job for a shared worker, or NULL when it should end. */
static bide_job *
await_job(bide__pool *p)
{
    uint64_t idle_since = uv_hrtime();
    while (bide__list_empty(&p->queue) && !p->closing) {
        uint64_t idle = uv_hrtime() - idle_since;
        uint64_t keep = (uint64_t)p->options.keep_alive;
        if (idle >= keep)
            return NULL;
        p->idle++;
        uv_cond_timedwait(&p->work, &p->lock, keep - idle);
        p->idle--;
    }
    if (bide__list_empty(&p->queue))
        return NULL;
    bide_job *j = bide__of(bide__list_pop(&p->queue), bide_job, link);
    j->state = BIDE__JOB_RUNNING;
    return j;
}

/* The worker counts as idle from before the loop hears of the end: the loop's
 * next job then finds it, instead of starting one more thread. */
static void
run_job(bide__pool *p, worker *w, bide_job *j)
{
    size_t idle = w->alone ? 0 : 1;
    w->job = j;
    int64_t now = (int64_t)uv_hrtime();
    j->waited = now - j->since;
    j->since = now;
    uv_mutex_unlock(&p->lock);
    j->run(j);
    uv_mutex_lock(&p->lock);
    w->job = NULL;
    p->idle += idle;
    uv_mutex_unlock(&p->lock);
    p->options.ran(j);
    uv_mutex_lock(&p->lock);
    p->idle -= idle;
}

/* The worker's last step: it waits in `done` to be joined, or, cut loose, goes
 * by itself. */
static void
retire(bide__pool *p, worker *w)
{
    bide__list_remove(&w->link);
    if (p->loose) {
        pthread_detach(w->thread);
        bide__free(w);
    } else {
        bide__list_append(&p->done, &w->link);
    }
    uv_cond_broadcast(&p->ended);
    unref_unlock(p);
}

static void
work(void *arg)
{
    worker *w = arg;
    bide__pool *p = w->pool;
    const bide__pool_options *o = &p->options;
    void *state = o->thread_begin ? o->thread_begin(o->ctx) : NULL;
    uv_mutex_lock(&p->lock);
    bide_job *j = w->job;
    while (j || (!w->alone && (j = await_job(p)))) {
        run_job(p, w, j);
        j = NULL;
    }
    /* Together with the look at the queue: a job queued from here on must not
     * count on this thread. */
    if (!w->alone)
        p->shared--;
    uv_mutex_unlock(&p->lock);
    if (o->thread_end)
        o->thread_end(o->ctx, state);
    uv_mutex_lock(&p->lock);
    retire(p, w);
}

/* -- submitting ----------------------------------------------------------- */

static void
join_ended(bide__pool *p)
{
    while (!bide__list_empty(&p->done)) {
        worker *w = bide__of(bide__list_pop(&p->done), worker, link);
        uv_mutex_unlock(&p->lock);
        uv_thread_join(&w->thread);
        bide__free(w);
        uv_mutex_lock(&p->lock);
    }
}

/* Starts a thread for `j`, with the lock held. */
static int
start_thread(bide__pool *p, bide_job *j, bool alone)
{
    worker *w = bide__alloc(sizeof *w);
    if (!w)
        return BIDE_ENOMEMORY;
    w->pool = p;
    w->job = j;
    w->alone = alone;
    uint8_t state = j->state;
    j->state = BIDE__JOB_RUNNING;
    int rc = uv_thread_create(&w->thread, work, w);
    if (rc) {
        j->state = state;
        bide__free(w);
        return rc;
    }
    p->refs++;
    if (!alone)
        p->shared++;
    bide__list_append(&p->workers, &w->link);
    return 0;
}

static int
queue_job(bide__pool *p, bide_job *j)
{
    if (p->shared < p->options.threads &&
        p->idle <= bide__list_count(&p->queue)) {
        int rc = start_thread(p, j, false);
        if (rc == 0 || p->shared == 0)
            return rc;
    }
    j->state = BIDE__JOB_QUEUED;
    bide__list_append(&p->queue, &j->link);
    uv_cond_signal(&p->work);
    return 0;
}

int
bide__pool_submit(bide__pool *p, bide_job *j, bool alone)
{
    j->since = (int64_t)uv_hrtime();
    uv_mutex_lock(&p->lock);
    join_ended(p);
    int rc = alone ? start_thread(p, j, true) : queue_job(p, j);
    uv_mutex_unlock(&p->lock);
    return rc;
}

bool
bide__pool_take_back(bide__pool *p, bide_job *j)
{
    uv_mutex_lock(&p->lock);
    bool queued = j->state == BIDE__JOB_QUEUED;
    if (queued) {
        bide__list_remove(&j->link);
        j->state = BIDE__JOB_CANCELLED;
    }
    uv_mutex_unlock(&p->lock);
    return queued;
}

bide_job *
bide__pool_pop(bide__pool *p)
{
    bide_job *j = NULL;
    uv_mutex_lock(&p->lock);
    if (!bide__list_empty(&p->queue)) {
        j = bide__of(bide__list_pop(&p->queue), bide_job, link);
        j->state = BIDE__JOB_CANCELLED;
    }
    uv_mutex_unlock(&p->lock);
    return j;
}

/* -- closing -------------------------------------------------------------- */

static bool
all_busy(const bide__pool *p)
{
    for (const bide_link *i = p->workers.next; i != &p->workers; i = i->next)
        if (!bide__of(i, worker, link)->job)
            return false;
    return true;
}

/* Waits until no thread is left, or the grace is over and those left are all
 * at work: one that has no job ends at once and is always awaited. */
static bool
await_end(bide__pool *p, int64_t grace)
{
    uint64_t start = uv_hrtime();
    while (!bide__list_empty(&p->workers)) {
        uint64_t passed = uv_hrtime() - start;
        bool over = grace <= 0 || passed >= (uint64_t)grace;
        if (over && all_busy(p))
            return false;
        if (over || grace == BIDE_FOREVER)
            uv_cond_wait(&p->ended, &p->lock);
        else
            uv_cond_timedwait(&p->ended, &p->lock, (uint64_t)grace - passed);
    }
    return true;
}

bool
bide__pool_close(bide__pool *p, int64_t grace,
                 void (*stuck)(void *arg, const bide_job *j), void *arg)
{
    uv_mutex_lock(&p->lock);
    p->closing = true;
    uv_cond_broadcast(&p->work);
    bool ended = await_end(p, grace);
    join_ended(p);
    p->loose = true;
    for (bide_link *i = p->workers.next; i != &p->workers && stuck;
         i = i->next) {
        worker *w = bide__of(i, worker, link);
        if (w->job)
            stuck(arg, w->job);
    }
    unref_unlock(p);
    return ended;
}

size_t
bide__pool_threads(bide__pool *p)
{
    uv_mutex_lock(&p->lock);
    size_t n = bide__list_count(&p->workers);
    uv_mutex_unlock(&p->lock);
    return n;
}

void
bide__pool_each(bide__pool *p,
                void (*visit)(void *arg, const bide_job *j, bool running),
                void *arg)
{
    uv_mutex_lock(&p->lock);
    for (bide_link *i = p->workers.next; i != &p->workers; i = i->next) {
        const bide_job *j = bide__of(i, worker, link)->job;
        if (j)
            visit(arg, j, true);
    }
    for (bide_link *i = p->queue.next; i != &p->queue; i = i->next)
        visit(arg, bide__of(i, bide_job, link), false);
    uv_mutex_unlock(&p->lock);
}
