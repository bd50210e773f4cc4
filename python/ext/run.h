/* run.h - between the runtime's type and what runs it. */
#ifndef BIDEPY_RUN_H
#define BIDEPY_RUN_H

#include "bidepy.h"

/** Runs `coro` to its end, and the runtime to its own: the result, new. `grace`
 * is for blocking jobs, in ns. */
PyObject *bidepy_runtime_run(bidepy_runtime *self, PyObject *coro,
                             int64_t grace);

#endif
