/* Whether a loop with nothing ready can ever go on. */
#include "loop.h"

static const int64_t ask_again_after = 250 * 1000000;

static int
stalled(bide_loop *l)
{
    if (l->host.stalled)
        return l->host.stalled(l->host.ctx);
    return l->tasks ? BIDE_ESTALLED : 0;
}

/* Nothing on the loop's own thread can make a task ready any more, unless one
 * of the background, as long as there are others. */
static bool
is_asleep(const bide_loop *l)
{
    const bide__background *b = &l->background;
    size_t io_waits = l->io_waits, timers = l->timers.count;
    if (b->tasks < l->tasks) {
        io_waits -= b->io_waits;
        timers -= b->timers;
    }
    return !io_waits && !timers && !l->jobs;
}

/* Other threads may go on: the stall is to be reported if it lasts. */
static void
note_stall(bide_loop *l)
{
    bide__stall *s = &l->stall;
    uint64_t resumes = l->resumes;
    if (s->limit == BIDE_FOREVER || l->virtual_clock)
        return;
    if (!s->since || s->resumes != resumes) {
        s->since = bide_loop_now(l, true);
        s->resumes = resumes;
        s->told = false;
    }
    if (!s->told)
        bide__loop_look_at(l, s->since + s->limit);
}

int
bide__loop_stalled(bide_loop *l)
{
    int rc = 0;
    if (!is_asleep(l) || !bide__inbox_empty(&l->inbox)) {
        l->stall.since = 0;
        return 0;
    }
    if (!atomic_load(&l->holds))
        rc = stalled(l);
    if (rc == BIDE_KEEP_QUIET)
        return 0;
    if (rc == BIDE_ASK_AGAIN)
        bide__loop_look_at(l, bide_loop_now(l, true) + ask_again_after);
    else if (rc)
        return rc;
    if (bide__list_empty(&l->ready))
        note_stall(l);
    return 0;
}
