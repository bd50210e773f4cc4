#include "dns.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "alloc.h"
#include "blocking.h"
#include "list.h"

static int
to_error(int eai)
{
    switch (eai) {
    case 0:
        return 0;
    case EAI_MEMORY:
        return BIDE_ENOMEMORY;
    case EAI_SYSTEM:
        return errno ? -errno : BIDE_ENAME;
    default:
        return BIDE_ENAME;
    }
}

/* On a thread of the pool. */
static void
look_up(bide_job *j)
{
    bide__lookup *q = bide__of(j, bide__lookup, job);
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM};
    q->status = to_error(getaddrinfo(q->host, NULL, &hints, &q->found));
}

static void
on_done(bide_job *j, int status)
{
    bide__lookup *q = bide__of(j, bide__lookup, job);
    q->done(q, status ? status : q->status);
}

int
bide__lookup_start(bide__lookup *q, bide_loop *l, const char *host,
                   void (*done)(bide__lookup *self, int status))
{
    memset(q, 0, sizeof *q);
    q->host = bide__strdup(host);
    if (!q->host)
        return BIDE_ENOMEMORY;
    q->done = done;
    q->job.run = look_up;
    q->job.done = on_done;
    q->job.name = "getaddrinfo";
    return bide__job_submit_dns(l, &q->job);
}

void
bide__lookup_cancel(bide__lookup *q)
{
    bide_job_cancel(&q->job);
}

void
bide__lookup_fini(bide__lookup *q)
{
    if (q->found)
        freeaddrinfo(q->found);
    bide__free(q->host);
}
