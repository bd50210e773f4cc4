/* soak.c - everything at once for a while: connections that drop at random,
 * tasks behind locks and channels, timeouts, jobs, threads that send and
 * cancel. It ends with no task, no handle and no more memory than early on.
 *
 * BIDE_SOAK_SECONDS says for how long (2 by default), BIDE_SEED with which
 * choices. */
#include "support_net.h"

#include <stdatomic.h>
#include <unistd.h>

enum {
    CLIENTS = 40,
    WORKERS = 20, /* of each kind */
    MESSAGE = 3000,
    ROUND = 250, /* ms between two looks at the memory */
};

typedef struct soak {
    net n;
    uint64_t random;
    bide_mutex *mutex;
    bide_semaphore *semaphore;
    bide_rwlock *rwlock;
    bide_condition *condition;
    bide_channel *channel;
    bide_token *token; /* of this round; cancelled by a thread */
    int inside, readers;
    int64_t until, sent, received;
    atomic_llong thread_sent;
    atomic_bool over;
    uint64_t echoes, dropped, jobs, rounds, cancelled;
    size_t peak_early, peak_late;
    char message[MESSAGE];
} soak;

static soak *
soak_of(actor *a)
{
    return a->world->state;
}

static int
draw(actor *a, int n)
{
    return random_below(&soak_of(a)->random, n);
}

static bool
time_is_up(actor *a)
{
    return now(a) >= soak_of(a)->until;
}

static void
enter_timeout(actor *a, int64_t ns)
{
    bide_scope_init(&a->scope);
    CHECK_INT(bide_scope_enter(&a->scope, &a->task, NULL), 0);
    CHECK_INT(bide_scope_deadline(&a->scope, now(a) + ns), 0);
}

/* -- connections
 * ------------------------------------------------------------------ */

/* Echoes whatever comes until the client ends, or by chance drops it. */
static void
serves_one(actor *a)
{
    bide_stream *s = a->arg;
    size_t len;
    const char *data;

    BEGIN(a);
    for (;;) {
        AWAIT(a, bide_stream_read(s, 65536, &a->w));
        if (a->rc || a->w.u.io.len == 0 || draw(a, 200) == 0)
            break;
        /* A copy: the data stays put only until the task parks. */
        data = bide_stream_data(s, &len);
        a->n = (int)a->w.u.io.len;
        a->extra = malloc((size_t)a->n);
        if (!a->extra)
            abort();
        memcpy(a->extra, data, (size_t)a->n);
        bide_stream_consume(s, (size_t)a->n);
        AWAIT(a, bide_stream_write(s, a->extra, (size_t)a->n, &a->w));
        free(a->extra);
        if (a->rc)
            break;
    }
    bide_stream_unref(s);
    END(a);
}

static void
serves(actor *a)
{
    BEGIN(a);
    for (;;) {
        AWAIT(a, bide_listener_accept(soak_of(a)->n.listener, &a->w));
        if (a->rc)
            break;
        actor_spawn(a->world, "connection", serves_one, a->w.value.as.ptr);
    }
    CHECK_INT(a->rc, BIDE_ECLOSED);
    END(a);
}

/* One exchange; false: the connection is gone. */
static bool
answer_is_right(actor *a, bide_stream *s)
{
    size_t len;
    const char *data = bide_stream_data(s, &len);
    bool right = memcmp(data, soak_of(a)->message, (size_t)a->n) == 0;
    bide_stream_consume(s, (size_t)a->n);
    CHECK(right);
    soak_of(a)->echoes++;
    return right;
}

/* Connects, talks, drops the connection at random: by a close in the middle, by
 * a timeout that cancels whatever it is doing, or in good order. */
static void
is_client(actor *a)
{
    bide_stream *s = a->extra;

    BEGIN(a);
    while (!time_is_up(a)) {
        enter_timeout(a, draw(a, 30) * MS);
        AWAIT(a, bide_tcp_connect("127.0.0.1", soak_of(a)->n.port, &a->w));
        a->extra = s = a->rc == 0 ? a->w.value.as.ptr : NULL;
        for (a->i = draw(a, 100); s && a->i > 0; a->i--) {
            a->n = 1 + draw(a, MESSAGE);
            AWAIT(a, bide_stream_write(s, soak_of(a)->message, (size_t)a->n,
                                       &a->w));
            if (a->rc || draw(a, 100) == 0)
                break;
            AWAIT(a, bide_stream_read_exact(s, (size_t)a->n, &a->w));
            if (a->rc || !answer_is_right(a, s))
                break;
        }
        soak_of(a)->dropped += a->i > 0;
        bide_stream_unref(s);
        a->extra = NULL;
        bide_scope_leave(&a->scope);
        AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + draw(a, 3) * MS));
    }
    END(a);
}

