/* file.h - bide.File as its own files see it. */
#ifndef BIDEPY_FILE_H
#define BIDEPY_FILE_H

#include "stream.h"

typedef struct bidepy_file {
    BIDEPY_HEAD
    bide_file *file;
    PyObject *path; /* what it was opened with, for messages */
    PyObject *weakrefs;
} bidepy_file;

static inline bide_file *
bidepy_file_under(const bidepy_op *op)
{
    return ((const bidepy_file *)op->owner)->file;
}

/** Sets the exception for `status` of an operation on `path` (may be NULL),
 * OSError naming both; `other` (may be NULL): the second path. Returns NULL. */
PyObject *bidepy_fs_raise(bidepy_state *st, int status, const char *operation,
                          PyObject *path, PyObject *other);

/** The same, with a text of one's own for the status. */
PyObject *bidepy_fs_raise_text(bidepy_state *st, int status,
                               const char *operation, const char *why,
                               PyObject *path, PyObject *other);

/** The `fail` of a file's operations. */
PyObject *bidepy_file_fail(bidepy_op *op, int status);

/** New: a bytes object for a path (str, bytes or os.PathLike), or NULL. */
PyObject *bidepy_fs_path(PyObject *value, const char *argument);

/** New: an os.stat_result. */
PyObject *bidepy_fs_stat(const bide_stat *stat);

/* Methods: file_read.c. */
PyObject *bidepy_file_read(PyObject *self, PyObject *const *args,
                           Py_ssize_t nargs, PyObject *kwnames);
PyObject *bidepy_file_read_into(PyObject *self, PyObject *buffer);
PyObject *bidepy_file_readline(PyObject *self, PyObject *const *args,
                               Py_ssize_t nargs, PyObject *kwnames);
PyObject *bidepy_file_anext(PyObject *self);
PyObject *bidepy_file_pread(PyObject *self, PyObject *const *args,
                            Py_ssize_t nargs, PyObject *kwnames);

PyObject *bidepy_file_pread_into(PyObject *self, PyObject *const *args,
                                 Py_ssize_t nargs, PyObject *kwnames);

/* vector.c */
PyObject *bidepy_file_write_many(PyObject *self, PyObject *buffers);

/* file_change.c */
PyObject *bidepy_file_write(PyObject *self, PyObject *data);
PyObject *bidepy_file_pwrite(PyObject *self, PyObject *const *args,
                             Py_ssize_t nargs, PyObject *kwnames);
PyObject *bidepy_file_seek(PyObject *self, PyObject *const *args,
                           Py_ssize_t nargs, PyObject *kwnames);
PyObject *bidepy_file_tell(PyObject *self, PyObject *unused);
PyObject *bidepy_file_truncate(PyObject *self, PyObject *const *args,
                               Py_ssize_t nargs, PyObject *kwnames);
PyObject *bidepy_file_fsync(PyObject *self, PyObject *const *args,
                            Py_ssize_t nargs, PyObject *kwnames);

#endif
