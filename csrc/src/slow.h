/* Streams over descriptors that are never anything but ready: files, devices.
 * The pool's threads read and write them. */
#ifndef BIDE_SLOW_H
#define BIDE_SLOW_H

#include "bide.h"

/** A new stream over a copy of `fd`; `mode`: O_RDONLY, O_WRONLY or O_RDWR. */
int bide__slow_open(bide_loop *l, int fd, int mode, bide_stream **out);

#endif
