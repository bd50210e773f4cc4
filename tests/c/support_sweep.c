/* support_sweep.c - see support_sweep.h. */
#include "support_sweep.h"

enum { ORDERS = 4, MOST_PARKS = 1000 };

static void
wait_to_cancel(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_park(&a->w));
    if (a->rc == 0)
        bide_task_cancel(&a->world->victim->task, number(9));
    END(a);
}

/* The canceller goes when the victim is done, if it was not needed. */
static void
end_canceller(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_task_join(&a->world->victim->task, &a->w));
    while (!a->world->canceller->over) {
        bide_unpark(&a->world->canceller->w, BIDE_ECANCELED);
        AWAIT_OK(a, bide_yield(&a->w));
    }
    END(a);
}

/* One run with the cancel at park `k`; answers whether it was reached. */
static bool
sweep_run(const scenario *s, uint64_t order, bool delayed, int k)
{
    world wd;
    world_begin(&wd, order);
    void *state = calloc(1, s->state_size);
    if (!state)
        abort();
    wd.state = state;
    wd.cancel_at = k;
    wd.delayed = delayed;
    wd.canceller = actor_spawn(&wd, "canceller", wait_to_cancel, NULL);
    wd.victim = s->build(&wd, state);
    actor_spawn(&wd, "end", end_canceller, NULL);
    int rc = bide_loop_run(wd.loop, NULL);
    CHECK_INT(rc, 0);
    bool hit = wd.victim->parks >= k;
    s->verify(&wd, state, hit);
    if (rc != 0)
        fail_msg("order %llu, delayed %d, park %d: the run did not end",
                 (unsigned long long)order, delayed, k);
    free(state);
    world_end(&wd);
    return hit;
}

void
sweep_cancel(const scenario *s)
{
    int reached = 0;
    for (uint64_t order = 0; order < thoroughness(ORDERS); order++) {
        for (int delayed = 0; delayed < 2; delayed++) {
            int k = 1;
            while (sweep_run(s, order, delayed, k))
                assert_true(++k < MOST_PARKS);
            reached += k > 1;
        }
    }
    /* A victim that does not park in any order makes no test. */
    assert_true(reached > 0);
}

static void
sweep_memory_from(int (*attempt)(void), bool onwards)
{
    for (size_t k = 1;; k++) {
        memory_fail_at(k, onwards);
        int rc = attempt();
        bool failed = memory_failed();
        memory_fail_at(0, false);
        check_end();
        assert_int_equal(memory_held(), 0);
        if (!failed) {
            assert_int_equal(rc, 0);
            assert_true(k > 1);
            return;
        }
        assert_true(rc == 0 || rc == BIDE_ENOMEMORY);
    }
}

void
sweep_memory(int (*attempt)(void))
{
    sweep_memory_from(attempt, false);
    sweep_memory_from(attempt, true);
}
