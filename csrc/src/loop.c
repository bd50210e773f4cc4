#include "loop.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "alloc.h"
#include "spin.h"
#include "stand_in.h"

_Thread_local bide_loop *bide__loop_here;
unsigned bide__fork_count;

/* In the child, whose one thread may be inside a loop: it can run another. */
static void
forked(void)
{
    bide__fork_count++;
    bide__loop_here = NULL;
    bide__registry_forked();
}

static void
watch_forks(void)
{
    pthread_atfork(bide__registry_forking, bide__registry_fork_over, forked);
}

/* -- life ----------------------------------------------------------------- */

/* Waking is all it does: the turn that was polling drains the inbox. */
static void
on_async(uv_async_t *async)
{
    (void)async;
}

int
bide__loop_init(bide_loop *l)
{
    static uv_once_t once = UV_ONCE_INIT;
    uv_once(&once, watch_forks);
    int rc = bide__stand_in();
    if (rc == 0)
        rc = uv_loop_init(&l->uv);
    if (rc)
        return rc;
    rc = uv_async_init(&l->uv, &l->async, on_async);
    if (rc) {
        uv_loop_close(&l->uv);
        return rc;
    }
    uv_timer_init(&l->uv, &l->alarm);
    l->uv.data = l;
    l->wake_next = -1;
    l->alarm_at = BIDE_FOREVER;
    atomic_init(&l->pace, BIDE__POLL_INTERVAL);
    l->look_at = BIDE_FOREVER;
    bide__registry_init(&l->registered);
    l->registered.epolls[BIDE__EPOLL_UV] = uv_backend_fd(&l->uv);
    bide__list_init(&l->ready);
    bide__list_init(&l->onlookers);
    bide__list_init(&l->grants);
    bide__list_init(&l->handles);
    bide__list_init(&l->notices);
    bide__list_init(&l->checks);
    bide__list_init(&l->struck);
    bide__list_init(&l->slow.held);
    bide__list_init(&l->reports.pending);
    bide__list_init(&l->reports.failed);
    atomic_init(&l->refs, 1);
    l->patience = BIDE__SPIN_MOST;
    l->now = l->virtual_clock ? 0 : (int64_t)uv_hrtime();
    return 0;
}

static void
close_wake(bide_loop *l)
{
    if (!l->wake_open)
        return;
    l->wake_open = false;
    uv_poll_stop(&l->wake_poll);
    uv_close((uv_handle_t *)&l->wake_poll, NULL);
}

void
bide__loop_fini(bide_loop *l)
{
    while (!bide__list_empty(&l->handles)) {
        bide__handle *h = bide__of(l->handles.next, bide__handle, link);
        h->close(h);
    }
    bool had_wake = l->wake_open;
    close_wake(l);
    bide__inbox_close(&l->inbox);
    uv_close((uv_handle_t *)&l->async, NULL);
    uv_close((uv_handle_t *)&l->alarm, NULL);
    while (uv_run(&l->uv, UV_RUN_DEFAULT))
        ;
    uv_loop_close(&l->uv);
    if (had_wake) {
        close(l->wake_fds[0]);
        close(l->wake_fds[1]);
    }
    bide__timers_fini(&l->timers);
    bide__free(l->scratch_block);
    bide__free(l->batch);
    l->scratch = l->scratch_block = NULL;
    l->batch = NULL;
    bide__spares_fini(&l->spares);
}

bide_loop *
bide_loop_ref(bide_loop *l)
{
    atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
    return l;
}

void
bide_loop_unref(bide_loop *l)
{
    if (!l || atomic_fetch_sub(&l->refs, 1) != 1)
        return;
    bide__free(l->stats);
    bide__free(l);
}

bide__apart int
bide__loop_adopt(bide_loop **slot, bide_loop *l)
{
    if (*slot && !atomic_load(&(*slot)->closed))
        return BIDE_EWRONGLOOP;
    bide_loop_unref(*slot);
    *slot = bide_loop_ref(l);
    return 0;
}

