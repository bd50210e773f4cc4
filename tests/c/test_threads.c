/* test_threads.c - what other threads may do to a loop: settle futures, cancel
 * tokens, post, wake; and races between that and the loop's end. */
#include "support.h"

#include <unistd.h>

enum { ROUNDS = 200, POSTERS = 3, POSTS = 5000 };

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

typedef struct counted_post {
    bide_post post;
    int from, number;
} counted_post;

typedef struct poster {
    bide_loop *loop;
    counted_post *posts;
    int index;
} poster;

static int next_post[POSTERS], delivered;

static void
on_post(bide_post *p)
{
    counted_post *c = (counted_post *)p;
    CHECK_INT(c->number, next_post[c->from]++);
    delivered++;
}

static void
posts_all(void *arg)
{
    poster *p = arg;
    for (int i = 0; i < POSTS; i++) {
        p->posts[i] = (counted_post){{NULL, on_post}, p->index, i};
        CHECK_INT(bide_loop_post(p->loop, &p->posts[i].post), 0);
    }
    bide_loop_release(p->loop);
}

/* Parks in between, so that the loop polls as often as it can. */
static void
awaits_posts(actor *a)
{
    BEGIN(a);
    while (delivered < POSTERS * POSTS)
        AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + MS / 10));
    END(a);
}

static void
test_posts_arrive_once_and_in_order(void **state)
{
    (void)state;
    world wd;
    world_begin_real(&wd);
    poster posters[POSTERS];
    thread *t[POSTERS];
    delivered = 0;
    memset(next_post, 0, sizeof next_post);
    for (int i = 0; i < POSTERS; i++) {
        posters[i] = (poster){wd.loop, calloc(POSTS, sizeof(counted_post)), i};
        assert_non_null(posters[i].posts);
        bide_loop_hold(wd.loop);
        t[i] = thread_start(posts_all, &posters[i]);
    }
    actor_spawn(&wd, "a", awaits_posts, NULL);
    world_run(&wd);
    for (int i = 0; i < POSTERS; i++) {
        thread_join(t[i]);
        free(posters[i].posts);
    }
    CHECK_INT(delivered, POSTERS * POSTS);
    world_end(&wd);
}

static void
counts_only(bide_post *p)
{
    (void)p;
    delivered++;
}

static void
posts_until_closed(void *arg)
{
    poster *p = arg;
    int accepted = 0;
    while (accepted < POSTS) {
        counted_post *c = &p->posts[accepted];
        *c = (counted_post){{NULL, counts_only}, 0, accepted};
        if (bide_loop_post(p->loop, &c->post))
            break;
        bide_loop_wake(p->loop);
        accepted++;
    }
    p->index = accepted;
    bide_loop_unref(p->loop);
}

/* What was accepted is delivered, what comes too late is refused. */
static void
test_posts_race_with_the_close(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS / 4; round++) {
        bide_loop *l;
        poster p[2];
        thread *t[2];
        delivered = 0;
        assert_int_equal(bide_loop_new(NULL, &l), 0);
        for (int i = 0; i < 2; i++) {
            p[i] = (poster){bide_loop_ref(l),
                            calloc(POSTS, sizeof(counted_post)), 0};
            assert_non_null(p[i].posts);
            t[i] = thread_start(posts_until_closed, &p[i]);
        }
        assert_int_equal(bide_loop_close(l, 0, NULL, NULL), 0);
        bide_loop_unref(l);
        thread_join(t[0]);
        thread_join(t[1]);
        assert_int_equal(delivered, p[0].index + p[1].index);
        free(p[0].posts);
        free(p[1].posts);
    }
    assert_int_equal(memory_held(), 0);
}

/* -- waking ------------------------------------------------------------------
 */

typedef struct waker {
    gate *gate;
    int fd;
    bool ticking;
} waker;

static void
writes_to_fd(void *arg)
{
    waker *k = arg;
    gate_pass(k->gate);
    CHECK_INT(write(k->fd, "x", 1), 1);
}

static void
lets_write(void *ctx)
{
    gate_open(((waker *)ctx)->gate);
}

static int
stops_the_run(void *ctx)
{
    return ((waker *)ctx)->ticking ? -77 : 0;
}

/* As a signal handler does: the byte ends the poll, the tick the run. */
static void
test_wake_fd_ends_a_poll(void **state)
{
    (void)state;
    world wd;
    waker k = {.gate = gate_new(), .ticking = true};
    bide_host host = {
        .ctx = &k, .poll_begin = lets_write, .tick = stops_the_run};
    world_begin_with(&wd, &(bide_loop_options){.host = host});
    k.fd = bide_loop_wake_fd(wd.loop);
    CHECK(k.fd >= 0);
    CHECK_INT(bide_loop_wake_fd(wd.loop), k.fd);
    thread *t = thread_start(writes_to_fd, &k);
    bide_token *token;
    assert_int_equal(bide_token_new(NULL, &token), 0);
    actor_spawn(&wd, "a", parks_under, token);
    bide_loop_hold(wd.loop);
    CHECK_INT(bide_loop_run(wd.loop, NULL), -77);
    bide_loop_release(wd.loop);
    thread_join(t);
    k.ticking = false;
    bide_token_cancel(token, number(4));
    world_run(&wd);
    bide_token_unref(token);
    world_end(&wd);
    gate_free(k.gate);
}

TEST_MAIN("threads", T(future_settled_from_a_thread),
          T(future_settled_while_tasks_come_to_wait),
          T(future_wakes_blocked_threads), T(token_cancelled_from_a_thread),
          T(token_cancelled_while_it_is_entered),
          T(tokens_of_a_closed_loop_are_freed_anywhere),
          T(posts_arrive_once_and_in_order), T(posts_race_with_the_close),
          T(wake_fd_ends_a_poll))
