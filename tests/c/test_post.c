/* test_post.c - posts and wake-ups from other threads, and the loop's end. */
#include "support.h"

#include <unistd.h>

enum { ROUNDS = 50, POSTERS = 3, POSTS = 5000 };

/* -- futures -----------------------------------------------------------------
 */

/* -- tokens ------------------------------------------------------------------
 */

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
    for (int round = 0; round < ROUNDS; round++) {
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

/* Whoever had the bytes before gets them, and only while he is to. */
static void
test_wake_fd_passes_on_what_it_gets(void **state)
{
    (void)state;
    world wd;
    int next[2];
    char got[8];
    world_begin_real(&wd);
    assert_int_equal(pipe(next), 0);
    int fd = bide_loop_wake_fd(wd.loop);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "a", 1), 1);
    bide_loop_wake_pass(wd.loop, next[1]);
    assert_int_equal(write(fd, "bc", 2), 2);
    bide_loop_wake_pass(wd.loop, -1);
    assert_int_equal(write(fd, "d", 1), 1);
    bide_loop_wake_pass(wd.loop, -1);
    assert_int_equal(read(next[0], got, sizeof got), 2);
    assert_memory_equal(got, "bc", 2);
    close(next[0]);
    close(next[1]);
    world_end(&wd);
}

TEST_MAIN("post", T(posts_arrive_once_and_in_order),
          T(posts_race_with_the_close), T(wake_fd_ends_a_poll),
          T(wake_fd_passes_on_what_it_gets))
