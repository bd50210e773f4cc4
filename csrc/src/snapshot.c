#include "snapshot.h"

#include <string.h>

#include "alloc.h"
#include "blocking.h"
#include "grant.h"
#include "object.h"
#include "peek.h"

enum {
    MOST_TASKS = 100000,
    MOST_PEEKED = 10000, /* each costs some system calls */
    MOST_LINKS = 64,     /* waits, locks or scopes of one task */
    LONGEST_STRING = 255
};

typedef struct walk {
    bide__snapshot *out;
    bool (*read)(void *to, const void *from, size_t n);
    bide_loop *loop;
    int64_t now;
    size_t most;
    bool measured;
    int64_t running_for; /* the step that runs, if measured */
} walk;

/* -- rows and strings ----------------------------------------------------- */

static void *
add_row(walk *k, bide__rows *rows, size_t size)
{
    if (rows->count == rows->room) {
        size_t room = rows->room ? rows->room * 2 : 16;
        void *at = bide__realloc(rows->at, room * size);
        if (!at) {
            k->out->failed = true;
            return NULL;
        }
        rows->at = at;
        rows->room = room;
    }
    void *row = (char *)rows->at + rows->count++ * size;
    memset(row, 0, size);
    return row;
}

static bool
is_peek(const walk *k)
{
    return k->read == bide__peek;
}

/* Of a string that may lie anywhere: piece by piece, none across a page. */
static size_t
peek_string(char *to, const char *from)
{
    enum { PAGE = 4096 };
    size_t n = 0;
    while (n < LONGEST_STRING) {
        size_t piece = PAGE - ((uintptr_t)(from + n) & (PAGE - 1));
        if (piece > LONGEST_STRING - n)
            piece = LONGEST_STRING - n;
        if (!bide__peek(to + n, from + n, piece))
            break;
        const char *end = memchr(to + n, '\0', piece);
        if (end)
            return (size_t)(end - to);
        n += piece;
    }
    return n;
}

static bide__string
keep(walk *k, const char *from, size_t n)
{
    bide__text *x = &k->out->strings;
    size_t at = x->used;
    if (n == 0 || at > UINT32_MAX / 2)
        return 0;
    bide__text_bytes(x, from, n);
    bide__text_bytes(x, "", 1);
    return x->failed ? 0 : (bide__string)at;
}

static bide__string
add_string(walk *k, const char *from)
{
    char text[LONGEST_STRING + 1];
    if (!from)
        return 0;
    if (!is_peek(k))
        return keep(k, from, strlen(from));
    return keep(k, text, peek_string(text, from));
}

/* -- parts of a task ------------------------------------------------------ */

static void
add_label(walk *k, bide__snap_object *row, const void *object)
{
    bide__object copy;
    const bide__object *head = object;
    row->address = (uint64_t)(uintptr_t)object;
    if (is_peek(k)) {
        head = &copy;
        if (!object || !bide__peek(&copy, object, sizeof copy))
            return;
    }
    row->name = add_string(k, head->name);
    row->file = add_string(k, head->site.file);
    row->line = head->site.line;
}

static uint64_t
id_of(walk *k, const bide_task *t)
{
    uint64_t id;
    return t && k->read(&id, &t->id, sizeof id) ? id : 0;
}

static void
add_holder(walk *k, bide__snap_wait *row, const bide_task *t)
{
    uint64_t id = id_of(k, t);
    uint64_t *at = id ? add_row(k, &k->out->holders, sizeof *at) : NULL;
    if (!at)
        return;
    *at = id;
    row->holders++;
}

static void
add_owner(walk *k, bide__snap_wait *row, const bide_wait *w, size_t offset)
{
    bide_task *owner;
    const char *at = (const char *)w->object + offset;
    if (w->object && k->read(&owner, at, sizeof owner))
        add_holder(k, row, owner);
}

static void
add_holders(walk *k, bide__snap_wait *row, const bide_wait *w, size_t offset)
{
    bide_link at;
    bide__grant g;
    const bide_link *head =
        (const bide_link *)(const void *)((const char *)w->object + offset);
    if (!w->object || !k->read(&at, head, sizeof at))
        return;
    for (int n = 0; at.next && at.next != head && n < MOST_LINKS; n++) {
        if (!k->read(&g, bide__of(at.next, bide__grant, peer), sizeof g))
            return;
        add_holder(k, row, g.held.holder);
        at = g.peer;
    }
}

/* What only the host knows, in place of the object's type. */
static void
add_what(walk *k, bide__snap_wait *row, bide_task *t)
{
    char text[LONGEST_STRING + 1] = "";
    const bide_host *host = &k->loop->host;
    if (is_peek(k) || !host->what)
        return;
    host->what(host->ctx, t, text, sizeof text);
    if (text[0])
        row->object.type = add_string(k, text);
}

