#include "address.h"

#include <stdio.h>
#include <string.h>

#include "alloc.h"

bool
bide__address_literal(const char *host, int port, bide__sockaddr *out)
{
    memset(out, 0, sizeof *out);
    return uv_ip4_addr(host, port, &out->v4) == 0 ||
           uv_ip6_addr(host, port, &out->v6) == 0;
}

int
bide__address_unix(const char *path, bide__sockaddr *out)
{
    size_t n = strlen(path), room = sizeof out->local.sun_path;
    bool abstract = *path == '@';
    if (n == (abstract ? 1 : 0))
        return BIDE_EINVALID;
#ifndef __linux__
    if (abstract)
        return UV_ENOTSUP;
#endif
    if (n + !abstract > room)
        return UV_ENAMETOOLONG;
    memset(out, 0, sizeof *out);
    out->any.sa_family = AF_UNIX;
    memcpy(out->local.sun_path, path, n);
    if (abstract)
        out->local.sun_path[0] = 0;
    return (int)(offsetof(struct sockaddr_un, sun_path) + n + !abstract);
}

/* -- lists ---------------------------------------------------------------- */

static bide__addresses *
new_list(size_t room)
{
    return bide__alloc(sizeof(bide__addresses) + room * sizeof(bide__sockaddr));
}

bide__addresses *
bide__addresses_one(const bide__sockaddr *a)
{
    bide__addresses *list = new_list(1);
    if (list)
        list->list[list->count++] = *a;
    return list;
}

static bool
is_ours(const struct addrinfo *a)
{
    return a->ai_family == AF_INET || a->ai_family == AF_INET6;
}

/* The first from `a` on that is of `family`, or not of it. */
static const struct addrinfo *
seek(const struct addrinfo *a, int family, bool of_it)
{
    while (a && (!is_ours(a) || (a->ai_family == family) != of_it))
        a = a->ai_next;
    return a;
}

static void
add(bide__addresses *list, const struct addrinfo *a, int port)
{
    bide__sockaddr *out = &list->list[list->count++];
    if (a->ai_family == AF_INET) {
        memcpy(&out->v4, a->ai_addr, sizeof out->v4);
        out->v4.sin_port = htons((uint16_t)port);
    } else {
        memcpy(&out->v6, a->ai_addr, sizeof out->v6);
        out->v6.sin6_port = htons((uint16_t)port);
    }
}

bide__addresses *
bide__addresses_from(const struct addrinfo *found, int port)
{
    size_t n = 0;
    int family = AF_UNSPEC; /* the resolver's first choice */
    for (const struct addrinfo *a = found; a; a = a->ai_next) {
        if (is_ours(a) && n++ == 0)
            family = a->ai_family;
    }
    bide__addresses *list = new_list(n);
    if (!list)
        return NULL;
    const struct addrinfo *a = seek(found, family, true);
    const struct addrinfo *b = seek(found, family, false);
    while (a || b) {
        if (a) {
            add(list, a, port);
            a = seek(a->ai_next, family, true);
        }
        if (b) {
            add(list, b, port);
            b = seek(b->ai_next, family, false);
        }
    }
    return list;
}

/* -- text ----------------------------------------------------------------- */

static void
add_scope(char *host, size_t room, unsigned index)
{
    char name[UV_IF_NAMESIZE];
    size_t size = sizeof name, used = strlen(host);
    if (uv_if_indextoname(index, name, &size))
        snprintf(host + used, room - used, "%%%u", index);
    else
        snprintf(host + used, room - used, "%%%s", name);
}

static int
text_v6(const struct sockaddr_in6 *a, bide_address *out)
{
    const unsigned char *bytes = a->sin6_addr.s6_addr;
    out->port = ntohs(a->sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&a->sin6_addr)) {
        out->family = 4;
        return uv_inet_ntop(AF_INET, bytes + 12, out->host, sizeof out->host);
    }
    out->family = 6;
    int rc = uv_inet_ntop(AF_INET6, bytes, out->host, sizeof out->host);
    if (rc == 0 && a->sin6_scope_id)
        add_scope(out->host, sizeof out->host, a->sin6_scope_id);
    return rc;
}

/* A zero inside an abstract name shows as '@', too. */
static int
text_unix(const struct sockaddr_un *a, bide_address *out)
{
    size_t n = sizeof a->sun_path;
    while (n > 0 && a->sun_path[n - 1] == 0)
        n--;
    for (size_t i = 0; i < n; i++)
        out->host[i] = a->sun_path[i] ? a->sun_path[i] : '@';
    out->host[n] = 0;
    out->port = 0;
    out->family = BIDE_UNIX;
    return 0;
}

int
bide__address_text(const bide__sockaddr *a, bide_address *out)
{
    if (a->any.sa_family == AF_INET6)
        return text_v6(&a->v6, out);
    if (a->any.sa_family == AF_UNIX)
        return text_unix(&a->local, out);
    if (a->any.sa_family != AF_INET)
        return BIDE_EINVALID;
    out->family = 4;
    out->port = ntohs(a->v4.sin_port);
    return uv_inet_ntop(AF_INET, &a->v4.sin_addr, out->host, sizeof out->host);
}
