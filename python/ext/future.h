/* future.h - bide.Future. Part of bidepy.h. */
#ifndef BIDEPY_FUTURE_H
#define BIDEPY_FUTURE_H

#include "bidepy.h"

/** A bide.Future. `on_cancel` (may be NULL) is asked before a cancel settles
 * the future: false means that it settles it itself, later. `on_drop` (may be
 * NULL) is called as the object dies; both get `context`. */
typedef struct bidepy_future {
    BIDEPY_HEAD
    bide_future *future;
    PyObject *traceback; /* of the exception when it was set */
    PyObject *weakrefs;
    bidepy_label label;
    bool (*on_cancel)(struct bidepy_future *self);
    void (*on_drop)(struct bidepy_future *self);
    void *context;
    bool looked;
} bidepy_future;

/** New, unsettled. */
bidepy_future *bidepy_future_new(bidepy_state *st, PyObject *name);

/** Settles with `status` 0 and a result, or BIDE_EHOST and an exception, or
 * BIDE_ECANCELED and a reason (may be NULL); `value` is borrowed. 0 or
 * BIDE_ESETTLED. Needs the GIL; any thread. */
int bidepy_future_settle(bidepy_future *self, int status, PyObject *value);

#endif
