/* The child shares our memory until it has begun its program (CLONE_VM), and
 * our thread stands still for so long (CLONE_VFORK): nothing is copied, however
 * large we are, and an error needs no pipe to come back. So the child
 * - has a stack of its own, and runs with all signals blocked until our
 * handlers are gone from its table;
 * - calls nothing but the system, and writes nothing but `failed` and `error`.
 * A change of user is not done that way, as the C library would carry it to the
 * threads of the parent: then, and where there is no clone, a plain fork with a
 * pipe does it.
 *
 * No descriptor gets through by chance, be it opened by another thread at this
 * moment: all beyond the map are marked to be closed by the exec. */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <grp.h>
#include <unistd.h>

#include "list.h"

#ifndef NSIG
#define NSIG 65
#endif

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FORKED_ONLY 1
#endif
#endif
#if !defined(__linux__) || defined(__SANITIZE_THREAD__)
#define FORKED_ONLY 1
#endif

/* What sanitizers would put into the child's functions is not made for memory
 * that two processes share. */
#if defined(__GNUC__)
#define IN_CHILD __attribute__((no_sanitize("address", "thread", "undefined")))
#else
#define IN_CHILD
#endif

enum { CHILD_STACK = 32 * 1024, CLOSE_MOST = 65536 };

typedef struct child {
    bide__launch *launch;
    int error;
    int pipe; /* of a forked one, to tell the error; or -1 */
} child;

/* -- in the child --------------------------------------------------------- */

/* Handlers of ours would run in our memory. What the exec would leave ignored
 * because this library or its host wants it so is reset, too. */
IN_CHILD static void
reset_signals(void)
{
    struct sigaction a;
    for (int i = 1; i < NSIG; i++) {
        if (sigaction(i, NULL, &a))
            continue;
        bool caught = a.sa_handler != SIG_DFL && a.sa_handler != SIG_IGN;
        bool ours = a.sa_handler == SIG_IGN && (i == SIGPIPE || i == SIGXFSZ);
        if (!caught && !ours)
            continue;
        a.sa_handler = SIG_DFL;
        a.sa_flags = 0;
        sigaction(i, &a, NULL);
    }
}

/* Sources that a target would overwrite move out of the way first. False: errno
 * tells why not. */
IN_CHILD static bool
move_sources(const bide__launch *x, int *sources, size_t count, int top)
{
    for (size_t i = 0; i < count; i++) {
        sources[i] = x->map[i].fd;
        if (sources[i] > top || sources[i] == x->map[i].child_fd)
            continue;
        sources[i] = fcntl(sources[i], F_DUPFD_CLOEXEC, top + 1);
        if (sources[i] < 0)
            return false;
    }
    return true;
}

IN_CHILD static int
put_in_place(const bide__launch *x, const int *sources, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int target = x->map[i].child_fd;
        if (sources[i] != target) {
            if (dup2(sources[i], target) < 0)
                return errno;
        } else if (fcntl(target, F_SETFD, 0)) {
            return errno;
        }
    }
    return 0;
}

IN_CHILD static void
mark_range(unsigned first, unsigned last)
{
    if (first > last)
        return;
#ifdef SYS_close_range
    if (syscall(SYS_close_range, first, last, 4U /* mark only */) == 0)
        return;
#endif
    struct rlimit most = {.rlim_cur = CLOSE_MOST};
    getrlimit(RLIMIT_NOFILE, &most);
    if (most.rlim_cur > CLOSE_MOST)
        most.rlim_cur = CLOSE_MOST;
    for (unsigned fd = first; fd <= last && fd < most.rlim_cur; fd++)
        fcntl((int)fd, F_SETFD, FD_CLOEXEC);
}

/* The map is in ascending order of its targets. */
IN_CHILD static void
mark_others(const bide__launch *x)
{
    unsigned next = 0;
    for (size_t i = 0; i < x->count; i++) {
        unsigned target = (unsigned)x->map[i].child_fd;
        if (target > next)
            mark_range(next, target - 1);
        next = target + 1;
    }
    mark_range(next, ~0U);
}

IN_CHILD static int
place_descriptors(const bide__launch *x)
{
    const size_t count = x->count;
    int sources[count + 1];
    int top = count ? x->map[count - 1].child_fd : -1;
    if (!move_sources(x, sources, count, top))
        return errno;
    int error = put_in_place(x, sources, count);
    if (error == 0)
        mark_others(x);
    return error;
}

IN_CHILD static int
drop_groups(void)
{
    return geteuid() == 0 ? setgroups(0, NULL) : 0;
}

