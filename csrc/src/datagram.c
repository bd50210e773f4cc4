#include "datagram.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "alloc.h"

/* Slots do not lie a power of two apart: they would share a few sets of the
 * cache. */
enum { SLOT = BIDE__DATAGRAM_MAX + 1 + 192, SEND_MOST = 64 };

#ifdef __linux__
#define HAVE_MMSG 1
typedef struct mmsghdr message;
#else
#define HAVE_MMSG 0
typedef struct message {
    struct msghdr msg_hdr;
    unsigned msg_len;
} message;
#endif

struct bide__batch {
    message heads[BIDE__BATCH];
    struct iovec parts[BIDE__BATCH];
    bide__sockaddr names[BIDE__BATCH];
    char room[BIDE__BATCH][SLOT];
};

/** A datagram, and its bytes behind it. */
typedef struct block {
    bide_datagram datagram;
    bool spare;
    char bytes[];
} block;

/* -- lists ---------------------------------------------------------------- */

void
bide__datagrams_init(bide__datagrams *q)
{
    *q = (bide__datagrams){.first = NULL};
    q->end = &q->first;
}

static void
append(bide__datagrams *q, bide_datagram *d)
{
    d->next = NULL;
    *q->end = d;
    q->end = &d->next;
    q->count++;
    q->bytes += d->len;
}

bide_datagram *
bide__datagrams_take(bide__datagrams *q, size_t limit, size_t *n)
{
    bide_datagram *chain = q->first, **end = &q->first;
    for (*n = 0; *end && *n < limit; ++*n) {
        q->bytes -= (*end)->len;
        end = &(*end)->next;
    }
    q->count -= *n;
    q->first = *end;
    *end = NULL;
    if (!q->first)
        q->end = &q->first;
    return *n ? chain : NULL;
}

void
bide__datagrams_return(bide__datagrams *q, bide_datagram *chain)
{
    bide_datagram *last = NULL;
    for (bide_datagram *d = chain; d; d = d->next) {
        q->count++;
        q->bytes += d->len;
        last = d;
    }
    if (!last)
        return;
    if (!q->first)
        q->end = &last->next;
    last->next = q->first;
    q->first = chain;
}

void
bide__datagrams_free(bide_loop *l, bide_datagram *chain)
{
    while (chain) {
        block *b = bide__of(chain, block, datagram);
        chain = chain->next;
        if (b->spare)
            bide__spares_give(&l->spares, b, BIDE__SPARE_ROOM);
        else
            bide__free(b);
    }
}

/* -- in ------------------------------------------------------------------- */

static struct bide__batch *
need_batch(bide_loop *l)
{
    if (l->batch)
        return l->batch;
    struct bide__batch *b = bide__realloc(NULL, sizeof *b);
    if (!b)
        return NULL;
    memset(b->heads, 0, sizeof b->heads);
    for (int i = 0; i < BIDE__BATCH; i++) {
        b->parts[i].iov_base = b->room[i];
        b->parts[i].iov_len = BIDE__DATAGRAM_MAX;
        b->heads[i].msg_hdr.msg_iov = &b->parts[i];
        b->heads[i].msg_hdr.msg_iovlen = 1;
        b->heads[i].msg_hdr.msg_name = &b->names[i];
    }
    l->batch = b;
    return b;
}

/* A block with room for `len` bytes, or NULL. */
static block *
new_block(bide_loop *l, size_t len)
{
    bool spare = len <= BIDE__SPARE_ROOM - sizeof(block);
    block *b = spare ? bide__spares_take(&l->spares, BIDE__SPARE_ROOM)
                     : bide__realloc(NULL, sizeof *b + len);
    if (b)
        b->spare = spare;
    return b;
}

static int
keep(bide_loop *l, bide__datagrams *q, const message *m)
{
    if (m->msg_hdr.msg_flags & MSG_TRUNC)
        return UV_EMSGSIZE;
    block *b = new_block(l, m->msg_len);
    if (!b)
        return BIDE_ENOMEMORY;
    memcpy(b->bytes, m->msg_hdr.msg_iov->iov_base, m->msg_len);
    memset(&b->datagram.from, 0, sizeof b->datagram.from);
    memcpy(&b->datagram.from, m->msg_hdr.msg_name,
           m->msg_hdr.msg_namelen < sizeof b->datagram.from
               ? m->msg_hdr.msg_namelen
               : sizeof b->datagram.from);
    b->datagram.data = b->bytes;
    b->datagram.len = m->msg_len;
    append(q, &b->datagram);
    return 0;
}

