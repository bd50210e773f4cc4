#include "udp_socket.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "socket.h"

/* The names of IPv6's memberships differ between systems. */
#ifndef IPV6_ADD_MEMBERSHIP
#define IPV6_ADD_MEMBERSHIP IPV6_JOIN_GROUP
#define IPV6_DROP_MEMBERSHIP IPV6_LEAVE_GROUP
#endif

static int
set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) ? -errno : 0;
}

/* -- making --------------------------------------------------------------- */

static int
prepare(int fd, int family, const bide_udp_options *o)
{
    int rc = 0;
    if (family == AF_INET6)
        rc = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, o->v6_only);
    if (rc == 0 && o->reuse_addr)
        rc = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (rc == 0 && o->reuse_port)
#ifdef SO_REUSEPORT
        rc = set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
#else
        rc = UV_ENOTSUP;
#endif
    return rc;
}

static socklen_t
size_of(const bide__sockaddr *a)
{
    return a->any.sa_family == AF_INET6 ? sizeof a->v6 : sizeof a->v4;
}

int
bide__udp_socket(const bide__sockaddr *local, const bide__sockaddr *peer,
                 const bide_udp_options *o)
{
    int family = (peer ? peer : local)->any.sa_family;
    int fd = bide__socket_open(family, SOCK_DGRAM);
    if (fd < 0)
        return fd;
    int rc = prepare(fd, family, o);
    if (rc == 0 && local && bind(fd, &local->any, size_of(local)))
        rc = -errno;
    if (rc == 0 && peer && connect(fd, &peer->any, size_of(peer)))
        rc = -errno;
    if (rc == 0)
        return fd;
    close(fd);
    return rc;
}

/* -- options -------------------------------------------------------------- */

static const struct {
    int least, most;
} ranges[] = {
#define X(NAME, name, least, most) [BIDE_UDP_##NAME] = {least, most},
    BIDE_UDP_OPTIONS(X)
#undef X
};

/* Names of options: one of sockets, or, if that is -1, one of each family. */
typedef struct place {
    int socket, v4, v6;
} place;

static place
place_of(int option)
{
    switch (option) {
    case BIDE_UDP_BROADCAST:
        return (place){SO_BROADCAST, -1, -1};
    case BIDE_UDP_TTL:
        return (place){-1, IP_TTL, IPV6_UNICAST_HOPS};
    case BIDE_UDP_MULTICAST_TTL:
        return (place){-1, IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS};
    case BIDE_UDP_MULTICAST_LOOP:
        return (place){-1, IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP};
    case BIDE_UDP_RECV_BUFFER:
        return (place){SO_RCVBUF, -1, -1};
    default:
        return (place){SO_SNDBUF, -1, -1};
    }
}

static bool
is_option(int option)
{
    return option >= 0 && option < (int)(sizeof ranges / sizeof *ranges);
}

/* A socket that serves both families takes both; one of IPv6 only does not
 * mind the other's failure. */
int
bide__udp_set(int fd, int family, int option, int value)
{
    if (!is_option(option) || value < ranges[option].least ||
        value > ranges[option].most)
        return BIDE_EINVALID;
    place p = place_of(option);
    if (p.socket >= 0)
        return set(fd, SOL_SOCKET, p.socket, value);
    int rc = set(fd, IPPROTO_IP, p.v4, value);
    return family == AF_INET6 ? set(fd, IPPROTO_IPV6, p.v6, value) : rc;
}

int
bide__udp_get(int fd, int family, int option, int *value)
{
    socklen_t size = sizeof *value;
    if (!is_option(option))
        return BIDE_EINVALID;
    place p = place_of(option);
    int level = SOL_SOCKET, name = p.socket;
    if (name < 0) {
        level = family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
        name = family == AF_INET6 ? p.v6 : p.v4;
    }
    return getsockopt(fd, level, name, value, &size) ? -errno : 0;
}

/* -- multicast ------------------------------------------------------------ */

/* The index of an interface by name or number, 0 for NULL; or an error. */
static int
index_of(const char *interface)
{
    if (!interface || !*interface)
        return 0;
    unsigned index = if_nametoindex(interface);
    if (index)
        return (int)index;
    char *end;
    long number = strtol(interface, &end, 10);
    return *end == 0 && number > 0 && number < 1 << 30 ? (int)number
                                                       : UV_ENODEV;
}

static int
fill_v4(struct ip_mreqn *m, const char *interface)
{
    bide__sockaddr a;
    if (interface && uv_ip4_addr(interface, 0, &a.v4) == 0) {
        m->imr_address = a.v4.sin_addr;
        return 0;
    }
    m->imr_ifindex = index_of(interface);
    return m->imr_ifindex < 0 ? m->imr_ifindex : 0;
}

static int
member_v4(int fd, const struct sockaddr_in *group, const char *interface,
          bool join)
{
    struct ip_mreqn m = {.imr_multiaddr = group->sin_addr};
    if ((ntohl(group->sin_addr.s_addr) >> 28) != 14)
        return BIDE_EINVALID;
    int rc = fill_v4(&m, interface);
    int name = join ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP;
    if (rc == 0 && setsockopt(fd, IPPROTO_IP, name, &m, sizeof m))
        rc = -errno;
    return rc;
}

static int
member_v6(int fd, const struct sockaddr_in6 *group, const char *interface,
          bool join)
{
    struct ipv6_mreq m = {.ipv6mr_multiaddr = group->sin6_addr};
    if (!IN6_IS_ADDR_MULTICAST(&group->sin6_addr))
        return BIDE_EINVALID;
    int index = interface ? index_of(interface) : (int)group->sin6_scope_id;
    if (index < 0)
        return index;
    m.ipv6mr_interface = (unsigned)index;
    int name = join ? IPV6_ADD_MEMBERSHIP : IPV6_DROP_MEMBERSHIP;
    return setsockopt(fd, IPPROTO_IPV6, name, &m, sizeof m) ? -errno : 0;
}

int
bide__udp_member(int fd, const char *group, const char *interface, bool join)
{
    bide__sockaddr a;
    if (!group || !bide__address_literal(group, 0, &a))
        return BIDE_EINVALID;
    return a.any.sa_family == AF_INET ? member_v4(fd, &a.v4, interface, join)
                                      : member_v6(fd, &a.v6, interface, join);
}

/* An interface that is an address is IPv4's. */
int
bide__udp_via(int fd, int family, const char *interface)
{
    struct ip_mreqn m = {.imr_ifindex = 0};
    int rc = fill_v4(&m, interface);
    if (rc == 0 && setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &m, sizeof m))
        rc = -errno;
    if (rc == 0 && family == AF_INET6 && !m.imr_address.s_addr)
        rc = set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, m.imr_ifindex);
    return rc;
}
