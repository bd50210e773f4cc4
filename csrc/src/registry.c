#include "registry.h"

#include <stdatomic.h>

#include "list.h"
#include "lock.h"

static bide__lock lock;
static bide_link all = {&all, &all};
static uint64_t last;

void
bide__registry_add(bide__registered *r)
{
    bide__lock_take(&lock);
    r->serial = ++last;
    bide__list_append(&all, &r->link);
    bide__lock_drop(&lock);
}

void
bide__registry_remove(bide__registered *r)
{
    bide__lock_take(&lock);
    if (bide__list_linked(&r->link))
        bide__list_remove(&r->link);
    bide__lock_drop(&lock);
}

/* The list is in the order of serials. */
bide__registered *
bide__registry_next(uint64_t after, void (*keep)(bide__registered *r))
{
    bide__registered *found = NULL;
    bide__lock_take(&lock);
    for (bide_link *i = all.next; i != &all && !found; i = i->next) {
        bide__registered *r = bide__of(i, bide__registered, link);
        if (r->serial > after)
            found = r;
    }
    if (found)
        keep(found);
    bide__lock_drop(&lock);
    return found;
}

void
bide__registry_forked(void)
{
    bide__lock_drop(&lock);
}
