/* ring.h - a growing ring of strong references, first in first out. */
#ifndef BIDEPY_RING_H
#define BIDEPY_RING_H

#include "aio.h"

enum { BIDEPY_RING_FIRST = 64 };

static inline int
bidepy_ring_grow(bidepy_ring *r)
{
    size_t room = r->room ? r->room * 2 : BIDEPY_RING_FIRST;
    PyObject **items = PyMem_Malloc(room * sizeof *items);
    if (!items) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < r->count; i++)
        items[i] = r->items[(r->head + i) & (r->room - 1)];
    PyMem_Free(r->items);
    r->items = items;
    r->room = room;
    r->head = 0;
    return 0;
}

/** Appends `o` (steals it, unless -1 with MemoryError). */
static inline int
bidepy_ring_push(bidepy_ring *r, PyObject *o)
{
    if (r->count == r->room && bidepy_ring_grow(r))
        return -1;
    r->items[(r->head + r->count++) & (r->room - 1)] = o;
    return 0;
}

/** The place of the `i`th oldest. */
static inline PyObject **
bidepy_ring_at(const bidepy_ring *r, size_t i)
{
    return &r->items[(r->head + i) & (r->room - 1)];
}

/** The oldest, a reference for the caller; there must be one. */
static inline PyObject *
bidepy_ring_pop(bidepy_ring *r)
{
    PyObject *o = r->items[r->head];
    r->head = (r->head + 1) & (r->room - 1);
    r->count--;
    return o;
}

#endif
