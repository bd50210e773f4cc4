#include "timer.h"

#include "alloc.h"

typedef struct bide__timer_entry entry;

enum { ARITY = 4, FIRST_ROOM = 64 };

static inline bool
before(const entry *a, const entry *b)
{
    return a->deadline != b->deadline ? a->deadline < b->deadline
                                      : a->order < b->order;
}

static inline void
place(bide__timers *ts, size_t i, entry e)
{
    ts->heap[i] = e;
    e.timer->slot = i + 1;
}

static void
sift_up(bide__timers *ts, size_t i, entry e)
{
    while (i > 0) {
        size_t parent = (i - 1) / ARITY;
        if (!before(&e, &ts->heap[parent]))
            break;
        place(ts, i, ts->heap[parent]);
        i = parent;
    }
    place(ts, i, e);
}

static void
sift_down(bide__timers *ts, size_t i, entry e)
{
    for (;;) {
        size_t first = i * ARITY + 1, least = first;
        if (first >= ts->count)
            break;
        size_t end = first + ARITY < ts->count ? first + ARITY : ts->count;
        for (size_t c = first + 1; c < end; c++)
            if (before(&ts->heap[c], &ts->heap[least]))
                least = c;
        if (!before(&ts->heap[least], &e))
            break;
        place(ts, i, ts->heap[least]);
        i = least;
    }
    place(ts, i, e);
}

int
bide__timers_add(bide__timers *ts, bide_timer *t, int64_t deadline)
{
    if (ts->count == ts->room) {
        size_t room = ts->room ? ts->room * 2 : FIRST_ROOM;
        entry *heap = bide__realloc(ts->heap, room * sizeof *heap);
        if (!heap)
            return BIDE_ENOMEMORY;
        ts->heap = heap;
        ts->room = room;
    }
    t->deadline = deadline;
    sift_up(ts, ts->count++, (entry){deadline, ts->order++, t});
    return 0;
}

void
bide__timers_remove(bide__timers *ts, bide_timer *t)
{
    size_t i = t->slot - 1;
    entry last = ts->heap[--ts->count];
    t->slot = 0;
    if (last.timer == t)
        return;
    if (i > 0 && before(&last, &ts->heap[(i - 1) / ARITY]))
        sift_up(ts, i, last);
    else
        sift_down(ts, i, last);
}

void
bide__timers_expire(bide__timers *ts, int64_t now)
{
    uint64_t born_later = ts->order;
    while (ts->count && ts->heap[0].deadline <= now &&
           ts->heap[0].order < born_later) {
        bide_timer *t = ts->heap[0].timer;
        bide__timers_remove(ts, t);
        t->fire(t);
    }
}

void
bide__timers_fini(bide__timers *ts)
{
    for (size_t i = 0; i < ts->count; i++)
        ts->heap[i].timer->slot = 0;
    bide__free(ts->heap);
    *ts = (bide__timers){0};
}
