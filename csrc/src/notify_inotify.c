/* Linux: an inotify of its own for each watch. So each has a queue of its own,
 * which overflows alone, and several watches of a directory know nothing of
 * each other. */
#include "notify.h"

#ifdef BIDE__INOTIFY

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
    WANTED = IN_CREATE | IN_DELETE | IN_MODIFY | IN_ATTRIB | IN_MOVED_FROM |
             IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF,
    HOW = IN_ONLYDIR | IN_EXCL_UNLINK,
    THE_END = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED,
    LONGEST = sizeof(struct inotify_event) + 256 /* an event, at most */
};

int
bide__notify_open(const char *path, int *fd)
{
    *fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (*fd < 0)
        return -errno;
    if (inotify_add_watch(*fd, path, WANTED | HOW) >= 0)
        return 0;
    int rc = -errno;
    close(*fd);
    *fd = -1;
    return rc;
}

int
bide__notify_init(bide__notify *n, bide_loop *l, const char *path, int fd)
{
    (void)path;
    n->fd = fd;
    return uv_poll_init(&l->uv, &n->poll, fd);
}

int
bide__notify_start(bide__notify *n)
{
    (void)n; /* bide__notify_open has */
    return 0;
}

/* -- listening ------------------------------------------------------------ */

static void
on_ready(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    bide__notify *n = bide__of(poll, bide__notify, poll);
    if (n->told(n))
        return;
    n->listening = false;
    uv_poll_stop(poll);
}

int
bide__notify_listen(bide__notify *n)
{
    int rc = 0;
    if (!n->listening)
        rc = uv_poll_start(&n->poll, UV_READABLE, on_ready);
    if (rc == 0)
        n->listening = true;
    return rc;
}

static void
on_closed(uv_handle_t *handle)
{
    bide__notify *n = bide__of(handle, bide__notify, poll);
    n->gone(n);
}

void
bide__notify_close(bide__notify *n)
{
    uv_close((uv_handle_t *)&n->poll, on_closed);
    close(n->fd); /* watches are scarce: now, and not after the next poll */
}

/* -- events --------------------------------------------------------------- */

/* What was taken has no mask any more. */
static struct inotify_event *
event_at(bide__notify *n, size_t at)
{
    char *bytes = (char *)n->bytes;
    return (struct inotify_event *)(void *)(bytes + at);
}

static size_t
after(bide__notify *n, size_t at)
{
    return at + sizeof(struct inotify_event) + event_at(n, at)->len;
}

/* More of the system's, behind what is there. */
static int
fetch(bide__notify *n)
{
    char *bytes = (char *)n->bytes;
    memmove(bytes, bytes + n->head, n->tail - n->head);
    n->tail -= n->head;
    n->head = 0;
    if (sizeof n->bytes - n->tail < LONGEST)
        return UV_ENOBUFS;
    ssize_t got;
    do {
        got = read(n->fd, bytes + n->tail, sizeof n->bytes - n->tail);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    n->tail += (size_t)got;
    return got ? 0 : UV_EAGAIN;
}

/* The other half of a renaming, if it has come. The system tells the two one
 * after the other, though not in one step. */
static struct inotify_event *
other_half(bide__notify *n)
{
    uint32_t cookie = event_at(n, n->head)->cookie;
    for (size_t at = n->head; at < n->tail; at = after(n, at)) {
        struct inotify_event *e = event_at(n, at);
        if (e->mask & IN_MOVED_TO && e->cookie == cookie)
            return e;
    }
    return NULL;
}

static int
kind_of(uint32_t mask)
{
    if (mask & IN_Q_OVERFLOW)
        return BIDE_CHANGE_OVERFLOW;
    if (mask & THE_END)
        return BIDE_CHANGE_GONE;
    if (mask & (IN_CREATE | IN_MOVED_TO))
        return BIDE_CHANGE_CREATED;
    if (mask & (IN_DELETE | IN_MOVED_FROM))
        return BIDE_CHANGE_REMOVED;
    return mask & IN_MODIFY ? BIDE_CHANGE_MODIFIED : BIDE_CHANGE_ATTRIBUTES;
}

/* Takes the event, and the second half of the renaming that it begins. */
static int
take(const struct inotify_event *e, struct inotify_event *half,
     bide_change **out)
{
    bool is_dir = (e->mask & IN_ISDIR) != 0;
    if (half)
        *out =
            bide__change_new(BIDE_CHANGE_RENAMED, is_dir, half->name, e->name);
    else
        *out = bide__change_new(kind_of(e->mask), is_dir, e->len ? e->name : "",
                                NULL);
    if (!*out)
        return BIDE_ENOMEMORY;
    if (half)
        half->mask = 0;
    return 0;
}

/* Whether it is about the directory itself, without being its end. */
static bool
is_idle(const struct inotify_event *e)
{
    return e->mask == 0 || (!e->len && !(e->mask & (THE_END | IN_Q_OVERFLOW)));
}

int
bide__notify_next(bide__notify *n, bool patient, bide_change **out)
{
    int rc = 0;
    while (rc == 0) {
        struct inotify_event *half = NULL, *e = event_at(n, n->head);
        if (n->head == n->tail) {
            rc = fetch(n);
            continue;
        }
        if (is_idle(e)) {
            n->head = after(n, n->head);
            continue;
        }
        if (e->mask & IN_MOVED_FROM && !(half = other_half(n))) {
            rc = fetch(n);
            if (rc == 0)
                continue;
            if (rc == UV_EAGAIN && patient)
                return BIDE_PARKED;
            e = event_at(n, n->head); /* which fetch has moved */
        }
        rc = take(e, half, out);
        if (rc == 0)
            n->head = after(n, n->head);
        return rc;
    }
    return rc;
}

#else

/* An empty file is none in C. */
typedef int bide__no_inotify;

#endif
