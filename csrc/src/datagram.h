/* Datagrams in and out, many with one system call where there is one for it.
 *
 * They are received into room of the loop that is large enough for any, and
 * copied into blocks of their size: small ones into the loop's spares. */
#ifndef BIDE_DATAGRAM_H
#define BIDE_DATAGRAM_H

#include "address.h"
#include "loop.h"

enum { BIDE__DATAGRAM_MAX = 65535, BIDE__BATCH = 16 };

/** A list of datagrams, oldest first. */
typedef struct bide__datagrams {
    bide_datagram *first, **end;
    size_t count, bytes;
} bide__datagrams;

void bide__datagrams_init(bide__datagrams *q);

/** Takes up to BIDE__BATCH off the system: how many, or an error. One that
 * cannot be kept counts, and leaves `*lost`: BIDE_ENOMEMORY or UV_EMSGSIZE. */
int bide__datagrams_recv(bide_loop *l, int fd, bide__datagrams *q, int *lost);

/** The first of the list, up to `limit`, as a chain; the number in `*n`. */
bide_datagram *bide__datagrams_take(bide__datagrams *q, size_t limit,
                                    size_t *n);

/** Puts a chain back to the front. */
void bide__datagrams_return(bide__datagrams *q, bide_datagram *chain);

void bide__datagrams_free(bide_loop *l, bide_datagram *chain);

/** Hands messages to the system, as a socket of `family`: how many of them it
 * took, at least 1, or an error. */
int bide__datagrams_send(int fd, int family, const bide_message *list,
                         size_t count);

#endif
