#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"

/* Room for `n` bytes and a zero. */
static bool
reserve(bide__text *x, size_t n)
{
    size_t need = x->used + n + 1;
    if (need <= x->room)
        return true;
    size_t room = x->room ? x->room : 256;
    while (room < need)
        room *= 2;
    char *at = x->failed ? NULL : bide__realloc(x->at, room);
    if (!at) {
        x->failed = true;
        return false;
    }
    x->at = at;
    x->room = room;
    return true;
}

void
bide__text_bytes(bide__text *x, const char *from, size_t n)
{
    if (!reserve(x, n))
        return;
    memcpy(x->at + x->used, from, n);
    x->used += n;
    x->at[x->used] = '\0';
}

void
bide__text_add(bide__text *x, const char *format, ...)
{
    char line[256];
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(line, sizeof line, format, args);
    if (n > 0 && (size_t)n < sizeof line) {
        bide__text_bytes(x, line, (size_t)n);
    } else if (n > 0 && reserve(x, (size_t)n)) {
        vsnprintf(x->at + x->used, (size_t)n + 1, format, again);
        x->used += (size_t)n;
    }
    va_end(again);
    va_end(args);
}

void
bide__text_fini(bide__text *x)
{
    bide__free(x->at);
    *x = (bide__text){0};
}

const char *
bide__base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}
