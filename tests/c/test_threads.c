/* test_threads.c - futures settled and tokens cancelled by other threads. */
#include "support.h"

enum { ROUNDS = 200 };

static void
opens_gate(void *ctx)
{
    gate_open(ctx);
}

/* A world whose polls open `g`: a thread that passes it finds the loop in its
 * poll, or on the way there. */
static void
world_begin_gated(world *wd, gate *g)
{
    bide_host host = {.ctx = g, .poll_begin = opens_gate};
    world_begin_with(wd, &(bide_loop_options){.host = host});
}

/* -- futures -----------------------------------------------------------------
 */

typedef struct settling {
    bide_future *future;
    bide_loop *loop;
    gate *go;
    int won;
} settling;

static void
settles(void *arg)
{
    settling *s = arg;
    if (s->go)
        gate_pass(s->go);
    int rc = bide_future_settle(s->future, 0, number(6));
    CHECK(rc == 0 || rc == BIDE_ESETTLED);
    s->won = rc == 0;
    bide_future_unref(s->future);
    bide_loop_release(s->loop);
    bide_loop_unref(s->loop);
}

static thread *
start_settling(settling *s, bide_future *f, world *wd, gate *go)
{
    s->future = bide_future_ref(f);
    s->loop = bide_loop_ref(wd->loop);
    s->go = go;
    bide_loop_hold(wd->loop);
    return thread_start(settles, s);
}

static void
waits(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_future_wait(a->arg, &a->w));
    CHECK_INT(a->w.value.as.integer, 6);
    END(a);
}

static void
test_future_settled_from_a_thread(void **state)
{
    (void)state;
    world wd;
    gate *g = gate_new();
    world_begin_gated(&wd, g);
    bide_future *f;
    assert_int_equal(bide_future_new(&f), 0);
    settling s;
    thread *t = start_settling(&s, f, &wd, g);
    actor_spawn(&wd, "a", waits, f);
    actor_spawn(&wd, "b", waits, f);
    world_run(&wd);
    thread_join(t);
    CHECK(s.won);
    bide_future_unref(f);
    world_end(&wd);
    gate_free(g);
}

/* Two threads settle while tasks come to wait: each order is right. */
static void
test_future_settled_while_tasks_come_to_wait(void **state)
{
    (void)state;
    world wd;
    world_begin_real(&wd);
    for (int i = 0; i < ROUNDS; i++) {
        bide_future *f;
        settling s[2];
        assert_int_equal(bide_future_new(&f), 0);
        for (int n = 0; n < 4; n++)
            actor_spawn(&wd, "a", waits, f);
        thread *t[2] = {start_settling(&s[0], f, &wd, NULL),
                        start_settling(&s[1], f, &wd, NULL)};
        world_run(&wd);
        thread_join(t[0]);
        thread_join(t[1]);
        CHECK_INT(s[0].won + s[1].won, 1);
        bide_future_unref(f);
    }
    world_end(&wd);
}

static void
blocks_on_future(void *arg)
{
    CHECK_INT(bide_future_wait_blocking(arg, BIDE_FOREVER), 0);
}

static void
settles_as_task(actor *a)
{
    CHECK_INT(bide_future_wait_blocking(a->arg, 0), BIDE_EDEADLOCK);
    CHECK_INT(bide_future_settle(a->arg, 0, number(6)), 0);
    a->over = true;
}

static void
test_future_wakes_blocked_threads(void **state)
{
    (void)state;
    world wd;
    world_begin_real(&wd);
    for (int i = 0; i < ROUNDS; i++) {
        bide_future *f;
        assert_int_equal(bide_future_new(&f), 0);
        thread *t[2] = {thread_start(blocks_on_future, f),
                        thread_start(blocks_on_future, f)};
        actor_spawn(&wd, "a", settles_as_task, f);
        world_run(&wd);
        thread_join(t[0]);
        thread_join(t[1]);
        bide_future_unref(f);
    }
    world_end(&wd);
}

/* -- tokens ------------------------------------------------------------------
 */

typedef struct cancelling {
    bide_token *token;
    bide_loop *loop;
    gate *go;
    bool won;
} cancelling;

static void
cancels(void *arg)
{
    cancelling *c = arg;
    if (c->go)
        gate_pass(c->go);
    c->won = bide_token_cancel(c->token, number(4));
    CHECK(bide_token_cancelled(c->token));
    bide_token_unref(c->token);
    bide_loop_release(c->loop);
    bide_loop_unref(c->loop);
}

