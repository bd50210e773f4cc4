/* Waiting until nothing is left to do but to wait: for tests.
 * Invariant: the loop's `quiet` is set while anybody may be in `onlookers`. */
#include "list.h"
#include "wait.h"

static const bide_wait_kind quiet_kind = {
    .verb = "wait_all_parked",
    .object = "loop",
};

static void
on_quiet(bide_loop *l)
{
    l->quiet = NULL;
    bide__wait_fire_all(&l->onlookers, 0);
}

int
bide_wait_all_parked(bide_wait *w)
{
    bide_loop *l = w->task->loop;
    int rc = bide__wait_refused(w->task);
    if (rc)
        return rc;
    l->quiet = on_quiet;
    return bide__wait_park(w, &quiet_kind, l, &l->onlookers);
}
