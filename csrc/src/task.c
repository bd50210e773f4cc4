/* A task is something with resume(): see bide.h. Its life: NEW -> READY <->
 * RUNNING <-> PARKED, and DONE from any of them.
 * Invariant: from start to finish its base scope hangs in the loop's tree, so
 * that the tree reaches every live task. */
#include <string.h>

#include "cycle.h"
#include "forgotten.h"
#include "list.h"
#include "scope.h"
#include "wait.h"

void
bide_task_init(bide_task *t, void (*resume)(bide_task *self))
{
    memset(t, 0, sizeof *t);
    t->resume = resume;
    t->told_at = -1;
    bide__list_init(&t->joiners);
    bide__list_init(&t->held);
    bide_scope_init(&t->base);
}

int
bide_task_set_background(bide_task *t, bool background)
{
    if (t->loop)
        return BIDE_EBUSY;
    t->background = background;
    return 0;
}

/* What a background task starts below itself is in the background, too. */
static void
count_background(bide_task *t, const bide_scope *group)
{
    while (group && !group->task)
        group = group->parent;
    if (group && group->task->background)
        t->background = true;
    t->loop->background.tasks += t->background;
}

int
bide_task_start(bide_task *t, bide_loop *l, bide_scope *group,
                bide_token *token)
{
    t->loop = l; /* what is refused is not forgotten: bide_task_fini */
    if (atomic_load(&l->closed))
        return BIDE_ECLOSED;
    if (group && group->loop != l)
        return BIDE_EWRONGLOOP;
    t->scope = group ? group : &l->root;
    int rc = bide_scope_enter(&t->base, t, token);
    if (rc)
        return rc;
    t->id = ++l->next_id;
    l->tasks++;
    if (bide__unlikely(t->background || l->background.tasks))
        count_background(t, group);
    bide__loop_ready(l, t);
    return 0;
}

int
bide_task_attach(bide_task *t, bide_loop *l, bide_scope *group)
{
    int rc = bide_task_start(t, l, group, NULL);
    if (rc)
        return rc;
    bide__list_remove(&t->ready);
    t->state = BIDE_TASK_RUNNING;
    t->attached = true;
    l->attached++;
    l->tasks--;
    if (t->background)
        l->background.tasks--;
    t->background = false;
    return 0;
}

static void
break_locks(bide_task *t)
{
    while (!bide__list_empty(&t->held)) {
        bide__held *h = bide__of(t->held.next, bide__held, link);
        bide__held_drop(h);
        h->kind->broke(h, t);
    }
}

static void
leave_scopes(bide_task *t)
{
    while (t->scope && t->scope->task == t) {
        bide_scope *s = t->scope;
        t->scope = s->parent;
        bide__scope_unlink(s);
    }
}

void
bide_task_finish(bide_task *t)
{
    bide_loop *l = t->loop;
    bide__stats *stats = bide__loop_exact(l);
    if (bide__unlikely(stats && stats->running == t))
        stats->running = NULL;
    while (t->waits)
        bide_wait_drop(t->waits);
    if (t->state == BIDE_TASK_READY)
        bide__list_remove(&t->ready);
    t->ready.next = NULL; /* which a running task's is not: forgotten.c */
    t->state = BIDE_TASK_DONE;
    if (bide__unlikely(!bide__list_empty(&t->held)))
        break_locks(t);
    leave_scopes(t);
    if (t->attached)
        l->attached--;
    else
        l->tasks--;
    if (bide__unlikely(t->background))
        l->background.tasks--;
    if (!bide__list_empty(&t->joiners))
        bide__wait_fire_all(&t->joiners, 0);
    if (t == l->until || (!l->until && l->tasks == 0))
        l->stop = true;
}

void
bide_task_finish_with(bide_task *t, int status)
{
    bool seen = !bide__list_empty(&t->joiners);
    t->status = status;
    bide_task_finish(t);
    if (!seen && status < 0 && status != BIDE_ECANCELED)
        bide__list_append(&t->loop->reports.failed, &t->ready);
}

int
bide_task_status(bide_task *t)
{
    if (t->state != BIDE_TASK_DONE)
        return BIDE_EWOULDBLOCK;
    bide__forgotten_seen(t);
    return t->status;
}

void
bide_task_fini(bide_task *t)
{
    if (t->state == BIDE_TASK_NEW && !t->loop)
        bide__forgotten_start(t);
    else if (t->state == BIDE_TASK_DONE && bide__forgotten_seen(t))
        bide__forgotten_failure(t);
}

/* -- what every task can wait for ----------------------------------------- */

