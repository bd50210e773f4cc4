/* special.h - cheap methods for `with` statements. */
#ifndef BIDEPY_SPECIAL_H
#define BIDEPY_SPECIAL_H

#include "bidepy.h"

/** Replaces the methods that `with` calls in a type that was just made. `leaf`:
 * its objects hold no Python objects. -1 with an exception. */
int bidepy_specials_init(bidepy_state *st, PyTypeObject *type, bool leaf);

#endif