void
bide__loop_add_handle(bide_loop *l, bide__handle *h)
{
    bide__list_append(&l->handles, &h->link);
    l->handle_count++;
}

void
bide__loop_remove_handle(bide_loop *l, bide__handle *h)
{
    bide__list_remove(&h->link);
    l->handle_count--;
}

/* -- clock and timers ----------------------------------------------------- */

int64_t
bide_loop_now(bide_loop *l, bool refresh)
{
    if (refresh && !l->virtual_clock)
        l->now = (int64_t)uv_hrtime();
    return l->now;
}

int
bide_timer_start(bide_loop *l, bide_timer *t, int64_t deadline,
                 void (*fire)(bide_timer *self))
{
    t->fire = fire;
    return bide__timers_add(&l->timers, t, deadline);
}

void
bide_timer_stop(bide_loop *l, bide_timer *t)
{
    if (t->slot)
        bide__timers_remove(&l->timers, t);
}

/* uv_run(ONCE) runs due timers, then polls: without the stop, an alarm that is
 * due as it begins would leave the poll with nothing to end it. */
static void
on_alarm(uv_timer_t *alarm)
{
    bide_loop *l = alarm->loop->data;
    l->alarm_at = BIDE_FOREVER;
    uv_stop(alarm->loop);
}

/* The alarm may stay set for a deadline that was dropped: one idle wake-up
 * costs less than resetting it for every timeout that did not happen. */
static void
set_alarm(bide_loop *l)
{
    int64_t next = bide__timers_next(&l->timers);
    if (l->look_at < next)
        next = l->look_at;
    if (next >= l->alarm_at)
        return;
    uv_update_time(&l->uv);
    int64_t now = (int64_t)uv_hrtime();
    uint64_t ms = next > now ? (uint64_t)(next - now + 999999) / 1000000 : 0;
    uv_timer_start(&l->alarm, on_alarm, ms, 0);
    l->alarm_at = next;
}

/* -- the turn ------------------------------------------------------------- */

static bide_task *
next_in_seeded_order(bide_loop *l)
{
    l->seed ^= l->seed << 13;
    l->seed ^= l->seed >> 7;
    l->seed ^= l->seed << 17;
    bide_link *link = l->ready.next;
    for (unsigned skip = l->seed % 16; skip && link->next != &l->ready; skip--)
        link = link->next;
    bide__list_remove(link);
    return bide__of(link, bide_task, ready);
}

static void
step(bide_loop *l, bide_task *t)
{
    t->state = BIDE_TASK_RUNNING;
    l->current = t;
    t->resume(t);
}

/* The end of one step is the start of the next, and both are what the loop
 * takes for the time. */
static void
measure_from(bide_loop *l, int64_t now)
{
    l->step_at = now;
    if (!l->virtual_clock)
        l->now = now;
}

/* Waits for locks are measured from when the task parked. */
static void
step_timed(bide_loop *l, bide_task *t)
{
    bide_loop_now(l, true);
    step(l, t);
}

/* A task that a poll woke waits from the end of that poll. */
static void
step_measured(bide_loop *l, bide_task *t)
{
    bide__stats *s = l->stats;
    int64_t began = l->step_at;
    int64_t ready = t->ready_at ? t->ready_at : s->polled_at;
    bide__stats_note(s, BIDE__STATS_DELAY, began - ready);
    t->resumes += s->weight;
    s->running = t;
    step(l, t);
    int64_t ended = (int64_t)uv_hrtime();
    bide__stats_note_step(s, ended - began);
    if (s->running)
        s->running->busy += (ended - began) * s->weight;
    s->running = NULL;
    measure_from(l, ended);
}

/* Tells how many were resumed. A processor takes one store at a time, and so
 * many are made in a step of a few nanoseconds that each counts: the links of a
 * running task are left as they are, `current` is until the next one, and how
 * many steps there were is stored with the budget. */
