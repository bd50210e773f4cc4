/* handle.h - the inside of handles, for the files that make them and their
 * types. */
#ifndef BIDEPY_HANDLE_H
#define BIDEPY_HANDLE_H

#include "aio.h"

typedef struct bidepy_handle_extra {
    BIDEPY_HANDLE_EXTRA
} bidepy_handle_extra;

/** Both types are final, so that the size tells which it is. */
static inline bidepy_handle_extra *
bidepy_extra_of(PyObject *o)
{
    return Py_TYPE(o)->tp_basicsize == sizeof(bidepy_timer_handle)
               ? (bidepy_handle_extra *)(void *)((bidepy_timer_handle *)o)->argv
               : (bidepy_handle_extra *)(void *)((bidepy_handle *)o)->argv;
}

static inline PyObject **
bidepy_weakrefs_of(PyObject *o)
{
    return (PyObject **)(void *)((char *)o + Py_TYPE(o)->tp_weaklistoffset);
}

void bidepy_handle_drop_args(bidepy_handle *self);

/** The handle's context is to be nobody else's from now on. 0, or -1 with an
 * exception. */
int bidepy_handle_own_context(bidepy_handle *self);

/** The end of tp_dealloc: drops what both types have, and keeps the object. */
void bidepy_handle_bury(bidepy_handle *self, bidepy_state *st,
                        bidepy_chain *chain);

/** Takes the timer of a handle from its loop. */
void bidepy_timer_handle_disarm(bidepy_timer_handle *self);

#endif
