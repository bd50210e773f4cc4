/* stop.h - returning a result from an iterator. */
#ifndef BIDEPY_STOP_H
#define BIDEPY_STOP_H

#include "bidepy.h"

/** Ends tp_iternext of `operation` with `result` (stolen). Returns NULL. Its
 * tp_dealloc has to call bidepy_stop_forget. */
PyObject *bidepy_stop(bidepy_state *st, PyObject *operation, PyObject *result);

/** The same for a method that has to raise even for None. */
PyObject *bidepy_stop_plain(PyObject *result);

void bidepy_stop_empty(bidepy_state *st);

/** An operation dies: its result is not to live for longer. */
static inline void
bidepy_stop_forget(bidepy_state *st)
{
    if (st->stop && ((PyStopIterationObject *)st->stop)->value)
        bidepy_stop_empty(st);
}

#endif
