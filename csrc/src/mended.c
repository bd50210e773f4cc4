/* At the end of the process: by atexit, and by a handler for the signals that
 * would end it by default, as long as a terminal is raw.
 *
 * Invariants
 * - `lock` guards everything, except against the handler, which takes no lock:
 *   it reads `live` first, which is set last and cleared first. */
#include "mended.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "lock.h"

enum { SHARED = 3, TERMINALS = 8 };

typedef struct terminal {
    atomic_bool live;
    int fd; /* of our own */
    int users;
    dev_t device;
    struct termios before;
} terminal;

static bide__lock lock;
static int sharers;
static int flags[SHARED]; /* -1: not open */
static terminal terminals[TERMINALS];
static int raw_count;
static pid_t owner; /* not a child that was forked since */
static atomic_bool registered;

static const int deadly[] = {SIGTERM, SIGHUP,  SIGINT,  SIGQUIT,
                             SIGABRT, SIGALRM, SIGPIPE, SIGXCPU};
enum { DEADLY = sizeof deadly / sizeof deadly[0] };

/* -- putting back --------------------------------------------------------- */

static void
restore_flags(void)
{
    for (int i = 0; i < SHARED; i++)
        if (flags[i] >= 0)
            fcntl(i, F_SETFL, flags[i]);
}

/* A process in the background would be stopped for it. */
static void
restore_terminal(const terminal *t)
{
    sigset_t block, before;
    sigemptyset(&block);
    sigaddset(&block, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &block, &before);
    while (tcsetattr(t->fd, TCSANOW, &t->before) && errno == EINTR)
        continue;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void
restore_terminals(void)
{
    for (int i = 0; i < TERMINALS; i++)
        if (atomic_load(&terminals[i].live))
            restore_terminal(&terminals[i]);
}

static void
at_exit(void)
{
    if (owner != getpid())
        return;
    restore_terminals();
    if (sharers)
        restore_flags();
}

static void
register_exit(void)
{
    owner = getpid();
    if (!atomic_exchange(&registered, true))
        atexit(at_exit);
}

/* -- descriptors ---------------------------------------------------------- */

/* All three, since several may be one file. */
void
bide__mended_enter(void)
{
    register_exit();
    bide__lock_take(&lock);
    if (sharers++ == 0)
        for (int i = 0; i < SHARED; i++)
            flags[i] = fcntl(i, F_GETFL);
    bide__lock_drop(&lock);
}

void
bide__mended_leave(void)
{
    bide__lock_take(&lock);
    if (--sharers == 0)
        restore_flags();
    bide__lock_drop(&lock);
}

/* -- a death by signal ---------------------------------------------------- */

static void
on_deadly(int signum)
{
    if (owner == getpid())
        restore_terminals();
    signal(signum, SIG_DFL);
    raise(signum); /* takes effect when this handler returns */
}

/* Only where the default action is in place: who handles a signal decides. */
static void
watch_deaths(void)
{
    struct sigaction now, ours = {.sa_handler = on_deadly};
    sigfillset(&ours.sa_mask);
    for (int i = 0; i < DEADLY; i++)
        if (sigaction(deadly[i], NULL, &now) == 0 &&
            !(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_DFL)
            sigaction(deadly[i], &ours, NULL);
}

/* Somebody who took our place in between may put us back later: then it acts
 * as the default does. */
static void
unwatch_deaths(void)
{
    struct sigaction now, usual = {.sa_handler = SIG_DFL};
    for (int i = 0; i < DEADLY; i++)
        if (sigaction(deadly[i], NULL, &now) == 0 &&
            !(now.sa_flags & SA_SIGINFO) && now.sa_handler == on_deadly)
            sigaction(deadly[i], &usual, NULL);
}

/* -- terminals ------------------------------------------------------------ */

static terminal *
find(dev_t device)
{
    terminal *spare = NULL;
    for (int i = 0; i < TERMINALS; i++) {
        if (terminals[i].users && terminals[i].device == device)
            return &terminals[i];
        if (!terminals[i].users)
            spare = &terminals[i];
    }
    return spare;
}

/* As cfmakeraw has it, which is not in POSIX. */
static int
make_raw(const terminal *t)
{
    struct termios raw = t->before;
    raw.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR |
                               IGNCR | ICRNL | IXON);
    raw.c_oflag &= ~(tcflag_t)OPOST;
    raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    raw.c_cflag = (raw.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    return tcsetattr(t->fd, TCSANOW, &raw) ? -errno : 0;
}

static int
begin_raw(terminal *t, int fd)
{
    t->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (t->fd < 0)
        return -errno;
    int rc = tcgetattr(t->fd, &t->before) ? -errno : make_raw(t);
    if (rc) {
        close(t->fd);
        return rc;
    }
    atomic_store(&t->live, true);
    if (raw_count++ == 0)
        watch_deaths();
    return 0;
}

static void
end_raw(terminal *t)
{
    atomic_store(&t->live, false);
    restore_terminal(t);
    close(t->fd);
    if (--raw_count == 0)
        unwatch_deaths();
}

/* Both ends of a pair are one terminal. */
static int
look(int fd, struct stat *out)
{
#ifdef __linux__
    char name[128];
    if (ptsname_r(fd, name, sizeof name) == 0)
        return stat(name, out) ? -errno : 0;
#endif
    return fstat(fd, out) ? -errno : 0;
}

int
bide__mended_raw(int fd)
{
    struct stat st;
    int rc = look(fd, &st);
    if (rc)
        return rc;
    register_exit();
    bide__lock_take(&lock);
    terminal *t = find(st.st_rdev);
    rc = t ? 0 : -EMFILE;
    if (t && t->users == 0)
        rc = begin_raw(t, fd);
    if (rc == 0) {
        t->device = st.st_rdev;
        t->users++;
    }
    bide__lock_drop(&lock);
    return rc ? rc : (int)(t - terminals) + 1;
}

void
bide__mended_cook(int slot)
{
    terminal *t = &terminals[slot - 1];
    bide__lock_take(&lock);
    if (--t->users == 0)
        end_raw(t);
    bide__lock_drop(&lock);
}
