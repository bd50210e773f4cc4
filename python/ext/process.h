/* process.h - bide.Process as its own files see it. */
#ifndef BIDEPY_PROCESS_H
#define BIDEPY_PROCESS_H

#include "bidepy.h"

enum { BIDEPY_STDIO = 3 };

typedef struct bidepy_process {
    BIDEPY_HEAD
    bide_process *process;
    PyObject *streams[BIDEPY_STDIO]; /* Stream or None */
    PyObject *args;                  /* what was started */
    PyObject *grace;                 /* float: see __aexit__ */
    PyObject *weakrefs;
} bidepy_process;

/** New Process on `process` (stolen, also on failure). */
PyObject *bidepy_process_new(bidepy_state *st, bide_process *process,
                             PyObject *args, PyObject *grace);

#endif
