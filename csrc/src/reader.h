/* The receiving half of a stream. */
#ifndef BIDE_READER_H
#define BIDE_READER_H

#include "bide.h"

/** Ends the wait of the reader with BIDE_ECLOSED and frees the bytes. */
void bide__reader_close(bide_stream *s);

#endif