static const bide_wait_kind join_kind = {
    .verb = "join",
    .object = "Task",
    .joins = true,
};
static const bide_wait_kind yield_kind = {.verb = "yield", .object = "loop"};
static const bide_wait_kind park_kind = {
    .verb = "park",
    .object = "host",
    .host = true,
};

static bool
abort_group(bide_wait *w, bool forced)
{
    (void)forced;
    ((bide_scope *)w->object)->leaver = NULL;
    return true;
}

static const bide_wait_kind group_kind = {
    .verb = "leave",
    .object = "TaskGroup",
    .abort = abort_group,
    .group = true,
};

int
bide_task_join(bide_task *t, bide_wait *w)
{
    if (t->loop && t->loop != w->task->loop)
        return BIDE_EWRONGLOOP;
    int rc = bide__wait_refused(w->task);
    if (rc)
        return rc;
    if (t->state == BIDE_TASK_DONE) {
        bide__forgotten_seen(t);
        return bide__wait_done(w, &join_kind, t);
    }
    if (bide__wait_is_cycle(w, &join_kind, t))
        return BIDE_EDEADLOCK;
    return bide__wait_park(w, &join_kind, t, &t->joiners);
}

void
bide_task_cancel(bide_task *t, bide_value reason)
{
    if (t->state != BIDE_TASK_DONE)
        bide_scope_cancel(&t->base, reason);
}

void
bide_task_interrupt(bide_task *t)
{
    bide__wait_cancel_task(t);
}

int
bide_yield(bide_wait *w)
{
    int rc = bide__wait_refused(w->task);
    return rc ? rc : bide__wait_done_later(w, &yield_kind, NULL);
}

int
bide_park(bide_wait *w)
{
    int rc = bide__wait_refused(w->task);
    return rc ? rc : bide__wait_park(w, &park_kind, NULL, NULL);
}

static bool
tell_cancelled(bide_wait *w, bool forced)
{
    if (!forced)
        w->u.cancelled(w);
    return forced;
}

static const bide_wait_kind lasting_kind = {
    .verb = "park",
    .object = "host",
    .abort = tell_cancelled,
    .host = true,
};

int
bide_park_lasting(bide_wait *w, void (*cancelled)(bide_wait *w))
{
    w->u.cancelled = cancelled;
    int rc = bide__wait_park(w, &lasting_kind, NULL, NULL);
    if (bide_scope_cancelled(w->task->scope))
        cancelled(w);
    return rc;
}

int
bide_park_for(bide_scope *group, bide_wait *w)
{
    int rc = bide__wait_refused(w->task);
    if (rc)
        return rc;
    group->leaver = w;
    w->kind = &group_kind;
    w->object = group;
    bide__group_break_cycles(group, w);
    return bide__wait_park(w, &group_kind, group, NULL);
}

bool
bide_unpark(bide_wait *w, int status)
{
    if (w->state != BIDE_WAIT_PARKED)
        return false;
    if (w->kind->group)
        ((bide_scope *)w->object)->leaver = NULL;
    bide__wait_fire(w, status);
    return true;
}

/* -- sleep ---------------------------------------------------------------- */

static bool
abort_sleep(bide_wait *w, bool forced)
{
    (void)forced;
    bide__wait_stop_timer(w);
    return true;
}

static const bide_wait_kind sleep_kind = {
    .verb = "sleep",
    .object = "timer",
    .timed = true,
    .abort = abort_sleep,
};

static void
on_slept(bide_timer *timer)
{
    bide__wait_fire(bide__wait_of_timer(timer), 0);
}

int
bide_sleep_until(bide_wait *w, int64_t deadline)
{
    bide_loop *l = w->task->loop;
    int rc = bide__wait_refused(w->task);
    if (rc)
        return rc;
    if (deadline <= l->now)
        return bide__wait_done_later(w, &sleep_kind, NULL);
    rc = bide__wait_start_timer(w, deadline, on_slept);
    return rc ? rc : bide__wait_park(w, &sleep_kind, NULL, NULL);
}

/* -- reports -------------------------------------------------------------- */

/* Depth first without recursion: down to the first child, else to the next
 * sibling of the nearest scope that has one. */
static bide_scope *
next_scope(bide_scope *s, const bide_scope *root)
{
    if (!bide__list_empty(&s->children))
        return bide__of(s->children.next, bide_scope, sibling);
    while (s != root) {
        if (s->sibling.next != &s->parent->children)
            return bide__of(s->sibling.next, bide_scope, sibling);
        s = s->parent;
    }
    return NULL;
}

void
bide_loop_each_task(bide_loop *l, void (*visit)(bide_task *t, void *arg),
                    void *arg)
{
    for (bide_scope *s = &l->root; s; s = next_scope(s, &l->root))
        if (s->task && s == &s->task->base)
            visit(s->task, arg);
}
