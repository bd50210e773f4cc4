/* Waiting until a descriptor of the host's, which libuv does not know, can be
 * read or written.
 *
 * libuv's own watcher is not fit for a descriptor that others close: it aborts
 * the process when one that it polls is gone. So a loop that needs it has an
 * epoll of its own inside libuv's. Each wait costs one epoll_ctl; a poll in
 * which any descriptor turns ready costs one epoll_wait more.
 *
 * Invariants
 * - A descriptor is registered for one event (EPOLLONESHOT), with the
 *   directions that had waiters when the last of them came.
 * - An event counts only if it carries the generation of its entry: closing a
 *   descriptor and opening another of the same number starts a new one. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "endpoint.h"

#ifdef __linux__

#include <sys/epoll.h>

enum { READ, WRITE, DIRECTIONS, BATCH = 64, FIRST_ROOM = 64 };

/* A descriptor that has been waited for. */
typedef struct entry {
    bide_link waits[DIRECTIONS];
    uint32_t generation;
    int fd;
    bool registered; /* as far as we know */
} entry;

struct bide__readiness {
    bide__handle handle;
    bide_loop *loop;
    uv_poll_t poll;
    int epoll;
    entry **entries; /* by descriptor */
    size_t room;
};

static bool abort_wait(bide_wait *w, bool forced);

static const bide_wait_kind kinds[DIRECTIONS] = {
    {.verb = "wait_readable", .object = "descriptor", .abort = abort_wait},
    {.verb = "wait_writable", .object = "descriptor", .abort = abort_wait},
};

static bool
abort_wait(bide_wait *w, bool forced)
{
    (void)forced;
    bide__io_leave(w);
    return true;
}

/* -- registering ---------------------------------------------------------- */

static uint32_t
wanted(const entry *e)
{
    uint32_t events = EPOLLONESHOT;
    if (!bide__list_empty(&e->waits[READ]))
        events |= EPOLLIN | EPOLLRDHUP;
    if (!bide__list_empty(&e->waits[WRITE]))
        events |= EPOLLOUT;
    return events;
}

static int
control(const struct bide__readiness *r, const entry *e, int operation,
        uint32_t events)
{
    uint64_t key = (uint64_t)e->generation << 32 | (uint32_t)e->fd;
    struct epoll_event event = {.events = events, .data = {.u64 = key}};
    return epoll_ctl(r->epoll, operation, e->fd, &event) ? -errno : 0;
}

/* The descriptor that was waited for is not the one of this number any more. */
static void
lost(entry *e)
{
    e->registered = false;
    e->generation++;
    for (int i = 0; i < DIRECTIONS; i++)
        bide__io_fire_all(&e->waits[i], BIDE_ECLOSED);
}

static int
arm(struct bide__readiness *r, entry *e, uint32_t more)
{
    int rc = UV_ENOENT;
    if (e->registered) {
        rc = control(r, e, EPOLL_CTL_MOD, wanted(e) | more);
        if (rc == UV_ENOENT || rc == UV_EBADF)
            lost(e);
    }
    if (rc == UV_ENOENT)
        rc = control(r, e, EPOLL_CTL_ADD, EPOLLONESHOT | more);
    if (rc == UV_EEXIST) /* opened again, by way of a duplicate */
        rc = control(r, e, EPOLL_CTL_MOD, EPOLLONESHOT | more);
    if (rc == 0)
        e->registered = true;
    return rc;
}

/* -- events --------------------------------------------------------------- */

