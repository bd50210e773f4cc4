/* Two semaphores of one permit, used as locks, in opposite order.
 *
 * expect: a deadlock: task "scan" ({A}) waits for Semaphore "printer" (made at
 *     {B}) held by task "copy" ({C}), which waits for Semaphore "scanner" (made
 *     at {D}) held by task "scan" ({A})
 */
#include "hang.h"

static void
both(task *t)
{
    bide_semaphore **order = arg_of(t);

    BEGIN(t);
    AWAIT(t, bide_semaphore_hold(order[0], 1, &t->wait));
    AWAIT(t, bide_yield(&t->wait));
    AWAIT(t, bide_semaphore_hold(order[1], 1, &t->wait));
    tell(t, "hold");
    if (t->status == 0)
        bide_semaphore_drop(order[1], 1, &t->base);
    bide_semaphore_drop(order[0], 1, &t->base);
    END(t);
}

static bide_semaphore *
single(const char *name, bide_site site)
{
    bide_semaphore *s;
    must(bide_semaphore_new(1, true, name, site, &s), name);
    return s;
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);
    bide_semaphore *printer = single("printer", HERE); /* B */
    bide_semaphore *scanner = single("scanner", HERE); /* D */
    bide_semaphore *copy[] = {printer, scanner}, *scan[] = {scanner, printer};

    spawn_with(loop, "copy", both, copy); /* C */
    spawn_with(loop, "scan", both, scan); /* A */
    return run(loop);
}
