/* test_signals.c - signals of the process as what tasks wait for. */
#include <signal.h>

#include "support.h"

typedef struct listens {
    world wd;
    bide_signal *signals;
} listens;

static void
listens_begin(listens *s, int first, int second)
{
    int signums[] = {first, second};
    world_begin(&s->wd, 0);
    assert_int_equal(
        bide_signal_new(s->wd.loop, signums, second ? 2 : 1, &s->signals), 0);
}

/* Outside of a run, the last unref would close it only in the next one. */
static void
end_listening(bide_signal *s)
{
    if (s)
        bide_signal_close(s);
    bide_signal_unref(s);
}

static void
listens_expect(listens *s, const char *wanted)
{
    world_run(&s->wd);
    end_listening(s->signals);
    CHECK(!bide_signal_watched(SIGUSR1));
    world_expect(&s->wd, wanted);
}

static void
trace_signal(actor *a)
{
    int signum = (int)a->w.value.as.integer;
    if (a->rc)
        trace(a, "%s", bide_error_name(a->rc));
    else
        trace(a, "%sx%zu", signum == SIGUSR1 ? "usr1" : "usr2", a->w.u.count);
}

/* Takes `n` signals from the listener `arg`. */
static void
takes(actor *a)
{
    BEGIN(a);
    for (a->i = 0; a->i < a->n; a->i++) {
        AWAIT(a, bide_signal_wait(a->arg, &a->w));
        trace_signal(a);
    }
    END(a);
}

static actor *
taker(world *wd, const char *name, bide_signal *s, int n)
{
    actor *a = actor_spawn(wd, name, takes, s);
    a->n = n;
    return a;
}

/* Raises `n` once the others wait. */
static void
raises(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_yield(&a->w));
    trace(a, "raises");
    raise(a->n);
    END(a);
}

static void
test_signal_wakes_its_listener(void **state)
{
    (void)state;
    listens s;
    listens_begin(&s, SIGUSR1, 0);
    CHECK(bide_signal_watched(SIGUSR1));
    CHECK(!bide_signal_watched(SIGUSR2));
    CHECK(!bide_signal_watched(0) && !bide_signal_watched(10000));
    taker(&s.wd, "a", s.signals, 1);
    actor_spawn(&s.wd, "b", raises, NULL)->n = SIGUSR1;
    listens_expect(&s, "b:raises a:usr1x1");
}

static void
test_signal_reaches_every_listener(void **state)
{
    (void)state;
    const int usr1 = SIGUSR1;
    bide_signal *other;
    listens s;
    listens_begin(&s, SIGUSR1, SIGUSR2);
    CHECK_INT(bide_signal_new(s.wd.loop, &usr1, 1, &other), 0);
    taker(&s.wd, "a", s.signals, 1);
    taker(&s.wd, "b", other, 1);
    actor_spawn(&s.wd, "c", raises, NULL)->n = SIGUSR1;
    world_run(&s.wd);
    end_listening(other);
    CHECK(bide_signal_watched(SIGUSR1));
    listens_expect(&s, "c:raises a:usr1x1 b:usr1x1");
}

static void
test_signal_listener_tells_which(void **state)
{
    (void)state;
    listens s;
    listens_begin(&s, SIGUSR1, SIGUSR2);
    raise(SIGUSR2);
    raise(SIGUSR1);
    taker(&s.wd, "a", s.signals, 2);
    listens_expect(&s, "a:usr1x1 a:usr2x1");
}

static void
test_signals_coalesce_and_are_counted(void **state)
{
    (void)state;
    listens s;
    listens_begin(&s, SIGUSR1, 0);
    for (int i = 0; i < 3; i++)
        raise(SIGUSR1);
    taker(&s.wd, "a", s.signals, 2);
    actor_spawn(&s.wd, "b", raises, NULL)->n = SIGUSR1;
    listens_expect(&s, "a:usr1x3 b:raises a:usr1x1");
}

static void
test_signal_before_the_listener_is_not_told(void **state)
{
    (void)state;
    const int usr1 = SIGUSR1;
    bide_signal *later;
    listens s;
    listens_begin(&s, SIGUSR1, 0);
    raise(SIGUSR1);
    CHECK_INT(bide_signal_new(s.wd.loop, &usr1, 1, &later), 0);
    cancel_later(&s.wd, taker(&s.wd, "a", later, 1));
    world_run(&s.wd);
    end_listening(later);
    listens_expect(&s, "a:ECANCELED");
}

