/* bench_spawn_join - a task is made, runs, ends and is joined. */
#include "harness.h"

typedef struct parent {
    bide_task task;
    bide_wait wait;
    bide_task *child;
    uint64_t left;
} parent;

static void
child_resume(bide_task *t)
{
    bide_task_finish(t);
}

/** Joins the child it started last, then starts the next: memory comes from
 * the heap each time, as a host's does. */
static void
parent_resume(bide_task *t)
{
    parent *p = t->host;
    int status = BIDE_PARKED;
    do {
        if (p->child) {
            harness_check(bide_wait_take(&p->wait), "join");
            free(p->child);
            p->child = NULL;
        }
        if (p->left-- == 0) {
            bide_task_finish(t);
            return;
        }
        p->child = malloc(sizeof *p->child);
        if (!p->child)
            harness_check(BIDE_ENOMEMORY, "child");
        harness_start(t->loop, p->child, child_resume, NULL);
        status = bide_task_join(p->child, &p->wait);
        harness_check(status, "join");
    } while (status != BIDE_PARKED);
}

static int64_t
one(bide_loop *l, uint64_t n)
{
    parent p = {.left = n};
    bide_wait_init(&p.wait, &p.task);
    harness_start(l, &p.task, parent_resume, &p);
    return harness_run(l);
}

int
main(int argc, char **argv)
{
    static const harness_case cases[] = {{"one at a time", one, 0}, {0}};
    return harness_main(argc, argv, "spawn_join", cases);
}