static void
add_wait(walk *k, bide__snap_task *task, const bide_wait *w)
{
    bide_wait_kind kind;
    if (!w->kind || !k->read(&kind, w->kind, sizeof kind))
        return;
    bide__snap_wait *row = add_row(k, &k->out->waits, sizeof *row);
    if (!row)
        return;
    task->waits++;
    row->due = BIDE_FOREVER;
    row->verb = add_string(k, kind.verb);
    row->object.type = add_string(k, kind.object);
    if (kind.label == bide__object_label)
        add_label(k, &row->object, w->object);
    if (kind.host)
        add_what(k, row, w->task);
    if (kind.joins)
        row->joined = id_of(k, w->object);
    else if (kind.owner_at)
        add_owner(k, row, w, kind.owner_at);
    if (kind.holders_at)
        add_holders(k, row, w, kind.holders_at);
    if (kind.timed && w->u.timer.slot)
        row->due = w->u.timer.deadline - k->now;
}

static void
add_waits(walk *k, bide__snap_task *row, const bide_task *t)
{
    bide_wait w;
    const bide_wait *at = t->waits;
    for (int n = 0; at && n < MOST_LINKS; n++, at = w.sibling) {
        if (!k->read(&w, at, sizeof w))
            return;
        add_wait(k, row, &w);
    }
}

static void
add_held(walk *k, bide__snap_task *row, const bide_task *t,
         const bide_link *head)
{
    bide__held h;
    bide__held_kind kind;
    const bide_link *i = t->held.next;
    for (int n = 0; i && i != head && n < MOST_LINKS; n++, i = h.link.next) {
        if (!k->read(&h, bide__of(i, bide__held, link), sizeof h) ||
            !k->read(&kind, h.kind, sizeof kind))
            return;
        bide__snap_held *held = add_row(k, &k->out->held, sizeof *held);
        if (!held)
            return;
        held->object.type = add_string(k, kind.type);
        held->age = k->now - h.since;
        add_label(k, &held->object, h.object);
        row->held++;
    }
}

/* Those that say something, from the innermost to the root. */
static void
add_scopes(walk *k, bide__snap_task *row, const bide_task *t)
{
    const uint32_t telling =
        BIDE_SCOPE_CANCELLED | BIDE_SCOPE_EXPIRED | BIDE_SCOPE_SHIELD;
    bide_scope s;
    const bide_scope *at = t->scope;
    for (int n = 0; at && n < MOST_LINKS; n++, at = s.parent) {
        if (!k->read(&s, at, sizeof s))
            return;
        if (!s.timer.slot && !(s.flags & telling))
            continue;
        bide__snap_scope *scope = add_row(k, &k->out->scopes, sizeof *scope);
        if (!scope)
            return;
        scope->due = s.timer.slot ? s.timer.deadline - k->now : BIDE_FOREVER;
        scope->flags = s.flags;
        row->scopes++;
    }
}

/* The task whose scope this one was started in. */
static uint64_t
parent_of(walk *k, const bide_scope *base)
{
    bide_scope s = *base;
    for (int n = 0; s.parent && n < MOST_LINKS; n++) {
        if (!k->read(&s, s.parent, sizeof s))
            return 0;
        if (s.task)
            return id_of(k, s.task);
    }
    return 0;
}

static void
add_place(walk *k, bide__snap_task *row, bide_task *t)
{
    char text[LONGEST_STRING + 1] = "";
    const bide_host *host = &k->loop->host;
    if (is_peek(k) || !host->where || t->state != BIDE_TASK_PARKED)
        return;
    host->where(host->ctx, t, text, sizeof text);
    row->at = add_string(k, text);
}

static void
add_task(walk *k, bide_task *at)
{
    bide_task t;
    if (!k->read(&t, at, sizeof t))
        return;
    bide__snap_task *row = add_row(k, &k->out->tasks, sizeof *row);
    if (!row)
        return;
    row->id = t.id;
    row->state = t.state;
    row->background = t.background;
    row->attached = t.attached;
    row->name = add_string(k, t.name);
    row->file = add_string(k, t.site.file);
    row->line = t.site.line;
    row->parked = t.state == BIDE_TASK_PARKED ? k->now - t.parked_at : -1;
    row->busy = k->measured ? t.busy : -1;
    row->resumes = t.resumes;
    if (k->measured && t.id == k->out->current)
        row->busy += k->running_for;
    row->parent = parent_of(k, &t.base);
    if (t.state == BIDE_TASK_PARKED)
        add_waits(k, row, &t);
    add_held(k, row, &t, &at->held);
    add_scopes(k, row, &t);
    add_place(k, row, at);
}

