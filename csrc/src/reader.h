/* The receiving half of a stream. */
#ifndef BIDE_READER_H
#define BIDE_READER_H

#include "bide.h"

/** For a stream with a filter: bytes were added to its `in`, or `read_end` was
 * set. */
void bide__reader_pushed(bide_stream *s);

/** For a stream with a tap: reads on, or not for now. */
int bide__reader_start(bide_stream *s);
void bide__reader_stop(bide_stream *s);

/** Ends the wait of the reader with BIDE_ECLOSED and frees the bytes, unless a
 * task was granted some and has not taken them yet. */
void bide__reader_close(bide_stream *s);

#endif
