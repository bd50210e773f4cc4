/* Why nothing goes on in a loop: each task, and what it waits for. */
#ifndef BIDE_STALL_H
#define BIDE_STALL_H

#include "loop.h"
#include "text.h"

/** Adds a line for each task that waits, on the loop's thread. False: there is
 * none. */
bool bide__stall_lines(bide_loop *l, bide__text *x);

#endif
