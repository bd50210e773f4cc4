/* An intrusive circular list: a head is a link that points at itself when the
 * list is empty. A link that is in no list has next == NULL. */
#ifndef BIDE_LIST_H
#define BIDE_LIST_H

#include "bide.h"

#define bide__of(ptr, type, member)                                            \
    ((type *)((char *)(ptr)-offsetof(type, member)))

static inline void
bide__list_init(bide_link *head)
{
    head->next = head->prev = head;
}

static inline bool
bide__list_empty(const bide_link *head)
{
    return head->next == head;
}

static inline bool
bide__list_linked(const bide_link *link)
{
    return link->next != NULL;
}

static inline void
bide__list_append(bide_link *head, bide_link *link)
{
    bide_link *last = head->prev;
    link->next = head;
    link->prev = last;
    last->next = link;
    head->prev = link;
}

static inline void
bide__list_remove(bide_link *link)
{
    link->prev->next = link->next;
    /* The analyzer takes a link left earlier in a loop for this one. */
    link->next->prev = link->prev; /* NOLINT(clang-analyzer-core.*) */
    link->next = NULL;
}

/** The first link, unlinked; the list must not be empty. */
static inline bide_link *
bide__list_pop(bide_link *head)
{
    bide_link *first = head->next;
    bide__list_remove(first);
    return first;
}

/** The same, but leaves the link as it is, a store less: for what is known by
 * other means to be in no list. */
static inline bide_link *
bide__list_shift(bide_link *head)
{
    bide_link *first = head->next;
    head->next = first->next;
    first->next->prev = head;
    return first;
}

/** Moves all of `from` to the end of `to`. */
static inline void
bide__list_splice(bide_link *to, bide_link *from)
{
    if (bide__list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    bide__list_init(from);
}

static inline size_t
bide__list_count(const bide_link *head)
{
    size_t n = 0;
    for (const bide_link *i = head->next; i != head; i = i->next)
        n++;
    return n;
}

#endif
