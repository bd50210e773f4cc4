#include "inbox.h"

#include <sched.h>

/* The top of a closed inbox; never delivered. */
static bide_post closed;

int
bide__inbox_push(bide__inbox *in, bide_post *p)
{
    bide_post *top = atomic_load_explicit(&in->top, memory_order_relaxed);
    do {
        if (top == &closed)
            return BIDE_ECLOSED;
        p->next = top;
    } while (!atomic_compare_exchange_weak(&in->top, &top, p));
    return 0;
}

static size_t
deliver_all(bide_post *newest)
{
    bide_post *oldest = NULL;
    while (newest) {
        bide_post *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    size_t n = 0;
    while (oldest) {
        bide_post *next = oldest->next;
        oldest->deliver(oldest);
        oldest = next;
        n++;
    }
    return n;
}

size_t
bide__inbox_drain(bide__inbox *in)
{
    if (bide__inbox_empty(in))
        return 0;
    return deliver_all(
        atomic_exchange_explicit(&in->top, NULL, memory_order_acquire));
}

void
bide__inbox_close(bide__inbox *in)
{
    bide_post *last = atomic_exchange(&in->top, &closed);
    while (atomic_load(&in->senders))
        sched_yield();
    deliver_all(last);
}
