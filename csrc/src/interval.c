/* Ticks at a fixed distance. The next tick is fixed when one is granted, by the
 * rules of Tokio's Interval (tokio::time::MissedTickBehavior), from which the
 * names, the tolerance and what a tick tells are taken.
 *
 * Invariant: `next` is the time of the first tick nobody has been granted, so a
 * wait that is cancelled or dropped leaves the interval as it was. */
#include "wait.h"

/* A tick that is late by no more than this was not missed: no timer is exact,
 * and a "delay" would drift. */
static const int64_t tolerance = INT64_C(5000000);

int
bide_interval_init(bide_interval *iv, int64_t start, int64_t period, int missed)
{
    if (period < 1 || missed < BIDE_BURST || missed > BIDE_SKIP)
        return BIDE_EINVALID;
    iv->next = start;
    iv->period = period;
    iv->waiter = NULL;
    iv->missed = (uint8_t)missed;
    return 0;
}

static int64_t
later(int64_t from, int64_t by)
{
    return from > BIDE_FOREVER - by ? BIDE_FOREVER : from + by;
}

static int64_t
following(const bide_interval *iv, int64_t now)
{
    if (now - tolerance <= iv->next)
        return later(iv->next, iv->period);
    switch (iv->missed) {
    case BIDE_DELAY:
        return later(now, iv->period);
    case BIDE_SKIP:
        return later(now, iv->period - (now - iv->next) % iv->period);
    default:
        return later(iv->next, iv->period);
    }
}

static void
grant(bide_interval *iv, bide_wait *w, int64_t now)
{
    w->value = BIDE_NO_VALUE;
    w->value.as.integer = iv->next;
    iv->next = following(iv, now);
    iv->waiter = NULL;
}

static bool
abort_tick(bide_wait *w, bool forced)
{
    (void)forced;
    bide_interval *iv = w->object;
    bide__wait_stop_timer(w);
    iv->waiter = NULL;
    return true;
}

static void
undo_tick(bide_wait *w)
{
    bide_interval *iv = w->object;
    iv->next = w->value.as.integer;
}

static const bide_wait_kind kind = {
    .verb = "tick",
    .object = "Interval",
    .abort = abort_tick,
    .undo = undo_tick,
};

static void
on_due(bide_timer *timer)
{
    bide_wait *w = bide__wait_of_timer(timer);
    grant(w->object, w, bide_loop_now(w->task->loop, false));
    bide__wait_fire(w, 0);
}

int
bide_interval_tick(bide_interval *iv, bide_wait *w)
{
    bide_loop *l = w->task->loop;
    int rc = bide__wait_refused(w->task);
    if (rc)
        return rc;
    if (iv->waiter)
        return BIDE_EBUSY;
    int64_t now = bide_loop_now(l, true);
    if (iv->next <= now) {
        grant(iv, w, now);
        return bide__wait_done(w, &kind, iv);
    }
    rc = bide__wait_start_timer(w, iv->next, on_due);
    if (rc)
        return rc;
    iv->waiter = w;
    return bide__wait_park(w, &kind, iv, NULL);
}

int
bide_interval_reset(bide_interval *iv, int64_t next)
{
    if (iv->waiter)
        return BIDE_EBUSY;
    iv->next = next;
    return 0;
}
