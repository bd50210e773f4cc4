/* The sending half of a stream. */
#ifndef BIDE_WRITER_H
#define BIDE_WRITER_H

#include "bide.h"

/** Ends all waits for sending with BIDE_ECLOSED. */
void bide__writer_close(bide_stream *s);

/** Frees what requests of libuv used; none is under way any more. */
void bide__writer_fini(bide_stream *s);

#endif
