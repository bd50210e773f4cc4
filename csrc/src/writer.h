/* The sending half of a stream. */
#ifndef BIDE_WRITER_H
#define BIDE_WRITER_H

#include "bide.h"

/** Ends all waits for sending with BIDE_ECLOSED. */
void bide__writer_close(bide_stream *s);

/** Frees what requests of libuv used; none is under way any more. */
void bide__writer_fini(bide_stream *s);

/** The parts of a write, for those that do not wait (backlog.c). Hands to the
 * system what it takes now of the write `w`: 0 or an error. */
int bide__writer_take(bide_stream *s, bide_wait *w);

/** Makes `sending`, before anything is put into the queue of an idle stream;
 * frees it again if nothing was. BIDE_ENOMEMORY. */
int bide__writer_need(bide_stream *s);
void bide__writer_settle(bide_stream *s);

/** For a stream with a filter: it can write again, or (`status`) never. */
void bide__writer_ready(bide_stream *s, int status);

/** Why `w` may not write to `s`, or 0. */
int bide__writer_refused(const bide_stream *s, const bide_wait *w);

/** Goes on with the write `w`, while nothing is under way: 0, all of it is out;
 * BIDE_PARKED, a piece is under way; or an error. */
int bide__writer_advance(bide_stream *s, bide_wait *w);

/** Sends from the front of the queue until something is under way. */
void bide__writer_pump(bide_stream *s);

/** The same, if nothing is. */
void bide__writer_go_on(bide_stream *s);

#endif
