/* Where the bytes that arrive on a stream are put, and how many a poll takes.
 */
#ifndef BIDE_INTAKE_H
#define BIDE_INTAKE_H

#include <uv.h>

#include "bide.h"

/** Before bytes are added to `in`: makes room for what its reader waits for, if
 * that is much. */
void bide__intake_expect(bide_stream *s);

/** The room for a read; without memory its base is NULL. */
void bide__intake_room(bide_stream *s, uv_buf_t *buf);

/** Puts `n` bytes that were read there into `in`. BIDE_ENOMEMORY: lost. */
int bide__intake_keep(bide_stream *s, const uv_buf_t *buf, size_t n);

/** After a read that gave none: an idle connection holds no memory. */
void bide__intake_none(bide_stream *s);

/** Whether this poll has read enough, of all streams or of this one: what it
 * reads has to stay in the cache until the tasks run. What is left is for the
 * next one. */
bool bide__intake_left(const bide_stream *s);

#endif
