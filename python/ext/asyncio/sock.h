/* sock.h - the sock_*() methods of a loop. */
#ifndef BIDEPY_SOCK_H
#define BIDEPY_SOCK_H

#include "aio.h"

extern PyMethodDef bidepy_loop_sock_methods[];

#endif
