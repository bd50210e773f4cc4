/* Locks that are held, or waited for, longer than a set time: noticed while it
 * lasts, by looks between steps, or at the latest when it is over. */
#ifndef BIDE_SLOW_LOCK_H
#define BIDE_SLOW_LOCK_H

#include "loop.h"

/** Has locks be measured against `limit`, ns. */
void bide__slow_lock_begin(bide_loop *l, int64_t limit);

/** Reports what is too long by `now`, and says when to look again. */
void bide__slow_lock_look(bide_loop *l, int64_t now);

#endif
