/* A block as it is reported: what a look at a loop inside a step finds, its
 * text, and how the host hears of it. */
#ifndef BIDE_BLOCK_H
#define BIDE_BLOCK_H

#include "bide.h"

enum { BIDE__TRACE_MAX = 8192 };

/** What is found in a loop that is blocked. */
typedef struct bide__sight {
    bide_loop *loop;
    bide_block block; /* `trace` points to `text` */
    bool later;       /* the trace will come by bide_loop_trace */
    char text[BIDE__TRACE_MAX];
} bide__sight;

/** Fills in `block` but for what the watchdog counts; `sight->loop` is set. On
 * the loop's thread, in a signal handler, or on another one: takes no lock and
 * faults at nothing. */
void bide__block_look(void *sight);

/** Hands a copy of the block to the host, once the loop gets to it. */
void bide__block_deliver(bide_loop *l, const bide__sight *sight);

/** Writes the report to standard error, in one piece, or gives it to who wants
 * it instead. */
void bide__block_print(const bide__sight *sight);

#endif
