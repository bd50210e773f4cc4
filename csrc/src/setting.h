/* What the environment says. */
#ifndef BIDE_SETTING_H
#define BIDE_SETTING_H

#include "bide.h"

enum { BIDE__SETTING_MAX = 32 };

/** The value of `name`, in `out` of BIDE__SETTING_MAX; NULL: there is none, or
 * it is empty. One that is too long to mean anything is "?". */
const char *bide__setting(const char *name, char *out);

/** Reads "100ms", "0.5s", "2" (seconds), or "off": BIDE_FOREVER, into `*ns`.
 * Without such a variable `*ns` stays. BIDE_EINVALID. */
int bide__setting_duration(const char *name, int64_t *ns);

#endif
