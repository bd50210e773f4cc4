/* How long a character of UTF-8 is: for texts that go into JSON. */
#ifndef BIDE_UTF8_H
#define BIDE_UTF8_H

#include <stddef.h>

/** Bytes of the character that `from`, which ends with a zero, begins with; 0:
 * it is none (RFC 3629). */
size_t bide__utf8_length(const char *from);

#endif
