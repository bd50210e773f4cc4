/* What is changed about files and terminals that are not ours alone, and put
 * back: by who changed it, or else when the process ends. */
#ifndef BIDE_MENDED_H
#define BIDE_MENDED_H

#include <stdbool.h>

/** Between these two the descriptors 0, 1 and 2 may be made non-blocking, which
 * other processes share: the last to leave puts all three back. */
void bide__mended_enter(void);
void bide__mended_leave(void);

/** Puts the terminal `fd` into raw mode: a slot, above 0, for
 * bide__mended_cook; or an error. Streams of one terminal share it. */
int bide__mended_raw(int fd);
void bide__mended_cook(int slot);

#endif
