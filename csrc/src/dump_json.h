/* Snapshots as JSON. */
#ifndef BIDE_DUMP_JSON_H
#define BIDE_DUMP_JSON_H

#include "snapshot.h"

/** Writes `n` of them. */
void bide__dump_json(bide__text *x, const bide__snapshot *s, size_t n);

#endif
