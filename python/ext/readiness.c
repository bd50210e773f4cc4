/* bide.wait_readable(), wait_writable(), notify_closing(): waiting for
 * descriptors that others read and write. */
#include "bidepy.h"

#include <errno.h>

static int
start_readable(bidepy_op *op)
{
    return bide_wait_readable((int)op->word.integer, &op->wait);
}

static int
start_writable(bidepy_op *op)
{
    return bide_wait_writable((int)op->word.integer, &op->wait);
}

static PyObject *
fail(bidepy_op *op, int status)
{
    int fd = (int)op->word.integer;
    const char *why = NULL;
    if (status == -EPERM)
        why = "is always ready, as files and directories are: read and write "
              "it in spawn_blocking()";
    else if (status == -EBADF)
        why = "is not open";
    else if (status == BIDE_ECLOSED)
        why = "was closed";
    if (!why)
        return bidepy_raise(op->st, status, "%s, descriptor %d", op->kind->name,
                            fd);
    return bidepy_raise(op->st, status, "%s: descriptor %d %s", op->kind->name,
                        fd, why);
}

static const bidepy_op_kind readable_kind = {
    .name = "wait_readable()", .start = start_readable, .fail = fail};
static const bidepy_op_kind writable_kind = {
    .name = "wait_writable()", .start = start_writable, .fail = fail};

/* The operation keeps an object with a fileno() alive, and so open. */
static PyObject *
wait_for(PyObject *module, const bidepy_op_kind *kind, PyObject *fd)
{
    int number = PyObject_AsFileDescriptor(fd);
    if (number < 0)
        return NULL;
    bidepy_op *op = bidepy_op_new(bidepy_of_module(module), kind, NULL);
    if (!op)
        return NULL;
    op->word.integer = number;
    if (!PyLong_CheckExact(fd))
        op->arg = Py_NewRef(fd);
    return (PyObject *)op;
}

PyDoc_STRVAR(
    readable_doc,
    "wait_readable($module, fd, /)\n--\n\n"
    "Wait until `fd`, a file descriptor or an object with a fileno(), can be "
    "read without\nblocking, has failed or its peer has hung up. For libraries "
    "that do their own I/O: it\nis neither read nor made non-blocking here.\n\n"
    "Several tasks may wait for the same descriptor, in both directions; all "
    "of them wake.\nPermissionError (EPERM) for files and directories, which "
    "are always ready; OSError\n(EBADF) for a number that is not open. "
    "Cancelling a wait takes nothing. Before closing\na descriptor that others "
    "may wait for, call notify_closing().");

static PyObject *
wait_readable(PyObject *module, PyObject *fd)
{
    return wait_for(module, &readable_kind, fd);
}

PyDoc_STRVAR(writable_doc,
             "wait_writable($module, fd, /)\n--\n\n"
             "Wait until `fd` can be written without blocking, has failed or "
             "its peer has hung up.\nIn all else as wait_readable().");

static PyObject *
wait_writable(PyObject *module, PyObject *fd)
{
    return wait_for(module, &writable_kind, fd);
}

PyDoc_STRVAR(closing_doc,
             "notify_closing($module, fd, /)\n--\n\n"
             "Tell that `fd` is about to be closed: tasks of this runtime that "
             "wait for it get a\nClosedError. Without it they would wait until "
             "they are cancelled, or until the number\nis waited for again.");

static PyObject *
notify_closing(PyObject *module, PyObject *fd)
{
    bidepy_runtime *runtime =
        bidepy_runtime_here(bidepy_of_module(module), "bide.notify_closing()");
    int number = runtime ? PyObject_AsFileDescriptor(fd) : -1;
    if (number < 0)
        return NULL;
    bide_notify_closing(runtime->loop, number);
    Py_RETURN_NONE;
}

PyMethodDef bidepy_readiness_functions[] = {
    {"wait_readable", wait_readable, METH_O, readable_doc},
    {"wait_writable", wait_writable, METH_O, writable_doc},
    {"notify_closing", notify_closing, METH_O, closing_doc},
    {NULL, NULL, 0, NULL}};
