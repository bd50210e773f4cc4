/* listener.h - bide.Listener as the files that make listeners see it. */
#ifndef BIDEPY_LISTENER_H
#define BIDEPY_LISTENER_H

#include "bidepy.h"

/** New Listener on `listener` (stolen, also on failure). */
PyObject *bidepy_listener_new(bidepy_state *st, bide_listener *listener);

/** The optional argument `backlog`. -1 with an exception. */
int bidepy_listener_backlog(PyObject *value, int *out);

/** _core._report(exception, message, object): reports an error of a handler
 * for serve(), which is written in Python. */
PyObject *bidepy_listener_report(PyObject *module, PyObject *args);

#endif
