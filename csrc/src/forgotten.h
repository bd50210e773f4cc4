/* What failed or was made, and nobody looked at it: reported when it goes, so
 * that only what failed costs anything. */
#ifndef BIDE_FORGOTTEN_H
#define BIDE_FORGOTTEN_H

#include "object.h"

/** Ends the look-out for the failure of `t`, which is done: true if it failed
 * and nobody had looked. */
bool bide__forgotten_seen(bide_task *t);

/** Reports that `t` has failed. */
void bide__forgotten_failure(bide_task *t);

/** Reports that `t` never started. */
void bide__forgotten_start(bide_task *t);

/** Reports that `o`, of the kind `type`, ended with `status`. Any thread. */
void bide__forgotten_object(const char *type, const bide__object *o,
                            int status);

/** Reports the tasks that have failed, as the loop closes. */
void bide__forgotten_close(bide_loop *l);

#endif
