/* Snapshots as JSON. Ages and times left are in seconds; what is not known is
 * null. */
#include "dump_json.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "utf8.h"

/* -- values --------------------------------------------------------------- */

static void
add_text(bide__text *x, const char *from)
{
    bide__text_bytes(x, "\"", 1);
    while (*from) {
        size_t n = bide__utf8_length(from);
        unsigned char c = (unsigned char)*from;
        if (n == 0) {
            bide__text_add(x, "\\ufffd");
            n = 1;
        } else if (c == '"' || c == '\\') {
            bide__text_add(x, "\\%c", c);
        } else if (c < 0x20 || c == 0x7f) {
            bide__text_add(x, "\\u%04x", c);
        } else {
            bide__text_bytes(x, from, n);
        }
        from += n;
    }
    bide__text_bytes(x, "\"", 1);
}

static void
add_string(bide__text *x, const bide__snapshot *s, bide__string at)
{
    if (at)
        add_text(x, bide__snap_string(s, at));
    else
        bide__text_add(x, "null");
}

static void
add_seconds(bide__text *x, int64_t ns)
{
    bide__text_add(x, "%.9f", (double)ns / 1e9);
}

static void
add_due(bide__text *x, int64_t ns)
{
    if (ns == BIDE_FOREVER)
        bide__text_add(x, "null");
    else
        add_seconds(x, ns);
}

static void
add_bool(bide__text *x, const char *key, bool on)
{
    bide__text_add(x, ",\"%s\":%s", key, on ? "true" : "false");
}

static void
add_site(bide__text *x, const bide__snapshot *s, bide__string file, int line)
{
    bide__text_add(x, "\"made_at\":");
    if (!file) {
        bide__text_add(x, "null");
        return;
    }
    bide__text_add(x, "{\"file\":");
    add_string(x, s, file);
    bide__text_add(x, ",\"line\":%d}", line);
}

static void
add_object(bide__text *x, const bide__snapshot *s, const bide__snap_object *o)
{
    bide__text_add(x, "{\"id\":\"%" PRIx64 "\",\"type\":", o->address);
    add_string(x, s, o->type);
    bide__text_add(x, ",\"name\":");
    add_string(x, s, o->name);
    bide__text_add(x, ",");
    add_site(x, s, o->file, o->line);
    bide__text_add(x, "}");
}

/* -- rows ----------------------------------------------------------------- */

static void
add_wait(bide__text *x, const bide__snapshot *s, const bide__snap_wait *w,
         const uint64_t *holders)
{
    bide__text_add(x, "{\"verb\":");
    add_string(x, s, w->verb);
    bide__text_add(x, ",\"object\":");
    add_object(x, s, &w->object);
    bide__text_add(x, ",\"ends_in\":");
    add_due(x, w->due);
    bide__text_add(x, ",\"task\":");
    if (w->joined)
        bide__text_add(x, "%" PRIu64, w->joined);
    else
        bide__text_add(x, "null");
    bide__text_add(x, ",\"holders\":[");
    for (uint32_t i = 0; i < w->holders; i++)
        bide__text_add(x, "%s%" PRIu64, i ? "," : "", holders[i]);
    bide__text_add(x, "]}");
}

static void
add_held(bide__text *x, const bide__snapshot *s, const bide__snap_held *h)
{
    bide__text_add(x, "{\"object\":");
    add_object(x, s, &h->object);
    bide__text_add(x, ",\"age\":");
    add_seconds(x, h->age);
    bide__text_add(x, "}");
}

static void
add_scope(bide__text *x, const bide__snap_scope *s)
{
    bide__text_add(x, "{\"deadline_in\":");
    add_due(x, s->due);
    add_bool(x, "shield", s->flags & BIDE_SCOPE_SHIELD);
    add_bool(x, "cancelled", s->flags & BIDE_SCOPE_CANCELLED);
    add_bool(x, "expired", s->flags & BIDE_SCOPE_EXPIRED);
    bide__text_add(x, "}");
}