static inline unsigned
resume_each(bide_loop *l, void (*run)(bide_loop *l, bide_task *t))
{
    const int none_left = BIDE__BUDGET << BIDE__STEPS_BITS;
    int pace = none_left + BIDE__POLL_INTERVAL;
    while (pace > none_left && !bide__list_empty(&l->ready) && !l->pause) {
        bide_task *t =
            l->seed ? next_in_seeded_order(l)
                    : bide__of(bide__list_shift(&l->ready), bide_task, ready);
        atomic_store_explicit(&l->pace, --pace, memory_order_relaxed);
        run(l, t);
        if (l->stop || l->fork_count != bide__fork_count)
            break;
    }
    l->current = NULL;
    unsigned n = (unsigned)(none_left + BIDE__POLL_INTERVAL - pace);
    bide__stats_count(&l->resumes, n);
    atomic_store_explicit(&l->pace, BIDE__POLL_INTERVAL, memory_order_relaxed);
    return n;
}

static bool
measures(const bide_loop *l)
{
    return BIDE__DIAGNOSTICS && l->stats;
}

/* Nothing but tasks runs before the next turn does. */
static bool
has_only_tasks(bide_loop *l)
{
    return !l->timers.count && bide__list_empty(&l->notices) &&
           bide__inbox_empty(&l->inbox);
}

/* Its steps begin where the poll ended unless something lies between. */
static void
begin_measured(bide_loop *l, bide__stats *s)
{
    if (s->steps)
        return; /* since the last look at the clock */
    s->began = s->alone ? l->step_at : (int64_t)uv_hrtime();
    measure_from(l, s->began);
    if (!s->polled_at)
        s->polled_at = s->began; /* ready before the first run */
    if (!s->ended_at)
        s->ended_at = s->began;
}

static void
end_measured(bide_loop *l, bide__stats *s, unsigned steps)
{
    s->steps += steps;
    if (bide__stats_may_go_on(s) && !l->stop && !l->handle_count &&
        !bide__list_empty(&l->ready) && has_only_tasks(l))
        return;
    bide__stats_end_turn(s, s->exact ? l->step_at : (int64_t)uv_hrtime());
    if (l->virtual_clock)
        s->exact = true;
    l->exact = s->exact ? s : NULL;
    bide__loop_set_measures(l, s->exact || l->slow.limit != BIDE_FOREVER);
}

void
bide__loop_resume(bide_loop *l)
{
    unsigned steps;
    if (measures(l))
        begin_measured(l, l->stats);
    if (bide__unlikely(bide__loop_exact(l)))
        steps = resume_each(l, step_measured);
    else if (bide__unlikely(bide__loop_measures(l)))
        steps = resume_each(l, step_timed);
    else
        steps = resume_each(l, step);
    if (measures(l))
        end_measured(l, l->stats, steps);
}

static bool
posts_are_there(void *arg)
{
    bide_loop *l = arg;
    return !bide__inbox_empty(&l->inbox);
}

/* Sleeps in the system until something happens. */
static void
sleep_in_poll(bide_loop *l)
{
    atomic_store(&l->sleeping, true);
    if (!bide__inbox_empty(&l->inbox) || atomic_load(&l->woken)) {
        atomic_store(&l->sleeping, false);
        atomic_store(&l->woken, false);
        uv_run(&l->uv, UV_RUN_NOWAIT);
        return;
    }
    uv_run(&l->uv, UV_RUN_ONCE);
    atomic_store(&l->sleeping, false);
}

static void
poll_blocking(bide_loop *l)
{
    if (!l->virtual_clock)
        set_alarm(l);
    atomic_store_explicit(&l->watched.idle, true, memory_order_relaxed);
    if (l->host.poll_begin)
        l->host.poll_begin(l->host.ctx);
    if (!l->jobs || !bide__spin(&l->patience, posts_are_there, l))
        sleep_in_poll(l);
    if (l->host.poll_end)
        l->host.poll_end(l->host.ctx);
    atomic_store_explicit(&l->watched.idle, false, memory_order_relaxed);
}

