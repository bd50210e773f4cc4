/* bench_timers - 100,000 tasks sleep at once, each to a moment of its own: the
 * CPU time of starting, arming, firing and ending one. */
#include "harness.h"

enum { SLEEPERS = 100000 };

typedef struct sleeper {
    bide_task task;
    bide_wait wait;
    int64_t until;
    bool asleep;
} sleeper;

static void
resume(bide_task *t)
{
    sleeper *s = t->host;
    if (s->asleep) {
        harness_check(bide_wait_take(&s->wait), "sleep");
        bide_task_finish(t);
        return;
    }
    s->asleep = true;
    harness_check(bide_sleep_until(&s->wait, s->until), "sleep");
}

static int64_t
sleepers(bide_loop *l, uint64_t n)
{
    sleeper *all = harness_alloc(n, sizeof *all);
    int64_t start = harness_cpu(), now = harness_now();
    for (uint64_t i = 0; i < n; i++) {
        /* Spread over a tenth of a second, in no order. */
        all[i].until = now + 100000000 + (int64_t)(i * 7919 % n) * 1000;
        bide_wait_init(&all[i].wait, &all[i].task);
        harness_start(l, &all[i].task, resume, &all[i]);
    }
    harness_run(l);
    int64_t elapsed = harness_cpu() - start;
    free(all);
    return elapsed;
}

int
main(int argc, char **argv)
{
    static const harness_case cases[] = {{"100k sleeping", sleepers, SLEEPERS},
                                         {0}};
    return harness_main(argc, argv, "timers", cases);
}
