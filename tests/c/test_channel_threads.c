/* test_channel_threads.c - values between tasks and threads that run no loop.
 */
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

static void
sends_blocking(void *arg)
{
    side *s = arg;
    for (int i = 0; i < VALUES; i++) {
        int rc = bide_channel_send_blocking(s->channel, number(s->from + i),
                                            BIDE_FOREVER);
        CHECK_INT(rc, 0);
        s->sum += s->from + i;
    }
    bide_loop_release(s->wd->loop);
}

static void
receives_blocking(void *arg)
{
    side *s = arg;
    bide_value v;
    int rc;
    while ((rc = bide_channel_recv_blocking(s->channel, &v, BIDE_FOREVER)) ==
           0) {
        s->sum += v.as.integer;
        s->count++;
    }
    CHECK_INT(rc, BIDE_ECLOSED);
    bide_loop_release(s->wd->loop);
}

static thread *
start(side *s, world *wd, bide_channel *ch, void (*fn)(void *))
{
    s->channel = ch;
    s->wd = wd;
    bide_loop_hold(wd->loop);
    return thread_start(fn, s);
}

/* Receives a->n values, then closes. */
static void
receives(actor *a)
{
    side *s = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < a->n; a->i++) {
        AWAIT_OK(a, bide_channel_recv(s->channel, &a->w));
        s->sum += a->w.value.as.integer;
        CHECK(bide_channel_len(s->channel) <= 4);
    }
    END(a);
}

static void
test_channel_fed_by_a_blocking_thread(void **state)
{
    (void)state;
    world wd;
    world_begin_real(&wd);
    bide_channel *ch = new_channel(4);
    side threads[THREADS], task = {.channel = ch};
    thread *started[THREADS];
    memset(threads, 0, sizeof threads);
    for (int i = 0; i < THREADS; i++) {
        threads[i].from = i * VALUES;
        started[i] = start(&threads[i], &wd, ch, sends_blocking);
    }
    actor_spawn(&wd, "r", receives, &task)->n = THREADS * VALUES;
    world_run(&wd);
    int64_t sum = 0;
    for (int i = 0; i < THREADS; i++) {
        thread_join(started[i]);
        sum += threads[i].sum;
    }
    CHECK_INT(task.sum, sum);
    CHECK_INT(bide_channel_len(ch), 0);
    bide_channel_unref(ch);
    world_end(&wd);
}

/* Batches, in the order in which the one producer sent. */
static void
receives_many(actor *a)
{
    side *s = a->arg;

    BEGIN(a);
    while (s->count < VALUES) {
        AWAIT_OK(a, bide_channel_recv_many(s->channel, &a->w, s->batch, 7));
        CHECK(a->w.u.many.count >= 1 && a->w.u.many.count <= 7);
        for (size_t i = 0; i < a->w.u.many.count; i++)
            CHECK_INT(s->batch[i].as.integer, s->count++);
    }
    END(a);
}

static void
test_channel_batches_keep_the_order_of_a_thread(void **state)
{
    (void)state;
    world wd;
    world_begin_real(&wd);
    bide_channel *ch = new_channel(16);
    side producer = {0}, task = {.channel = ch};
    thread *t = start(&producer, &wd, ch, sends_blocking);
    actor_spawn(&wd, "r", receives_many, &task);
    world_run(&wd);
    thread_join(t);
    bide_channel_unref(ch);
    world_end(&wd);
}

static void
sends_and_closes(actor *a)
{
    side *s = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < VALUES; a->i++) {
        a->w.value = number(a->i);
        AWAIT_OK(a, bide_channel_send(s->channel, &a->w));
        s->sum += a->i;
    }
    if (--a->world->cancel_at == 0)
        bide_channel_close(s->channel);
    END(a);
}

static void
test_channel_drained_by_a_blocking_thread(void **state)
{
    (void)state;
    world wd;
    world_begin_real(&wd);
    bide_channel *ch = new_channel(4);
    side threads[THREADS], tasks[2];
    thread *started[THREADS];
    memset(threads, 0, sizeof threads);
    memset(tasks, 0, sizeof tasks);
    for (int i = 0; i < THREADS; i++)
        started[i] = start(&threads[i], &wd, ch, receives_blocking);
    wd.cancel_at = 2; /* senders left */
    for (int i = 0; i < 2; i++) {
        tasks[i].channel = ch;
        actor_spawn(&wd, "s", sends_and_closes, &tasks[i]);
    }
    world_run(&wd);
    int64_t sum = 0;
    int count = 0;
    for (int i = 0; i < THREADS; i++) {
        thread_join(started[i]);
        sum += threads[i].sum;
        count += threads[i].count;
    }
    CHECK_INT(sum, tasks[0].sum + tasks[1].sum);
    CHECK_INT(count, 2 * VALUES);
    bide_channel_unref(ch);
    world_end(&wd);
}

