#include "alloc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static void *
system_realloc(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    return realloc(ptr, size);
}

static void
system_free(void *ctx, void *ptr)
{
    (void)ctx;
    free(ptr);
}

static const bide_allocator system_allocator = {system_realloc, system_free,
                                                NULL};

static bide_allocator current = {system_realloc, system_free, NULL};

enum { LARGE = 1024 * 1024 };

/* Pages that are had from the system again for each message, mapped and
 * cleared, cost more than the message. What is smaller than a block that has
 * come and gone, and was the system's, glibc then keeps. */
void
bide__alloc_settle(void)
{
#ifdef __GLIBC__
    static atomic_flag settled = ATOMIC_FLAG_INIT;
    if (current.realloc != system_realloc || atomic_flag_test_and_set(&settled))
        return;
    void *volatile block = malloc(LARGE); /* not to be optimised away */
    free(block);
#endif
}

void
bide_set_allocator(const bide_allocator *a)
{
    current = a ? *a : system_allocator;
}

void *
bide__realloc(void *ptr, size_t size)
{
    return current.realloc(current.ctx, ptr, size);
}

void *
bide__alloc(size_t size)
{
    void *p = bide__realloc(NULL, size);
    if (p)
        memset(p, 0, size);
    return p;
}

char *
bide__strdup(const char *s)
{
    size_t size = strlen(s) + 1;
    char *copy = bide__realloc(NULL, size);
    if (copy)
        memcpy(copy, s, size);
    return copy;
}

void
bide__free(void *ptr)
{
    if (ptr)
        current.free(current.ctx, ptr);
}
