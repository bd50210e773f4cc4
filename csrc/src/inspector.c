/* One thread for the process, with sockets of its own that block: it has to
 * answer when every loop is stuck, so it uses none.
 *
 * Invariants
 * - `lock` guards the fields; the thread itself reads `fds`, `token` and
 * nothing else, and they do not change while it runs.
 * - The thread ends when `stop[1]` is closed, and is joined before anything of
 *   its is freed. */
#include "inspector.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "address.h"
#include "inspector_answer.h"

enum { STOP, TCP, UNIX, FDS, TOKEN = 16 };

static struct {
    pthread_mutex_t lock;
    bool running;
    long pid; /* of the process whose thread it is */
    pthread_t thread;
    int stop;
    struct pollfd fds[FDS];
    char token[2 * TOKEN + 1];
    char url[128];
    struct sockaddr_un path;
} here = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* -- the thread ----------------------------------------------------------- */

static void
serve_one(const struct pollfd *from, const char *token)
{
    int fd = accept(from->fd, NULL, NULL);
    if (fd < 0)
        return;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    bide__inspector_answer(fd, token);
    shutdown(fd, SHUT_WR);
    close(fd);
}

static void *
serve(void *arg)
{
    (void)arg;
    while (poll(here.fds, FDS, -1) >= 0 || errno == EINTR) {
        if (here.fds[STOP].revents)
            break;
        if (here.fds[TCP].revents)
            serve_one(&here.fds[TCP], here.token);
        if (here.fds[UNIX].revents)
            serve_one(&here.fds[UNIX], NULL);
    }
    return NULL;
}

/* With every signal blocked: none of the program's handlers runs on it. */
static int
start_thread(void)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&here.thread, NULL, serve, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -rc;
}

/* -- its sockets ---------------------------------------------------------- */

/* Of "127.0.0.1:0", "[::1]:0", "localhost:8080", or a port alone. */
static int
read_address(const char *text, bide__sockaddr *out)
{
    char host[64] = "127.0.0.1";
    const char *colon = strrchr(text, ':');
    if (colon) {
        size_t len = (size_t)(colon - text);
        bool bracketed = len > 1 && *text == '[' && text[len - 1] == ']';
        snprintf(host, sizeof host, "%.*s", (int)(len - 2 * bracketed),
                 text + bracketed);
    }
    const char *digits = colon ? colon + 1 : text;
    char *end;
    long port = strtol(digits, &end, 10);
    if (!*digits || *end || port < 0 || port > 65535)
        return BIDE_EINVALID;
    if (strcmp(host, "localhost") == 0)
        snprintf(host, sizeof host, "127.0.0.1");
    memset(out, 0, sizeof *out);
    if (strcmp(host, "::1") == 0)
        return uv_ip6_addr(host, (int)port, &out->v6);
    if (strncmp(host, "127.", 4) == 0)
        return uv_ip4_addr(host, (int)port, &out->v4);
    return BIDE_EINVALID;
}

static int
listening(int family, const struct sockaddr *a, socklen_t size)
{
    int fd = socket(family, SOCK_STREAM, 0);
    if (fd < 0)
        return -errno;
    int on = 1;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, a, size) == 0 && listen(fd, 16) == 0)
        return fd;
    int rc = -errno;
    close(fd);
    return rc;
}

static int
open_tcp(const char *address)
{
    bide__sockaddr a;
    if (read_address(address, &a))
        return BIDE_EINVALID;
    int family = a.any.sa_family;
    socklen_t size = family == AF_INET6 ? sizeof a.v6 : sizeof a.v4;
    int fd = listening(family, &a.any, size);
    if (fd < 0)
        return fd;
    size = sizeof a;
    getsockname(fd, &a.any, &size);
    bide_address text;
    bide__address_text(&a, &text);
    snprintf(here.url, sizeof here.url, "http://%s%.45s%s:%d/?token=%s",
             family == AF_INET6 ? "[" : "", text.host,
             family == AF_INET6 ? "]" : "", text.port, here.token);
    return fd;
}

int
bide_inspector_path(long pid, char *out, size_t size)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
    const char *base = getenv("XDG_RUNTIME_DIR");
    if (!base || *base != '/')
        base = "/tmp";
    int n =
        snprintf(out, size, "%s/bide-%ld/%ld.sock", base, (long)getuid(), pid);
    return n > 0 && (size_t)n < size ? 0 : UV_ENAMETOOLONG;
}

