/* The cancellation tree.
 *
 * Invariants
 * - EFFECTIVE is set iff the scope itself is cancelled, or it is no shield and
 *   its parent or the scope it follows is EFFECTIVE; or it is a shield whose
 *   grace has run out.
 * - A task's scopes are a chain from task->scope (innermost) over task->base
 *   to a group or the root; each has that task in `task`.
 * - EFFECTIVE never goes away while a scope is in the tree. */
#ifndef BIDE_SCOPE_H
#define BIDE_SCOPE_H

#include "bide.h"

/** Links `s` below `parent` for `task` (may be NULL), following `followed`
 * (may be NULL), and takes over the cancellation found there. */
void bide__scope_link(bide_scope *s, bide_scope *parent, bide_task *task,
                      bide_scope *followed);

/** Takes `s` out of the tree and stops its timer. */
void bide__scope_unlink(bide_scope *s);

#endif
