/* test_quiet.c - waiting until every other task is parked. */
#include "support.h"

static void
yields_five_times(actor *a)
{
    BEGIN(a);
    for (a->i = 0; a->i < 5; a->i++)
        AWAIT_OK(a, bide_yield(&a->w));
    trace(a, "parks");
    AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + SECOND));
    trace(a, "slept");
    END(a);
}

static void
looks_on(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_wait_all_parked(&a->w));
    CHECK_INT(now(a), 0);
    trace(a, "quiet");
    END(a);
}

static void
test_wait_all_parked_lets_the_others_get_as_far_as_they_can(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor_spawn(&wd, "a", looks_on, NULL);
    actor_spawn(&wd, "b", yields_five_times, NULL);
    world_expect(&wd, "b:parks a:quiet b:slept");
}

static void
test_wait_all_parked_of_several_ends_together(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor_spawn(&wd, "a", looks_on, NULL);
    actor_spawn(&wd, "b", looks_on, NULL);
    actor_spawn(&wd, "c", yields_five_times, NULL);
    world_expect(&wd, "c:parks a:quiet b:quiet c:slept");
}

typedef struct note {
    bide_post post;
    bool delivered;
} note;

static void
deliver(bide_post *post)
{
    ((note *)post)->delivered = true;
}

/* What another thread has posted counts as ready. */
static void
posts_and_looks_on(actor *a)
{
    note *n = a->arg;
    BEGIN(a);
    n->post.deliver = deliver;
    CHECK_INT(bide_loop_post(a->world->loop, &n->post), 0);
    AWAIT_OK(a, bide_wait_all_parked(&a->w));
    CHECK(n->delivered);
    END(a);
}

static void
test_wait_all_parked_waits_for_what_is_ready_in_the_system(void **state)
{
    (void)state;
    world wd;
    note n = {.delivered = false};
    world_begin_real(&wd);
    actor_spawn(&wd, "a", posts_and_looks_on, &n);
    world_run(&wd);
    world_end(&wd);
}

static void
looks_on_cancelled(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_wait_all_parked(&a->w));
    trace(a, "%s", bide_error_name(a->rc));
    END(a);
}

static void
test_wait_all_parked_can_be_cancelled(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    actor *a = actor_spawn(&wd, "a", looks_on_cancelled, NULL);
    cancel_later(&wd, a);
    actor_spawn(&wd, "b", yields_five_times, NULL);
    world_expect(&wd, "a:ECANCELED b:parks b:slept");
}

TEST_MAIN("quiet", T(wait_all_parked_lets_the_others_get_as_far_as_they_can),
          T(wait_all_parked_of_several_ends_together),
          T(wait_all_parked_waits_for_what_is_ready_in_the_system),
          T(wait_all_parked_can_be_cancelled))
