/* add_reader() and add_writer(): one lasting watch of the core's for a
 * descriptor, whose handles are called at each poll while it is ready.
 *
 * A handle is in the ring at most once: one that is called late must not be
 * called twice for the same data. */
#include "fds.h"

enum { FIRST_ROOM = 64 };

/* -- the table ------------------------------------------------------------ */

static int
make_room(bidepy_loop *self, size_t fd)
{
    if (fd < self->fd_room)
        return 0;
    size_t room = self->fd_room ? self->fd_room : FIRST_ROOM;
    while (room <= fd)
        room *= 2;
    bidepy_fd **more = PyMem_Realloc(self->fds, room * sizeof *more);
    if (!more) {
        PyErr_NoMemory();
        return -1;
    }
    memset(more + self->fd_room, 0, (room - self->fd_room) * sizeof *more);
    self->fds = more;
    self->fd_room = room;
    return 0;
}

static void
queue(bidepy_fd *entry, bidepy_handle *handle)
{
    if (!handle || handle->queued || handle->cancelled == Py_True)
        return;
    handle->queued = true;
    if (bidepy_loop_append(entry->loop, (PyObject *)handle)) {
        handle->queued = false;
        PyErr_WriteUnraisable((PyObject *)handle);
    }
}

static bool
is_over(const bidepy_handle *handle)
{
    return handle && handle->cancelled == Py_True;
}

static void
forget_file(bidepy_fd *entry)
{
    if (!entry->handles[BIDEPY_READER] && !entry->handles[BIDEPY_WRITER])
        Py_CLEAR(entry->file);
}

static void
on_ready(bide_interest *watch, unsigned events)
{
    bidepy_fd *entry = bidepy_container(watch, bidepy_fd, interest);
    if (events & BIDE_READABLE)
        queue(entry, entry->handles[BIDEPY_READER]);
    if (events & BIDE_WRITABLE)
        queue(entry, entry->handles[BIDEPY_WRITER]);
    if (entry->interest.wanted & BIDE_EDGE)
        return;
    for (int side = 0; side < BIDEPY_SIDES; side++)
        if (is_over(entry->handles[side]))
            Py_CLEAR(entry->handles[side]);
    if (((events & BIDE_READABLE) && !entry->handles[BIDEPY_READER]) ||
        ((events & BIDE_WRITABLE) && !entry->handles[BIDEPY_WRITER]))
        bidepy_fd_update(entry, 0);
    forget_file(entry);
}

bidepy_fd *
bidepy_fd_find(bidepy_loop *self, int fd)
{
    return fd >= 0 && (size_t)fd < self->fd_room ? self->fds[fd] : NULL;
}

bidepy_fd *
bidepy_fd_need(bidepy_loop *self, int fd)
{
    if (make_room(self, (size_t)fd))
        return NULL;
    bidepy_fd *entry = self->fds[fd];
    if (entry)
        return entry;
    entry = PyMem_Calloc(1, sizeof *entry);
    if (!entry) {
        PyErr_NoMemory();
        return NULL;
    }
    entry->loop = self;
    entry->fd = fd;
    bide_interest_init(&entry->interest, on_ready);
    self->fds[fd] = entry;
    return entry;
}

/* Handles are told while it holds; without any, a socket's interest has an
 * edge. With both, what is waited for is added. */
int
bidepy_fd_update(bidepy_fd *entry, unsigned also)
{
    bide_interest *interest = &entry->interest;
    unsigned wanted = 0;
    if (entry->handles[BIDEPY_READER])
        wanted |= BIDE_READABLE;
    if (entry->handles[BIDEPY_WRITER])
        wanted |= BIDE_WRITABLE;
    if (wanted)
        wanted |= also | bide_interest_waited(interest);
    else if (entry->socket)
        wanted = BIDE_READABLE | BIDE_WRITABLE | BIDE_EDGE;
    if (wanted)
        return bide_interest_set(interest, entry->loop->runtime->loop,
                                 entry->fd, wanted);
    bide_interest_stop(interest);
    return 0;
}

void
bidepy_loop_drop_fds(bidepy_loop *self)
{
    bidepy_fd **fds = self->fds;
    size_t room = self->fd_room;
    self->fds = NULL;
    self->fd_room = 0;
    for (size_t i = 0; i < room; i++) {
        bidepy_fd *entry = fds[i];
        if (!entry)
            continue;
        bide_interest_stop(&entry->interest);
        for (int side = 0; side < BIDEPY_SIDES; side++)
            Py_CLEAR(entry->handles[side]);
        Py_CLEAR(entry->file);
        Py_CLEAR(entry->socket);
        PyMem_Free(entry);
    }
    PyMem_Free(fds);
}

int
bidepy_loop_visit_fds(bidepy_loop *self, visitproc visit, void *arg)
{
    for (size_t i = 0; i < self->fd_room; i++) {
        if (!self->fds[i])
            continue;
        for (int side = 0; side < BIDEPY_SIDES; side++)
            Py_VISIT((PyObject *)self->fds[i]->handles[side]);
        Py_VISIT(self->fds[i]->file);
    }
    return 0;
}

/* -- the methods ---------------------------------------------------------- */

