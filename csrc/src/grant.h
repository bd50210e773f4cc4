/* What a task holds of an object that several can hold at once: permits of a
 * semaphore, a read lock. Objects with one holder embed their bide__held.
 *
 * Grants come from spares of the loop. Where one cannot be had for lack of
 * memory its task is left out of reports and of the search for deadlocks. */
#ifndef BIDE_GRANT_H
#define BIDE_GRANT_H

#include "wait.h"

typedef struct bide__grant {
    bide__held held;
    bide_link peer; /* in the object's list */
    size_t count;
} bide__grant;

/** Notes that `t` holds `count` of an object, whose list is `peers`. False: no
 * memory. */
bool bide__grant_add(bide_link *peers, const bide__held_kind *kind,
                     void *object, bide_task *t, size_t count);

/** The oldest grant that `t`, which may be NULL, has of `object`, or NULL. The
 * object must not have another way of being held by `t`. */
bide__grant *bide__grant_find(const void *object, const bide_task *t);

/** Takes `count` off; a grant of nothing ends. */
void bide__grant_take(bide__grant *g, size_t count);

/** Ends all: the object goes. */
void bide__grant_end_all(bide_link *peers);

void bide__grant_free_spares(bide_loop *l);

#endif
