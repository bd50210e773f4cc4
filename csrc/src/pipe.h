/* Streams over Unix sockets and pipes. */
#ifndef BIDE_PIPE_H
#define BIDE_PIPE_H

#include "bide.h"

/** A new stream over a descriptor; on error `fd` stays with the caller. */
int bide__pipe_adopt(bide_loop *l, int fd, bide_stream **out);

#endif
