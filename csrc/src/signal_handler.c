/* The handler counts the signal and writes a byte into the pipe of each loop
 * that listens. The handler that was there before is called as well, and put
 * back when the last listener of a signal goes.
 *
 * Invariants
 * - `lock` guards entries and slots, except against the handler, which takes no
 *   lock: what it reads is atomic, or in the current half of `before`. The
 *   other half is written after waiting for the handlers that were `inside`.
 * - A pipe is closed after its slot was emptied and no handler is `inside`. */
#include "signal_handler.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "lock.h"
#include "loop.h"

#ifndef NSIG
#define NSIG 65
#endif

enum { LOOPS_MAX = 128 };

/* One for each signal. */
typedef struct entry {
    atomic_int watchers;
    atomic_uint raised;
    atomic_int current; /* of `before` */
    struct sigaction before[2];
} entry;

/* One for each loop that listens. */
typedef struct bide__signal_slot {
    atomic_int fd; /* 1 + the pipe's end to write to; 0: free */
    unsigned fork_count;
} slot;

static bide__lock lock;
static entry entries[NSIG];
static slot slots[LOOPS_MAX];
static atomic_int inside;

/* -- the handler ---------------------------------------------------------- */

static void
wake_loops(void)
{
    for (int i = 0; i < LOOPS_MAX; i++) {
        int fd = atomic_load(&slots[i].fd) - 1;
        if (fd < 0 || slots[i].fork_count != bide__fork_count)
            continue;
        if (write(fd, "", 1) < 0)
            continue; /* a full pipe wakes the loop as well */
    }
}

/* Nobody listens any more, but somebody who had taken our place has put us
 * back: the default action is due, once this handler has returned. */
static void
act_by_default(int signum, const struct sigaction *usual)
{
    if (atomic_load(&entries[signum].watchers) == 0 &&
        sigaction(signum, usual, NULL) == 0)
        raise(signum);
}

static void
on_signal(int signum, siginfo_t *info, void *context)
{
    int kept = errno;
    entry *e = &entries[signum];
    atomic_fetch_add(&inside, 1);
    struct sigaction next = e->before[atomic_load(&e->current)];
    if (atomic_load(&e->watchers)) {
        atomic_fetch_add(&e->raised, 1);
        wake_loops();
    }
    atomic_fetch_sub(&inside, 1);
    if (next.sa_flags & SA_SIGINFO)
        next.sa_sigaction(signum, info, context);
    else if (next.sa_handler == SIG_DFL)
        act_by_default(signum, &next);
    else if (next.sa_handler != SIG_IGN)
        next.sa_handler(signum);
    errno = kept;
}

static void
wait_for_handlers(void)
{
    while (atomic_load(&inside))
        sched_yield();
}

/* -- installing it -------------------------------------------------------- */

/* A fault would be raised again by the instruction that the handler returns
 * to. */
bool
bide__signal_can(int signum)
{
    switch (signum) {
    case SIGKILL:
    case SIGSTOP:
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
        return false;
    default:
        return signum > 0 && signum < NSIG;
    }
}

static bool
is_ours(const struct sigaction *a)
{
    return (a->sa_flags & SA_SIGINFO) && a->sa_sigaction == on_signal;
}

/* A host whose handler wants system calls to end with EINTR gets that. */
static int
install(int signum)
{
    entry *e = &entries[signum];
    struct sigaction now;
    if (sigaction(signum, NULL, &now))
        return -errno;
    if (!is_ours(&now)) {
        int other = !atomic_load(&e->current);
        wait_for_handlers();
        e->before[other] = now;
        atomic_store(&e->current, other);
    }
    bool called = (now.sa_flags & SA_SIGINFO) ||
                  (now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN);
    struct sigaction ours = {.sa_sigaction = on_signal};
    ours.sa_mask = now.sa_mask;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK |
                    (called ? now.sa_flags & SA_RESTART : SA_RESTART);
    atomic_store(&e->watchers, 1);
    if (sigaction(signum, &ours, NULL) == 0)
        return 0;
    atomic_store(&e->watchers, 0);
    return -errno;
}

/* Whoever has set a handler in the meantime keeps it. */
static void
uninstall(int signum)
{
    entry *e = &entries[signum];
    struct sigaction now;
    if (sigaction(signum, NULL, &now) == 0 && is_ours(&now))
        sigaction(signum, &e->before[atomic_load(&e->current)], NULL);
    atomic_store(&e->watchers, 0);
}

int
bide__signal_watch(int signum)
{
    int rc = 0;
    bide__lock_take(&lock);
    if (atomic_load(&entries[signum].watchers))
        atomic_fetch_add(&entries[signum].watchers, 1);
    else
        rc = install(signum);
    bide__lock_drop(&lock);
    return rc;
}

void
bide__signal_unwatch(int signum)
{
    bide__lock_take(&lock);
    if (atomic_load(&entries[signum].watchers) > 1)
        atomic_fetch_sub(&entries[signum].watchers, 1);
    else
        uninstall(signum);
    bide__lock_drop(&lock);
}

unsigned
bide__signal_raised(int signum)
{
    return atomic_load(&entries[signum].raised);
}

bool
bide_signal_watched(int signum)
{
    return signum > 0 && signum < NSIG &&
           atomic_load(&entries[signum].watchers) > 0;
}

/* -- slots ---------------------------------------------------------------- */

struct bide__signal_slot *
bide__signal_take_slot(int fd)
{
    slot *found = NULL;
    bide__lock_take(&lock);
    for (int i = 0; i < LOOPS_MAX && !found; i++)
        if (!atomic_load(&slots[i].fd))
            found = &slots[i];
    if (found) {
        found->fork_count = bide__fork_count;
        atomic_store(&found->fd, fd + 1);
    }
    bide__lock_drop(&lock);
    return found;
}

void
bide__signal_free_slot(struct bide__signal_slot *s)
{
    bide__lock_take(&lock);
    atomic_store(&s->fd, 0);
    wait_for_handlers();
    bide__lock_drop(&lock);
}
