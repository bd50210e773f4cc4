/* A whole text to a descriptor, by a thread that may wait a moment. */
#ifndef BIDE_WRITE_ALL_H
#define BIDE_WRITE_ALL_H

#include <stddef.h>

/** 0 or an error, after which a part may be there. A full descriptor that does
 * not block (a program or its parent has made standard error so) is waited for,
 * but not for ever: UV_EAGAIN when it took nothing for half a second. */
int bide__write_all(int fd, const char *at, size_t n);

#endif
