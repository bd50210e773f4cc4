/* test_channel_blocking.c - threads that block on a channel: ends, time-outs,
 * refusals. */
#include "support.h"

enum { VALUES = 2000, THREADS = 3 };

static bide_channel *
new_channel(size_t capacity)
{
    bide_channel *ch;
    assert_int_equal(bide_channel_new(capacity, "ch", HERE, &ch), 0);
    return ch;
}

/* What a thread or a task does to the channel; sums tell what went through. */
typedef struct side {
    bide_channel *channel;
    world *wd;
    int64_t sum;
    int count, from;
    bide_value batch[7];
} side;

static thread *
start(side *s, world *wd, bide_channel *ch, void (*fn)(void *))
{
    s->channel = ch;
    s->wd = wd;
    bide_loop_hold(wd->loop);
    return thread_start(fn, s);
}

/* -- close -------------------------------------------------------------------
 */

static void
is_closed_upon(void *arg)
{
    side *s = arg;
    bide_value v = number(1);
    int rc = s->from ? bide_channel_send_blocking(s->channel, v, BIDE_FOREVER)
                     : bide_channel_recv_blocking(s->channel, &v, BIDE_FOREVER);
    CHECK_INT(rc, BIDE_ECLOSED);
}

/* Whether the close comes before or after the threads block, they end. */
static void
test_channel_close_wakes_blocked_threads(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        bide_channel *full = new_channel(1), *empty = new_channel(1);
        assert_int_equal(bide_channel_try_send(full, number(0)), 0);
        side sender = {.channel = full, .from = 1};
        side receiver = {.channel = empty};
        thread *t[2] = {thread_start(is_closed_upon, &sender),
                        thread_start(is_closed_upon, &receiver)};
        bide_channel_close(full);
        bide_channel_close(empty);
        thread_join(t[0]);
        thread_join(t[1]);
        assert_int_equal(bide_channel_len(full), 1);
        bide_channel_unref(full);
        bide_channel_unref(empty);
    }
    check_end();
}

static void
closes_from_thread(void *arg)
{
    side *s = arg;
    bide_channel_close(s->channel);
    bide_loop_release(s->wd->loop);
}

static void
is_ended(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_channel_recv(a->arg, &a->w));
    CHECK_INT(a->rc, BIDE_ECLOSED);
    END(a);
}

static void
test_channel_closed_from_a_thread_wakes_tasks(void **state)
{
    (void)state;
    world wd;
    world_begin_real(&wd);
    bide_channel *ch = new_channel(1);
    side s = {0};
    actor_spawn(&wd, "a", is_ended, ch);
    actor_spawn(&wd, "b", is_ended, ch);
    thread *t = start(&s, &wd, ch, closes_from_thread);
    world_run(&wd);
    thread_join(t);
    bide_channel_unref(ch);
    world_end(&wd);
}

static void
test_channel_blocking_recv_times_out(void **state)
{
    (void)state;
    bide_channel *ch = new_channel(1);
    bide_value v;
    assert_int_equal(bide_channel_recv_blocking(ch, &v, 0), BIDE_ETIMEDOUT);
    assert_int_equal(bide_channel_recv_blocking(ch, &v, MS), BIDE_ETIMEDOUT);
    assert_int_equal(bide_channel_send_blocking(ch, number(1), 0), 0);
    assert_int_equal(bide_channel_send_blocking(ch, number(2), MS),
                     BIDE_ETIMEDOUT);
    assert_int_equal(bide_channel_len(ch), 1);
    assert_int_equal(bide_channel_recv_blocking(ch, &v, 0), 0);
    assert_int_equal(v.as.integer, 1);
    bide_channel_unref(ch);
}

static void
blocks_the_loop(actor *a)
{
    bide_value v;
    CHECK_INT(bide_channel_recv_blocking(a->arg, &v, BIDE_FOREVER),
              BIDE_EDEADLOCK);
    CHECK_INT(bide_channel_try_send(a->arg, number(1)), 0);
    CHECK_INT(bide_channel_send_blocking(a->arg, number(2), BIDE_FOREVER),
              BIDE_EDEADLOCK);
    a->over = true;
}

static void
test_channel_blocking_call_on_a_loop_thread_is_an_error(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_channel *ch = new_channel(1);
    actor_spawn(&wd, "a", blocks_the_loop, ch);
    world_run(&wd);
    bide_channel_unref(ch);
    world_end(&wd);
}

/* -- cancels and time-outs in the middle of it all ---------------------------
 */

static void
sends_in_haste(void *arg)
{
    side *s = arg;
    for (int i = 0; i < VALUES; i++) {
        int rc = bide_channel_send_blocking(s->channel, number(i), i % 3);
        CHECK(rc == 0 || rc == BIDE_ETIMEDOUT);
        s->sum += rc == 0 ? i : 0;
    }
    bide_channel_close(s->channel);
    bide_loop_release(s->wd->loop);
}

/* Each of its waits may be cancelled by a timeout of its own. */
static void
receives_in_haste(actor *a)
{
    side *s = a->arg;

    BEGIN(a);
    do {
        bide_scope_init(&a->scope);
        CHECK_INT(bide_scope_enter(&a->scope, &a->task, NULL), 0);
        CHECK_INT(bide_scope_deadline(&a->scope, now(a) + a->i++ % 2000), 0);
        AWAIT(a, bide_channel_recv(s->channel, &a->w));
        bide_scope_leave(&a->scope);
        s->sum += a->rc == 0 ? a->w.value.as.integer : 0;
    } while (a->rc != BIDE_ECLOSED);
    END(a);
}

static void
test_channel_loses_nothing_to_timeouts(void **state)
{
    (void)state;
    world wd;
    world_begin_real(&wd);
    bide_channel *ch = new_channel(2);
    side sender = {0}, receivers[2] = {{.channel = ch}, {.channel = ch}};
    thread *t = start(&sender, &wd, ch, sends_in_haste);
    actor_spawn(&wd, "a", receives_in_haste, &receivers[0]);
    actor_spawn(&wd, "b", receives_in_haste, &receivers[1]);
    world_run(&wd);
    thread_join(t);
    CHECK_INT(receivers[0].sum + receivers[1].sum, sender.sum);
    bide_channel_unref(ch);
    world_end(&wd);
}

TEST_MAIN("channel blocking", T(channel_close_wakes_blocked_threads),
          T(channel_closed_from_a_thread_wakes_tasks),
          T(channel_blocking_recv_times_out),
          T(channel_blocking_call_on_a_loop_thread_is_an_error),
          T(channel_loses_nothing_to_timeouts))
