/* What tasks and objects are called in reports. */
#ifndef BIDE_PHRASE_H
#define BIDE_PHRASE_H

#include "loop.h"
#include "text.h"

/** task "pay" (app.py:14) */
void bide__phrase_task(bide__text *x, const bide_task *t);

/** " at app.py:16 in pay", if `t` is parked and its host knows. On the loop's
 * thread. */
void bide__phrase_place(bide__text *x, bide_task *t);

/** Mutex "ledger" (made at app.py:8) */
void bide__phrase_object(bide__text *x, const char *type, const char *name,
                         bide_site site);

/** 0.250 s */
void bide__phrase_seconds(bide__text *x, int64_t ns);

#endif
