/* The wait node and the fair wait queue, under every primitive.
 *
 * Invariants
 * - A PARKED node is in one queue and in its task's `waits`; an IDLE or FIRED
 *   node is in neither.
 * - Firing is the only way from PARKED to FIRED and makes the task ready, once:
 *   the first sibling to fire drops the others in the same step.
 * - A queue is FIFO, and whoever takes something from a primitive's state does
 *   so through its queue: nobody barges. */
#ifndef BIDE_WAIT_H
#define BIDE_WAIT_H

#include "bide.h"
#include "compiler.h"
#include "list.h"
#include "loop.h"

struct bide__held;

/** What the locks of one type share. */
typedef struct bide__held_kind {
    const char *type; /* of the object: "Mutex" */
    void (*broke)(struct bide__held *self, bide_task *t);
    size_t waiters_at; /* where in the object the queue of waits for it is */
} bide__held_kind;

/** What makes it more to give a lock back than to unlink it. */
enum {
    BIDE__HELD_NOTED = 1,  /* it was given while locks are measured */
    BIDE__HELD_AWAITED = 2 /* a mutex: there may be waiters */
};

/** A lock that tells its holder's end: embedded in what a task can hold. */
typedef struct bide__held {
    bide_task *holder; /* or NULL */
    bide_link link;    /* in its `held` */
    int64_t since;     /* when it took it */
    unsigned eventful; /* BIDE__HELD_ */
    unsigned weight;   /* of this hold in statistics; 0: not in them */
    const bide__held_kind *kind;
    void *object; /* begins with a bide__object */
    /* While slow locks are reported. */
    bide_link watched; /* in loop->slow.held */
    unsigned told;     /* reports of this hold */
} bide__held;

/** Writes what `t` is called to `out`, for a lock that outlives it. */
void bide__held_name(const bide_task *t, char *out, size_t size);

/** What is noted as a lock is given while locks are measured, and before that
 * is taken back. */
void bide__held_given(bide__held *h);
void bide__held_taken(bide__held *h);

/** Hands the lock of `h` to `t`, and leaves the noting to the caller. */
static inline void
bide__held_begin(bide__held *h, bide_task *t)
{
    h->holder = t;
    if (BIDE__DIAGNOSTICS)
        h->since = t->loop->now;
    bide__list_append(&t->held, &h->link);
}

/** Notes that a task has just got the lock of `h`, while locks are measured. */
static inline void
bide__held_note(bide__held *h)
{
    if (bide__unlikely(bide__loop_measures(h->holder->loop)))
        bide__held_given(h);
}

/** Hands the lock of `h` to `t`, before a wait for it fires. */
static inline void
bide__held_give(bide__held *h, bide_task *t)
{
    bide__held_begin(h, t);
    bide__held_note(h);
}

/** Takes back one that was not noted. */
static inline void
bide__held_end(bide__held *h)
{
    bide__list_remove(&h->link);
    h->holder = NULL;
}

/** Takes the lock of `h` from its holder. */
static inline void
bide__held_take(bide__held *h)
{
    if (bide__unlikely(h->eventful & BIDE__HELD_NOTED))
        bide__held_taken(h);
    bide__held_end(h);
}

/** The same where the lock or its holder, which it still names, ends. */
static inline void
bide__held_drop(bide__held *h)
{
    bide__list_remove(&h->link);
    h->eventful = 0;
    h->weight = 0;
    if (bide__unlikely(bide__list_linked(&h->watched)))
        bide__list_remove(&h->watched);
}

/** The task that alone can end a wait of `kind` for `object`; or NULL. */
static inline bide_task *
bide__wait_blocker(const bide_wait_kind *kind, void *object)
{
    if (kind->joins)
        return object;
    if (!kind->owner_at)
        return NULL;
    return *(bide_task **)(void *)((char *)object + kind->owner_at);
}