/* A directory that nobody but the user may enter, or none at all. */
static int
need_directory(const char *path)
{
    char directory[sizeof here.path.sun_path];
    snprintf(directory, sizeof directory, "%s", path);
    *strrchr(directory, '/') = '\0';
    struct stat is;
    if (mkdir(directory, 0700) && errno != EEXIST)
        return -errno;
    if (lstat(directory, &is))
        return -errno;
    return S_ISDIR(is.st_mode) && is.st_uid == getuid() && !(is.st_mode & 077)
               ? 0
               : UV_EACCES;
}

static int
open_unix(void)
{
    here.path.sun_family = AF_UNIX;
    int rc = bide_inspector_path((long)getpid(), here.path.sun_path,
                                 sizeof here.path.sun_path);
    if (rc == 0)
        rc = need_directory(here.path.sun_path);
    if (rc)
        return rc;
    unlink(here.path.sun_path); /* of a process with our number, long gone */
    return listening(AF_UNIX, (struct sockaddr *)&here.path, sizeof here.path);
}

/* -- life ----------------------------------------------------------------- */

static void
remove_path(void)
{
    if (here.running && here.pid == (long)getpid())
        unlink(here.path.sun_path);
}

static void
close_all(void)
{
    for (int i = 0; i < FDS; i++)
        if (here.fds[i].fd >= 0)
            close(here.fds[i].fd);
    if (here.fds[UNIX].fd >= 0)
        unlink(here.path.sun_path);
}

static int
make_token(void)
{
    unsigned char bytes[TOKEN];
    int rc = uv_random(NULL, NULL, bytes, sizeof bytes, 0, NULL);
    for (int i = 0; rc == 0 && i < TOKEN; i++)
        snprintf(here.token + 2 * (size_t)i, 3, "%02x", bytes[i]);
    return rc;
}

static int
set_socket(int which, int fd)
{
    here.fds[which] = (struct pollfd){.fd = fd, .events = POLLIN};
    return fd < 0 ? fd : 0;
}

static int
start(const char *address)
{
    int ends[2];
    for (int i = 0; i < FDS; i++)
        here.fds[i].fd = -1;
    int rc = make_token();
    if (rc == 0)
        rc = uv_pipe(ends, 0, 0);
    if (rc)
        return rc;
    here.stop = ends[1];
    set_socket(STOP, ends[0]);
    rc = set_socket(TCP, open_tcp(address));
    if (rc == 0)
        rc = set_socket(UNIX, open_unix());
    if (rc == 0)
        rc = start_thread();
    if (rc) {
        close_all();
        close(here.stop);
    }
    return rc;
}

int
bide_inspect(const char *address, char *url, size_t size)
{
    pthread_mutex_lock(&here.lock);
    int rc = 0;
    if (!here.running || here.pid != (long)getpid()) {
        static bool at_exit;
        rc = start(address);
        here.running = rc == 0;
        here.pid = (long)getpid();
        if (rc == 0 && !at_exit)
            at_exit = atexit(remove_path) == 0;
    }
    if (rc == 0 && url && (size_t)snprintf(url, size, "%s", here.url) >= size)
        rc = BIDE_EINVALID;
    pthread_mutex_unlock(&here.lock);
    return rc;
}

void
bide_inspect_stop(void)
{
    pthread_mutex_lock(&here.lock);
    if (here.running && here.pid == (long)getpid()) {
        close(here.stop);
        pthread_join(here.thread, NULL);
        close_all();
    }
    here.running = false;
    pthread_mutex_unlock(&here.lock);
}

static void
look_into_environment(void)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
    const char *wanted = getenv("BIDE_INSPECT");
    char url[sizeof here.url];
    if (!wanted || !*wanted || strcmp(wanted, "0") == 0)
        return;
    if (strcmp(wanted, "1") == 0)
        wanted = "127.0.0.1:0";
    int rc = bide_inspect(wanted, url, sizeof url);
    if (rc)
        fprintf(stderr,
                "bide: BIDE_INSPECT=%s: %s; it takes 1, a port, or an address "
                "of this machine such as 127.0.0.1:0\n",
                wanted, bide_strerror(rc));
    else
        fprintf(stderr, "bide: live view at %s\n", url);
}

void
bide__inspector_from_environment(void)
{
    static uv_once_t once = UV_ONCE_INIT;
    uv_once(&once, look_into_environment);
}