/* -- threads on both sides, no loop at all -----------------------------------
 */

static void
echoes(void *arg)
{
    side *s = arg;
    bide_value v;
    while (bide_channel_recv_blocking(s->channel, &v, BIDE_FOREVER) == 0)
        s->sum += v.as.integer;
}

static void
test_channel_between_threads_alone(void **state)
{
    (void)state;
    bide_channel *ch = new_channel(2);
    side receiver[2] = {{.channel = ch}, {.channel = ch}};
    thread *t[2] = {thread_start(echoes, &receiver[0]),
                    thread_start(echoes, &receiver[1])};
    for (int i = 1; i <= VALUES; i++)
        assert_int_equal(
            bide_channel_send_blocking(ch, number(i), BIDE_FOREVER), 0);
    bide_channel_close(ch);
    thread_join(t[0]);
    thread_join(t[1]);
    assert_int_equal(receiver[0].sum + receiver[1].sum,
                     (int64_t)VALUES * (VALUES + 1) / 2);
    bide_channel_unref(ch);
}

/* -- order among tasks and threads ------------------------------------------
 */

static void
makes_room(void *ch)
{
    bide_value v;
    CHECK_INT(bide_channel_try_recv(ch, &v), 0);
    CHECK_INT(v.as.integer, 0);
}

static void
puts_in(void *ch)
{
    CHECK_INT(bide_channel_try_send(ch, number(7)), 0);
}

static void
sends_own(actor *a)
{
    BEGIN(a);
    a->w.value = number(a->n);
    if (a->extra) { /* the thread's change is on its way to the loop */
        thread_join(thread_start(makes_room, a->arg));
        CHECK_INT(bide_channel_try_send(a->arg, number(9)), BIDE_EWOULDBLOCK);
    }
    AWAIT_OK(a, bide_channel_send(a->arg, &a->w));
    trace(a, "sent");
    END(a);
}

static void
receives_own(actor *a)
{
    bide_value v;

    BEGIN(a);
    if (a->extra) {
        thread_join(thread_start(puts_in, a->arg));
        CHECK_INT(bide_channel_try_recv(a->arg, &v), BIDE_EWOULDBLOCK);
    }
    AWAIT_OK(a, bide_channel_recv(a->arg, &a->w));
    trace(a, "%d", (int)a->w.value.as.integer);
    END(a);
}

/* A thread makes room for the sender that waits: another does not take it. */
static void
test_channel_room_is_for_the_oldest_sender(void **state)
{
    (void)state;
    world wd;
    world_begin_real(&wd);
    bide_channel *ch = new_channel(1);
    CHECK_INT(bide_channel_try_send(ch, number(0)), 0);
    actor_spawn(&wd, "a", sends_own, ch)->n = 1;
    actor *b = actor_spawn(&wd, "b", sends_own, ch);
    b->n = 2;
    b->extra = ch;
    bide_value v;
    CHECK_INT(bide_loop_run(wd.loop, NULL), BIDE_ESTALLED);
    CHECK_INT(bide_channel_try_recv(ch, &v), 0);
    CHECK_INT(v.as.integer, 1);
    world_run(&wd);
    CHECK_INT(bide_channel_try_recv(ch, &v), 0);
    CHECK_INT(v.as.integer, 2);
    bide_channel_unref(ch);
    world_expect(&wd, "a:sent b:sent");
}

static void
test_channel_value_is_for_the_oldest_receiver(void **state)
{
    (void)state;
    world wd;
    world_begin_real(&wd);
    bide_channel *ch = new_channel(1);
    actor_spawn(&wd, "a", receives_own, ch);
    actor_spawn(&wd, "b", receives_own, ch)->extra = ch;
    CHECK_INT(bide_loop_run(wd.loop, NULL), BIDE_ESTALLED);
    CHECK_INT(bide_channel_try_send(ch, number(8)), 0);
    world_run(&wd);
    bide_channel_unref(ch);
    world_expect(&wd, "a:7 b:8");
}

TEST_MAIN("channel threads", T(channel_fed_by_a_blocking_thread),
          T(channel_batches_keep_the_order_of_a_thread),
          T(channel_drained_by_a_blocking_thread),
          T(channel_between_threads_alone),
          T(channel_room_is_for_the_oldest_sender),
          T(channel_value_is_for_the_oldest_receiver))
