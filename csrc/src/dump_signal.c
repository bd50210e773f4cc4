/* bide_dump_on_signal. The handler writes a byte into a pipe; a thread of ours
 * that waits at the other end makes the dump and writes it out, so that it
 * comes also when every loop is blocked.
 *
 * Invariants
 * - `lock` guards all but what the handler reads, which is set before the
 *   handler is, and stays.
 * - `writing` is held while a dump is made and written; whoever takes `out`
 *   away waits for it, so that the descriptor may be closed then. */
#include "dump_signal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "loop.h"
#include "write_all.h"

static struct {
    pthread_mutex_t lock;
    int signum; /* 0: off */
    struct sigaction before;
    int ends[2];
    pthread_mutex_t writing;
    int out;         /* negative: none */
    atomic_long pid; /* whose thread it is; 0: none yet */
} here = {.lock = PTHREAD_MUTEX_INITIALIZER,
          .writing = PTHREAD_MUTEX_INITIALIZER,
          .out = -1};

/* -- the thread ----------------------------------------------------------- */

static void *
serve(void *arg)
{
    int *in = arg;
    char sink[64];
    ssize_t n;
    while ((n = read(*in, sink, sizeof sink)) > 0 || errno == EINTR) {
        char *text;
        pthread_mutex_lock(&here.writing);
        if (n > 0 && here.out >= 0 && bide_dump(BIDE_DUMP_TEXT, &text) == 0) {
            bide__write_all(here.out, text, strlen(text));
            bide_dump_free(text);
        }
        pthread_mutex_unlock(&here.writing);
    }
    return NULL;
}

/* With every signal blocked: none of the program's handlers runs on it. */
static int
start_thread(void)
{
    sigset_t all, before;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&thread, NULL, serve, &here.ends[0]);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        pthread_detach(thread);
    return -rc;
}

static int
need_thread(void)
{
    if (atomic_load(&here.pid) == (long)getpid())
        return 0;
    int rc = uv_pipe(here.ends, 0, UV_NONBLOCK_PIPE);
    if (rc)
        return rc;
    rc = start_thread();
    if (rc == 0) {
        atomic_store(&here.pid, (long)getpid());
        return 0;
    }
    close(here.ends[0]);
    close(here.ends[1]);
    return rc;
}

/* -- the handler ---------------------------------------------------------- */

static void
on_signal(int signum, siginfo_t *info, void *context)
{
    int saved = errno;
    /* A forked child shares the pipe with the parent, whose thread it is. */
    if (atomic_load(&here.pid) == (long)getpid()) {
        ssize_t ignored = write(here.ends[1], "", 1);
        (void)ignored;
    }
    const struct sigaction *before = &here.before;
    if (before->sa_flags & SA_SIGINFO)
        before->sa_sigaction(signum, info, context);
    else if (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN)
        before->sa_handler(signum);
    errno = saved;
}

static void
put_back(void)
{
    struct sigaction now;
    if (here.signum && sigaction(here.signum, NULL, &now) == 0 &&
        (now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_signal)
        sigaction(here.signum, &here.before, NULL);
    here.signum = 0;
}

static int
install(int signum)
{
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_RESTART};
    action.sa_sigaction = on_signal;
    sigfillset(&action.sa_mask);
    if (sigaction(signum, NULL, &here.before) ||
        sigaction(signum, &action, NULL))
        return -errno;
    here.signum = signum;
    return 0;
}

static bool
may_be_caught(int signum)
{
    return signum > 0 && signum != SIGKILL && signum != SIGSTOP &&
           signum != SIGSEGV && signum != SIGBUS && signum != SIGFPE &&
           signum != SIGILL && signum != SIGABRT;
}

int
bide_dump_on_signal(int signum, int fd)
{
    if (signum && !may_be_caught(signum))
        return BIDE_EINVALID;
    pthread_mutex_lock(&here.lock);
    put_back();
    pthread_mutex_lock(&here.writing);
    here.out = signum ? fd : -1;
    pthread_mutex_unlock(&here.writing);
    int rc = signum ? need_thread() : 0;
    if (rc == 0 && signum)
        rc = install(signum);
    pthread_mutex_unlock(&here.lock);
    return rc == -EINVAL ? BIDE_EINVALID : rc;
}

/* -- the environment ------------------------------------------------------ */

static const struct {
    const char *name;
    int signum;
} signals[] = {
    {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"QUIT", SIGQUIT}, {"HUP", SIGHUP}};

static void
read_environment(void)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
    const char *name = getenv("BIDE_DUMP_SIGNAL");
    if (!name)
        return;
    if (strncasecmp(name, "SIG", 3) == 0)
        name += 3;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (strcasecmp(name, signals[i].name) == 0)
            bide_dump_on_signal(signals[i].signum, STDERR_FILENO);
}

void
bide__dump_signal_from_environment(void)
{
    static uv_once_t once = UV_ONCE_INIT;
    uv_once(&once, read_environment);
}