/* Virtual time jumps only if a look at the system shows nothing to do. */
static void
poll_virtual(bide_loop *l)
{
    l->stirred = false;
    uv_run(&l->uv, UV_RUN_NOWAIT);
    if (!bide__list_empty(&l->ready) || !bide__inbox_empty(&l->inbox) ||
        l->stirred)
        return;
    if (l->timers.count && !l->jobs && !atomic_load(&l->holds)) {
        int64_t next = bide__timers_next(&l->timers);
        if (next > l->now)
            l->now = next;
    } else {
        poll_blocking(l);
    }
}

static int
poll_idle(bide_loop *l)
{
    int rc = bide__loop_stalled(l);
    if (rc || !bide__list_empty(&l->ready))
        return rc;
    if (l->virtual_clock)
        poll_virtual(l);
    else if (bide__timers_next(&l->timers) <= bide_loop_now(l, true))
        uv_run(&l->uv, UV_RUN_NOWAIT);
    else
        poll_blocking(l);
    return 0;
}

/* Those that come while these are told wait for the next turn. */
static void
deliver(bide_link *notices)
{
    bide_link now;
    bide__list_init(&now);
    bide__list_splice(&now, notices);
    while (!bide__list_empty(&now)) {
        bide__notice *n = bide__of(bide__list_pop(&now), bide__notice, link);
        n->deliver(n);
    }
}

/* Nothing is ready; neither is anything in the system, now. */
static void
look_whether_quiet(bide_loop *l)
{
    uv_run(&l->uv, UV_RUN_NOWAIT);
    if (bide__list_empty(&l->ready) && bide__inbox_empty(&l->inbox) &&
        bide__timers_next(&l->timers) > bide_loop_now(l, true))
        l->quiet(l);
}

static int
poll(bide_loop *l)
{
    int rc = 0;
    if (!bide__list_empty(&l->checks))
        deliver(&l->checks);
    l->polling = true;
    l->inflow = 0;
    l->inflow_reads = 0;
    if (bide__list_empty(&l->ready) && l->quiet)
        look_whether_quiet(l);
    else if (bide__list_empty(&l->ready))
        rc = poll_idle(l);
    else if (l->handle_count) /* the wake descriptor only ends blocking polls */
        uv_run(&l->uv, UV_RUN_NOWAIT);
    l->polling = false;
    return rc;
}

/* How long a poll slept is in no delay: what it wakes has no time of its own,
 * and has run by the next poll that finds nothing ready. */
static int
poll_measured(bide_loop *l)
{
    bide__stats *s = l->stats;
    bool idle = bide__list_empty(&l->ready);
    bool polls = idle || l->handle_count;
    if (idle)
        l->step_at = 0;
    int rc = poll(l);
    if (polls || !s->ended_at)
        l->step_at = (int64_t)uv_hrtime();
    else
        l->step_at = s->ended_at;
    if (idle)
        s->polled_at = l->step_at;
    s->alone = has_only_tasks(l);
    return rc;
}

int
bide__loop_turn(bide_loop *l)
{
    if (BIDE__DIAGNOSTICS)
        bide__stats_count(&l->polls, 1);
    l->pause = false;
    int rc = measures(l) ? poll_measured(l) : poll(l);
    if (rc)
        return rc;
    if (!bide__list_empty(&l->notices))
        deliver(&l->notices);
    bide__inbox_drain(&l->inbox);
    if (l->timers.count)
        bide__timers_expire(&l->timers, bide_loop_now(l, true));
    if (bide__unlikely(l->look_at != BIDE_FOREVER))
        l->look(l);
    return l->host.tick ? l->host.tick(l->host.ctx) : 0;
}
