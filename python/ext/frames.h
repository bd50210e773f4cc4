/* frames.h - frames of the interpreter, read without it: for the watchdog, from
 * a signal handler or another thread, and for noting where something was made.
 * Part of bidepy.h. */
#ifndef BIDEPY_FRAMES_H
#define BIDEPY_FRAMES_H

#include "bidepy.h"

/** A line of the program: as cheap to take as an address; the code is a new
 * reference, or NULL. */
typedef struct bidepy_place {
    PyObject *code;
    int at; /* of the code's bytes */
} bidepy_place;

/** Where the innermost Python function of this thread stands. */
bidepy_place bidepy_place_here(void);

/** The file (borrowed) and line of a place that has a code. */
PyObject *bidepy_place_line(const bidepy_place *place, int *line);

/** Warns (RuntimeWarning) in the place's file and line, which the text names as
 * well; `format` as for PyErr_Format. Leaves the exception that is set alone;
 * a warning that is made an error goes to sys.unraisablehook. */
void bidepy_warn_at(const bidepy_place *place, const char *format, ...);

/** The innermost frame of this thread, to be the `base` below. */
const void *bidepy_frame_here(void);

/** Writes the frames of `thread` from the innermost to the one above `base` as
 * lines of text, as many as fit: how many bytes. For any thread and in signal
 * handlers; with or without the GIL. */
size_t bidepy_frames_write(PyThreadState *thread, const void *base, char *out,
                           size_t size);

#endif
