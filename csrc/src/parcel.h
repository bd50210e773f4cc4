/* A file, or a range of it, on its way to a stream.
 *
 * What the system has in memory goes from there to a socket without a copy
 * (sendfile). The rest is read by a thread of the pool into a block, which is
 * then written: so the loop's thread does not wait for the disk, all sending
 * is done by it alone, and what is no socket needs no way of its own.
 *
 * Invariants
 * - Of its wait, u.io.data is the parcel and `aux` is BIDE__PARCEL; u.io.len is
 *   the number of bytes asked for, of which u.io.done are out.
 * - `busy`: a job is out, which then frees the parcel if `wait` is NULL.
 * - Bytes from `head` to `tail` of `block` are those of the file before
 *   `offset`. */
#ifndef BIDE_PARCEL_H
#define BIDE_PARCEL_H

#include "stream_state.h"

enum { BIDE__PARCEL = 2 /* beside what vector.h says */ };

typedef struct bide__parcel {
    bide_wait rest; /* stands in the queue for one that was cancelled */
    bide_wait *wait;
    bide_stream *stream;
    void (*resume)(bide_stream *s); /* a job has brought something */
    bide_job job;
    bool busy, owned; /* `fd` is a duplicate of our own */
    bool copied;      /* not by sendfile */
    int fd;
    int64_t offset; /* of what is read next */
    char *block;
    size_t head, tail;
    size_t counted; /* of the rest, in the stream's backlog */
    int status;     /* of reading */
} bide__parcel;

static inline bide__parcel *
bide__parcel_of(const bide_wait *w)
{
    return (bide__parcel *)(void *)w->u.io.data;
}

/** Describes the file's bytes from `offset` on in `p` and `w`, neither of which
 * owns anything; `count` below 0: to the end. */
int bide__parcel_init(bide__parcel *p, bide_file *f, int64_t offset,
                      int64_t count, bide_wait *w);

/** Moves `p` to memory and a descriptor of its own, for the queue of `s`. */
int bide__parcel_keep(bide__parcel *p, bide_stream *s,
                      void (*resume)(bide_stream *s), bide__parcel **kept);

/** Makes the descriptor one of its own: EMFILE. */
int bide__parcel_own(bide__parcel *p);
void bide__parcel_fini(bide__parcel *p);

/** Hands to the system what it takes: 0, nothing is left or can be read (see
 * `status`); BIDE_PARKED, a job is out; BIDE_EWOULDBLOCK, the system is full or
 * enough was sent for a turn, or, if `p` is not kept, the disk is needed; or an
 * error of the stream. */
int bide__parcel_send(bide_stream *s, bide_wait *w);

/** Then: takes up to `*n` bytes, for the caller to send: 0 with their number,
 * which is 0 when nothing is left or can be read; or BIDE_PARKED. */
int bide__parcel_take(bide_wait *w, char *to, size_t *n);

/** Puts the rest, which the caller's wait leaves, to the front of the queue. */
void bide__parcel_detach(bide__parcel *p);

/** Lets go of a parcel that is in no queue. */
void bide__parcel_drop(bide__parcel *p);

#endif
