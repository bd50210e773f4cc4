/* fds.h - what a loop keeps for a descriptor. */
#ifndef BIDEPY_FDS_H
#define BIDEPY_FDS_H

#include "aio.h"

#include <errno.h>

enum { BIDEPY_READER, BIDEPY_WRITER, BIDEPY_SIDES };

typedef struct bidepy_fd {
    bide_interest interest;
    bidepy_loop *loop;                    /* borrowed: its owner */
    bidepy_handle *handles[BIDEPY_SIDES]; /* strong, or NULL */
    PyObject *file;   /* what it was added by, if that is no number */
    PyObject *socket; /* weak reference to whose it is (sock.c), or NULL */
    int fd;
} bidepy_fd;

/** The entry of `fd`, or NULL without an exception. */
bidepy_fd *bidepy_fd_find(bidepy_loop *self, int fd);

/** The entry of `fd`, which must not be negative; NULL with MemoryError. */
bidepy_fd *bidepy_fd_need(bidepy_loop *self, int fd);

/** Takes off and cancels the handle of one side of `entry`, which may be NULL:
 * whether there was one. */
bool bidepy_fd_take_off(bidepy_fd *entry, int side);

/** Has the interest match the entry, and `also`, what somebody is about to wait
 * for. As bide_interest_set. */
int bidepy_fd_update(bidepy_fd *entry, unsigned also);

int bidepy_loop_visit_fds(bidepy_loop *self, visitproc visit, void *arg);

#endif