/* Raises, lets the loop fire the waiter, and cancels it. */
static void
test_signal_cancelled_wait_loses_nothing(void **state)
{
    (void)state;
    listens s;
    listens_begin(&s, SIGUSR1, 0);
    actor *a = taker(&s.wd, "a", s.signals, 1);
    cancel_later(&s.wd, a);
    world_run(&s.wd);
    raise(SIGUSR1);
    taker(&s.wd, "b", s.signals, 1);
    listens_expect(&s, "a:ECANCELED b:usr1x1");
}

/* Takes and drops what it was granted, as a race does with a loser. */
static void
drops(actor *a)
{
    BEGIN(a);
    CHECK_INT(bide_signal_wait(a->arg, &a->w), BIDE_PARKED);
    a->line = 1;
    return;
case 1:
    CHECK_INT(a->w.state, BIDE_WAIT_FIRED);
    CHECK_INT(a->w.u.count, 1);
    bide_wait_drop(&a->w);
    trace(a, "drops");
    END(a);
}

static void
test_signal_dropped_goes_to_the_next(void **state)
{
    (void)state;
    listens s;
    listens_begin(&s, SIGUSR1, 0);
    actor_spawn(&s.wd, "a", drops, s.signals);
    taker(&s.wd, "b", s.signals, 1);
    actor_spawn(&s.wd, "c", raises, NULL)->n = SIGUSR1;
    listens_expect(&s, "c:raises a:drops b:usr1x1");
}

static int handled;

static void
count_signal(int signum)
{
    handled += signum == SIGUSR1;
}

static void
test_signal_listener_puts_back_what_was_before(void **state)
{
    (void)state;
    struct sigaction before = {.sa_handler = count_signal}, now;
    sigaction(SIGUSR1, &before, NULL);
    sigaction(SIGUSR2, NULL, &now);
    CHECK(now.sa_handler == SIG_DFL);
    listens s;
    handled = 0;
    listens_begin(&s, SIGUSR1, SIGUSR2);
    taker(&s.wd, "a", s.signals, 2);
    raise(SIGUSR1);
    CHECK_INT(handled, 1); /* it goes on being called */
    raise(SIGUSR2);
    listens_expect(&s, "a:usr1x1 a:usr2x1");
    raise(SIGUSR1);
    CHECK_INT(handled, 2);
    sigaction(SIGUSR2, NULL, &now);
    CHECK(now.sa_handler == SIG_DFL);
    signal(SIGUSR1, SIG_DFL);
    check_end();
}

static void
test_signal_handler_set_later_stays(void **state)
{
    (void)state;
    listens s;
    listens_begin(&s, SIGUSR1, 0);
    signal(SIGUSR1, count_signal);
    handled = 0;
    listens_expect(&s, "");
    raise(SIGUSR1);
    CHECK_INT(handled, 1);
    signal(SIGUSR1, SIG_DFL);
    check_end();
}

/* Somebody saves our handler, outlives the listener and puts it back: the
 * signal does what it did before there was a listener. */
static void
test_signal_handler_put_back_too_late_acts_as_before(void **state)
{
    (void)state;
    struct sigaction ours, now;
    listens s;
    signal(SIGUSR1, count_signal);
    handled = 0;
    listens_begin(&s, SIGUSR1, 0);
    sigaction(SIGUSR1, NULL, &ours);
    listens_expect(&s, "");
    sigaction(SIGUSR1, &ours, NULL);
    raise(SIGUSR1);
    CHECK_INT(handled, 1);
    signal(SIGWINCH, SIG_DFL); /* which ignores it */
    listens_begin(&s, SIGWINCH, 0);
    sigaction(SIGWINCH, NULL, &ours);
    listens_expect(&s, "");
    sigaction(SIGWINCH, &ours, NULL);
    raise(SIGWINCH);
    sigaction(SIGWINCH, NULL, &now);
    CHECK(now.sa_handler == SIG_DFL);
    signal(SIGUSR1, SIG_DFL);
    check_end();
}

static void
closes(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_yield(&a->w));
    bide_signal_close(a->arg);
    bide_signal_close(a->arg);
    CHECK(bide_signal_closed(a->arg));
    CHECK(!bide_signal_watched(SIGUSR1));
    END(a);
}

static void
test_signal_close_wakes_the_waits(void **state)
{
    (void)state;
    listens s;
    listens_begin(&s, SIGUSR1, 0);
    taker(&s.wd, "a", s.signals, 2);
    actor_spawn(&s.wd, "b", closes, s.signals);
    listens_expect(&s, "a:ECLOSED a:ECLOSED");
}

