/* job.h - a Python function on its way through another thread. */
#ifndef BIDEPY_JOB_H
#define BIDEPY_JOB_H

#include "bidepy.h"

typedef struct bidepy_job bidepy_job;

/** One call on another thread. Touched with the GIL held. */
struct bidepy_job {
    bide_job core;
    struct bidepy_job *next, **link; /* in st->jobs */
    bidepy_state *st;
    bidepy_runtime *runtime; /* strong */
    bidepy_future *future;   /* weak */
    bidepy_label label;
    PyObject *context;
    PyObject *parent;  /* CancelToken or NULL */
    bide_token *above; /* the core's, in `parent` */
    PyObject *token;   /* CancelToken: made when somebody asks */
    PyObject *result;  /* value or exception */
    bool failed, cancelled;
    bool told; /* its token is cancelled, or is to be when it is made */
    PyObject *fn;
    PyObject *kwnames;
    size_t nargs;     /* positional */
    size_t count;     /* all in `args` */
    PyObject *args[]; /* the first is free for the callee's use */
};

/** New zeroed job of `runtime` with room for `nargs` arguments; NULL with
 * MemoryError. It ends by bidepy_job_free, or is submitted. */
bidepy_job *bidepy_job_new(bidepy_runtime *runtime, size_t nargs);
void bidepy_job_free(bidepy_job *j);

/** New Future of `j`, which is taken over also on failure. */
PyObject *bidepy_job_submit(bidepy_job *j, bool own_thread);

/** The job this thread runs, or NULL. */
bidepy_job *bidepy_job_here(void);

/** The job's CancelToken, borrowed; made on first use. NULL with an exception.
 */
PyObject *bidepy_job_token(bidepy_job *j);

#endif
