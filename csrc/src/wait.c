#include "wait.h"

#include <inttypes.h>
#include <stdio.h>

void
bide__held_name(const bide_task *t, char *out, size_t size)
{
    if (t->name)
        snprintf(out, size, "%s", t->name);
    else
        snprintf(out, size, "task-%" PRIu64, t->id);
}

bide__apart void
bide__held_given(bide__held *h)
{
    bide_task *t = h->holder;
    bide_loop *l = t->loop;
    h->eventful |= BIDE__HELD_NOTED;
    if (l->slow.limit != BIDE_FOREVER)
        l->slow.given(h);
    if (!l->exact)
        return;
    h->weight = l->exact->weight;
    l->exact->credit -= BIDE__STATS_COST;
    bide__stats_count(&l->exact->locks_taken, l->exact->weight);
    if (t->state == BIDE_TASK_PARKED)
        bide__stats_note(l->exact, BIDE__STATS_LOCK_WAIT,
                         l->now - t->parked_at);
}

bide__apart void
bide__held_taken(bide__held *h)
{
    bide_loop *l = h->holder->loop;
    if (bide__list_linked(&h->watched))
        l->slow.taken(h);
    if (h->weight)
        bide__stats_note_as(l->stats, BIDE__STATS_LOCK_HOLD, l->now - h->since,
                            h->weight);
    h->weight = 0;
    h->eventful &= ~(unsigned)BIDE__HELD_NOTED;
}

/* Starting `w` may have fired a sibling (a send that feeds the task's own
 * recv): it wins, the sibling is given back. */
static bide__apart void
win_race(bide_task *t, bide_wait *w)
{
    if (t->racing && t->state == BIDE_TASK_READY)
        bide_wait_drop(t->fired);
    bide__wait_drop_siblings(t, w);
    t->waits = NULL;
}

int
bide__wait_done_later(bide_wait *w, const bide_wait_kind *kind, void *object)
{
    bide_task *t = w->task;
    if (bide__unlikely(t->racing || t->waits))
        win_race(t, w);
    w->kind = kind;
    w->object = object;
    w->status = 0;
    w->state = BIDE_WAIT_FIRED;
    t->fired = w;
    bide__loop_ready(t->loop, t);
    return BIDE_PARKED;
}

/* Takes a parked node off its queue. False: it goes on for now. */
static bool
unqueue(bide_wait *w, bool forced)
{
    if (w->kind->abort)
        return w->kind->abort(w, forced);
    if (bide__list_linked(&w->link))
        bide__list_remove(&w->link);
    return true;
}

void
bide__wait_drop_siblings(bide_task *t, bide_wait *fired)
{
    bide_wait *w = t->waits;
    while (w) {
        bide_wait *next = w->sibling;
        w->sibling = NULL;
        if (w != fired) {
            unqueue(w, true);
            w->state = BIDE_WAIT_IDLE;
        }
        w = next;
    }
}

void
bide__wait_cancel_task(bide_task *t)
{
    bide_wait *w = t->waits;
    if (t->state == BIDE_TASK_PARKED && w && unqueue(w, false))
        bide__wait_fire(w, BIDE_ECANCELED);
}

/* -- ending from the task's side ------------------------------------------ */

static void
forget_parked(bide_wait *w)
{
    bide_wait **at = &w->task->waits;
    unqueue(w, true);
    while (*at && *at != w)
        at = &(*at)->sibling;
    if (*at)
        *at = w->sibling;
    w->sibling = NULL;
}

static void
forget_fired(bide_wait *w)
{
    bide_task *t = w->task;
    if (t->fired == w) {
        t->fired = NULL;
        if (t->state == BIDE_TASK_READY) {
            bide__list_remove(&t->ready);
            t->state = BIDE_TASK_PARKED;
        }
    }
    if (w->kind->undo && (w->status == 0 || w->kind->undo_failed))
        w->kind->undo(w);
}

void
bide_wait_drop(bide_wait *w)
{
    int state = w->state;
    w->state = BIDE_WAIT_IDLE;
    if (state == BIDE_WAIT_PARKED)
        forget_parked(w);
    else if (state == BIDE_WAIT_FIRED)
        forget_fired(w);
}

void
bide_race_begin(bide_task *t)
{
    t->racing = true;
    t->fired = NULL;
}

bool
bide_race_end(bide_task *t, bool decided)
{
    t->racing = false;
    if (!decided)
        return true;
    if (t->fired)
        bide_wait_drop(t->fired);
    bide__wait_drop_siblings(t, NULL);
    t->waits = NULL;
    t->state = BIDE_TASK_RUNNING;
    return false;
}
