/* Bytes in the queue of a stream's writers that no task waits for: the rest of
 * a cancelled write, and what is written without waiting. */
#ifndef BIDE_CHUNK_H
#define BIDE_CHUNK_H

#include "bide.h"

/** The kind of a chunk's wait, whose task is NULL. */
extern const bide_wait_kind bide__chunk_kind;

static inline bool
bide__is_chunk(const bide_wait *w)
{
    return w->kind == &bide__chunk_kind;
}

/** Copies what the write `w` has left to the end of `queue`. BIDE_ENOMEMORY. */
int bide__chunk_append(bide_link *queue, const bide_wait *w);

/** The same to its front. */
int bide__chunk_prepend(bide_link *queue, const bide_wait *w);

/** Frees the chunk of a wait that is in no queue. */
void bide__chunk_free(bide_wait *w);

#endif