/* -- locks
 * ------------------------------------------------------------------------ */

static void
uses_mutex(actor *a)
{
    soak *k = soak_of(a);

    BEGIN(a);
    while (!time_is_up(a)) {
        enter_timeout(a, draw(a, 5) * MS);
        AWAIT(a, bide_mutex_lock(k->mutex, &a->w));
        if (a->rc == 0) {
            CHECK_INT(++k->inside, 1);
            AWAIT(a, bide_yield(&a->w));
            k->inside--;
            CHECK_INT(bide_mutex_unlock(k->mutex, &a->task), 0);
        }
        bide_scope_leave(&a->scope);
        AWAIT_OK(a, bide_yield(&a->w));
    }
    END(a);
}

static void
uses_rwlock(actor *a)
{
    soak *k = soak_of(a);

    BEGIN(a);
    while (!time_is_up(a)) {
        enter_timeout(a, draw(a, 5) * MS);
        a->n = draw(a, 4) == 0;
        AWAIT(a, a->n ? bide_rwlock_write(k->rwlock, &a->w)
                      : bide_rwlock_read(k->rwlock, &a->w));
        if (a->rc == 0) {
            k->readers += a->n ? 1000 : 1;
            CHECK(a->n ? k->readers == 1000 : k->readers < 1000);
            AWAIT(a, bide_yield(&a->w));
            k->readers -= a->n ? 1000 : 1;
            CHECK_INT(a->n ? bide_rwlock_write_unlock(k->rwlock, &a->task)
                           : bide_rwlock_read_unlock(k->rwlock),
                      0);
        }
        bide_scope_leave(&a->scope);
        AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + draw(a, 2) * MS));
    }
    END(a);
}

static void
uses_semaphore(actor *a)
{
    soak *k = soak_of(a);

    BEGIN(a);
    while (!time_is_up(a)) {
        enter_timeout(a, draw(a, 5) * MS);
        a->n = 1 + draw(a, 5);
        AWAIT(a, bide_semaphore_acquire(k->semaphore, (size_t)a->n, &a->w));
        if (a->rc == 0) {
            AWAIT(a, bide_sleep_until(&a->w, now(a) + draw(a, 2) * MS));
            CHECK_INT(bide_semaphore_release(k->semaphore, (size_t)a->n), 0);
        }
        bide_scope_leave(&a->scope);
        AWAIT_OK(a, bide_yield(&a->w));
    }
    END(a);
}

/* Waits under the round's token until notified, or the round is cancelled. */
static void
uses_condition(actor *a)
{
    soak *k = soak_of(a);

    BEGIN(a);
    while (!time_is_up(a)) {
        bide_scope_init(&a->scope);
        CHECK_INT(bide_scope_enter(&a->scope, &a->task, k->token), 0);
        AWAIT(a, bide_mutex_lock(k->mutex, &a->w));
        if (a->rc == 0) {
            if (draw(a, 2))
                bide_condition_notify(k->condition, &a->task, 1);
            else
                AWAIT(a, bide_condition_wait(k->condition, &a->w));
            CHECK(bide_mutex_owner(k->mutex) == &a->task);
            CHECK_INT(bide_mutex_unlock(k->mutex, &a->task), 0);
        }
        k->cancelled += bide_scope_leave(&a->scope) == BIDE_ECANCELED;
        AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + MS));
    }
    END(a);
}

/* -- channels and threads
 * ---------------------------------------------------------- */

