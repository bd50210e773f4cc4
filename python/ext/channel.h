/* channel.h - what the two halves of bide.Channel share. */
#ifndef BIDEPY_CHANNEL_H
#define BIDEPY_CHANNEL_H

#include "sync.h"

typedef struct bidepy_channel {
    BIDEPY_PRIMITIVE
    bide_channel *channel;
} bidepy_channel;

/** Sets the exception for `status`; `method` for a timeout. Returns NULL. */
PyObject *bidepy_channel_raise(bidepy_channel *self, int status,
                               const char *method);

/* The methods for threads (channel_thread.c). */
PyObject *bidepy_channel_send_blocking(PyObject *self, PyObject *const *args,
                                       Py_ssize_t nargs, PyObject *kwnames);
PyObject *bidepy_channel_recv_blocking(PyObject *self, PyObject *const *args,
                                       Py_ssize_t nargs, PyObject *kwnames);
PyObject *bidepy_channel_iter_blocking(PyObject *self, PyObject *unused);

#endif
