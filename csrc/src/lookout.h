/* What a loop does besides when it is time to look at itself: slow locks,
 * stalls that do not end the run, and the delivery of reports. */
#ifndef BIDE_LOOKOUT_H
#define BIDE_LOOKOUT_H

#include "loop.h"

/** What the options (may be NULL) and the environment want reported, for a new
 * loop. BIDE_EINVALID. */
int bide__lookout_settle(bide_loop *l, const bide_loop_options *o);

#endif