static void
sends(actor *a)
{
    soak *k = soak_of(a);

    BEGIN(a);
    while (!time_is_up(a)) {
        enter_timeout(a, draw(a, 3) * MS);
        a->n = draw(a, 1000);
        a->w.value = number(a->n);
        AWAIT(a, bide_channel_send(k->channel, &a->w));
        k->sent += a->rc == 0 ? a->n : 0;
        bide_scope_leave(&a->scope);
        AWAIT_OK(a, bide_yield(&a->w));
    }
    END(a);
}

static void
receives(actor *a)
{
    soak *k = soak_of(a);

    BEGIN(a);
    for (;;) {
        AWAIT(a, bide_channel_recv(k->channel, &a->w));
        if (a->rc)
            break;
        k->received += a->w.value.as.integer;
    }
    CHECK_INT(a->rc, BIDE_ECLOSED);
    END(a);
}

static void
sends_from_thread(void *arg)
{
    soak *k = arg;
    for (int i = 0; !atomic_load(&k->over); i++) {
        int rc = bide_channel_send_blocking(k->channel, number(i % 100), MS);
        CHECK(rc == 0 || rc == BIDE_ETIMEDOUT);
        if (rc == 0)
            atomic_fetch_add(&k->thread_sent, i % 100);
    }
    bide_loop_release(k->n.wd.loop);
}

/* -- jobs
 * -------------------------------------------------------------------------- */

typedef struct soak_job {
    bide_job job;
    bide_future *future;
    bide_token *cancels; /* the job cancels it from its thread */
} soak_job;

static void
runs(bide_job *j)
{
    soak_job *s = j->host;
    if (s->cancels)
        bide_token_cancel(s->cancels, number(1));
}

static void
is_done(bide_job *j, int status)
{
    soak_job *s = j->host;
    bide_future_settle(s->future, status, number(1));
    bide_future_unref(s->future);
    bide_token_unref(s->cancels);
    free(s);
}

static bide_future *
submit(actor *a, bool cancel_round)
{
    soak *k = soak_of(a);
    soak_job *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->job = (bide_job){.run = runs, .done = is_done, .name = "j", .host = s};
    s->cancels = cancel_round ? bide_token_ref(k->token) : NULL;
    CHECK_INT(bide_future_new(&s->future), 0);
    bide_future *f = bide_future_ref(s->future);
    CHECK_INT(bide_job_submit(a->world->loop, &s->job), 0);
    return f;
}

static void
submits(actor *a)
{
    BEGIN(a);
    while (!time_is_up(a)) {
        enter_timeout(a, draw(a, 3) * MS);
        a->extra = submit(a, false);
        AWAIT(a, bide_future_wait(a->extra, &a->w));
        soak_of(a)->jobs += a->rc == 0;
        bide_future_unref(a->extra);
        bide_scope_leave(&a->scope);
        AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + MS));
    }
    END(a);
}

/* -- rounds
 * ------------------------------------------------------------------------- */

/* Frees the actors that are done, but never itself. */
static void
sweep_actors(world *wd)
{
    actor **at = &wd->actors;
    while (*at) {
        actor *a = *at;
        if (a->task.state == BIDE_TASK_DONE) {
            *at = a->next;
            free(a);
        } else {
            at = &a->next;
        }
    }
}

static void
note_memory(soak *k, bool early)
{
    size_t held = memory_held();
    size_t *peak = early ? &k->peak_early : &k->peak_late;
    if (held > *peak)
        *peak = held;
}

/* Once a round: has a thread cancel the round's token, puts a new one in its
 * place, looks at the memory. At the end it closes what the others wait for. */
static void
keeps_time(actor *a)
{
    soak *k = soak_of(a);

    BEGIN(a);
    a->at = now(a);
    while (!time_is_up(a)) {
        AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + ROUND * MS));
        a->extra = submit(a, true);
        AWAIT_OK(a, bide_future_wait(a->extra, &a->w));
        bide_future_unref(a->extra);
        CHECK(bide_token_cancelled(k->token));
        bide_token_unref(k->token);
        CHECK_INT(bide_token_new(NULL, &k->token), 0);
        sweep_actors(a->world);
        k->rounds++;
        note_memory(k, now(a) - a->at < (k->until - a->at) / 2);
    }
    atomic_store(&k->over, true);
    AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + ROUND * MS));
    bide_token_cancel(k->token, number(2));
    bide_listener_close(k->n.listener);
    END(a);
}

