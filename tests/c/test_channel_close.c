/* test_channel_close.c - closed channels and cancelled waits on them. */
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

/* -- close ------------------------------------------------------------------
 */

static void
closes(actor *a)
{
    CHECK(!bide_channel_closed(a->arg));
    bide_channel_close(a->arg);
    bide_channel_close(a->arg);
    CHECK(bide_channel_closed(a->arg));
    trace(a, "close");
    a->over = true;
}

static void
test_channel_close_drains_then_ends(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_channel *ch = new_channel(4);
    fill(ch, 1, 3);
    actor_spawn(&wd, "c", closes, ch);
    spawn_n(&wd, "r", receives, ch, 0);
    world_run(&wd);
    bide_channel_unref(ch);
    world_expect(&wd, "c:close r:1 r:2 r:3 r:end");
}

static void
test_channel_close_wakes_receivers(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_channel *ch = new_channel(4);
    spawn_n(&wd, "a", receives, ch, 0);
    spawn_n(&wd, "b", receives, ch, 0);
    actor_spawn(&wd, "c", closes, ch);
    world_run(&wd);
    bide_channel_unref(ch);
    world_expect(&wd, "c:close a:end b:end");
}

/* Its send of a->n ends with a->at; the value is still its own. */
static void
sends_in_vain(actor *a)
{
    BEGIN(a);
    a->w.value = number(a->n);
    AWAIT(a, bide_channel_send(a->arg, &a->w));
    CHECK_INT(a->rc, a->at);
    CHECK_INT(a->w.value.as.integer, a->n);
    CHECK_INT(a->w.value.tag, 1);
    trace(a, "kept");
    END(a);
}

static void
test_channel_close_wakes_senders_with_their_values(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_channel *ch = new_channel(1);
    fill(ch, 1, 1);
    spawn_n(&wd, "a", sends_in_vain, ch, 2)->at = BIDE_ECLOSED;
    spawn_n(&wd, "b", sends_in_vain, ch, 3)->at = BIDE_ECLOSED;
    actor_spawn(&wd, "c", closes, ch);
    spawn_n(&wd, "r", receives, ch, 0);
    world_run(&wd);
    bide_channel_unref(ch);
    world_expect(&wd, "c:close r:1 r:end a:kept b:kept");
}

static void
test_channel_send_after_close_is_an_error(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_channel *ch = new_channel(1);
    bide_channel_close(ch);
    CHECK_INT(bide_channel_try_send(ch, number(1)), BIDE_ECLOSED);
    CHECK_INT(bide_channel_send_blocking(ch, number(1), 0), BIDE_ECLOSED);
    spawn_n(&wd, "a", sends_in_vain, ch, 2)->at = BIDE_ECLOSED;
    world_run(&wd);
    bide_channel_unref(ch);
    world_expect(&wd, "a:kept");
}

/* -- cancel -----------------------------------------------------------------
 */

static void
test_channel_cancelled_send_keeps_its_value(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_channel *ch = new_channel(1);
    fill(ch, 1, 1);
    actor *a = spawn_n(&wd, "a", sends_in_vain, ch, 2);
    a->at = BIDE_ECANCELED;
    spawn_n(&wd, "b", sends, ch, 3)->i = 2;
    cancel_later(&wd, a);
    spawn_n(&wd, "r", receives, ch, 2);
    world_run(&wd);
    CHECK_INT(bide_channel_len(ch), 0);
    bide_channel_unref(ch);
    world_expect(&wd, "r:1 r:3 a:kept b:3");
}

static void
receives_in_vain(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_channel_recv(a->arg, &a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    trace(a, "nothing");
    END(a);
}

static void
test_channel_cancelled_recv_loses_nothing(void **state)
{
    (void)state;
    world wd;
    world_begin(&wd, 0);
    bide_channel *ch = new_channel(2);
    actor *a = actor_spawn(&wd, "a", receives_in_vain, ch);
    spawn_n(&wd, "b", receives, ch, 1);
    cancel_later(&wd, a);
    spawn_n(&wd, "s", sends, ch, 2);
    world_run(&wd);
    CHECK_INT(bide_channel_len(ch), 1);
    bide_channel_unref(ch);
    world_expect(&wd, "s:1 s:2 a:nothing b:1");
}

/* -- recv_many --------------------------------------------------------------
 */

TEST_MAIN("channel close", T(channel_close_drains_then_ends),
          T(channel_close_wakes_receivers),
          T(channel_close_wakes_senders_with_their_values),
          T(channel_send_after_close_is_an_error),
          T(channel_cancelled_send_keeps_its_value),
          T(channel_cancelled_recv_loses_nothing))
