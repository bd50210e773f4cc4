/* bench_mutex - a lock is taken and given back: alone, and by 100 tasks that
 * each yield while holding it, so that every unlock hands it to a waiter. */
#include "harness.h"

enum { TASKS = 100 };

typedef struct locker {
    bide_task task;
    bide_wait wait;
    bide_mutex *mutex;
    uint64_t left;
    enum { OUTSIDE, LOCKING, HOLDING } at;
} locker;

static bide_mutex *
new_mutex(void)
{
    bide_mutex *m;
    harness_check(bide_mutex_new(NULL, (bide_site){__FILE__, __LINE__}, &m),
                  "mutex");
    return m;
}

/** Locks and unlocks for as long as it need not park. */
static void
free_resume(bide_task *t)
{
    locker *k = t->host;
    if (k->at == LOCKING) {
        harness_check(bide_wait_take(&k->wait), "lock");
        bide_mutex_unlock(k->mutex, t);
        k->at = OUTSIDE;
    }
    while (k->left > 0) {
        k->left--;
        int status = bide_mutex_lock(k->mutex, &k->wait);
        harness_check(status, "lock");
        if (status == BIDE_PARKED) {
            k->at = LOCKING;
            return;
        }
        bide_mutex_unlock(k->mutex, t);
    }
    bide_task_finish(t);
}

static void
contend_resume(bide_task *t)
{
    locker *k = t->host;
    if (k->at != OUTSIDE)
        harness_check(bide_wait_take(&k->wait), "wait");
    if (k->at == LOCKING) {
        k->at = HOLDING;
        bide_yield(&k->wait);
        return;
    }
    if (k->at == HOLDING)
        bide_mutex_unlock(k->mutex, t);
    if (k->left-- == 0) {
        bide_task_finish(t);
        return;
    }
    k->at = LOCKING;
    int status = bide_mutex_lock(k->mutex, &k->wait);
    harness_check(status, "lock");
    if (status != BIDE_PARKED) {
        k->at = HOLDING;
        bide_yield(&k->wait);
    }
}

static int64_t
lock(bide_loop *l, int tasks, uint64_t each, void (*resume)(bide_task *))
{
    bide_mutex *m = new_mutex();
    locker *all = harness_alloc((size_t)tasks, sizeof *all);
    for (int i = 0; i < tasks; i++) {
        all[i].mutex = m;
        all[i].left = each;
        bide_wait_init(&all[i].wait, &all[i].task);
        harness_start(l, &all[i].task, resume, &all[i]);
    }
    int64_t elapsed = harness_run(l);
    free(all);
    bide_mutex_unref(m);
    return elapsed;
}

static int64_t
alone(bide_loop *l, uint64_t n)
{
    return lock(l, 1, n, free_resume);
}

static int64_t
contended(bide_loop *l, uint64_t n)
{
    return lock(l, TASKS, n / TASKS, contend_resume);
}

int
main(int argc, char **argv)
{
    static const harness_case cases[] = {
        {"free", alone, 0}, {"100 tasks", contended, 0}, {0}};
    return harness_main(argc, argv, "mutex", cases);
}