#if HAVE_MMSG
static int
recv_batch(int fd, message *heads)
{
    return recvmmsg(fd, heads, BIDE__BATCH, 0, NULL);
}
#else
static int
recv_batch(int fd, message *heads)
{
    int n = 0;
    for (; n < BIDE__BATCH; n++) {
        ssize_t len = recvmsg(fd, &heads[n].msg_hdr, 0);
        if (len < 0)
            return n ? n : -1;
        heads[n].msg_len = (unsigned)len;
    }
    return n;
}
#endif

int
bide__datagrams_recv(bide_loop *l, int fd, bide__datagrams *q, int *lost)
{
    struct bide__batch *b = need_batch(l);
    int n;
    if (!b)
        return BIDE_ENOMEMORY;
    for (int i = 0; i < BIDE__BATCH; i++)
        b->heads[i].msg_hdr.msg_namelen = sizeof b->names[i];
    do {
        n = recv_batch(fd, b->heads);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EWOULDBLOCK ? UV_EAGAIN : -errno;
    for (int i = 0; i < n; i++) {
        int rc = keep(l, q, &b->heads[i]);
        if (rc)
            *lost = rc;
    }
    return n;
}

/* -- out ------------------------------------------------------------------ */

/* The address as a socket of `family` has to be told: one of IPv6 that serves
 * both reaches IPv4 by a mapped address. `room` is for that. */
static const struct sockaddr *
destination(const bide_sockaddr *to, int family, bide__sockaddr *room,
            socklen_t *size)
{
    const bide__sockaddr *a = (const void *)to;
    *size = 0;
    if (!to)
        return NULL;
    *size = a->any.sa_family == AF_INET ? sizeof a->v4 : sizeof a->v6;
    if (family == AF_INET || a->any.sa_family != AF_INET)
        return &a->any;
    memset(&room->v6, 0, sizeof room->v6);
    room->v6.sin6_family = AF_INET6;
    room->v6.sin6_port = a->v4.sin_port;
    room->v6.sin6_addr.s6_addr[10] = room->v6.sin6_addr.s6_addr[11] = 0xff;
    memcpy(room->v6.sin6_addr.s6_addr + 12, &a->v4.sin_addr, 4);
    *size = sizeof room->v6;
    return &room->any;
}

static int
send_one(int fd, int family, const bide_message *m)
{
    bide__sockaddr room;
    socklen_t size;
    const struct sockaddr *to = destination(m->to, family, &room, &size);
    return sendto(fd, m->data, m->len, 0, to, size) < 0 ? -1 : 1;
}

#if HAVE_MMSG
static int
send_batch(int fd, int family, const bide_message *list, unsigned count)
{
    message heads[SEND_MOST];
    struct iovec parts[SEND_MOST];
    bide__sockaddr rooms[SEND_MOST];
    memset(heads, 0, count * sizeof *heads);
    for (unsigned i = 0; i < count; i++) {
        struct msghdr *h = &heads[i].msg_hdr;
        parts[i].iov_base = (char *)list[i].data;
        parts[i].iov_len = list[i].len;
        h->msg_iov = &parts[i];
        h->msg_iovlen = 1;
        h->msg_name =
            (void *)destination(list[i].to, family, &rooms[i], &h->msg_namelen);
    }
    return sendmmsg(fd, heads, count, 0);
}
#else
static int
send_batch(int fd, int family, const bide_message *list, unsigned count)
{
    unsigned n = 0;
    while (n < count && send_one(fd, family, &list[n]) == 1)
        n++;
    return n ? (int)n : -1;
}
#endif

int
bide__datagrams_send(int fd, int family, const bide_message *list, size_t count)
{
    unsigned some = count < SEND_MOST ? (unsigned)count : SEND_MOST;
    int n;
    do {
        n = some == 1 ? send_one(fd, family, list)
                      : send_batch(fd, family, list, some);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EWOULDBLOCK ? UV_EAGAIN : -errno;
    return n;
}
