#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* dup3() */
#endif
#include "registry.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/epoll.h>
#endif

#include "list.h"
#include "lock.h"

static bide__lock lock;
static bide_link all = {&all, &all};
static uint64_t last;

void
bide__registry_init(bide__registered *r)
{
    for (int i = 0; i < BIDE__EPOLLS; i++)
        r->epolls[i] = -1;
}

void
bide__registry_add(bide__registered *r)
{
    bide__lock_take(&lock);
    r->serial = ++last;
    bide__list_append(&all, &r->link);
    bide__lock_drop(&lock);
}

void
bide__registry_remove(bide__registered *r)
{
    bide__lock_take(&lock);
    if (bide__list_linked(&r->link))
        bide__list_remove(&r->link);
    bide__lock_drop(&lock);
}

/* The list is in the order of serials. */
bide__registered *
bide__registry_next(uint64_t after, void (*keep)(bide__registered *r))
{
    bide__registered *found = NULL;
    bide__lock_take(&lock);
    for (bide_link *i = all.next; i != &all && !found; i = i->next) {
        bide__registered *r = bide__of(i, bide__registered, link);
        if (r->serial > after)
            found = r;
    }
    if (found)
        keep(found);
    bide__lock_drop(&lock);
    return found;
}

/* -- forks ---------------------------------------------------------------- */

void
bide__registry_forking(void)
{
    bide__lock_take(&lock);
}

void
bide__registry_fork_over(void)
{
    bide__lock_drop(&lock);
}

#ifdef __linux__

/* Only calls that are allowed in the child of a program with threads. Without a
 * descriptor to spare the shared one is closed: worse for the child alone. */
static void
replace_epoll(int fd)
{
    int fresh = epoll_create1(EPOLL_CLOEXEC);
    if (fresh < 0) {
        close(fd);
        return;
    }
    dup3(fresh, fd, O_CLOEXEC);
    close(fresh);
}

static void
let_go(bide__registered *r)
{
    for (int i = 0; i < BIDE__EPOLLS; i++)
        if (r->epolls[i] >= 0)
            replace_epoll(r->epolls[i]);
}

#else

/* A kqueue is not inherited. */
static void
let_go(bide__registered *r)
{
    (void)r;
}

#endif

void
bide__registry_forked(void)
{
    for (bide_link *i = all.next; i != &all; i = i->next)
        let_go(bide__of(i, bide__registered, link));
    bide__lock_drop(&lock);
}