/* -- the tree ------------------------------------------------------------- */

/* Depth first without recursion, as bide_loop_each_task; NULL at the end, and
 * when what is there cannot be the tree. */
static bide_scope *
next_scope(walk *k, bide_scope *at, const bide_scope *copy)
{
    bide_scope s = *copy;
    const bide_scope *root = &k->loop->root;
    if (s.children.next && s.children.next != &at->children)
        return bide__of(s.children.next, bide_scope, sibling);
    for (size_t n = 0; at != root && s.parent && n < k->most; n++) {
        if (s.sibling.next && s.sibling.next != &s.parent->children)
            return bide__of(s.sibling.next, bide_scope, sibling);
        at = s.parent;
        if (!k->read(&s, at, sizeof s))
            return NULL;
    }
    return NULL;
}

static void
walk_tree(walk *k)
{
    bide_scope s;
    bide_scope *at = &k->loop->root;
    for (size_t n = 0; at && k->read(&s, at, sizeof s); n++) {
        if (k->out->tasks.count >= k->most || n > 4 * k->most) {
            k->out->truncated = true;
            return;
        }
        if (s.task && at == &s.task->base)
            add_task(k, s.task);
        at = next_scope(k, at, &s);
    }
}

/* -- the loop ------------------------------------------------------------- */

static void
add_job(void *arg, const bide_job *j, bool running)
{
    walk *k = arg;
    bide__snap_job *row = add_row(k, &k->out->jobs, sizeof *row);
    if (!row)
        return;
    row->running = running;
    row->age = (int64_t)uv_hrtime() - j->since;
    if (j->name)
        row->name = keep(k, j->name, strlen(j->name));
    if (j->site.file)
        row->file = keep(k, j->site.file, strlen(j->site.file));
    row->line = j->site.line;
}

static size_t
count_ready(walk *k, const bide_loop *l)
{
    const bide_link *head = &k->loop->ready;
    bide_link at = l->ready;
    size_t n = 0;
    while (at.next && at.next != head && n < k->most &&
           k->read(&at, at.next, sizeof at))
        n++;
    return n;
}

static void
add_loop(walk *k)
{
    bide__snapshot *s = k->out;
    bide_loop copy;
    const bide_loop *l = k->loop;
    if (is_peek(k)) {
        if (!bide__peek(&copy, l, sizeof copy))
            return;
        l = &copy;
    }
    s->polling = l->polling;
    s->virtual_clock = l->virtual_clock;
    s->language = add_string(k, l->host.language);
    k->now = l->virtual_clock ? l->now : (int64_t)uv_hrtime();
    s->current = id_of(k, l->current);
    k->measured = l->stats;
    k->running_for = l->step_at ? (int64_t)uv_hrtime() - l->step_at : 0;
    s->counts = (bide_loop_counts){
        .tasks = l->tasks,
        .ready = count_ready(k, l),
        .timers = l->timers.count,
        .io_waits = l->io_waits,
        .handles = l->handle_count,
        .jobs = l->jobs,
        .threads = bide__jobs_threads(k->loop),
        .resumes = bide__loop_steps(l),
        .polls = l->polls,
        .blocks = l->watched.blocks,
        .slow_locks = l->reports.slow_locks,
        .stalls = l->reports.stalls,
    };
}

static void
take(bide__snapshot *s, walk *k)
{
    s->serial = k->loop->registered.serial;
    bide__text_bytes(&s->strings, "", 1); /* offset 0: the empty one */
    add_loop(k);
    walk_tree(k);
    bide__jobs_each(k->loop, add_job, k);
    s->failed |= s->strings.failed;
}

void
bide__snapshot_take(bide__snapshot *s, bide_loop *l)
{
    walk k = {.out = s, .read = bide__look, .loop = l, .most = MOST_TASKS};
    s->exact = true;
    take(s, &k);
}

void
bide__snapshot_peek(bide__snapshot *s, bide_loop *l)
{
    walk k = {.out = s, .read = bide__peek, .loop = l, .most = MOST_PEEKED};
    take(s, &k);
}

void
bide__snapshot_fini(bide__snapshot *s)
{
    bide__free(s->tasks.at);
    bide__free(s->waits.at);
    bide__free(s->holders.at);
    bide__free(s->held.at);
    bide__free(s->scopes.at);
    bide__free(s->jobs.at);
    bide__text_fini(&s->strings);
    *s = (bide__snapshot){0};
}

const bide__snap_task *
bide__snap_find(const bide__snapshot *s, uint64_t id)
{
    const bide__snap_task *t = s->tasks.at;
    for (size_t i = 0; i < s->tasks.count; i++)
        if (t[i].id == id)
            return &t[i];
    return NULL;
}
