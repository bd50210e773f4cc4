/* bench_switch - a task gives way and is resumed: the cost of one switch. */
#include "harness.h"

enum { TASKS = 1000 };

typedef struct yielder {
    bide_task task;
    bide_wait wait;
    uint64_t left;
} yielder;

static void
resume(bide_task *t)
{
    yielder *y = t->host;
    bide_wait_take(&y->wait);
    if (y->left-- > 0)
        bide_yield(&y->wait);
    else
        bide_task_finish(t);
}

static int64_t
switches(bide_loop *l, uint64_t tasks, uint64_t each)
{
    yielder *all = harness_alloc(tasks, sizeof *all);
    for (uint64_t i = 0; i < tasks; i++) {
        all[i].left = each;
        bide_wait_init(&all[i].wait, &all[i].task);
        harness_start(l, &all[i].task, resume, &all[i]);
    }
    int64_t elapsed = harness_run(l);
    free(all);
    return elapsed;
}

static int64_t
one(bide_loop *l, uint64_t n)
{
    return switches(l, 1, n);
}

static int64_t
many(bide_loop *l, uint64_t n)
{
    return switches(l, TASKS, n / TASKS);
}

int
main(int argc, char **argv)
{
    static const harness_case cases[] = {
        {"1 task", one, 0}, {"1000 tasks", many, 0}, {0}};
    return harness_main(argc, argv, "switch", cases);
}
