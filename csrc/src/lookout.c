#include "lookout.h"

#include "alloc.h"
#include "report.h"
#include "setting.h"
#include "slow_lock.h"
#include "stall.h"

enum { GROWTH = 4 };

static const int64_t usual_stall = 10 * INT64_C(1000000000);
static const int64_t longest_stall = 86400 * INT64_C(1000000000);

/* -- stalls --------------------------------------------------------------- */

static bool
is_over(const bide_loop *l, const bide__stall *s)
{
    return l->resumes != s->resumes || !bide__list_empty(&l->ready);
}

static void
tell_stall(bide_loop *l, int64_t now)
{
    bide__text lines = {0};
    if (!bide__stall_lines(l, &lines)) {
        bide__text_fini(&lines);
        return;
    }
    bide__stats_count(&l->reports.stalls, 1);
    if (l->stall.limit < longest_stall)
        l->stall.limit *= GROWTH;
    bide__report *r = bide__report_new(l, BIDE_REPORT_STALL);
    if (r) {
        r->told.waited = now - l->stall.since;
        bide__text_add(&r->texts[0],
                       "bide: every task has waited for %.3f s, and only "
                       "another thread can wake one:\n%s",
                       (double)r->told.waited / 1e9, lines.at ? lines.at : "");
        r->texts[0].failed |= lines.failed;
        bide__report_send(r);
    }
    bide__text_fini(&lines);
}

static void
look_at_stall(bide_loop *l, int64_t now)
{
    bide__stall *s = &l->stall;
    if (!s->since || s->told)
        return;
    if (is_over(l, s)) {
        s->since = 0;
    } else if (now >= s->since + s->limit) {
        s->told = true;
        tell_stall(l, now);
    } else {
        bide__loop_look_at(l, s->since + s->limit);
    }
}

/* -- every look ----------------------------------------------------------- */

static void
look(bide_loop *l)
{
    int64_t now = bide_loop_now(l, true);
    if (now < l->look_at)
        return;
    l->look_at = BIDE_FOREVER;
    look_at_stall(l, now);
    if (l->slow.limit != BIDE_FOREVER)
        bide__slow_lock_look(l, now);
    bide__reports_deliver(l);
}

int
bide__lookout_settle(bide_loop *l, const bide_loop_options *o)
{
    int64_t slow = o ? o->slow_lock : 0, stall = o ? o->stall : 0;
    int rc = slow < 0 || stall < 0 ? BIDE_EINVALID : 0;
    if (!slow) {
        slow = BIDE_FOREVER;
        rc = rc ? rc : bide__setting_duration("BIDE_SLOW_LOCK", &slow);
    }
    if (!stall) {
        stall = usual_stall;
        rc = rc ? rc : bide__setting_duration("BIDE_STALL", &stall);
    }
    l->look = look;
    l->stall.limit = stall;
    l->slow.limit = BIDE_FOREVER;
    if (slow != BIDE_FOREVER)
        bide__slow_lock_begin(l, slow);
    return rc;
}
