/* Which turns of a loop are measured step by step.
 *
 * To look at the clock takes longer than the shortest steps, so where those
 * come one after the other only some turns are exact: measuring earns a share
 * of the time that goes by and spends what it costs. A value that an exact turn
 * notes stands for others of its kind, in steps that nobody looked at.
 *
 * Invariants
 * - Steps noted and steps unseen are all the steps there were.
 * - No long step goes unnoticed: of every turn the loop knows how long it took.
 * - Steps that take 50 times as long as measuring one are all measured, and so
 *   is what a loop does that rests now and then. */
#include <uv.h>

#include "stats.h"

enum {
    SHARE = 100,      /* one part in so many of the time is for measuring */
    LOOK_SHARE = 200, /* ... for looks at the clock apart from that */
    SPREAD = 64,      /* over so many steps the unseen ones are spread */
    FIRST = 512,      /* steps are measured in any case, and so many at ... */
    MOST = 128,       /* ... once after a time in which little happened */
    READS = 16,       /* of the clock, to learn what one takes */
    LONG = 100 * 1000 /* ns; a step that is not to go unnoticed */
};

void
bide__stats_init(bide__stats *s)
{
    uint64_t start = uv_hrtime();
    for (int i = 0; i < READS; i++)
        uv_hrtime();
    s->look = (int64_t)(uv_hrtime() - start) / READS;
    s->cost =
        2 * s->look + BIDE__STATS_COST; /* what left the caches for it, too */
    s->exact = true;
    s->weight = 1;
    s->credit = FIRST * s->cost;
}

void
bide__stats_note_step(bide__stats *s, int64_t value)
{
    bide__stats_note(s, BIDE__STATS_STEP, value);
    s->unseen -= s->weight - 1;
}

/* A turn that took several times what its steps usually take: all but one of
 * them have taken just that. Where it is the new usual, it soon counts as such.
 */
static void
look_at_turn(bide__stats *s, int64_t took, unsigned steps)
{
    int64_t others = s->usual * (steps - 1);
    s->unseen += steps;
    if (!s->usual || took < 4 * others + LONG) {
        s->usual = took / steps;
        return;
    }
    bide__stats_note_one(s, BIDE__STATS_STEP, took - others);
    s->unseen--;
    s->usual *= 2;
}

static void
earn(bide__stats *s, int64_t time)
{
    int64_t most = MOST * s->cost;
    if (s->credit >= most)
        return;
    s->credit += time / SHARE;
    if (s->credit > most)
        s->credit = most;
}

bool
bide__stats_may_go_on(const bide__stats *s)
{
    return !s->exact && s->usual && s->usual * s->steps < s->look * LOOK_SHARE;
}

void
bide__stats_end_turn(bide__stats *s, int64_t now)
{
    if (s->exact)
        s->credit -= s->cost * s->steps;
    else if (s->steps)
        look_at_turn(s, now - s->began, s->steps);
    earn(s, now - s->ended_at);
    s->steps = 0;
    s->ended_at = now;
    s->exact = s->credit >= SPREAD * s->cost;
    s->weight = s->exact ? 1 + (unsigned)(s->unseen / SPREAD) : 1;
}