static int
number_of(PyObject *file)
{
    int fd = PyObject_AsFileDescriptor(file);
    if (fd >= 0)
        return fd;
    if (PyErr_ExceptionMatches(PyExc_ValueError))
        PyErr_Format(PyExc_ValueError, "Invalid file descriptor: %d",
                     PyLong_Check(file) ? (int)PyLong_AsLong(file) : -1);
    else if (PyErr_ExceptionMatches(PyExc_TypeError) ||
             PyErr_ExceptionMatches(PyExc_AttributeError))
        PyErr_Format(PyExc_ValueError, "Invalid file object: %R", file);
    return -1;
}

/* A socket that was closed has no number any more, but is found as asyncio's
 * selector finds it. */
static bidepy_fd *
find_file(bidepy_loop *self, PyObject *file)
{
    int fd = number_of(file);
    if (fd >= 0)
        return bidepy_fd_find(self, fd);
    for (size_t i = 0; i < self->fd_room; i++) {
        if (self->fds[i] && self->fds[i]->file == file) {
            PyErr_Clear();
            return self->fds[i];
        }
    }
    return NULL;
}

static PyObject *
raise_system(int rc)
{
    if (rc == BIDE_ENOMEMORY)
        return PyErr_NoMemory();
    errno = -rc;
    return PyErr_SetFromErrno(PyExc_OSError);
}

static PyObject *
add(bidepy_loop *self, PyObject *const *args, Py_ssize_t nargs, int side)
{
    if (nargs < 2) {
        PyErr_Format(PyExc_TypeError, "%s() needs a descriptor and a callback",
                     side == BIDEPY_READER ? "_add_reader" : "_add_writer");
        return NULL;
    }
    if (bidepy_loop_check_open(self))
        return NULL;
    int fd = number_of(args[0]);
    bidepy_fd *entry = fd < 0 ? NULL : bidepy_fd_need(self, fd);
    if (!entry)
        return NULL;
    bidepy_call call = {args[1], args + 2, (size_t)(nargs - 2), NULL};
    bidepy_handle *handle = bidepy_handle_new(self, &call, true);
    if (!handle)
        return NULL;
    bidepy_handle *before = entry->handles[side];
    entry->handles[side] = (bidepy_handle *)Py_NewRef(handle);
    int rc = bidepy_fd_update(entry, 0);
    if (rc) {
        Py_SETREF(entry->handles[side], before);
        Py_DECREF(handle);
        return raise_system(rc);
    }
    Py_XSETREF(entry->file, PyLong_Check(args[0]) ? NULL : Py_NewRef(args[0]));
    if (before)
        bidepy_handle_cancel(before);
    Py_XDECREF(before);
    return (PyObject *)handle;
}

bool
bidepy_fd_take_off(bidepy_fd *entry, int side)
{
    bidepy_handle *handle = entry ? entry->handles[side] : NULL;
    if (!handle)
        return false;
    entry->handles[side] = NULL;
    bidepy_fd_update(entry, 0); /* the descriptor may be closed: no error */
    bidepy_handle_cancel(handle);
    Py_DECREF(handle);
    forget_file(entry);
    return true;
}

static PyObject *
take_off(bidepy_loop *self, PyObject *file, int side)
{
    if (self->closed)
        Py_RETURN_FALSE;
    bidepy_fd *entry = find_file(self, file);
    if (!entry && PyErr_Occurred())
        return NULL;
    return PyBool_FromLong(bidepy_fd_take_off(entry, side));
}

static PyObject *
add_reader(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    return add((bidepy_loop *)self, args, nargs, BIDEPY_READER);
}

static PyObject *
add_writer(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    return add((bidepy_loop *)self, args, nargs, BIDEPY_WRITER);
}

static PyObject *
remove_reader(PyObject *self, PyObject *file)
{
    return take_off((bidepy_loop *)self, file, BIDEPY_READER);
}

static PyObject *
remove_writer(PyObject *self, PyObject *file)
{
    return take_off((bidepy_loop *)self, file, BIDEPY_WRITER);
}

static PyObject *
watched(PyObject *self, PyObject *file)
{
    int fd = number_of(file);
    if (fd == -1 && PyErr_Occurred())
        return NULL;
    bidepy_fd *entry = bidepy_fd_find((bidepy_loop *)self, fd);
    long events = 0;
    if (entry && entry->handles[BIDEPY_READER])
        events |= BIDE_READABLE;
    if (entry && entry->handles[BIDEPY_WRITER])
        events |= BIDE_WRITABLE;
    return PyLong_FromLong(events);
}

PyMethodDef bidepy_loop_fd_methods[] = {
    {"_watched", watched, METH_O, NULL},
    {"_add_reader", BIDEPY_METHOD(add_reader), METH_FASTCALL,
     "_add_reader($self, fd, callback, *args)\n--\n\n"},
    {"_add_writer", BIDEPY_METHOD(add_writer), METH_FASTCALL,
     "_add_writer($self, fd, callback, *args)\n--\n\n"},
    {"_remove_reader", remove_reader, METH_O,
     "_remove_reader($self, fd)\n--\n\n"},
    {"_remove_writer", remove_writer, METH_O,
     "_remove_writer($self, fd)\n--\n\n"},
    {NULL, NULL, 0, NULL}};
