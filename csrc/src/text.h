/* A text that grows as it is written. When memory runs out it keeps what it
 * has and says so at the end. */
#ifndef BIDE_TEXT_H
#define BIDE_TEXT_H

#include "bide.h"

typedef struct bide__text {
    char *at; /* with a final zero once anything was added */
    size_t used, room;
    bool failed;
} bide__text;

void bide__text_add(bide__text *x, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;

/** `n` bytes as they are. */
void bide__text_bytes(bide__text *x, const char *from, size_t n);

void bide__text_fini(bide__text *x);

/** The part of a path that reports show. */
const char *bide__base_name(const char *path);

#endif
