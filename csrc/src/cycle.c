#include "cycle.h"

#include "grant.h"

/* Where several tasks stand behind a wait the search branches: as deep and as
 * far as this. Along single ones it goes to the end, however far that is. */
enum { DEEPEST = 16, MOST_BRANCHES = 4096 };

typedef struct search {
    const bide_task *self;
    size_t steps; /* left */
    int branches; /* left */
    int depth;
} search;

static bool is_stuck(search *x, const bide_wait *w);

/* Whether a deadline will end what `t` waits for. */
static bool
has_deadline(const bide_task *t)
{
    for (const bide_scope *s = t->scope; s; s = s->parent) {
        if (s->timer.slot)
            return true;
        for (const bide_scope *f = s->followed; f; f = f->parent)
            if (f->timer.slot)
                return true;
    }
    return false;
}

/* The only wait of a task that nothing but its end goes on by; or NULL. */
static const bide_wait *
only_wait(const bide_task *t)
{
    if (t->state != BIDE_TASK_PARKED || !t->waits || t->waits->sibling ||
        has_deadline(t))
        return NULL;
    return t->waits;
}

static bool
is_stuck_task(search *x, const bide_task *t)
{
    if (t == x->self)
        return true;
    const bide_wait *w = only_wait(t);
    if (!w || x->depth >= DEEPEST || x->branches-- <= 0)
        return false;
    x->depth++;
    bool stuck = is_stuck(x, w);
    x->depth--;
    return stuck;
}

static const bide_link *
holders_of(const bide_wait *w)
{
    const char *at = (const char *)w->object + w->kind->holders_at;
    return (const bide_link *)(const void *)at;
}

/* Not enough of them can give back what `w` lacks. */
static bool
holders_needed(search *x, const bide_wait *w)
{
    size_t lacking = w->kind->lacking(w);
    const bide_link *holders = holders_of(w);
    size_t sum = 0, live = 0;
    for (const bide_link *i = holders->next; i != holders && lacking;
         i = i->next) {
        const bide__grant *g = bide__of(i, bide__grant, peer);
        sum += g->count;
        if (!is_stuck_task(x, g->held.holder))
            live += g->count;
    }
    return lacking && sum >= lacking && live < lacking;
}

static bool
is_member(const bide_scope *s)
{
    return s->task && s == &s->task->base;
}

static bool
group_needed(search *x, const bide_scope *group)
{
    const bide_link *head = &group->children;
    for (const bide_link *i = head->next; i != head; i = i->next) {
        const bide_scope *s = bide__of(i, bide_scope, sibling);
        if (is_member(s) && is_stuck_task(x, s->task))
            return true;
    }
    return false;
}

/* The one task that `w` depends on, if it is one. */
static bide_task *
single_behind(const bide_wait *w)
{
    bide_task *t = bide__wait_blocker(w->kind, w->object);
    return t || !w->kind->ahead ? t : w->kind->ahead(w);
}

/* Follows single tasks in a loop, however long the chain; the steps bound it
 * where a cycle lies ahead that had a way out when it closed. */
static bool
is_stuck(search *x, const bide_wait *w)
{
    while (x->steps--) {
        const bide_task *t = single_behind(w);
        if (!t && w->kind->holders_at)
            return holders_needed(x, w);
        if (!t)
            return w->kind->group && group_needed(x, w->object);
        if (t == x->self)
            return true;
        w = only_wait(t);
        if (!w)
            return false;
    }
    return false;
}

static search
search_from(const bide_task *self)
{
    const bide_loop *l = self->loop;
    return (search){self, l->tasks + l->attached + 1, MOST_BRANCHES, 0};
}

/* Nobody can wait for a task that holds nothing, is not joined and in no group
 * that is being left: this keeps a queue of tasks, each joining the one before,
 * from being walked by each of them. */
static bool
may_be_awaited(const bide_task *t)
{
    return !bide__list_empty(&t->held) || !bide__list_empty(&t->joiners) ||
           (t->base.parent && t->base.parent->leaver);
}

bide__apart bool
bide__wait_ends_cycle(bide_wait *w, const bide_wait_kind *kind, void *object)
{
    const bide_task *self = w->task;
    w->kind = kind;
    w->object = object;
    if (self->racing)
        return false;
    if (bide__wait_blocker(kind, object) == self)
        return true;
    if (!may_be_awaited(self) || has_deadline(self))
        return false;
    search x = search_from(self);
    return is_stuck(&x, w);
}

/* -- for reports ---------------------------------------------------------- */

static const bide_task *
among_holders(const bide_wait *w, const bide_task *self)
{
    const bide_link *head = holders_of(w);
    const bide_task *any = NULL;
    for (const bide_link *i = head->next; i != head; i = i->next) {
        search x = search_from(self);
        const bide_task *t = bide__of(i, bide__grant, peer)->held.holder;
        if (is_stuck_task(&x, t))
            return t;
        any = any ? any : t;
    }
    return any;
}

static const bide_task *
among_members(const bide_scope *group, const bide_task *self)
{
    const bide_link *head = &group->children;
    const bide_task *any = NULL;
    for (const bide_link *i = head->next; i != head; i = i->next) {
        const bide_scope *s = bide__of(i, bide_scope, sibling);
        search x = search_from(self);
        if (!is_member(s))
            continue;
        if (is_stuck_task(&x, s->task))
            return s->task;
        any = any ? any : s->task;
    }
    return any;
}

const bide_task *
bide__wait_behind(const bide_wait *w, const bide_task *self)
{
    const bide_task *t = single_behind(w);
    if (t)
        return t;
    if (w->kind->holders_at)
        return among_holders(w, self);
    return w->kind->group ? among_members(w->object, self) : NULL;
}

/* -- groups --------------------------------------------------------------- */

/* Of the stuck tasks below `t` the first that waits for something else than a
 * group of its own. */
static bide_wait *
innermost(bide_wait *w, const bide_task *self)
{
    while (w && w->kind->group) {
        const bide_task *t = among_members(w->object, self);
        w = t ? t->waits : NULL;
    }
    return w;
}

static void
refuse(bide_wait *w)
{
    if (!w->kind->abort && bide__list_linked(&w->link))
        bide__list_remove(&w->link);
    else if (w->kind->abort && !w->kind->abort(w, false))
        return;
    bide__wait_fire(w, BIDE_EDEADLOCK);
}

void
bide__group_break_cycles(bide_scope *group, bide_wait *w)
{
    const bide_task *self = w->task;
    if (!BIDE__DIAGNOSTICS || !may_be_awaited(self) || has_deadline(self))
        return;
    bide_link *head = &group->children;
    for (bide_link *i = head->next; i != head; i = i->next) {
        bide_scope *s = bide__of(i, bide_scope, sibling);
        search x = search_from(self);
        if (!is_member(s) || !is_stuck_task(&x, s->task))
            continue;
        bide_wait *closing = innermost(s->task->waits, self);
        if (closing)
            refuse(closing);
    }
}
