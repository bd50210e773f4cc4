/* Copies memory of this process that may change, or be gone, while it is read:
 * through the system, which answers with an error where a plain read would
 * fault. What arrives may be torn or stale; whoever uses it bounds its walk and
 * trusts no pointer. For looking at a loop that another thread is stuck in. */
#ifndef BIDE_PEEK_H
#define BIDE_PEEK_H

#include <stdbool.h>
#include <stddef.h>

/** Whether all `n` bytes at `from` could be copied to `to`. */
bool bide__peek(void *to, const void *from, size_t n);

/** The same where the reader owns the memory: a plain copy. */
bool bide__look(void *to, const void *from, size_t n);

#endif
