/* What both texts of statistics are made of. */
#ifndef BIDE_STATS_TEXT_H
#define BIDE_STATS_TEXT_H

#include "loop.h"
#include "text.h"

enum { BIDE__STATS_COUNTERS = 6 };

/** Names and meanings, in the order of the histograms' numbers. Those that end
 * in "_seconds" are times. */
typedef struct bide__stats_name {
    const char *name, *help;
} bide__stats_name;

extern const bide__stats_name bide__stats_names[BIDE__STATS_COUNT];
extern const bide__stats_name bide__stats_counters[BIDE__STATS_COUNTERS];

uint64_t bide__stats_counter(const bide_loop *l, int which);

/** Calls `write` for each open loop of this process, with `n`. */
void bide__stats_each(void (*write)(bide__text *x, const bide_loop *l, int n),
                      bide__text *x, int n);

/** The language of a loop, as it may stand between quotes. */
void bide__stats_language(bide__text *x, const bide_loop *l);

/** Values in ns as seconds, or values as they are. */
void bide__stats_value(bide__text *x, int which, uint64_t value);

uint64_t bide__stats_read(const atomic_uint_fast64_t *n);

#endif