static thread *
start_cancelling(cancelling *c, bide_token *k, world *wd, gate *go)
{
    c->token = bide_token_ref(k);
    c->loop = bide_loop_ref(wd->loop);
    c->go = go;
    bide_loop_hold(wd->loop);
    return thread_start(cancels, c);
}

static void
parks_under(actor *a)
{
    BEGIN(a);
    bide_scope_init(&a->scope);
    CHECK_INT(bide_scope_enter(&a->scope, &a->task, a->arg), 0);
    AWAIT(a, bide_park(&a->w));
    CHECK_INT(a->rc, BIDE_ECANCELED);
    CHECK_INT(bide_scope_cause(&a->scope)->reason.as.integer, 4);
    /* a->n: the whole task is under the token, so this is not its edge. */
    CHECK_INT(bide_scope_leave(&a->scope), a->n ? 0 : BIDE_ECANCELED);
    END(a);
}

static void
test_token_cancelled_from_a_thread(void **state)
{
    (void)state;
    world wd;
    gate *g = gate_new();
    world_begin_gated(&wd, g);
    bide_token *k;
    assert_int_equal(bide_token_new(NULL, &k), 0);
    cancelling c;
    thread *t = start_cancelling(&c, k, &wd, g);
    actor_spawn(&wd, "a", parks_under, k);
    world_run(&wd);
    thread_join(t);
    CHECK(c.won);
    bide_token_unref(k);
    world_end(&wd);
    gate_free(g);
}

/* The cancel meets the token's binding to the loop, a child's too. */
static void
test_token_cancelled_while_it_is_entered(void **state)
{
    (void)state;
    world wd;
    world_begin_real(&wd);
    for (int i = 0; i < ROUNDS; i++) {
        bide_token *k, *child;
        cancelling c[2];
        assert_int_equal(bide_token_new(NULL, &k), 0);
        assert_int_equal(bide_token_new(k, &child), 0);
        actor_spawn(&wd, "a", parks_under, k);
        actor_spawn(&wd, "b", parks_under, child);
        actor_spawn_in(&wd, "c", parks_under, child, NULL, k)->n = 1;
        thread *t[2] = {start_cancelling(&c[0], k, &wd, NULL),
                        start_cancelling(&c[1], k, &wd, NULL)};
        world_run(&wd);
        bide_token_unref(k); /* the last reference may be a thread's */
        bide_token_unref(child);
        thread_join(t[0]);
        thread_join(t[1]);
        CHECK_INT(c[0].won + c[1].won, 1);
    }
    world_end(&wd);
}

/* Siblings of a tree go in two threads after the loop has closed. */
static void
unrefs_all(void *arg)
{
    bide_token **tokens = arg;
    for (int i = 0; i < 2 * ROUNDS; i += 2)
        bide_token_unref(tokens[i]);
}

static void
test_tokens_of_a_closed_loop_are_freed_anywhere(void **state)
{
    (void)state;
    bide_loop *l;
    bide_token *parent, *tokens[2 * ROUNDS];
    assert_int_equal(bide_loop_new(NULL, &l), 0);
    assert_int_equal(bide_token_new(NULL, &parent), 0);
    for (int i = 0; i < 2 * ROUNDS; i++) {
        assert_int_equal(bide_token_new(parent, &tokens[i]), 0);
        bide_token_deadline(tokens[i], l, BIDE_FOREVER);
    }
    assert_int_equal(bide_loop_close(l, 0, NULL, NULL), 0);
    bide_loop_unref(l);
    bide_token_unref(parent);
    thread *t[2] = {thread_start(unrefs_all, tokens),
                    thread_start(unrefs_all, tokens + 1)};
    thread_join(t[0]);
    thread_join(t[1]);
    assert_int_equal(memory_held(), 0);
}

/* -- posts -------------------------------------------------------------------
 */

/* -- waking ------------------------------------------------------------------
 */

TEST_MAIN("threads", T(future_settled_from_a_thread),
          T(future_settled_while_tasks_come_to_wait),
          T(future_wakes_blocked_threads), T(token_cancelled_from_a_thread),
          T(token_cancelled_while_it_is_entered),
          T(tokens_of_a_closed_loop_are_freed_anywhere))
