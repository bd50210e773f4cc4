/* Pieces that one callback writes go to the system in one call: a head and its
 * body are one packet, and one wake-up of the peer.
 *
 * Invariants
 * - A corked transport's queue holds what the current callback has written to
 *   it and nothing else, and is not empty; the watch is not asked for room
 *   because of it.
 * - Whoever could tell that it is not with the system yet uncorks first, so
 *   that nothing but the time of the call differs from writing at once.
 * - The loop's list holds a reference to each transport that is in it. */
#include "aio.h"
#include "transport.h"

enum {
    MOST = 64 * 1024, /* bytes: more go at once */
    MOST_PIECES = 64  /* a call takes as many */
};

static bidepy_loop *
loop_of(const bidepy_transport *t)
{
    return (bidepy_loop *)t->loop;
}

bool
bidepy_transport_may_cork(const bidepy_transport *t, size_t more)
{
    size_t size = t->queue.size + more;
    return loop_of(t)->calling && size <= MOST && size <= t->high &&
           t->queue.count < MOST_PIECES;
}

void
bidepy_transport_cork(bidepy_transport *t)
{
    t->corked = true;
    if (t->listed)
        return;
    bidepy_loop *loop = loop_of(t);
    t->listed = true;
    t->next_corked = loop->corked;
    loop->corked = (bidepy_transport *)Py_NewRef(t);
}

static int
uncork_all(bidepy_loop *loop)
{
    int rc = 0;
    while (loop->corked) {
        bidepy_transport *t = loop->corked;
        loop->corked = t->next_corked;
        t->next_corked = NULL;
        t->listed = false;
        if (bidepy_transport_uncork(t))
            rc = -1;
        Py_DECREF(t);
    }
    return rc;
}

/* Of two exceptions the callback's own stays. */
PyObject *
bidepy_loop_uncork(bidepy_loop *loop, PyObject *result)
{
    PyObject *exc = result ? NULL : bidepy_fetch();
    if (uncork_all(loop))
        Py_CLEAR(result);
    if (!exc)
        return result;
    PyErr_Clear();
    bidepy_reraise(exc);
    Py_DECREF(exc);
    return NULL;
}
