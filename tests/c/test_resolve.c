/* test_resolve.c - names to addresses and back. */
#include "support.h"

static void
trace_found(actor *a, bide_addresses *found)
{
    CHECK(found->count > 0);
    for (size_t i = 0; i < found->count; i++)
        CHECK_INT(found->list[i].port, 80);
    trace(a, "%s/%d", found->list[0].host, found->list[0].family);
    bide_resolved_free(found);
}

static void
resolves(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_resolve(a->arg, 80, &a->w));
    if (a->rc)
        trace(a, "%s", bide_error_name(a->rc));
    else
        trace_found(a, a->w.value.as.ptr);
    END(a);
}

static void
reverses(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_reverse(a->arg, &a->w));
    trace(a, "%s", a->rc ? bide_error_name(a->rc) : (char *)a->w.value.as.ptr);
    if (a->rc == 0)
        bide_resolved_free(a->w.value.as.ptr);
    END(a);
}

/* What became of `actor_body` with `arg`. */
static const char *
outcome(actor_body body, const char *arg)
{
    static char text[256];
    world wd;
    world_begin_real(&wd);
    actor_spawn(&wd, "a", body, (void *)(uintptr_t)arg);
    world_run(&wd);
    snprintf(text, sizeof text, "%.*s", (int)wd.traced - 1, wd.trace);
    world_end(&wd);
    return text;
}

static void
test_resolve_finds_a_name(void **state)
{
    (void)state;
    const char *text = outcome(resolves, "localhost");
    assert_true(strcmp(text, "a:127.0.0.1/4") == 0 ||
                strcmp(text, "a:::1/6") == 0);
}

static void
starts_no_thread(actor *a)
{
    bide_loop_counts counts;
    BEGIN(a);
    CHECK_INT(bide_resolve("::1", 7, &a->w), 0);
    bide_loop_count(a->world->loop, &counts);
    CHECK_INT(counts.threads, 0);
    bide_resolved_free(a->w.value.as.ptr);
    END(a);
}

static void
test_resolve_of_an_address_does_not_wait(void **state)
{
    (void)state;
    assert_string_equal(outcome(resolves, "127.0.0.1"), "a:127.0.0.1/4");
    assert_string_equal(outcome(resolves, "::1"), "a:::1/6");
    world wd;
    world_begin(&wd, 0);
    actor_spawn(&wd, "a", starts_no_thread, NULL);
    world_expect(&wd, "");
}

static void
test_resolve_of_an_unknown_name_is_an_error(void **state)
{
    (void)state;
    assert_string_equal(outcome(resolves, "no-such-host.invalid"), "a:ENAME");
    assert_string_equal(outcome(resolves, ""), "a:EINVALID");
    assert_string_equal(outcome(resolves, NULL), "a:EINVALID");
}

static void
test_resolve_cancelled_leaves_nothing(void **state)
{
    (void)state;
    world wd;
    world_begin_real(&wd);
    cancel_later(&wd, actor_spawn(&wd, "a", resolves, "localhost"));
    cancel_later(&wd, actor_spawn(&wd, "b", reverses, "127.0.0.1"));
    world_expect(&wd, "a:ECANCELED b:ECANCELED");
}

/* Parks, and drops what it was given, as a race does with a loser. */
static void
drops(actor *a)
{
    BEGIN(a);
    CHECK_INT(bide_resolve("localhost", 1, &a->w), BIDE_PARKED);
    a->line = 1;
    return;
case 1:
    bide_wait_drop(&a->w);
    CHECK_INT(a->w.state, BIDE_WAIT_IDLE);
    END(a);
}

static void
test_resolved_and_dropped_is_freed(void **state)
{
    (void)state;
    world wd;
    world_begin_real(&wd);
    actor_spawn(&wd, "a", drops, NULL);
    world_expect(&wd, "");
}

static void
test_reverse_finds_a_name(void **state)
{
    (void)state;
    const char *text = outcome(reverses, "127.0.0.1");
    assert_true(strncmp(text, "a:", 2) == 0 && strlen(text) > 2);
    assert_string_not_equal(text, "a:ENAME");
}

static void
test_reverse_of_no_address_is_an_error(void **state)
{
    (void)state;
    assert_string_equal(outcome(reverses, "localhost"), "a:EINVALID");
    assert_string_equal(outcome(reverses, NULL), "a:EINVALID");
}

static void
test_resolve_survives_allocation_failures(void **state)
{
    (void)state;
    for (size_t k = 1; k < 60; k++) {
        world wd;
        world_begin_real(&wd);
        actor *a = actor_spawn(&wd, "a", resolves, "localhost");
        memory_fail_at(k, false);
        world_run(&wd);
        bool failed = memory_failed();
        memory_fail_at(0, false);
        CHECK(a->rc == 0 || (failed && a->rc == BIDE_ENOMEMORY));
        world_end(&wd);
        if (!failed)
            return;
    }
    fail_msg("the sweep does not end");
}

TEST_MAIN("resolve", T(resolve_finds_a_name),
          T(resolve_of_an_address_does_not_wait),
          T(resolve_of_an_unknown_name_is_an_error),
          T(resolve_cancelled_leaves_nothing), T(resolved_and_dropped_is_freed),
          T(reverse_finds_a_name), T(reverse_of_no_address_is_an_error),
          T(resolve_survives_allocation_failures))