static void
closes_channel(actor *a)
{
    soak *k = soak_of(a);

    BEGIN(a);
    AWAIT_OK(a, bide_task_join(&((actor *)a->extra)->task, &a->w));
    /* The thread has been told; it ends within its own time-out. */
    thread_join(a->arg);
    bide_channel_close(k->channel);
    END(a);
}

static void
make_objects(soak *k)
{
    CHECK_INT(bide_mutex_new("m", HERE, &k->mutex), 0);
    CHECK_INT(bide_semaphore_new(7, true, "s", HERE, &k->semaphore), 0);
    CHECK_INT(bide_rwlock_new("rw", HERE, &k->rwlock), 0);
    CHECK_INT(bide_condition_new(k->mutex, "c", HERE, &k->condition), 0);
    CHECK_INT(bide_channel_new(16, "ch", HERE, &k->channel), 0);
    CHECK_INT(bide_token_new(NULL, &k->token), 0);
}

/* Nothing is held, nobody waits, what was sent was received. */
static void
drop_objects(soak *k)
{
    CHECK(bide_mutex_owner(k->mutex) == NULL);
    CHECK_INT(bide_semaphore_permits(k->semaphore), 7);
    CHECK_INT(bide_rwlock_readers(k->rwlock), 0);
    CHECK_INT(bide_condition_waiters(k->condition), 0);
    CHECK_INT(bide_channel_len(k->channel), 0);
    CHECK_INT(k->received, k->sent + atomic_load(&k->thread_sent));
    bide_condition_unref(k->condition);
    bide_mutex_unref(k->mutex);
    bide_semaphore_unref(k->semaphore);
    bide_rwlock_unref(k->rwlock);
    bide_channel_unref(k->channel);
    bide_token_unref(k->token);
}

static void
spawn_all(soak *k)
{
    static const actor_body workers[] = {uses_mutex,     uses_rwlock,
                                         uses_semaphore, uses_condition,
                                         sends,          submits};
    world *wd = &k->n.wd;

    actor_spawn(wd, "server", serves, NULL);
    for (int i = 0; i < CLIENTS; i++)
        actor_spawn(wd, "client", is_client, NULL);
    for (size_t i = 0; i < WORKERS * COUNT(workers); i++)
        actor_spawn(wd, "worker", workers[i % COUNT(workers)], NULL);
    actor_spawn(wd, "receiver", receives, NULL);
    actor_spawn(wd, "receiver", receives, NULL);
    actor *time = actor_spawn(wd, "time", keeps_time, NULL);
    bide_loop_hold(wd->loop);
    thread *t = thread_start(sends_from_thread, k);
    actor_spawn(wd, "closer", closes_channel, t)->extra = time;
}

static void
test_soak(void **state)
{
    (void)state;
    const char *text = getenv("BIDE_SOAK_SECONDS");
    int seconds = text ? atoi(text) : 2;
    soak *k = calloc(1, sizeof *k);
    assert_non_null(k);
    k->random = random_seed() ? random_seed() : (uint64_t)getpid();
    printf("%d s, BIDE_SEED=%llu\n", seconds, (unsigned long long)k->random);
    for (int i = 0; i < MESSAGE; i++)
        k->message[i] = (char)(i * 7);
    k->n.peer = -1;
    world_begin_real(&k->n.wd);
    k->n.wd.state = k;
    net_listen(&k->n);
    make_objects(k);
    k->until = bide_loop_now(k->n.wd.loop, true) + seconds * SECOND;
    spawn_all(k);
    world_run(&k->n.wd);
    drop_objects(k);
    printf("%llu echoes, %llu connections dropped, %llu jobs, %llu rounds, "
           "%llu cancelled; at most %zu bytes early, %zu late\n",
           (unsigned long long)k->echoes, (unsigned long long)k->dropped,
           (unsigned long long)k->jobs, (unsigned long long)k->rounds,
           (unsigned long long)k->cancelled, k->peak_early, k->peak_late);
    CHECK(k->echoes > 0 && k->dropped > 0 && k->jobs > 0);
    CHECK(k->peak_late <= k->peak_early + k->peak_early / 2 + (1 << 16));
    net_end(&k->n);
    free(k);
}

TEST_MAIN("soak", T(soak))