static void
on_event(struct bide__readiness *r, const struct epoll_event *event)
{
    size_t fd = (uint32_t)event->data.u64;
    entry *e = r->entries[fd];
    if (e->generation != event->data.u64 >> 32)
        return;
    if (event->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        bide__io_fire_all(&e->waits[READ], 0);
    if (event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        bide__io_fire_all(&e->waits[WRITE], 0);
    if (wanted(e) != EPOLLONESHOT && control(r, e, EPOLL_CTL_MOD, wanted(e)))
        lost(e);
}

static void
on_ready(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct bide__readiness *r = bide__of(poll, struct bide__readiness, poll);
    struct epoll_event batch[BATCH];
    int n = epoll_wait(r->epoll, batch, BATCH, 0);
    for (int i = 0; i < n; i++)
        on_event(r, &batch[i]);
}

/* -- life ----------------------------------------------------------------- */

static void
on_closed(uv_handle_t *handle)
{
    struct bide__readiness *r = bide__of(handle, struct bide__readiness, poll);
    close(r->epoll);
    for (size_t i = 0; i < r->room; i++)
        bide__free(r->entries[i]);
    bide__free(r->entries);
    bide__free(r);
}

static void
close_with_loop(bide__handle *handle)
{
    struct bide__readiness *r =
        bide__of(handle, struct bide__readiness, handle);
    bide__loop_remove_handle(r->loop, handle);
    r->loop->readiness = NULL;
    uv_close((uv_handle_t *)&r->poll, on_closed);
}

static int
open_epoll(bide_loop *l, struct bide__readiness *r)
{
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (r->epoll < 0)
        return -errno;
    int rc = uv_poll_init(&l->uv, &r->poll, r->epoll);
    if (rc) {
        close(r->epoll);
        return rc;
    }
    rc = uv_poll_start(&r->poll, UV_READABLE, on_ready);
    r->loop = l;
    r->handle.close = close_with_loop;
    bide__loop_add_handle(l, &r->handle);
    l->readiness = r;
    l->registered.epolls[BIDE__EPOLL_WAITS] = r->epoll;
    return rc;
}

static int
need(bide_loop *l)
{
    if (l->readiness)
        return 0;
    struct bide__readiness *r = bide__alloc(sizeof *r);
    if (!r)
        return BIDE_ENOMEMORY;
    int rc = open_epoll(l, r);
    if (rc && !l->readiness)
        bide__free(r);
    return rc;
}

static int
make_room(struct bide__readiness *r, size_t fd)
{
    size_t room = r->room ? r->room : FIRST_ROOM;
    while (room <= fd)
        room *= 2;
    if (room == r->room)
        return 0;
    entry **more = bide__realloc(r->entries, room * sizeof *more);
    if (!more)
        return BIDE_ENOMEMORY;
    memset(more + r->room, 0, (room - r->room) * sizeof *more);
    r->entries = more;
    r->room = room;
    return 0;
}

/* Only for a descriptor that is open: its number bounds the table. */
static int
find(struct bide__readiness *r, int fd, entry **out)
{
    int rc = make_room(r, (size_t)fd);
    if (rc)
        return rc;
    entry *e = r->entries[fd];
    if (!e) {
        e = bide__alloc(sizeof *e);
        if (!e)
            return BIDE_ENOMEMORY;
        e->fd = fd;
        bide__list_init(&e->waits[READ]);
        bide__list_init(&e->waits[WRITE]);
        r->entries[fd] = e;
    }
    *out = e;
    return 0;
}

static int
wait_for(int fd, bide_wait *w, int direction)
{
    int rc = bide__wait_refused(w->task);
    if (rc)
        return rc;
    if (fd < 0)
        return BIDE_EINVALID;
    bide_loop *l = w->task->loop;
    entry *e;
    rc = need(l);
    if (rc)
        return rc;
    if ((size_t)fd >= l->readiness->room && fcntl(fd, F_GETFD) < 0)
        return -errno;
    rc = find(l->readiness, fd, &e);
    if (rc == 0)
        rc = arm(l->readiness, e,
                 direction == READ ? EPOLLIN | EPOLLRDHUP : EPOLLOUT);
    if (rc)
        return rc;
    /* A race of two waits for what has turned out to be closed is decided. */
    if (bide__unlikely(w->task->state == BIDE_TASK_READY))
        return BIDE_ECLOSED;
    return bide__io_park(w, &kinds[direction], e, &e->waits[direction]);
}

int
bide_wait_readable(int fd, bide_wait *w)
{
    return wait_for(fd, w, READ);
}

int
bide_wait_writable(int fd, bide_wait *w)
{
    return wait_for(fd, w, WRITE);
}

void
bide_notify_closing(bide_loop *l, int fd)
{
    struct bide__readiness *r = l->readiness;
    entry *e = r && fd >= 0 && (size_t)fd < r->room ? r->entries[fd] : NULL;
    if (!e)
        return;
    if (e->registered)
        control(r, e, EPOLL_CTL_DEL, 0);
    lost(e);
}

#else

int
bide_wait_readable(int fd, bide_wait *w)
{
    (void)fd;
    (void)w;
    return UV_ENOTSUP;
}

int
bide_wait_writable(int fd, bide_wait *w)
{
    (void)fd;
    (void)w;
    return UV_ENOTSUP;
}

void
bide_notify_closing(bide_loop *l, int fd)
{
    (void)l;
    (void)fd;
}

#endif
