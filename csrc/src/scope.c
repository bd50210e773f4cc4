#include "scope.h"

#include <string.h>

#include "list.h"
#include "wait.h"

void
bide_scope_init(bide_scope *s)
{
    memset(s, 0, sizeof *s);
    bide__list_init(&s->children);
    bide__list_init(&s->followers);
    s->grace = BIDE_FOREVER;
}

/* -- spreading ------------------------------------------------------------ */

/* Timers of background tasks are counted: see bide__background. */
static size_t
in_background(const bide_scope *s)
{
    return s->task && s->task->background;
}

static void
stop_timer(bide_scope *s)
{
    if (!s->timer.slot)
        return;
    s->loop->background.timers -= in_background(s);
    bide_timer_stop(s->loop, &s->timer);
}

static void
on_deadline(bide_timer *t)
{
    bide_scope *s = bide__of(t, bide_scope, timer);
    s->loop->background.timers -= in_background(s);
    if (!(s->flags & BIDE_SCOPE_CANCELLED))
        s->flags |= BIDE_SCOPE_EXPIRED;
    bide_scope_cancel(s, BIDE_NO_VALUE);
}

/* A shield that cancellation has struck from outside: its grace begins. One
 * whose timer cannot be armed for lack of memory has no grace. */
static bool
shield_holds(bide_scope *s)
{
    if (s->grace == BIDE_FOREVER)
        return true;
    if (s->grace <= 0)
        return false;
    int64_t end = bide_loop_now(s->loop, true) + s->grace;
    if (s->timer.slot && s->timer.deadline <= end)
        return true;
    s->grace = BIDE_FOREVER;
    return bide_scope_deadline(s, end) == 0;
}

static void
reach(bide_scope *s, bide_link *work)
{
    if (s->flags & BIDE_SCOPE_EFFECTIVE)
        return;
    if ((s->flags & BIDE_SCOPE_SHIELD) && shield_holds(s))
        return;
    s->flags |= BIDE_SCOPE_EFFECTIVE;
    bide__list_append(work, &s->pending);
}

static void
strike(bide_task *t)
{
    if (t->struck && !t->waits)
        t->struck(t);
    else
        bide__wait_cancel_task(t);
}

/* Breadth first, without recursion: trees may be deep. Waking only appends to
 * the ready queue, so the tree does not change meanwhile. */
static void
spread(bide_scope *s)
{
    if (!s->loop)
        return; /* in no tree yet */
    bide_link *work = &s->loop->struck;
    bide__list_append(work, &s->pending);
    while (!bide__list_empty(work)) {
        s = bide__of(bide__list_pop(work), bide_scope, pending);
        if (s->task && s->task->scope == s)
            strike(s->task);
        bide_link *i;
        for (i = s->children.next; i != &s->children; i = i->next)
            reach(bide__of(i, bide_scope, sibling), work);
        for (i = s->followers.next; i != &s->followers; i = i->next)
            reach(bide__of(i, bide_scope, follow), work);
    }
}

void
bide_scope_cancel(bide_scope *s, bide_value reason)
{
    if (s->flags & BIDE_SCOPE_CANCELLED)
        return;
    s->reason = reason;
    s->flags |= BIDE_SCOPE_CANCELLED;
    if (s->flags & BIDE_SCOPE_EFFECTIVE)
        return;
    s->flags |= BIDE_SCOPE_EFFECTIVE;
    spread(s);
}

void
bide_scope_cancel_background(bide_scope *group)
{
    bide_link *i = group->children.next;
    while (i != &group->children) {
        bide_scope *s = bide__of(i, bide_scope, sibling);
        i = i->next;
        if (s->task && s == &s->task->base && s->task->background &&
            !bide_scope_cancelled(s))
            bide_scope_cancel(s, BIDE_NO_VALUE);
    }
}

/* -- the tree ------------------------------------------------------------- */

void
bide__scope_link(bide_scope *s, bide_scope *parent, bide_task *task,
                 bide_scope *followed)
{
    s->parent = parent;
    s->task = task;
    s->followed = followed;
    if (parent) {
        s->loop = parent->loop;
        bide__list_append(&parent->children, &s->sibling);
    }
    if (followed)
        bide__list_append(&followed->followers, &s->follow);
    if (s->flags & BIDE_SCOPE_CANCELLED)
        s->flags |= BIDE_SCOPE_EFFECTIVE;
    else if ((parent && bide_scope_cancelled(parent)) ||
             (followed && bide_scope_cancelled(followed))) {
        if (!(s->flags & BIDE_SCOPE_SHIELD) || !shield_holds(s))
            s->flags |= BIDE_SCOPE_EFFECTIVE;
    }
}

static void
hand_children_up(bide_scope *s)
{
    bide_link *i;
    for (i = s->children.next; i != &s->children; i = i->next)
        bide__of(i, bide_scope, sibling)->parent = s->parent;
    if (s->parent)
        bide__list_splice(&s->parent->children, &s->children);
    while (!bide__list_empty(&s->children))
        bide__list_pop(&s->children);
    while (!bide__list_empty(&s->followers))
        bide__of(bide__list_pop(&s->followers), bide_scope, follow)->followed =
            NULL;
}

void
bide__scope_unlink(bide_scope *s)
{
    stop_timer(s);
    if (!bide__list_empty(&s->children) || !bide__list_empty(&s->followers))
        hand_children_up(s);
    if (s->parent)
        bide__list_remove(&s->sibling);
    if (s->followed)
        bide__list_remove(&s->follow);
    s->parent = s->followed = NULL;
    s->task = NULL;
}

void
bide_scope_attach(bide_scope *s, bide_scope *parent)
{
    bide__scope_link(s, parent, NULL, NULL);
}

void
bide_scope_detach(bide_scope *s)
{
    bide__scope_unlink(s);
}

bide_scope *
bide_scope_cause(bide_scope *s)
{
    while (s && (s->flags & BIDE_SCOPE_EFFECTIVE)) {
        if (s->flags & BIDE_SCOPE_CANCELLED)
            return s;
        bide_scope *parent = s->parent;
        s = parent && bide_scope_cancelled(parent) ? parent : s->followed;
    }
    return NULL;
}

int
bide_scope_leave(bide_scope *s)
{
    bide_task *t = s->task;
    if (!t || t->scope != s)
        return BIDE_EINVALID;
    int rc = 0;
    if (bide__unlikely(s->flags & BIDE_SCOPE_EFFECTIVE) &&
        !bide_scope_cancelled(s->parent)) {
        bide_scope *cause = bide_scope_cause(s);
        rc = cause && (cause->flags & BIDE_SCOPE_EXPIRED) ? BIDE_ETIMEDOUT
                                                          : BIDE_ECANCELED;
    }
    t->scope = s->parent;
    bide__scope_unlink(s);
    return rc;
}

int
bide_scope_deadline(bide_scope *s, int64_t deadline)
{
    stop_timer(s);
    if (deadline == BIDE_FOREVER)
        return 0;
    int rc = bide_timer_start(s->loop, &s->timer, deadline, on_deadline);
    if (rc == 0)
        s->loop->background.timers += in_background(s);
    return rc;
}

void
bide_scope_shield(bide_scope *s, int64_t grace)
{
    s->flags |= BIDE_SCOPE_SHIELD;
    s->grace = grace;
}
