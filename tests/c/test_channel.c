/* test_channel.c - values between tasks. */
#include "support.h"

static bide_channel *
new_channel(size_t capacity)
{
    bide_channel *ch;
    assert_int_equal(bide_channel_new(capacity, "ch", HERE, &ch), 0);
    return ch;
}

static void
fill(bide_channel *ch, int from, int to)
{
    for (int i = from; i <= to; i++)
        CHECK_INT(bide_channel_try_send(ch, number(i)), 0);
}

/* Sends a->i + 1 to a->n. */
static void
sends(actor *a)
{
    BEGIN(a);
    while (a->i < a->n) {
        a->w.value = number(++a->i);
        AWAIT_OK(a, bide_channel_send(a->arg, &a->w));
        trace(a, "%d", a->i);
    }
    END(a);
}

/* Receives a->n values, or until the end (0). */
static void
receives(actor *a)
{
    BEGIN(a);
    for (a->i = 0; a->n == 0 || a->i < a->n; a->i++) {
        AWAIT(a, bide_channel_recv(a->arg, &a->w));
        if (a->rc == BIDE_ECLOSED)
            break;
        CHECK_INT(a->rc, 0);
        trace(a, "%d", (int)a->w.value.as.integer);
    }
    if (a->rc)
        trace(a, "end");
    END(a);
}

static actor *
spawn_n(world *wd, const char *name, actor_body body, bide_channel *ch, int n)
{
    actor *a = actor_spawn(wd, name, body, ch);
    a->n = n;
    return a;
}

static void
test_channel_keeps_the_order(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_channel *ch = new_channel(8);
    fill(ch, 1, 5);
    spawn_n(&wd, "r", receives, ch, 5);
    world_run(&wd);
    bide_channel_unref(ch);
    world_expect(&wd, "r:1 r:2 r:3 r:4 r:5");
}

static void
test_channel_send_waits_when_full(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_channel *ch = new_channel(2);
    spawn_n(&wd, "s", sends, ch, 4);
    spawn_n(&wd, "r", receives, ch, 4);
    world_run(&wd);
    CHECK_INT(bide_channel_len(ch), 0);
    CHECK_INT(bide_channel_capacity(ch), 2);
    bide_channel_unref(ch);
    world_expect(&wd, "s:1 s:2 r:1 r:2 r:3 s:3 s:4 r:4");
}

static void
test_channel_recv_waits_when_empty(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_channel *ch = new_channel(2);
    spawn_n(&wd, "r", receives, ch, 2);
    spawn_n(&wd, "s", sends, ch, 2);
    world_run(&wd);
    bide_channel_unref(ch);
    world_expect(&wd, "s:1 s:2 r:1 r:2");
}

static void
test_channel_serves_receivers_in_fifo_order(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_channel *ch = new_channel(4);
    for (int i = 0; i < 3; i++)
        spawn_n(&wd, &"a\0b\0c"[2 * i], receives, ch, 1);
    spawn_n(&wd, "s", sends, ch, 3);
    world_run(&wd);
    bide_channel_unref(ch);
    world_expect(&wd, "s:1 s:2 s:3 a:1 b:2 c:3");
}

static void
test_channel_serves_senders_in_fifo_order(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_channel *ch = new_channel(1);
    fill(ch, 0, 0);
    for (int i = 0; i < 3; i++)
        spawn_n(&wd, &"a\0b\0c"[2 * i], sends, ch, i + 1)->i = i;
    spawn_n(&wd, "r", receives, ch, 4);
    world_run(&wd);
    bide_channel_unref(ch);
    world_expect(&wd, "r:0 r:1 r:2 r:3 a:1 b:2 c:3");
}

static void
tries_to_send(actor *a)
{
    bide_channel *ch = a->arg;
    bide_value v;

    BEGIN(a);
    /* The channel is full, and a sender waits. */
    CHECK_INT(bide_channel_try_send(ch, number(9)), BIDE_EWOULDBLOCK);
    CHECK_INT(bide_channel_try_recv(ch, &v), 0);
    CHECK_INT(v.as.integer, 0);
    /* The place went to the one that waits. */
    CHECK_INT(bide_channel_try_send(ch, number(9)), BIDE_EWOULDBLOCK);
    CHECK_INT(bide_channel_try_recv(ch, &v), 0);
    CHECK_INT(v.as.integer, 1);
    CHECK_INT(bide_channel_try_send(ch, number(9)), 0);
    CHECK_INT(bide_channel_try_recv(ch, &v), 0);
    CHECK_INT(v.as.integer, 9);
    END(a);
}

