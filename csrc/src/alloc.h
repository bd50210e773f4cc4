/* The one door to the heap: everything the core allocates comes through the
 * process's bide_allocator. */
#ifndef BIDE_ALLOC_H
#define BIDE_ALLOC_H

#include "bide.h"

/** Zeroed memory, or NULL. */
void *bide__alloc(size_t size);

/** As realloc; `size` is not 0. On NULL the old block stays. */
void *bide__realloc(void *ptr, size_t size);

/** A copy of a string, or NULL. */
char *bide__strdup(const char *s);

void bide__free(void *ptr);

/** Has the system's allocator keep what large blocks are freed, up to 2 MiB, if
 * it can be told so. */
void bide__alloc_settle(void);

#endif
