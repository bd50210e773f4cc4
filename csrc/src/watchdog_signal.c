/* The watchdog's signal. By default SIGURG: hardly anybody uses it, those who
 * do have to expect ones that tell nothing, and its default action is to do
 * nothing, so that one that comes late harms nobody.
 *
 * A signal that the watchdog did not ask for goes to the handler that was there
 * before. While somebody else's handler is installed none is sent.
 *
 * Invariant: `asked` is the request until its thread has taken it, which ends
 * with `answered`, or the asker has withdrawn it. */
#include "watchdog_signal.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

#include "bide.h"

#ifndef NSIG
#define NSIG 65
#endif

typedef struct request {
    pthread_t thread;
    void (*fn)(void *arg);
    void *arg;
} request;

static request theirs;
static _Atomic(request *) asked;
static atomic_bool answered;

static unsigned holders[NSIG];
static struct sigaction before[NSIG];

/* -- the handler ---------------------------------------------------------- */

static void
pass_on(int signum, siginfo_t *info, void *context)
{
    const struct sigaction *next = &before[signum];
    if (next->sa_flags & SA_SIGINFO)
        next->sa_sigaction(signum, info, context);
    else if (next->sa_handler != SIG_DFL && next->sa_handler != SIG_IGN)
        next->sa_handler(signum);
}

static void
on_signal(int signum, siginfo_t *info, void *context)
{
    int kept = errno;
    request *r = atomic_load(&asked);
    if (r && pthread_equal(r->thread, pthread_self()) &&
        atomic_compare_exchange_strong(&asked, &r, NULL)) {
        r->fn(r->arg);
        atomic_store(&answered, true);
    } else {
        pass_on(signum, info, context);
    }
    errno = kept;
}

static bool
is_installed(int signum)
{
    struct sigaction now;
    return sigaction(signum, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) &&
           now.sa_sigaction == on_signal;
}

int
bide__watchdog_hold_signal(int signum)
{
    if (signum <= 0 || signum >= NSIG)
        return BIDE_EINVALID;
    if (holders[signum]++)
        return 0;
    struct sigaction ours = {.sa_sigaction = on_signal};
    ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    sigemptyset(&ours.sa_mask);
    if (sigaction(signum, NULL, &before[signum]) == 0 &&
        sigaction(signum, &ours, NULL) == 0)
        return 0;
    int error = errno;
    holders[signum] = 0;
    return -error;
}

/* Whoever has set a handler in the meantime keeps it. */
void
bide__watchdog_drop_signal(int signum)
{
    if (--holders[signum] == 0 && is_installed(signum))
        sigaction(signum, &before[signum], NULL);
}

/* -- asking --------------------------------------------------------------- */

enum { PATIENCE = 200 }; /* times 250 us */

static void
wait_a_little(void)
{
    const struct timespec pause = {0, 250000};
    nanosleep(&pause, NULL);
}

bool
bide__watchdog_interrupt(pthread_t thread, int signum, void (*fn)(void *arg),
                         void *arg)
{
    if (!is_installed(signum))
        return false;
    theirs = (request){thread, fn, arg};
    atomic_store(&answered, false);
    atomic_store(&asked, &theirs);
    if (pthread_kill(thread, signum) == 0)
        for (int i = 0; i < PATIENCE && !atomic_load(&answered); i++)
            wait_a_little();
    request *r = &theirs;
    if (atomic_compare_exchange_strong(&asked, &r, NULL))
        return false; /* it blocks the signal */
    while (!atomic_load(&answered))
        wait_a_little();
    return true;
}

void
bide__watchdog_forked(void)
{
    atomic_store(&asked, NULL);
}
