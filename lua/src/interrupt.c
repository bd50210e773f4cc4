/* Ctrl-C. While one run has SIGINT, the first signal cancels its main task,
 * which unwinds, and bide.run raises "interrupted!". A task that keeps the
 * thread busy is interrupted by a count hook instead. From then on the handler
 * that was there before is back, so a second signal does what it always did.
 *
 * While a task listens for SIGINT (signal.c) it is the task's, and none of this
 * happens.
 *
 * The handler only writes to the descriptor that wakes the loop, sets flags
 * and calls lua_sethook, which is made for that. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "bidelua.h"

enum { BUSY_STEPS = 1000000 }; /* VM instructions, about 5 ms */

/* The one run that has the signal. */
static _Atomic(bidelua_runtime *) owner;
static pthread_t owner_thread;
static int wake_fd;
static volatile sig_atomic_t pending;
static struct sigaction before;
/* The hook that ours took the place of. */
static lua_Hook saved_hook;
static int saved_mask, saved_count;

/* In a coroutine that has run for long since the signal, unless the loop has
 * seen it by now. It stays pending: the main task, too, is cancelled, should
 * this be another. */
static void
on_busy(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    lua_sethook(L, saved_hook, saved_mask, saved_count);
    if (pending)
        luaL_error(L, "interrupted!");
}

static void
interrupt_busy(bidelua_task *t)
{
    lua_State *co = t->active;

    saved_hook = lua_gethook(co);
    saved_mask = lua_gethookmask(co);
    saved_count = lua_gethookcount(co);
    lua_sethook(co, on_busy, LUA_MASKCOUNT, BUSY_STEPS);
}

static void
on_signal(int signal)
{
    int kept = errno;
    bidelua_runtime *rt = atomic_load(&owner);

    if (bide_signal_watched(signal))
        return;
    if (rt == NULL) { /* a listener that outlived the run put it back */
        sigaction(signal, &before, NULL);
        raise(signal);
    } else if (!pthread_equal(pthread_self(), owner_thread)) {
        pthread_kill(owner_thread, signal);
    } else {
        pending = 1;
        sigaction(signal, &before, NULL);
        if (rt->S->running)
            interrupt_busy(rt->S->running);
        if (write(wake_fd, "", 1) < 0)
            errno = kept; /* a full pipe wakes the loop as well */
    }
    errno = kept;
}

bool
bidelua_interrupt_taken(void)
{
    if (!pending)
        return false;
    pending = 0;
    return true;
}

void
bidelua_interrupt_begin(bidelua_runtime *rt)
{
    bidelua_runtime *none = NULL;
    struct sigaction ours;
    int fd = bide_loop_wake_fd(rt->loop);

    if (fd < 0 || !atomic_compare_exchange_strong(&owner, &none, rt))
        return;
    owner_thread = pthread_self();
    wake_fd = fd;
    pending = 0;
    memset(&ours, 0, sizeof ours);
    ours.sa_handler = on_signal;
    ours.sa_flags = SA_RESTART;
    sigemptyset(&ours.sa_mask);
    sigaction(SIGINT, NULL, &before);
    if (before.sa_handler == SIG_IGN) {
        atomic_store(&owner, NULL);
        return;
    }
    sigaction(SIGINT, &ours, NULL);
    rt->handles_signals = true;
}

void
bidelua_interrupt_end(bidelua_runtime *rt)
{
    struct sigaction now;

    if (!rt->handles_signals)
        return;
    sigaction(SIGINT, NULL, &now);
    if (now.sa_handler == on_signal)
        sigaction(SIGINT, &before, NULL);
    pending = 0;
    rt->handles_signals = false;
    atomic_store(&owner, NULL);
}
