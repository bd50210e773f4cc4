/* Invariant: a task is in loop->reports.failed iff it has failed and nobody has
 * looked; it is linked by `ready`, which a task that is done has no other use
 * for. */
#include "forgotten.h"

#include "phrase.h"
#include "report.h"

/* Begins the report for `l`, NULL: of no loop, if there may be one. */
static bide__report *
begin(bide_loop *l, bide_site site, int status)
{
    if (l && !bide__report_allowed(l, bide_loop_now(l, true)))
        return NULL;
    bide__report *r = bide__report_new(l, BIDE_REPORT_FORGOTTEN);
    if (!r) {
        if (l)
            l->reports.missed++;
        return NULL;
    }
    r->told.site = site;
    r->told.status = status;
    return r;
}

static void
finish(bide__report *r)
{
    bide__text *x = &r->texts[0];
    int status = r->told.status;
    bide__text_add(x, "bide: forgotten: %s ", r->texts[4].at);
    if (status)
        bide__text_add(x, "failed with %s (%s), and nobody looked at it",
                       bide_error_name(status), bide_strerror(status));
    else
        bide__text_add(x, "was never started");
    bide__report_end(r);
}

static void
tell_task(bide_task *t, bide_loop *l, int status)
{
    bide__report *r = begin(l, t->site, status);
    if (!r)
        return;
    bide__phrase_task(&r->texts[4], t);
    finish(r);
}

bool
bide__forgotten_seen(bide_task *t)
{
    if (!bide__list_linked(&t->ready))
        return false;
    bide__list_remove(&t->ready);
    return true;
}

void
bide__forgotten_failure(bide_task *t)
{
    tell_task(t, t->loop, t->status);
}

void
bide__forgotten_start(bide_task *t)
{
    tell_task(t, bide__loop_here, 0);
}

void
bide__forgotten_object(const char *type, const bide__object *o, int status)
{
    bide__report *r = begin(bide__loop_here, o->site, status);
    if (!r)
        return;
    bide__phrase_object(&r->texts[4], type, o->name, o->site);
    finish(r);
}

void
bide__forgotten_close(bide_loop *l)
{
    while (!bide__list_empty(&l->reports.failed))
        bide__forgotten_failure(
            bide__of(bide__list_pop(&l->reports.failed), bide_task, ready));
}