static void
add_head(bide__text *x, const bide__snapshot *s, const bide__snap_task *t)
{
    static const char *const states[] = {"new", "ready", "running", "parked",
                                         "done"};
    bide__text_add(x, "{\"id\":%" PRIu64 ",\"name\":", t->id);
    add_string(x, s, t->name);
    bide__text_add(x, ",");
    add_site(x, s, t->file, t->line);
    bide__text_add(x, ",\"state\":\"%s\"",
                   t->state <= BIDE_TASK_DONE ? states[t->state] : "changing");
    add_bool(x, "background", t->background);
    bide__text_add(x, ",\"parent\":");
    if (t->parent)
        bide__text_add(x, "%" PRIu64, t->parent);
    else
        bide__text_add(x, "null");
    bide__text_add(x, ",\"at\":");
    add_string(x, s, t->at);
    bide__text_add(x, ",\"parked\":");
    add_due(x, t->parked < 0 ? BIDE_FOREVER : t->parked);
    bide__text_add(x, ",\"busy\":");
    add_due(x, t->busy < 0 ? BIDE_FOREVER : t->busy);
    bide__text_add(x, ",\"resumes\":");
    if (t->busy < 0)
        bide__text_add(x, "null");
    else
        bide__text_add(x, "%" PRIu64, t->resumes);
}

/* -- lists ---------------------------------------------------------------- */

static const char *
comma(size_t n)
{
    return n ? "," : "";
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
        bide__text_add(x, "%s", comma(i));
        add_head(x, s, t);
        bide__text_add(x, ",\"waits\":[");
        for (uint32_t n = 0; n < t->waits; n++, w++) {
            bide__text_add(x, "%s", comma(n));
            add_wait(x, s, w, holders);
            holders += w->holders;
        }
        bide__text_add(x, "],\"holds\":[");
        for (uint32_t n = 0; n < t->held; n++, h++) {
            bide__text_add(x, "%s", comma(n));
            add_held(x, s, h);
        }
        bide__text_add(x, "],\"scopes\":[");
        for (uint32_t n = 0; n < t->scopes; n++, c++) {
            bide__text_add(x, "%s", comma(n));
            add_scope(x, c);
        }
        bide__text_add(x, "]}");
    }
}

static void
add_jobs(bide__text *x, const bide__snapshot *s)
{
    const bide__snap_job *j = s->jobs.at;
    for (size_t i = 0; i < s->jobs.count; i++, j++) {
        bide__text_add(x, "%s{\"name\":", comma(i));
        add_string(x, s, j->name);
        bide__text_add(x, ",");
        add_site(x, s, j->file, j->line);
        bide__text_add(
            x, ",\"state\":\"%s\",\"age\":", j->running ? "running" : "queued");
        add_seconds(x, j->age);
        bide__text_add(x, "}");
    }
}

static void
add_counts(bide__text *x, const bide_loop_counts *c)
{
    bide__text_add(x,
                   "{\"tasks\":%zu,\"ready\":%zu,\"timers\":%zu,"
                   "\"io_waits\":%zu,\"handles\":%zu,\"jobs\":%zu,"
                   "\"threads\":%zu,",
                   c->tasks, c->ready, c->timers, c->io_waits, c->handles,
                   c->jobs, c->threads);
    bide__text_add(x,
                   "\"resumes\":%" PRIu64 ",\"polls\":%" PRIu64
                   ",\"blocks\":%" PRIu64 ",\"slow_locks\":%" PRIu64
                   ",\"stalls\":%" PRIu64 "}",
                   c->resumes, c->polls, c->blocks, c->slow_locks, c->stalls);
}

static void
add_loop(bide__text *x, const bide__snapshot *s)
{
    bide__text_add(x, "{\"id\":%" PRIu64 ",\"language\":", s->serial);
    if (s->language)
        add_string(x, s, s->language);
    else
        bide__text_add(x, "\"C\"");
    add_bool(x, "exact", s->exact);
    add_bool(x, "truncated", s->truncated);
    bide__text_add(x, ",\"running\":");
    if (s->current)
        bide__text_add(x, "%" PRIu64, s->current);
    else
        bide__text_add(x, "null");
    bide__text_add(x, ",\"counts\":");
    add_counts(x, &s->counts);
    bide__text_add(x, ",\"tasks\":[");
    add_tasks(x, s);
    bide__text_add(x, "],\"jobs\":[");
    add_jobs(x, s);
    bide__text_add(x, "]}");
}

void
bide__dump_json(bide__text *x, const bide__snapshot *s, size_t n)
{
    bide__text_add(x, "{\"bide\":\"%s\",\"pid\":%ld,\"runtimes\":[",
                   bide_version(), (long)getpid());
    for (size_t i = 0; i < n; i++) {
        bide__text_add(x, "%s", comma(i));
        add_loop(x, &s[i]);
    }
    bide__text_add(x, "]}\n");
}
