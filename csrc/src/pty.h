/* Pairs of terminals. */
#ifndef BIDE_PTY_H
#define BIDE_PTY_H

#include "bide.h"

/** A stream over the master's side, and a descriptor of the other, blocking and
 * closed on exec. 0 rows or columns: 24, 80. */
int bide__pty_open(bide_loop *l, unsigned short rows, unsigned short columns,
                   bide_stream **master, int *slave);

#endif
