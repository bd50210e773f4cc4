/* soak.c - everything at once for a while: connections that drop at random,
 * tasks behind locks and channels, timeouts, jobs, threads that send and
 * cancel. It ends with no task, no handle and no more memory than early on.
 *
 * BIDE_SOAK_SECONDS says for how long (2 by default), BIDE_SEED with which
 * choices. */
#include "soak.h"

#include <unistd.h>

/* -- rounds --------------------------------------------------------------- */

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
        a->extra = soak_submit(a, true);
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
    world *wd = &k->n.wd;

    actor_spawn(wd, "server", soak_serves, NULL);
    for (int i = 0; i < CLIENTS; i++)
        actor_spawn(wd, "client", soak_is_client, NULL);
    for (size_t i = 0; i < WORKERS * COUNT(soak_workers); i++)
        actor_spawn(wd, "worker", soak_workers[i % COUNT(soak_workers)], NULL);
    actor_spawn(wd, "receiver", soak_receives, NULL);
    actor_spawn(wd, "receiver", soak_receives, NULL);
    actor *time = actor_spawn(wd, "time", keeps_time, NULL);
    bide_loop_hold(wd->loop);
    thread *t = thread_start(soak_sends_from_thread, k);
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
