/* Snapshots as text. */
#ifndef BIDE_DUMP_TEXT_H
#define BIDE_DUMP_TEXT_H

#include "snapshot.h"

/** Writes `n` of them. */
void bide__dump_text(bide__text *x, const bide__snapshot *s, size_t n);

/** The names of tasks and objects in snapshots, as in phrase.h. */
void bide__dump_title(bide__text *x, const bide__snapshot *s, uint64_t id);
void bide__dump_object(bide__text *x, const bide__snapshot *s,
                       const bide__snap_object *o);

#endif
