/* The list of locks that are held is walked once per half a limit, while there
 * are any: the oldest waiter of each is the first in its queue.
 *
 * Invariant: a lock is in loop->slow.held iff it is held and was given while
 * slow locks are reported; then its holder lives. */
#include "slow_lock.h"

#include "object.h"
#include "phrase.h"
#include "report.h"
#include "wait.h"

/* A hold is reported again after four times as long. */
enum { GROWTH_BITS = 2, MOST_TOLD = 20 };

static const int64_t shortest_pause = 1000000;

static bide_link *
waiters_of(const bide__held *h)
{
    return (bide_link *)(void *)((char *)h->object + h->kind->waiters_at);
}

/* -- a report ------------------------------------------------------------- */

static void
add_lock(bide__text *x, const bide__held *h)
{
    const bide__object *o = h->object;
    bide__phrase_object(x, h->kind->type, o->name, o->site);
}

/* The task and, if it waits, where. */
static void
add_task(bide__text *x, bide_task *t)
{
    bide__phrase_task(x, t);
    bide__phrase_place(x, t);
}

static void
add_hold(bide__text *x, const bide__report *r, bool over)
{
    bide__text_add(x, over ? ", was held for " : ", held for ");
    bide__phrase_seconds(x, r->told.held);
    bide__text_add(x, " by %s", r->texts[2].at);
}

static void
add_waiter(bide__text *x, const bide__report *r, size_t behind)
{
    bide__text_add(x, "; %s has waited for ", r->texts[3].at);
    bide__phrase_seconds(x, r->told.waited);
    if (behind)
        bide__text_add(x, ", with %zu more behind it", behind);
}

/* Counts one, and begins the report of it, if there may be one. */
static bide__report *
begin(bide_loop *l, const bide__held *h, int64_t now)
{
    bide__stats_count(&l->reports.slow_locks, 1);
    if (!bide__report_allowed(l, now))
        return NULL;
    bide__report *r = bide__report_new(l, BIDE_REPORT_SLOW_LOCK);
    if (!r) {
        l->reports.missed++;
        return NULL;
    }
    add_lock(&r->texts[1], h);
    bide__text_add(&r->texts[0], "bide: a slow lock: ");
    return r;
}

/* `h` is held for long, or its oldest waiter has waited for long. */
static void
tell_held(bide_loop *l, bide__held *h, int64_t now, bool over)
{
    const bide_link *waiters = waiters_of(h);
    bide_wait *w = bide__list_empty(waiters) ? NULL : bide__wait_first(waiters);
    bide__report *r = begin(l, h, now);
    if (w)
        w->task->told_at = w->task->parked_at;
    if (!r)
        return;
    r->told.held = now - h->since;
    add_task(&r->texts[2], h->holder);
    bide__text_add(&r->texts[0], "%s", r->texts[1].at);
    add_hold(&r->texts[0], r, over);
    if (w) {
        r->told.waited = now - w->task->parked_at;
        add_task(&r->texts[3], w->task);
        add_waiter(&r->texts[0], r, bide__list_count(waiters) - 1);
    }
    bide__report_end(r);
}

/* `t` gets `h` after a wait that nobody has looked at. */
static void
tell_waited(bide_loop *l, const bide__held *h, bide_task *t, int64_t now)
{
    bide__report *r = begin(l, h, now);
    if (!r)
        return;
    r->told.waited = now - t->parked_at;
    add_task(&r->texts[3], t);
    bide__text_add(&r->texts[0], "%s, which %s", r->texts[1].at,
                   r->texts[3].at);
    bide__text_add(&r->texts[0], " gets after a wait of ");
    bide__phrase_seconds(&r->texts[0], r->told.waited);
    bide__report_end(r);
}

/* -- as locks change hands ------------------------------------------------ */

/* Parked for longer than the limit, which nobody has reported. */
static bool
waits_long(const bide_loop *l, const bide_task *t, int64_t now)
{
    return t->told_at != t->parked_at && now - t->parked_at >= l->slow.limit;
}

static void
given(bide__held *h)
{
    bide_task *t = h->holder;
    bide_loop *l = t->loop;
    int64_t now = bide_loop_now(l, true);
    h->since = now;
    h->told = 0;
    bide__list_append(&l->slow.held, &h->watched);
    if (!l->slow.next)
        l->slow.next = now + l->slow.limit;
    bide__loop_look_at(l, l->slow.next);
    if (t->state == BIDE_TASK_PARKED && waits_long(l, t, now))
        tell_waited(l, h, t, now);
}

static void
taken(bide__held *h)
{
    bide_loop *l = h->holder->loop;
    int64_t now = bide_loop_now(l, true);
    if (!h->told && now - h->since >= l->slow.limit)
        tell_held(l, h, now, true);
    bide__list_remove(&h->watched);
}

/* -- while it lasts ------------------------------------------------------- */

static bool
is_due(const bide_loop *l, const bide__held *h, int64_t now)
{
    const bide_link *waiters = waiters_of(h);
    int64_t limit = l->slow.limit;
    if (h->told < MOST_TOLD &&
        (now - h->since) >> (GROWTH_BITS * h->told) >= limit)
        return true;
    return !bide__list_empty(waiters) &&
           waits_long(l, bide__wait_first(waiters)->task, now);
}

void
bide__slow_lock_look(bide_loop *l, int64_t now)
{
    bide_link *head = &l->slow.held;
    int64_t pause = l->slow.limit / 2;
    if (bide__list_empty(head)) {
        l->slow.next = 0;
        return;
    }
    if (now >= l->slow.next) {
        for (bide_link *i = head->next; i != head; i = i->next) {
            bide__held *h = bide__of(i, bide__held, watched);
            if (!is_due(l, h, now))
                continue;
            tell_held(l, h, now, false);
            h->told++;
        }
        l->slow.next = now + (pause > shortest_pause ? pause : shortest_pause);
    }
    bide__loop_look_at(l, l->slow.next);
}

void
bide__slow_lock_begin(bide_loop *l, int64_t limit)
{
    l->slow.limit = limit;
    l->slow.given = given;
    l->slow.taken = taken;
    bide__loop_set_measures(l, true);
}
