/* Cancellation from any thread. A token's state is atomic and is the truth for
 * threads; its scope is the truth for tasks and joins the tree of one loop when
 * a task of that loop first uses it.
 *
 * Invariant: `loop` is published before `state` is looked at by the binding
 * side, and `state` before `loop` by the cancelling side, so that a cancel
 * which races with the binding is seen by one of them. */
#ifndef BIDE_TOKEN_H
#define BIDE_TOKEN_H

#include "bide.h"

/** Binds `k` and the tokens above it to `l`: BIDE_EWRONGLOOP. Loop's thread. */
int bide__token_bind(bide_token *k, bide_loop *l);

#endif
