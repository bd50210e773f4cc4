/* operations.c - the operations of bench_diagnostics with the core in one
 * module. Each build of the core makes its own; the bench loads them side by
 * side. */
#include "operations.h"

#include "../harness.h"

enum { TASKS = 100 };

typedef struct worker {
    bide_task task;
    bide_wait wait;
    bide_mutex *mutex;
    bide_channel *channel;
    uint64_t left;
    bool waiting, holding;
} worker;

/** Takes what the last wait came to, if there was one. */
static void
go_on(worker *k)
{
    if (k->waiting)
        harness_check(bide_wait_take(&k->wait), "wait");
    k->waiting = false;
}

static void
start(bide_loop *l, worker *k, uint64_t n, void (*resume)(bide_task *))
{
    k->left = n;
    harness_start(l, &k->task, resume, k);
    bide_wait_init(&k->wait, &k->task);
}

/* -- a task gives way ------------------------------------------------------ */

static void
give_way(bide_task *t)
{
    worker *k = t->host;
    bide_wait_take(&k->wait);
    if (k->left-- > 0)
        bide_yield(&k->wait);
    else
        bide_task_finish(t);
}

static int64_t
switches(bide_loop *l, uint64_t n)
{
    worker k = {0};
    start(l, &k, n, give_way);
    return harness_run(l);
}

/* -- a lock is taken and given back ---------------------------------------- */

static void
lock_free(bide_task *t)
{
    worker *k = t->host;
    if (k->waiting) {
        go_on(k);
        bide_mutex_unlock(k->mutex, t);
    }
    while (k->left > 0) {
        k->left--;
        int status = bide_mutex_lock(k->mutex, &k->wait);
        harness_check(status, "lock");
        k->waiting = status == BIDE_PARKED;
        if (k->waiting)
            return;
        bide_mutex_unlock(k->mutex, t);
    }
    bide_task_finish(t);
}

/* Each yields while it holds the lock. */
static void
lock_contended(bide_task *t)
{
    worker *k = t->host;
    go_on(k);
    if (k->holding)
        bide_mutex_unlock(k->mutex, t);
    if (k->holding && --k->left == 0) {
        bide_task_finish(t);
        return;
    }
    k->holding = !k->holding;
    int status = k->holding ? bide_mutex_lock(k->mutex, &k->wait) : 0;
    harness_check(status, "lock");
    k->waiting = status == BIDE_PARKED;
    if (k->waiting)
        return;
    k->waiting = true;
    bide_yield(&k->wait);
}

static int64_t
locks(bide_loop *l, unsigned tasks, uint64_t each, void (*resume)(bide_task *))
{
    bide_mutex *m;
    bide_site site = {__FILE__, __LINE__};
    worker *all = harness_alloc(tasks, sizeof *all);
    harness_check(bide_mutex_new(NULL, site, &m), "mutex");
    for (unsigned i = 0; i < tasks; i++) {
        all[i].mutex = m;
        start(l, &all[i], each, resume);
    }
    int64_t elapsed = harness_run(l);
    bide_mutex_unref(m);
    free(all);
    return elapsed;
}

static int64_t
lock(bide_loop *l, uint64_t n)
{
    return locks(l, 1, n, lock_free);
}

static int64_t
contended(bide_loop *l, uint64_t n)
{
    return locks(l, TASKS, n / TASKS, lock_contended);
}

/* -- a value goes through a channel ---------------------------------------- */

static void
transfer(bide_task *t, int (*step)(bide_channel *, bide_wait *))
{
    worker *k = t->host;
    go_on(k);
    while (k->left > 0) {
        k->wait.value.as.integer = (int64_t)k->left--;
        int status = step(k->channel, &k->wait);
        harness_check(status, "channel");
        k->waiting = status == BIDE_PARKED;
        if (k->waiting)
            return;
    }
    bide_task_finish(t);
}

static void
send_all(bide_task *t)
{
    transfer(t, bide_channel_send);
}

static void
recv_all(bide_task *t)
{
    transfer(t, bide_channel_recv);
}

static int64_t
channel(bide_loop *l, uint64_t n)
{
    worker sender = {0}, receiver = {0};
    bide_site site = {__FILE__, __LINE__};
    harness_check(bide_channel_new(1, NULL, site, &sender.channel), "channel");
    receiver.channel = sender.channel;
    start(l, &sender, n, send_all);
    start(l, &receiver, n, recv_all);
    int64_t elapsed = harness_run(l);
    bide_channel_unref(sender.channel);
    return elapsed;
}

/* -- how it is called -------------------------------------------------------
 */

static int64_t (*const cases[])(bide_loop *, uint64_t) = {
    [OPERATION_SWITCH] = switches,
    [OPERATION_LOCK] = lock,
    [OPERATION_CONTENDED] = contended,
    [OPERATION_CHANNEL] = channel,
};

__attribute__((visibility("default"))) int64_t
operations_run(int which, const bide_loop_options *how, uint64_t n)
{
    bide_loop *l;
    harness_check(bide_loop_new(how, &l), "loop");
    int64_t elapsed = cases[which](l, n);
    harness_check(bide_loop_close(l, 0, NULL, NULL), "close");
    bide_loop_unref(l);
    return elapsed;
}
