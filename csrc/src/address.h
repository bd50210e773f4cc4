/* Socket addresses: from text, to text, and in the order to try them. */
#ifndef BIDE_ADDRESS_H
#define BIDE_ADDRESS_H

#include <sys/un.h>

#include <uv.h>

#include "bide.h"

typedef union bide__sockaddr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
} bide__sockaddr;

typedef struct bide__addresses {
    size_t count;
    bide__sockaddr list[];
} bide__addresses;

/** Whether `host` is a numeric address; then `out` is it. */
bool bide__address_literal(const char *host, int port, bide__sockaddr *out);

/** The addresses found for a name, the families in turns, so that a family
 * that leads nowhere costs one attempt before the other is tried. NULL: out of
 * memory. */
bide__addresses *bide__addresses_from(const struct addrinfo *found, int port);

/** The list of one address. */
bide__addresses *bide__addresses_one(const bide__sockaddr *a);

/** The address of a Unix socket: a path, or a name after "@". Its size, or a
 * negative error. */
int bide__address_unix(const char *path, bide__sockaddr *out);

/** An IPv4 address that came in through an IPv6 socket shows as IPv4.
 * BIDE_EINVALID: no family of ours. What the system did not fill in is 0. */
int bide__address_text(const bide__sockaddr *a, bide_address *out);

#endif