static void
test_channel_try_send_never_waits(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_channel *ch = new_channel(1);
    fill(ch, 0, 0);
    spawn_n(&wd, "s", sends, ch, 1);
    actor_spawn(&wd, "t", tries_to_send, ch);
    world_run(&wd);
    bide_channel_unref(ch);
    world_expect(&wd, "s:1");
}

static void
test_channel_try_recv_never_waits(void **state)
{
    (void)state;
    bide_channel *ch = new_channel(1);
    bide_value v;
    assert_int_equal(bide_channel_try_recv(ch, &v), BIDE_EWOULDBLOCK);
    fill(ch, 1, 1);
    assert_int_equal(bide_channel_try_recv(ch, &v), 0);
    assert_int_equal(v.as.integer, 1);
    bide_channel_close(ch);
    assert_int_equal(bide_channel_try_recv(ch, &v), BIDE_ECLOSED);
    bide_channel_unref(ch);
}

static int
adds_up(bide_value v, void *arg)
{
    int64_t *sum = arg;
    *sum = *sum * 10 + v.as.integer;
    return v.as.integer == 4 ? 44 : 0;
}

static void
test_channel_unbounded_send_never_waits(void **state)
{
    (void)state;
    bide_channel *ch;
    bide_value v;
    int64_t sum = 0;
    assert_int_equal(bide_channel_new_unbounded("ch", HERE, &ch), 0);
    assert_true(bide_channel_capacity(ch) == SIZE_MAX);
    fill(ch, 1, 1000);
    assert_int_equal(bide_channel_len(ch), 1000);
    assert_int_equal(bide_channel_visit(ch, adds_up, &sum), 44);
    assert_int_equal(sum, 1234);
    for (int i = 1; i <= 1000; i++) {
        assert_int_equal(bide_channel_try_recv(ch, &v), 0);
        assert_int_equal(v.as.integer, i);
    }
    bide_channel_unref(ch);
    assert_int_equal(bide_channel_new(0, "ch", HERE, &ch), BIDE_EINVALID);
}

/* -- recv_many --------------------------------------------------------------
 */

typedef struct batch {
    bide_channel *channel;
    bide_value values[3];
} batch;

static void
receives_many(actor *a)
{
    batch *b = a->arg;

    BEGIN(a);
    for (;;) {
        AWAIT(a, bide_channel_recv_many(b->channel, &a->w, b->values, 3));
        if (a->rc)
            break;
        trace(a, "%zu,%d", a->w.u.many.count, (int)b->values[0].as.integer);
    }
    CHECK_INT(a->rc, BIDE_ECLOSED);
    END(a);
}

static void
test_channel_recv_many_takes_what_is_there(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    batch b = {.channel = new_channel(8)};
    fill(b.channel, 1, 5);
    bide_channel_close(b.channel);
    actor_spawn(&wd, "a", receives_many, &b);
    world_run(&wd);
    bide_channel_unref(b.channel);
    world_expect(&wd, "a:3,1 a:2,4");
}

static void
sends_two_and_closes(actor *a)
{
    batch *b = a->arg;

    BEGIN(a);
    CHECK_INT(bide_channel_recv_many(b->channel, &a->w, b->values, 0),
              BIDE_EINVALID);
    fill(b->channel, 1, 2);
    AWAIT_OK(a, bide_yield(&a->w));
    fill(b->channel, 3, 4);
    bide_channel_close(b->channel);
    END(a);
}

static void
test_channel_recv_many_waits_for_the_first(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    batch b = {.channel = new_channel(8)};
    actor_spawn(&wd, "a", receives_many, &b);
    actor_spawn(&wd, "s", sends_two_and_closes, &b);
    world_run(&wd);
    bide_channel_unref(b.channel);
    world_expect(&wd, "a:1,1 a:1,2 a:1,3 a:1,4");
}

TEST_MAIN("channel", T(channel_keeps_the_order),
          T(channel_send_waits_when_full), T(channel_recv_waits_when_empty),
          T(channel_serves_receivers_in_fifo_order),
          T(channel_serves_senders_in_fifo_order),
          T(channel_try_send_never_waits), T(channel_try_recv_never_waits),
          T(channel_unbounded_send_never_waits),
          T(channel_recv_many_takes_what_is_there),
          T(channel_recv_many_waits_for_the_first))
