/* Snapshots as text for a terminal: a line for each task, what it waits for and
 * holds indented below. */
#include "dump_text.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "phrase.h"

static void
add_site(bide__text *x, const bide__snapshot *s, bide__string file, int line,
         const char *format)
{
    if (file)
        bide__text_add(x, format, bide__base_name(bide__snap_string(s, file)),
                       line);
}

void
bide__dump_title(bide__text *x, const bide__snapshot *s, uint64_t id)
{
    const bide__snap_task *t = bide__snap_find(s, id);
    if (t && t->name)
        bide__text_add(x, "task \"%s\"", bide__snap_string(s, t->name));
    else
        bide__text_add(x, "task-%" PRIu64, id);
    if (t)
        add_site(x, s, t->file, t->line, " (%s:%d)");
}

void
bide__dump_object(bide__text *x, const bide__snapshot *s,
                  const bide__snap_object *o)
{
    bide__text_add(x, "%s", bide__snap_string(s, o->type));
    if (o->name)
        bide__text_add(x, " \"%s\"", bide__snap_string(s, o->name));
    add_site(x, s, o->file, o->line, " (made at %s:%d)");
}

static void
add_wait(bide__text *x, const bide__snapshot *s, const bide__snap_wait *w,
         const uint64_t *holders)
{
    bide__text_add(x, "    waits for ");
    if (w->joined)
        bide__dump_title(x, s, w->joined);
    else
        bide__dump_object(x, s, &w->object);
    bide__text_add(x, ": %s", bide__snap_string(s, w->verb));
    for (uint32_t i = 0; i < w->holders; i++) {
        bide__text_add(x, i ? ", " : ", held by ");
        bide__dump_title(x, s, holders[i]);
    }
    if (w->due != BIDE_FOREVER) {
        bide__text_add(x, ", ends in ");
        bide__phrase_seconds(x, w->due);
    }
    bide__text_add(x, "\n");
}

static void
add_scope(bide__text *x, const bide__snap_scope *s)
{
    const char *end = s->flags & BIDE_SCOPE_CANCELLED ? ", cancelled" : "";
    if (s->flags & BIDE_SCOPE_EXPIRED)
        end = ", expired";
    bide__text_add(x, "    in a %s",
                   s->flags & BIDE_SCOPE_SHIELD ? "shield" : "scope");
    if (s->due != BIDE_FOREVER) {
        bide__text_add(x, " with a deadline in ");
        bide__phrase_seconds(x, s->due);
    }
    bide__text_add(x, "%s\n", end);
}

static void
add_head(bide__text *x, const bide__snapshot *s, const bide__snap_task *t)
{
    static const char *const states[] = {"new", "ready", "running", "parked",
                                         "done"};
    bide__text_add(x, "  ");
    bide__dump_title(x, s, t->id);
    bide__text_add(x, ": %s",
                   t->state <= BIDE_TASK_DONE ? states[t->state] : "changing");
    if (t->background)
        bide__text_add(x, " (background)");
    if (t->parked >= 0) {
        bide__text_add(x, " for ");
        bide__phrase_seconds(x, t->parked);
    }
    if (t->at)
        bide__text_add(x, " at %s", bide__snap_string(s, t->at));
    bide__text_add(x, "\n");
}

static void
add_tasks(bide__text *x, const bide__snapshot *s)
{
    const bide__snap_task *t = s->tasks.at;
    const bide__snap_wait *w = s->waits.at;
    const bide__snap_held *h = s->held.at;
    const bide__snap_scope *c = s->scopes.at;
    const uint64_t *holders = s->holders.at;
    for (size_t i = 0; i < s->tasks.count; i++, t++) {
        add_head(x, s, t);
        for (uint32_t n = 0; n < t->waits; n++, w++) {
            add_wait(x, s, w, holders);
            holders += w->holders;
        }
        for (uint32_t n = 0; n < t->held; n++, h++) {
            bide__text_add(x, "    holds ");
            bide__dump_object(x, s, &h->object);
            bide__text_add(x, " for ");
            bide__phrase_seconds(x, h->age);
            bide__text_add(x, "\n");
        }
        for (uint32_t n = 0; n < t->scopes; n++, c++)
            add_scope(x, c);
    }
}

static void
add_jobs(bide__text *x, const bide__snapshot *s)
{
    const bide__snap_job *j = s->jobs.at;
    for (size_t i = 0; i < s->jobs.count; i++, j++) {
        const char *name = j->name ? bide__snap_string(s, j->name) : "?";
        bide__text_add(x, "  job \"%s\"", name);
        add_site(x, s, j->file, j->line, " (%s:%d)");
        bide__text_add(x, ": %s for ", j->running ? "running" : "queued");
        bide__phrase_seconds(x, j->age);
        bide__text_add(x, "\n");
    }
}

static void
add_loop(bide__text *x, const bide__snapshot *s)
{
    const char *language = bide__snap_string(s, s->language);
    bide__text_add(x, "runtime %" PRIu64 " (%s), ", s->serial,
                   *language ? language : "C");
    if (s->current)
        bide__text_add(x, s->exact ? "running " : "blocked in ");
    else
        bide__text_add(x, s->polling || s->exact ? "between steps" : "stopped");
    if (s->current)
        bide__dump_title(x, s, s->current);
    const bide_loop_counts *c = &s->counts;
    bide__text_add(x,
                   ": %zu tasks, %zu ready, %zu timers, %zu I/O waits, %zu "
                   "jobs, %zu threads\n",
                   c->tasks, c->ready, c->timers, c->io_waits, c->jobs,
                   c->threads);
    add_tasks(x, s);
    add_jobs(x, s);
    if (!s->exact)
        bide__text_add(x, "  (read from outside, without places)\n");
    if (s->truncated)
        bide__text_add(x, "  (there is more)\n");
}

void
bide__dump_text(bide__text *x, const bide__snapshot *s, size_t n)
{
    bide__text_add(x, "bide %s, process %ld, %zu runtime%s\n", bide_version(),
                   (long)getpid(), n, n == 1 ? "" : "s");
    for (size_t i = 0; i < n; i++)
        add_loop(x, &s[i]);
}