static void
test_signal_that_cannot_be_listened_to_is_an_error(void **state)
{
    (void)state;
    const int bad[] = {SIGKILL, SIGSTOP, SIGSEGV, 0, -1, 100000};
    const int twice[] = {SIGUSR1, SIGUSR2, SIGUSR1};
    bide_signal *out;
    world wd;
    world_begin(&wd, 0);
    for (size_t i = 0; i < COUNT(bad); i++)
        CHECK_INT(bide_signal_new(wd.loop, &bad[i], 1, &out), BIDE_EINVALID);
    CHECK_INT(bide_signal_new(wd.loop, bad, 0, &out), BIDE_EINVALID);
    CHECK_INT(bide_signal_new(wd.loop, twice, 3, &out), BIDE_EINVALID);
    CHECK(!bide_signal_watched(SIGUSR1));
    world_end(&wd);
}

/* -- threads -------------------------------------------------------------- */

static void
raise_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < 500; i++)
        raise(SIGUSR1);
}

/* Until 500 have been counted. */
static void
adds_up(actor *a)
{
    BEGIN(a);
    while (a->n < 500) {
        AWAIT_OK(a, bide_signal_wait(a->arg, &a->w));
        a->n += (int)a->w.u.count;
    }
    CHECK_INT(a->n, 500);
    END(a);
}

static void
test_signals_of_another_thread_are_all_counted(void **state)
{
    (void)state;
    const int usr1 = SIGUSR1;
    bide_signal *signals;
    world wd;
    world_begin_real(&wd);
    CHECK_INT(bide_signal_new(wd.loop, &usr1, 1, &signals), 0);
    actor_spawn(&wd, "a", adds_up, signals);
    thread *t = thread_start(raise_many, NULL);
    world_run(&wd);
    thread_join(t);
    end_listening(signals);
    world_end(&wd);
}

/* Listeners come and go while another thread gets signals. */
static void
test_signal_listeners_come_and_go_under_fire(void **state)
{
    (void)state;
    const int usr1 = SIGUSR1;
    bide_signal *keep, *signals;
    signal(SIGUSR1, SIG_IGN);
    thread *t = thread_start(raise_many, NULL);
    for (int i = 0; i < 50; i++) {
        world wd;
        world_begin(&wd, 0);
        CHECK_INT(bide_signal_new(wd.loop, &usr1, 1, &keep), 0);
        CHECK_INT(bide_signal_new(wd.loop, &usr1, 1, &signals), 0);
        end_listening(signals);
        bide_loop_close(wd.loop, 0, NULL, NULL);
        CHECK(bide_signal_closed(keep));
        bide_signal_unref(keep);
        bide_loop_unref(wd.loop);
    }
    thread_join(t);
    signal(SIGUSR1, SIG_DFL);
    CHECK_INT(memory_held(), 0);
    check_end();
}

static void
test_signal_survives_allocation_failures(void **state)
{
    (void)state;
    const int usr1 = SIGUSR1;
    for (size_t k = 1; k < 20; k++) {
        bide_signal *signals = NULL;
        world wd;
        world_begin(&wd, 0);
        memory_fail_at(k, false);
        int rc = bide_signal_new(wd.loop, &usr1, 1, &signals);
        bool failed = memory_failed();
        memory_fail_at(0, false);
        CHECK_INT(rc, failed ? BIDE_ENOMEMORY : 0);
        end_listening(signals);
        CHECK(!bide_signal_watched(SIGUSR1));
        world_end(&wd);
        if (!failed)
            return;
    }
    fail_msg("the sweep does not end");
}

TEST_MAIN("signals", T(signal_wakes_its_listener),
          T(signal_reaches_every_listener), T(signal_listener_tells_which),
          T(signals_coalesce_and_are_counted),
          T(signal_before_the_listener_is_not_told),
          T(signal_cancelled_wait_loses_nothing),
          T(signal_dropped_goes_to_the_next),
          T(signal_listener_puts_back_what_was_before),
          T(signal_handler_set_later_stays),
          T(signal_handler_put_back_too_late_acts_as_before),
          T(signal_close_wakes_the_waits),
          T(signal_that_cannot_be_listened_to_is_an_error),
          T(signals_of_another_thread_are_all_counted),
          T(signal_listeners_come_and_go_under_fire),
          T(signal_survives_allocation_failures))
