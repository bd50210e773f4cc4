/* Snapshots as text. */
#ifndef BIDE_DUMP_TEXT_H
#define BIDE_DUMP_TEXT_H

#include "snapshot.h"

/** Writes `n` of them. */
void bide__dump_text(bide__text *x, const bide__snapshot *s, size_t n);

#endif
