/* A row for each task that is parked, sorted by how many tasks wait for it,
 * along holders and joins: whom everybody waits for comes first. */
#include "stall.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "dump_text.h"
#include "phrase.h"

enum {
    MOST_SHOWN = 50,
    MOST_HOLDERS = 5, /* of one wait, in words */
    DEEPEST = 64,     /* chains are followed so far */
    LONGEST_OTHERS = 8192
};

typedef struct row {
    const bide__snap_task *task;
    const bide__snap_wait *waits;
    const uint64_t *holders; /* of its waits */
    const bide__snap_held *held;
    size_t behind; /* tasks that wait for it */
} row;

typedef struct table {
    const bide__snapshot *s;
    row *rows;
    size_t count;
} table;

/* -- rows ----------------------------------------------------------------- */

static int
by_id(const void *a, const void *b)
{
    uint64_t x = ((const row *)a)->task->id, y = ((const row *)b)->task->id;
    return (x > y) - (x < y);
}

/* Those of the background last, then whom most wait for first. */
static int
by_weight(const void *a, const void *b)
{
    const row *x = a, *y = b;
    if (x->task->background != y->task->background)
        return x->task->background - y->task->background;
    if (x->behind != y->behind)
        return x->behind > y->behind ? -1 : 1;
    return by_id(a, b);
}

static bool
fill(table *t)
{
    const bide__snapshot *s = t->s;
    row at = {s->tasks.at, s->waits.at, s->holders.at, s->held.at, 0};
    t->rows = bide__alloc((s->tasks.count + 1) * sizeof *t->rows);
    if (!t->rows)
        return false;
    for (size_t i = 0; i < s->tasks.count; i++, at.task++) {
        if (at.task->parked >= 0 && !at.task->attached)
            t->rows[t->count++] = at;
        for (uint32_t n = 0; n < at.task->waits; n++)
            at.holders += at.waits++->holders;
        at.held += at.task->held;
    }
    qsort(t->rows, t->count, sizeof *t->rows, by_id);
    return true;
}

static row *
find(const table *t, uint64_t id)
{
    const bide__snap_task wanted = {.id = id};
    const row key = {.task = &wanted};
    return id ? bsearch(&key, t->rows, t->count, sizeof key, by_id) : NULL;
}

/* -- who waits for whom --------------------------------------------------- */

/* The first task that `r` waits for. */
static row *
blocker(const table *t, const row *r)
{
    const uint64_t *holders = r->holders;
    for (uint32_t n = 0; n < r->task->waits; n++) {
        const bide__snap_wait *w = &r->waits[n];
        if (w->joined)
            return find(t, w->joined);
        if (w->holders)
            return find(t, holders[0]);
    }
    return NULL;
}

static bool
leaves_group(const table *t, const row *r)
{
    const char *verb = bide__snap_string(t->s, r->waits->verb);
    return r->task->waits == 1 && strcmp(verb, "leave") == 0;
}

static void
weigh(const table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        const row *from = &t->rows[i];
        row *parent = find(t, from->task->parent);
        if (parent && leaves_group(t, parent))
            t->rows[i].behind++;
        row *at = blocker(t, from);
        for (int n = 0; at && at != from && n < DEEPEST; n++) {
            at->behind++;
            at = blocker(t, at);
        }
    }
}

/* -- words ---------------------------------------------------------------- */

static void
add_wait(bide__text *x, const bide__snapshot *s, const bide__snap_wait *w,
         const uint64_t *holders)
{
    const char *verb = bide__snap_string(s, w->verb);
    if (w->joined) {
        bide__dump_title(x, s, w->joined);
        return;
    }
    if (strcmp(verb, "leave") == 0)
        bide__text_add(x, "its ");
    bide__dump_object(x, s, &w->object);
    if (strcmp(verb, "park") != 0)
        bide__text_add(x, ": %s", verb);
    for (uint32_t i = 0; i < w->holders && i < MOST_HOLDERS; i++) {
        bide__text_add(x, i ? ", " : ", held by ");
        bide__dump_title(x, s, holders[i]);
    }
    if (w->holders > MOST_HOLDERS)
        bide__text_add(x, ", and %u more", w->holders - MOST_HOLDERS);
}

static void
add_locks(bide__text *x, const bide__snapshot *s, const row *r)
{
    for (uint32_t n = 0; n < r->task->held; n++) {
        bide__text_add(x, "    holds ");
        bide__dump_object(x, s, &r->held[n].object);
        bide__text_add(x, ", for ");
        bide__phrase_seconds(x, r->held[n].age);
        bide__text_add(x, "\n");
    }
}

static void
add_row(bide__text *x, const bide__snapshot *s, const row *r)
{
    const bide__snap_task *t = r->task;
    const uint64_t *holders = r->holders;
    bide__text_add(x, "  ");
    bide__dump_title(x, s, t->id);
    if (t->background)
        bide__text_add(x, ", of the background,");
    bide__text_add(x, " waits for ");
    for (uint32_t n = 0; n < t->waits; n++) {
        bide__text_add(x, n ? ", or for " : "");
        add_wait(x, s, &r->waits[n], holders);
        holders += r->waits[n].holders;
    }
    bide__text_add(x, ", for ");
    bide__phrase_seconds(x, t->parked);
    if (t->at)
        bide__text_add(x, ", at %s", bide__snap_string(s, t->at));
    if (r->behind)
        bide__text_add(x, "; %zu task%s for it", r->behind,
                       r->behind == 1 ? " waits" : "s wait");
    bide__text_add(x, "\n");
    add_locks(x, s, r);
}

static bool
add_others(bide__text *x, const bide_host *host)
{
    char text[LONGEST_OTHERS];
    size_t n = host->others ? host->others(host->ctx, text, sizeof text) : 0;
    if (n == 0)
        return false;
    bool cut = n >= sizeof text;
    bide__text_bytes(x, text, cut ? sizeof text - 1 : n);
    if (cut)
        bide__text_add(x, " ...\n");
    return true;
}

bool
bide__stall_lines(bide_loop *l, bide__text *x)
{
    bide__snapshot s = {0};
    table t = {.s = &s};
    bide__snapshot_take(&s, l);
    if (fill(&t)) {
        weigh(&t);
        qsort(t.rows, t.count, sizeof *t.rows, by_weight);
    } else {
        x->failed = true;
    }
    x->failed |= s.failed;
    for (size_t i = 0; i < t.count && i < MOST_SHOWN; i++)
        add_row(x, &s, &t.rows[i]);
    if (t.count > MOST_SHOWN)
        bide__text_add(x, "  and %zu more\n", t.count - MOST_SHOWN);
    bool others = add_others(x, &l->host);
    bide__free(t.rows);
    bide__snapshot_fini(&s);
    return t.count || others || x->failed;
}

int
bide_stall_text(bide_loop *l, char **out)
{
    bide__text x = {0};
    bide__text_add(&x, "%s (%s):\n", bide_strerror(BIDE_ESTALLED),
                   bide_error_name(BIDE_ESTALLED));
    bide__stall_lines(l, &x);
    if (x.failed) {
        bide__text_fini(&x);
        return BIDE_ENOMEMORY;
    }
    x.at[x.used - 1] = '\0';
    *out = x.at;
    return 0;
}
