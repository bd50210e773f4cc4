/* sendq.h - bytes that the system has not taken yet: a ring of bytes objects,
 * of the first of which a part may have gone. */
#ifndef BIDEPY_SENDQ_H
#define BIDEPY_SENDQ_H

#include "../bidepy.h"

#include <sys/uio.h>

typedef struct bidepy_sendq {
    PyObject **items; /* bytes, exactly */
    size_t room, head, count;
    size_t gone; /* of the first */
    size_t size; /* bytes still to go */
} bidepy_sendq;

void bidepy_sendq_clear(bidepy_sendq *q);

/** Queues what `view` holds from `from` on: keeps `owner` if that is a bytes
 * object, else copies, since its memory may change. -1: MemoryError. */
int bidepy_sendq_push(bidepy_sendq *q, PyObject *owner, const Py_buffer *view,
                      size_t from);

/** Takes back what was pushed, whole, since there were `count` items. */
void bidepy_sendq_cut(bidepy_sendq *q, size_t count);

/** Fills up to `most` of `out` from the front; how many. */
int bidepy_sendq_peek(const bidepy_sendq *q, struct iovec *out, int most);

/** Drops `n` bytes that the system has taken. */
void bidepy_sendq_drop(bidepy_sendq *q, size_t n);

#endif
