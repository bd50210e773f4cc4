/* errors.h - codes to exceptions, and errors that have nobody to go to. Part of
 * bidepy.h. */
#ifndef BIDEPY_ERRORS_H
#define BIDEPY_ERRORS_H

#include "bidepy.h"

int bidepy_errors_init(bidepy_state *st, PyObject *module);

/** Sets the exception that stands for `code`; `format` (may be NULL: the
 * library's sentence) as for PyErr_Format. BIDE_EHOST: one is set already.
 * Returns NULL. */
PyObject *bidepy_raise(bidepy_state *st, int code, const char *format, ...);

/** Sets Cancelled with the reason of what cancelled `task`. Returns NULL. */
PyObject *bidepy_raise_cancelled(bidepy_state *st, bide_task *task);

/** Whether `exc` closes a coroutine, maybe after its task and its loop. */
static inline bool
bidepy_is_closing(PyObject *exc)
{
    return PyErr_GivenExceptionMatches(exc, PyExc_GeneratorExit) != 0;
}

/** Whether `exc` (a type or an instance) is an asyncio.CancelledError. */
static inline bool
bidepy_is_cancelled(bidepy_state *st, PyObject *exc)
{
    return PyErr_GivenExceptionMatches(exc, st->exc.cancelled_base) != 0;
}

/** New: the exception raised now, normalised, with its traceback; it is no
 * longer raised. */
PyObject *bidepy_fetch(void);

/** Raises `exc` (an instance) again, with its traceback. Returns NULL. */
PyObject *bidepy_reraise(PyObject *exc);

/** Between the two, `exc` (borrowed) is what sys.exc_info() tells, as in the
 * `except` block that asyncio makes a call from. `before` is what it told, new,
 * which the second takes; an exception that is set stays. */
PyObject *bidepy_handling(PyObject *exc);
void bidepy_handled(PyObject *before);

/** Reports `exc` (borrowed) through sys.unraisablehook, as "Exception ignored
 * <message>". `object` may be NULL. */
void bidepy_report(PyObject *exc, const char *message, PyObject *object);

#endif
