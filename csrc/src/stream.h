/* A connected byte stream: its life. */
#ifndef BIDE_STREAM_H
#define BIDE_STREAM_H

#include "bide.h"

/** A stream of `l` whose libuv handle the caller initialises and then opens
 * with bide__stream_open; until then only bide_stream_unref may follow. NULL:
 * out of memory. */
bide_stream *bide__stream_new(bide_loop *l);
void bide__stream_open(bide_stream *s);

/** The same with `size` bytes, of which the stream is the first part, for one
 * with a filter. */
bide_stream *bide__stream_new_sized(bide_loop *l, size_t size);

#endif