/** Why `t` may not start an operation: BIDE_ECANCELED, BIDE_EFORKED, or 0. */
static inline int
bide__wait_refused(const bide_task *t)
{
    if (bide__unlikely(t->scope->flags & BIDE_SCOPE_EFFECTIVE))
        return BIDE_ECANCELED;
    if (bide__unlikely(bide__loop_apart(t->loop)) &&
        t->loop->fork_count != bide__fork_count)
        return BIDE_EFORKED;
    return 0;
}

/** Parks `w` at the end of `queue` (NULL: in none, its kind knows where). */
static inline int
bide__wait_park(bide_wait *w, const bide_wait_kind *kind, void *object,
                bide_link *queue)
{
    bide_task *t = w->task;
    w->kind = kind;
    w->object = object;
    w->state = BIDE_WAIT_PARKED;
    w->sibling = t->waits;
    t->waits = w;
    t->state = BIDE_TASK_PARKED;
    if (BIDE__DIAGNOSTICS)
        t->parked_at = t->loop->now;
    if (queue)
        bide__list_append(queue, &w->link);
    return BIDE_PARKED;
}

/** The slow half of bide__wait_done: the task gives others a turn. */
int bide__wait_done_later(bide_wait *w, const bide_wait_kind *kind,
                          void *object);

/** Ends an operation that succeeded at once: 0, or BIDE_PARKED when the
 * task's budget is used up. */
static inline int
bide__wait_done(bide_wait *w, const bide_wait_kind *kind, void *object)
{
    if (bide__unlikely(!bide__loop_spend(w->task->loop)))
        return bide__wait_done_later(w, kind, object);
    w->status = 0;
    return 0;
}

void bide__wait_drop_siblings(bide_task *t, bide_wait *fired);

/** Fires a parked node with `status`: takes it off its queue, drops its
 * siblings, makes the task ready. */
static inline void
bide__wait_fire(bide_wait *w, int status)
{
    bide_task *t = w->task;
    if (bide__list_linked(&w->link))
        bide__list_remove(&w->link);
    w->status = status;
    w->state = BIDE_WAIT_FIRED;
    if (bide__unlikely(t->waits != w || w->sibling))
        bide__wait_drop_siblings(t, w);
    t->waits = NULL;
    t->fired = w;
    bide__loop_ready(t->loop, t);
}

/** Sets `u.timer` of a wait that is about to park; BIDE_FOREVER: none. */
static inline int
bide__wait_start_timer(bide_wait *w, int64_t deadline,
                       void (*fire)(bide_timer *self))
{
    bide_loop *l = w->task->loop;
    w->u.timer.slot = 0;
    if (deadline == BIDE_FOREVER)
        return 0;
    int rc = bide_timer_start(l, &w->u.timer, deadline, fire);
    if (rc == 0)
        l->background.timers += w->task->background;
    return rc;
}

/** The timer has fired: the wait that it belongs to. */
static inline bide_wait *
bide__wait_of_timer(bide_timer *timer)
{
    bide_wait *w = bide__of(timer, bide_wait, u.timer);
    w->task->loop->background.timers -= w->task->background;
    return w;
}

static inline void
bide__wait_stop_timer(bide_wait *w)
{
    bide_loop *l = w->task->loop;
    if (!w->u.timer.slot)
        return;
    l->background.timers -= w->task->background;
    bide_timer_stop(l, &w->u.timer);
}

/** The oldest of a queue that is not empty. */
static inline bide_wait *
bide__wait_first(const bide_link *queue)
{
    return bide__of(queue->next, bide_wait, link);
}

static inline void
bide__wait_fire_all(bide_link *queue, int status)
{
    while (!bide__list_empty(queue))
        bide__wait_fire(bide__wait_first(queue), status);
}

/** Ends the parked waits of `t`, if any, with BIDE_ECANCELED. */
void bide__wait_cancel_task(bide_task *t);

#endif
