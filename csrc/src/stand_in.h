/* Descriptors 0, 1 and 2 of a process that was started without them.
 *
 * What it opens first gets these numbers: libuv takes that for a mistake and
 * ends the process as it closes one of them, and what others print goes to a
 * connection. So they are filled before the first loop opens anything. Reading
 * the one that is for input, and writing the others, is EBADF as before, and
 * child processes do not get them. */
#ifndef BIDE_STAND_IN_H
#define BIDE_STAND_IN_H

#include "bide.h"

/** 0, or an error: a number is free and cannot be filled. */
int bide__stand_in(void);

/** Whether a number of the three is taken that way. */
bool bide__stands_in(int number);

#endif
