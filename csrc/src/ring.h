/* A growing ring of values. Invariant: `room` is a power of two, or 0. */
#ifndef BIDE_RING_H
#define BIDE_RING_H

#include "alloc.h"

typedef struct bide__ring {
    bide_value *slots;
    size_t room, head, count;
} bide__ring;

/** Room for one more: BIDE_ENOMEMORY. */
static inline int
bide__ring_reserve(bide__ring *r)
{
    if (r->count < r->room)
        return 0;
    size_t room = r->room ? r->room * 2 : 8;
    bide_value *slots = bide__realloc(NULL, room * sizeof *slots);
    if (!slots)
        return BIDE_ENOMEMORY;
    for (size_t i = 0; i < r->count; i++)
        slots[i] = r->slots[(r->head + i) & (r->room - 1)];
    bide__free(r->slots);
    r->slots = slots;
    r->room = room;
    r->head = 0;
    return 0;
}

static inline int
bide__ring_push(bide__ring *r, bide_value v)
{
    if (r->count == r->room && bide__ring_reserve(r))
        return BIDE_ENOMEMORY;
    r->slots[(r->head + r->count++) & (r->room - 1)] = v;
    return 0;
}

/** To the front; bide__ring_reserve has made room. */
static inline void
bide__ring_push_front(bide__ring *r, bide_value v)
{
    r->head = (r->head - 1) & (r->room - 1);
    r->slots[r->head] = v;
    r->count++;
}

/** The oldest value; there is one. */
static inline bide_value
bide__ring_pop(bide__ring *r)
{
    bide_value v = r->slots[r->head];
    r->head = (r->head + 1) & (r->room - 1);
    r->count--;
    return v;
}

static inline bide_value
bide__ring_at(const bide__ring *r, size_t i)
{
    return r->slots[(r->head + i) & (r->room - 1)];
}

#endif
