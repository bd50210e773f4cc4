/* Bytes that the system has not taken yet. */
#include "sendq.h"

enum { FIRST_ROOM = 8 };

static PyObject **
slot(const bidepy_sendq *q, size_t i)
{
    return &q->items[(q->head + i) & (q->room - 1)];
}

static int
make_room(bidepy_sendq *q)
{
    if (q->count < q->room)
        return 0;
    size_t room = q->room ? q->room * 2 : FIRST_ROOM;
    PyObject **items = PyMem_Malloc(room * sizeof *items);
    if (!items) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < q->count; i++)
        items[i] = *slot(q, i);
    PyMem_Free(q->items);
    q->items = items;
    q->room = room;
    q->head = 0;
    return 0;
}

/* New: the rest as bytes; `gone` tells what of it is not to be sent: only of
 * the first of a queue, before which nothing waited. */
static PyObject *
keep(PyObject *owner, const Py_buffer *view, size_t from, size_t *gone)
{
    *gone = 0;
    if (PyBytes_CheckExact(owner)) {
        *gone = from;
        return Py_NewRef(owner);
    }
    return PyBytes_FromStringAndSize((const char *)view->buf + from,
                                     view->len - (Py_ssize_t)from);
}

int
bidepy_sendq_push(bidepy_sendq *q, PyObject *owner, const Py_buffer *view,
                  size_t from)
{
    size_t gone;
    if (make_room(q))
        return -1;
    PyObject *item = keep(owner, view, from, &gone);
    if (!item)
        return -1;
    if (gone)
        q->gone = gone;
    *slot(q, q->count++) = item;
    q->size += (size_t)view->len - from;
    return 0;
}

int
bidepy_sendq_peek(const bidepy_sendq *q, struct iovec *out, int most)
{
    int n = 0;
    for (size_t i = 0; i < q->count && n < most; i++, n++) {
        PyObject *item = *slot(q, i);
        size_t gone = i == 0 ? q->gone : 0;
        out[n].iov_base = PyBytes_AS_STRING(item) + gone;
        out[n].iov_len = (size_t)PyBytes_GET_SIZE(item) - gone;
    }
    return n;
}

static void
pop(bidepy_sendq *q)
{
    PyObject *item = *slot(q, 0);
    q->head = (q->head + 1) & (q->room - 1);
    q->count--;
    q->gone = 0;
    Py_DECREF(item);
}

void
bidepy_sendq_drop(bidepy_sendq *q, size_t n)
{
    q->size -= n;
    while (q->count) {
        size_t left = (size_t)PyBytes_GET_SIZE(*slot(q, 0)) - q->gone;
        if (n < left) {
            q->gone += n;
            return;
        }
        n -= left;
        pop(q);
    }
}

void
bidepy_sendq_cut(bidepy_sendq *q, size_t count)
{
    while (q->count > count) {
        PyObject *item = *slot(q, --q->count);
        q->size -= (size_t)PyBytes_GET_SIZE(item);
        Py_DECREF(item);
    }
}

void
bidepy_sendq_clear(bidepy_sendq *q)
{
    while (q->count)
        pop(q);
    PyMem_Free(q->items);
    *q = (bidepy_sendq){0};
}
