#include "report.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "write_all.h"

enum { BURST = 8 };

#define REFILL 1e-10 /* a token in 10 s, per ns */

bool
bide__report_allowed(bide_loop *l, int64_t now)
{
    bide__reports *r = &l->reports;
    if (!r->refilled)
        r->tokens = BURST;
    else
        r->tokens += (double)(now - r->refilled) * REFILL;
    if (r->tokens > BURST)
        r->tokens = BURST;
    r->refilled = now;
    if (r->tokens < 1) {
        r->missed++;
        return false;
    }
    r->tokens -= 1;
    return true;
}

const char *
bide_report_name(int kind)
{
    static const char *const names[] = {
        [BIDE_REPORT_SLOW_LOCK] = "slow_lock",
        [BIDE_REPORT_STALL] = "stall",
        [BIDE_REPORT_FORGOTTEN] = "forgotten",
    };
    size_t count = sizeof names / sizeof *names;
    return kind >= 0 && (size_t)kind < count ? names[kind] : "unknown";
}

/* Others than stalls, of which there are few: see bide__report_allowed. */
static bool
is_limited(const bide__report *r)
{
    return r->told.loop && r->told.kind != BIDE_REPORT_STALL;
}

bide__report *
bide__report_new(bide_loop *l, int kind)
{
    bide__report *r = bide__alloc(sizeof *r);
    if (!r)
        return NULL;
    r->told.loop = l;
    r->told.kind = kind;
    if (is_limited(r))
        r->told.missed = l->reports.missed;
    return r;
}

static void
destroy(bide__report *r)
{
    for (int i = 0; i < BIDE__REPORT_TEXTS; i++)
        bide__text_fini(&r->texts[i]);
    bide__free(r);
}

static const char *
text_of(const bide__text *x)
{
    return x->at ? x->at : "";
}

static void
print(const bide__text *x)
{
    bide__write_all(STDERR_FILENO, x->at, x->used);
}

void
bide__report_send(bide__report *r)
{
    bide_loop *l = r->told.loop;
    bool failed = false;
    for (int i = 0; i < BIDE__REPORT_TEXTS; i++)
        failed |= r->texts[i].failed;
    if (failed) {
        if (l)
            l->reports.missed++;
        destroy(r);
        return;
    }
    r->told.text = text_of(&r->texts[0]);
    r->told.lock = text_of(&r->texts[1]);
    r->told.holder = text_of(&r->texts[2]);
    r->told.waiter = text_of(&r->texts[3]);
    r->told.forgotten = text_of(&r->texts[4]);
    if (!l) {
        print(&r->texts[0]);
        destroy(r);
        return;
    }
    if (is_limited(r))
        l->reports.missed = 0;
    bide__list_append(&l->reports.pending, &r->link);
    bide__loop_look_at(l, l->now);
}

void
bide__report_end(bide__report *r)
{
    bide__text *x = &r->texts[0];
    if (r->told.missed)
        bide__text_add(x, " (%u reports before this left out)", r->told.missed);
    bide__text_add(x, "\n");
    bide__report_send(r);
}

void
bide__reports_deliver(bide_loop *l)
{
    while (!bide__list_empty(&l->reports.pending)) {
        bide__report *r =
            bide__of(bide__list_pop(&l->reports.pending), bide__report, link);
        print(&r->texts[0]);
        if (l->host.report)
            l->host.report(l->host.ctx, &r->told);
        destroy(r);
    }
}

static void
print_missed(unsigned missed)
{
    char line[64];
    int n = snprintf(line, sizeof line, "bide: reports left out: %u\n", missed);
    bide__write_all(STDERR_FILENO, line, (size_t)n);
}

void
bide__reports_end(bide_loop *l, bool forked)
{
    while (forked && !bide__list_empty(&l->reports.pending))
        destroy(
            bide__of(bide__list_pop(&l->reports.pending), bide__report, link));
    bide__reports_deliver(l);
    if (!forked && l->reports.missed)
        print_missed(l->reports.missed);
}
