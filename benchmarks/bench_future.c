/* bench_future - two tasks play ping-pong: each settles the other's future and
 * awaits its own, so an operation is one future made, settled and awaited. */
#include "harness.h"

typedef struct player {
    bide_task task;
    bide_wait wait;
    struct player *other;
    bide_future *mine; /* awaited, or made and not yet settled */
    uint64_t left;
} player;

static void
settle(bide_future **slot)
{
    if (*slot)
        harness_check(bide_future_settle(*slot, 0, BIDE_NO_VALUE), "settle");
}

static void
resume(bide_task *t)
{
    player *p = t->host;
    if (p->mine) {
        harness_check(bide_wait_take(&p->wait), "wait");
        bide_future_unref(p->mine);
        p->mine = NULL;
    }
    if (p->left-- == 0) {
        settle(&p->other->mine);
        bide_task_finish(t);
        return;
    }
    harness_check(bide_future_new(&p->mine), "future");
    settle(&p->other->mine);
    harness_check(bide_future_wait(p->mine, &p->wait), "wait");
}

static int64_t
pingpong(bide_loop *l, uint64_t n)
{
    player a = {.left = n / 2}, b = {.left = n / 2};
    a.other = &b;
    b.other = &a;
    bide_wait_init(&a.wait, &a.task);
    bide_wait_init(&b.wait, &b.task);
    harness_start(l, &a.task, resume, &a);
    harness_start(l, &b.task, resume, &b);
    return harness_run(l);
}

int
main(int argc, char **argv)
{
    static const harness_case cases[] = {{"settle and await", pingpong, 0},
                                         {0}};
    return harness_main(argc, argv, "future", cases);
}
