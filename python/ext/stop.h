/* stop.h - returning a result from an iterator. */
#ifndef BIDEPY_STOP_H
#define BIDEPY_STOP_H

#include "bidepy.h"

/** Ends tp_iternext with `result` (stolen). Returns NULL. */
PyObject *bidepy_stop(bidepy_state *st, PyObject *result);

/** The same for a method that has to raise even for None. */
PyObject *bidepy_stop_plain(PyObject *result);

/** Makes the type of the pooled exception; -1 with an exception. */
int bidepy_stop_init(bidepy_state *st, PyObject *module);

/** Frees the pool. */
void bidepy_stop_fini(bidepy_state *st);

#endif