IN_CHILD static int
take_identity(const bide__launch *x)
{
    const bide_process_options *o = x->options;
    unsigned changed = o->flags & (BIDE_PROCESS_UID | BIDE_PROCESS_GID);
    if ((o->flags & BIDE_PROCESS_SESSION) && setsid() < 0)
        return errno;
    if ((o->flags & BIDE_PROCESS_GROUP) && setpgid(0, 0))
        return errno;
    if (x->terminal >= 0 && ioctl(x->terminal, TIOCSCTTY, 0))
        return errno;
    if (o->flags & BIDE_PROCESS_UMASK)
        umask((mode_t)o->umask);
    if (changed && drop_groups())
        return errno;
    if ((o->flags & BIDE_PROCESS_GID) && setgid((gid_t)o->gid))
        return errno;
    if ((o->flags & BIDE_PROCESS_UID) && setuid((uid_t)o->uid))
        return errno;
    return 0;
}

/* As execvp: goes on for want of the file, and remembers one that may not be
 * run. */
IN_CHILD static int
begin_program(const bide__launch *x)
{
    int error = ENOENT;
    for (const char *const *file = x->files; *file; file++) {
        execve(*file, x->argv, x->env);
        if (errno == EACCES)
            error = errno;
        else if (errno != ENOENT && errno != ENOTDIR)
            return errno;
    }
    return error;
}

IN_CHILD static int
steps(bide__launch *x)
{
    const char *cwd = x->options->cwd;
    sigset_t none;
    reset_signals();
    x->failed = BIDE_SPAWN_STDIO;
    int error = place_descriptors(x);
    if (error)
        return error;
    x->failed = BIDE_SPAWN_IDENTITY;
    error = take_identity(x);
    if (error)
        return error;
    x->failed = BIDE_SPAWN_CWD;
    if (cwd && chdir(cwd))
        return errno;
    x->failed = BIDE_SPAWN_EXEC;
    sigemptyset(&none);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
    sigprocmask(SIG_SETMASK, &none, NULL);
    return begin_program(x);
}

IN_CHILD static int
child_main(void *arg)
{
    child *c = arg;
    c->error = steps(c->launch);
    if (c->pipe >= 0) {
        int told[2] = {c->error, c->launch->failed};
        if (write(c->pipe, told, sizeof told) < 0)
            _exit(126);
    }
    _exit(127);
}

/* -- in the parent -------------------------------------------------------- */

/* The pipe is closed by the exec, or tells what failed. */
static void
hear(bide__launch *x, child *c, int fd)
{
    int told[2];
    ssize_t n;
    do
        n = read(fd, told, sizeof told);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)sizeof told) {
        c->error = told[0];
        x->failed = told[1];
    }
}

static int
open_pidfd(pid_t pid)
{
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, pid, 0U);
#else
    (void)pid;
    return -1;
#endif
}

/* The child's end lies beyond what the child puts in place. */
static int
open_report(const bide__launch *x, int fds[2])
{
    int top = x->count ? x->map[x->count - 1].child_fd : -1;
    int first[2];
    if (pipe(first))
        return -errno;
    fds[0] = fcntl(first[0], F_DUPFD_CLOEXEC, top + 1);
    fds[1] = fcntl(first[1], F_DUPFD_CLOEXEC, top + 1);
    int error = errno;
    close(first[0]);
    close(first[1]);
    if (fds[0] >= 0 && fds[1] >= 0)
        return 0;
    if (fds[0] >= 0)
        close(fds[0]);
    return -error;
}

static int
start_by_fork(bide__launch *x, child *c)
{
    int fds[2] = {-1, -1};
    int rc = open_report(x, fds);
    if (rc)
        return rc;
    c->pipe = fds[1];
    x->pid = fork();
    int error = errno;
    if (x->pid == 0)
        child_main(c);
    close(fds[1]);
    if (x->pid > 0) {
        hear(x, c, fds[0]);
        if (c->error == 0)
            x->pidfd = open_pidfd(x->pid);
    }
    close(fds[0]);
    return x->pid < 0 ? -error : 0;
}

#ifdef FORKED_ONLY

static int
start(bide__launch *x, child *c)
{
    return start_by_fork(x, c);
}

#else

static int
start(bide__launch *x, child *c)
{
    const int flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
    alignas(64) char stack[CHILD_STACK];
    char *top = stack + sizeof stack;
    if (x->options->flags & (BIDE_PROCESS_UID | BIDE_PROCESS_GID))
        return start_by_fork(x, c);
    x->pid = clone(child_main, top, flags | CLONE_PIDFD, c, &x->pidfd);
    if (x->pid < 0 && errno == EINVAL) { /* a system before 5.2 */
        x->pidfd = -1;
        x->pid = clone(child_main, top, flags, c);
    }
    return x->pid < 0 ? -errno : 0;
}

#endif

/* It did not get to its program: as if it had never been. */
static void
bury(bide__launch *x)
{
    while (waitpid(x->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    if (x->pidfd >= 0)
        close(x->pidfd);
}

int
bide__launch_run(bide__launch *x)
{
    child c = {.launch = x, .error = 0, .pipe = -1};
    sigset_t all, before;
    int cancelling;
    x->pidfd = -1;
    x->failed = BIDE_SPAWN_PREPARE;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int rc = start(x, &c);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_setcancelstate(cancelling, NULL);
    if (rc == 0 && c.error) {
        bury(x);
        rc = -c.error;
    }
    return rc;
}
