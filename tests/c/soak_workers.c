/* soak_workers.c - tasks and threads around locks, a channel and the pool. */
#include "soak.h"

/* -- locks ---------------------------------------------------------------- */

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

/* -- channels and threads ------------------------------------------------- */

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

void
soak_receives(actor *a)
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

void
soak_sends_from_thread(void *arg)
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

/* -- jobs ----------------------------------------------------------------- */

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

bide_future *
soak_submit(actor *a, bool cancel_round)
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
        a->extra = soak_submit(a, false);
        AWAIT(a, bide_future_wait(a->extra, &a->w));
        soak_of(a)->jobs += a->rc == 0;
        bide_future_unref(a->extra);
        bide_scope_leave(&a->scope);
        AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + MS));
    }
    END(a);
}

const actor_body soak_workers[6] = {uses_mutex,     uses_rwlock, uses_semaphore,
                                    uses_condition, sends,       submits};
