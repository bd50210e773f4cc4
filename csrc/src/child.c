/* The loop polls the child's pidfd; where there is none a thread waits for the
 * child, without reaping it. Only the loop's thread reaps, so that it never
 * signals a number that is somebody else's by now. A child that outlives its
 * loop is left to a thread.
 *
 * Invariant: `handle` is linked while the loop watches; the watcher is an owner
 * until its poll is closed, or its thread has ended. */
#include "child.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"

enum { WATCHER_STACK = 128 * 1024, CODE_UNKNOWN = 255 };

bide__child *
bide__child_new(bide_loop *l)
{
    bide__child *c = bide__alloc(sizeof *c);
    if (!c)
        return NULL;
    c->loop = bide_loop_ref(l);
    c->pidfd = -1;
    c->reaped = true;
    atomic_init(&c->owners, 1);
    return c;
}

static void
leave(bide__child *c)
{
    if (atomic_fetch_sub(&c->owners, 1) != 1)
        return;
    bide_loop_unref(c->loop);
    bide__free(c);
}

void
bide__child_release(bide__child *c)
{
    if (!c)
        return;
    c->owner = NULL;
    leave(c);
}

/* -- reaping -------------------------------------------------------------- */

static int
code_of(int status)
{
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* ECHILD: SIGCHLD is ignored, or somebody waits for any child. */
static bool
try_reap(bide__child *c)
{
    int status;
    pid_t pid;
    do
        pid = waitpid(c->pid, &status, WNOHANG);
    while (pid < 0 && errno == EINTR);
    if (pid == 0)
        return false;
    c->code = pid < 0 ? CODE_UNKNOWN : code_of(status);
    c->reaped = true;
    return true;
}

static void
on_poll_closed(uv_handle_t *handle)
{
    bide__child *c = bide__of(handle, bide__child, poll);
    close(c->pidfd);
    leave(c);
}

static void
stop_watching(bide__child *c)
{
    bide_timer_stop(c->loop, &c->kill);
    bide__loop_remove_handle(c->loop, &c->handle);
    if (c->pidfd >= 0)
        uv_close((uv_handle_t *)&c->poll, on_poll_closed);
}

void
bide__child_check(bide__child *c)
{
    if (c->reaped || !try_reap(c))
        return;
    stop_watching(c);
    if (c->owner)
        c->exited(c);
}

/* -- threads -------------------------------------------------------------- */

static int
start_thread(void *(*run)(void *arg), void *arg)
{
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, before;
    int rc = pthread_attr_init(&attr);
    if (rc)
        return -rc;
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, WATCHER_STACK);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    rc = pthread_create(&thread, &attr, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return -rc;
}

static void
reap_blocking(pid_t pid)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

static void *
reap_orphan(void *pid)
{
    reap_blocking((pid_t)(intptr_t)pid);
    return NULL;
}

static void
on_ended(bide_post *post)
{
    bide__child *c = bide__of(post, bide__child, ended);
    if (bide__list_linked(&c->handle.link))
        bide__child_check(c);
    else
        reap_blocking(c->pid); /* the loop is closing */
    leave(c);
}

static void *
wait_for_end(void *arg)
{
    bide__child *c = arg;
    siginfo_t info;
    while (waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOWAIT) < 0 &&
           errno == EINTR)
        ;
    if (bide_loop_post(c->loop, &c->ended)) {
        reap_blocking(c->pid);
        leave(c);
    }
    return NULL;
}

/* -- watching ------------------------------------------------------------- */

static void
on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    bide__child_check(bide__of(poll, bide__child, poll));
}

/* In the process that has forked the loop away the child is not ours. */
static void
close_with_loop(bide__handle *handle)
{
    bide__child *c = bide__of(handle, bide__child, handle);
    bool ours = c->loop->fork_count == bide__fork_count;
    if (ours && c->kill.slot)
        bide__child_signal(c, SIGKILL, c->leads);
    stop_watching(c);
    if (ours && c->pidfd >= 0 && !try_reap(c))
        start_thread(reap_orphan, (void *)(intptr_t)c->pid);
    c->reaped = true;
}

static int
watch_by_poll(bide__child *c)
{
    int rc = uv_poll_init(&c->loop->uv, &c->poll, c->pidfd);
    if (rc) {
        close(c->pidfd);
        c->pidfd = -1;
        return rc;
    }
    return uv_poll_start(&c->poll, UV_READABLE, on_poll);
}

static int
watch_by_thread(bide__child *c)
{
    c->ended.deliver = on_ended;
    int rc = start_thread(wait_for_end, c);
    if (rc) {
        kill(c->pid, SIGKILL);
        reap_blocking(c->pid);
        atomic_fetch_sub(&c->owners, 1);
        c->reaped = true;
    }
    return rc;
}

int
bide__child_watch(bide__child *c, pid_t pid, int pidfd)
{
    c->pid = pid;
    c->pidfd = pidfd;
    c->reaped = false;
    atomic_fetch_add(&c->owners, 1);
    int rc = 0;
    if (pidfd < 0 || watch_by_poll(c))
        rc = watch_by_thread(c);
    if (rc)
        return rc;
    c->handle.close = close_with_loop;
    bide__loop_add_handle(c->loop, &c->handle);
    return 0;
}

/* -- signals -------------------------------------------------------------- */

static int
send_signal(const bide__child *c, int signum)
{
#ifdef SYS_pidfd_send_signal
    if (c->pidfd >= 0 &&
        syscall(SYS_pidfd_send_signal, c->pidfd, signum, NULL, 0U) == 0)
        return 0;
    if (c->pidfd >= 0 && errno != ENOSYS && errno != EPERM)
        return -errno;
#endif
    return kill(c->pid, signum) ? -errno : 0;
}

int
bide__child_signal(const bide__child *c, int signum, bool group)
{
    if (c->reaped)
        return UV_ESRCH;
    if (!group)
        return send_signal(c, signum);
    return kill(-c->pid, signum) ? -errno : 0;
}

static void
on_grace_over(bide_timer *t)
{
    bide__child *c = bide__of(t, bide__child, kill);
    bide__child_signal(c, SIGKILL, c->leads);
}

/* Without memory for the timer there is no grace. */
void
bide__child_stop(bide__child *c, int64_t grace)
{
    if (c->reaped)
        return;
    bool armed = false;
    if (grace > 0) {
        int64_t now = bide_loop_now(c->loop, true);
        int64_t deadline =
            grace < BIDE_FOREVER - now ? now + grace : BIDE_FOREVER;
        if (c->kill.slot && c->kill.deadline <= deadline)
            return;
        bide_timer_stop(c->loop, &c->kill);
        armed =
            bide_timer_start(c->loop, &c->kill, deadline, on_grace_over) == 0;
    }
    bide__child_signal(c, armed ? SIGTERM : SIGKILL, c->leads);
}
