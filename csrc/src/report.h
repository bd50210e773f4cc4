/* What a loop reports of itself. A report is made wherever something is seen,
 * also within a step, and delivered between two steps: written to standard
 * error, then handed to the host. */
#ifndef BIDE_REPORT_H
#define BIDE_REPORT_H

#include "loop.h"
#include "text.h"

enum { BIDE__REPORT_TEXTS = 5 };

typedef struct bide__report {
    bide_link link; /* in loop->reports.pending */
    bide_report told;
    /* Of the report: text, lock, holder, waiter, forgotten. */
    bide__text texts[BIDE__REPORT_TEXTS];
} bide__report;

/** Whether there may be another one now; if not, it is counted as missed. */
bool bide__report_allowed(bide_loop *l, int64_t now);

/** New, zeroed but for what all have, or NULL. `l` may be NULL. */
bide__report *bide__report_new(bide_loop *l, int kind);

/** Has `r` delivered by loop->look, unless memory was short for its texts; owns
 * it from now on. Without a loop it is printed at once. */
void bide__report_send(bide__report *r);

/** Ends the text, with how many were left out before, and sends. */
void bide__report_end(bide__report *r);

/** On the loop's thread, between two steps. */
void bide__reports_deliver(bide_loop *l);

/** The loop is closing: tells the last of them and how many were left out. What
 * a forked child has is the parent's to tell. */
void bide__reports_end(bide_loop *l, bool forked);

#endif
