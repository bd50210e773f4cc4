/* Interest in descriptors of the host's that lasts: what an event loop's
 * add_reader and a socket read by the host need, where readiness.c, one
 * epoll_ctl a wait, would cost a system call per message.
 *
 * They have an epoll of their own inside libuv's, for the reason given in
 * readiness.c, and apart from that one since a descriptor can be in an epoll
 * once.
 *
 * Invariants
 * - A watch that is set has a slot; an event names slot and generation, so that
 *   one of a watch that is gone is nobody's.
 * - `io_waits` counts the watches without BIDE_EDGE: what they report may wake
 * a task. With it, the waits are counted. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "endpoint.h"

void
bide_interest_init(bide_interest *w,
                   void (*ready)(bide_interest *self, unsigned events))
{
    memset(w, 0, sizeof *w);
    bide__list_init(&w->waits[0]);
    bide__list_init(&w->waits[1]);
    w->ready = ready;
    w->fd = -1;
}

unsigned
bide_interest_waited(const bide_interest *w)
{
    return (bide__list_empty(&w->waits[0]) ? 0U : (unsigned)BIDE_READABLE) |
           (bide__list_empty(&w->waits[1]) ? 0U : (unsigned)BIDE_WRITABLE);
}

#ifdef __linux__

#include <sys/epoll.h>

enum { BATCH = 128, FIRST_ROOM = 64 };

typedef struct slot {
    bide_interest *watch; /* NULL: free */
    uint32_t generation;
    uint32_t next_free; /* 1 + index */
} slot;

struct bide__interests {
    bide__handle handle;
    bide_loop *loop;
    uv_poll_t poll;
    int epoll;
    bide__notice notice; /* that some turned ready */
    bide_link ready;
    slot *slots;
    uint32_t room, first_free; /* 1 + index; 0: none is free */
};

/* -- events --------------------------------------------------------------- */

static void
fire_waits(bide_interest *w, unsigned events)
{
    if (events & BIDE_READABLE)
        bide__io_fire_all(&w->waits[0], 0);
    if (events & BIDE_WRITABLE)
        bide__io_fire_all(&w->waits[1], 0);
}

static void
on_event(struct bide__interests *ws, const struct epoll_event *event)
{
    const slot *s = &ws->slots[(uint32_t)event->data.u64];
    bide_interest *w = s->watch;
    if (!w || s->generation != event->data.u64 >> 32)
        return;
    unsigned events = 0;
    if (event->events & (EPOLLIN | EPOLLRDHUP))
        events |= BIDE_READABLE;
    if (event->events & EPOLLOUT)
        events |= BIDE_WRITABLE;
    if (event->events & (EPOLLHUP | EPOLLERR))
        events |= BIDE_READABLE | BIDE_WRITABLE;
    fire_waits(w, events);
    events &= w->wanted;
    if (!events || !w->ready)
        return;
    w->events |= events;
    if (!bide__list_linked(&w->link))
        bide__list_append(&ws->ready, &w->link);
    if (!bide__list_linked(&ws->notice.link))
        bide__list_append(&ws->loop->notices, &ws->notice.link);
}

static void
tell(bide__notice *notice)
{
    struct bide__interests *ws =
        bide__of(notice, struct bide__interests, notice);
    while (!bide__list_empty(&ws->ready)) {
        bide_interest *w =
            bide__of(bide__list_pop(&ws->ready), bide_interest, link);
        unsigned events = w->events;
        w->events = 0;
        w->ready(w, events);
    }
}

static void
on_ready(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct bide__interests *ws = bide__of(poll, struct bide__interests, poll);
    struct epoll_event batch[BATCH];
    int n = epoll_wait(ws->epoll, batch, BATCH, 0);
    for (int i = 0; i < n; i++)
        on_event(ws, &batch[i]);
}

/* -- the loop's table ----------------------------------------------------- */

static void
on_closed(uv_handle_t *handle)
{
    struct bide__interests *ws = bide__of(handle, struct bide__interests, poll);
    close(ws->epoll);
    bide__free(ws->slots);
    bide__free(ws);
}

static void
close_with_loop(bide__handle *handle)
{
    struct bide__interests *ws =
        bide__of(handle, struct bide__interests, handle);
    for (uint32_t i = 0; i < ws->room; i++)
        if (ws->slots[i].watch)
            bide_interest_stop(ws->slots[i].watch);
    if (bide__list_linked(&ws->notice.link))
        bide__list_remove(&ws->notice.link);
    bide__loop_remove_handle(ws->loop, handle);
    ws->loop->interests = NULL;
    uv_close((uv_handle_t *)&ws->poll, on_closed);
}

static int
open_epoll(bide_loop *l, struct bide__interests *ws)
{
    ws->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (ws->epoll < 0)
        return -errno;
    int rc = uv_poll_init(&l->uv, &ws->poll, ws->epoll);
    if (rc) {
        close(ws->epoll);
        return rc;
    }
    ws->loop = l;
    ws->notice.deliver = tell;
    bide__list_init(&ws->ready);
    ws->handle.close = close_with_loop;
    bide__loop_add_handle(l, &ws->handle);
    l->interests = ws;
    l->registered.epolls[BIDE__EPOLL_INTERESTS] = ws->epoll;
    return uv_poll_start(&ws->poll, UV_READABLE, on_ready);
}

static int
need(bide_loop *l)
{
    if (l->interests)
        return 0;
    if (atomic_load(&l->closed))
        return BIDE_ECLOSED;
    struct bide__interests *ws = bide__alloc(sizeof *ws);
    if (!ws)
        return BIDE_ENOMEMORY;
    int rc = open_epoll(l, ws);
    if (rc && !l->interests)
        bide__free(ws);
    return rc;
}

static int
more_slots(struct bide__interests *ws)
{
    uint32_t room = ws->room ? ws->room * 2 : FIRST_ROOM;
    slot *more = bide__realloc(ws->slots, room * sizeof *more);
    if (!more)
        return BIDE_ENOMEMORY;
    memset(more + ws->room, 0, (room - ws->room) * sizeof *more);
    for (uint32_t i = room; i > ws->room; i--) {
        more[i - 1].next_free = ws->first_free;
        ws->first_free = i;
    }
    ws->slots = more;
    ws->room = room;
    return 0;
}

static int
take_slot(struct bide__interests *ws, bide_interest *w)
{
    if (w->slot)
        return 0;
    int rc = ws->first_free ? 0 : more_slots(ws);
    if (rc)
        return rc;
    w->slot = ws->first_free;
    slot *s = &ws->slots[w->slot - 1];
    ws->first_free = s->next_free;
    s->watch = w;
    return 0;
}

static void
count(bide_interest *w, unsigned interest)
{
    bool before = w->wanted && !(w->wanted & BIDE_EDGE);
    bool after = interest && !(interest & BIDE_EDGE);
    w->loop->io_waits += (size_t)after - (size_t)before;
    w->wanted = interest;
}

static void
free_slot(struct bide__interests *ws, bide_interest *w)
{
    slot *s = &ws->slots[w->slot - 1];
    s->watch = NULL;
    s->generation++;
    s->next_free = ws->first_free;
    ws->first_free = w->slot;
    w->slot = 0;
    w->events = 0;
    if (bide__list_linked(&w->link))
        bide__list_remove(&w->link);
    count(w, 0);
    w->fd = -1;
}

/* -- one watch ------------------------------------------------------------ */

static int
control(const bide_interest *w, int operation, int fd, unsigned interest)
{
    const struct bide__interests *ws = w->loop->interests;
    uint64_t generation = ws->slots[w->slot - 1].generation;
    struct epoll_event event = {
        .data = {.u64 = generation << 32 | (w->slot - 1)}};
    if (interest & BIDE_READABLE)
        event.events |= EPOLLIN | EPOLLRDHUP;
    if (interest & BIDE_WRITABLE)
        event.events |= EPOLLOUT;
    if (interest & BIDE_EDGE)
        event.events |= EPOLLET;
    return epoll_ctl(ws->epoll, operation, fd, &event) ? -errno : 0;
}

/* What the system knows of the number may be more or less than we do: closed
 * and opened again, or opened again by way of a duplicate. */
static int
put_in(const bide_interest *w, int fd, unsigned interest)
{
    int first = w->fd == fd ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    int rc = control(w, first, fd, interest);
    if (rc == UV_ENOENT)
        rc = control(w, EPOLL_CTL_ADD, fd, interest);
    else if (rc == UV_EEXIST)
        rc = control(w, EPOLL_CTL_MOD, fd, interest);
    return rc;
}

int
bide_interest_set(bide_interest *w, bide_loop *l, int fd, unsigned interest)
{
    if (fd < 0 || !(interest & (BIDE_READABLE | BIDE_WRITABLE)))
        return BIDE_EINVALID;
    int rc = need(l);
    if (rc)
        return rc;
    if (w->slot && w->fd != fd)
        bide_interest_stop(w);
    w->loop = l;
    rc = take_slot(l->interests, w);
    if (rc)
        return rc;
    rc = put_in(w, fd, interest);
    if (rc) {
        bide__io_fire_all(&w->waits[0], BIDE_ECLOSED);
        bide__io_fire_all(&w->waits[1], BIDE_ECLOSED);
        free_slot(l->interests, w);
        return rc;
    }
    w->fd = fd;
    count(w, interest);
    return 0;
}

void
bide_interest_stop(bide_interest *w)
{
    if (!w->slot)
        return;
    control(w, EPOLL_CTL_DEL, w->fd, 0);
    bide__io_fire_all(&w->waits[0], BIDE_ECLOSED);
    bide__io_fire_all(&w->waits[1], BIDE_ECLOSED);
    free_slot(w->loop->interests, w);
}

/* -- waiting -------------------------------------------------------------- */

static bool
abort_wait(bide_wait *w, bool forced)
{
    (void)forced;
    bide__io_leave(w);
    return true;
}

static const bide_wait_kind kinds[] = {
    {.verb = "wait_readable", .object = "descriptor", .abort = abort_wait},
    {.verb = "wait_writable", .object = "descriptor", .abort = abort_wait},
};

int
bide_interest_wait(bide_interest *w, unsigned direction, bide_wait *wait)
{
    int rc = bide__wait_refused(wait->task);
    if (rc)
        return rc;
    if (!w->slot)
        return BIDE_EINVALID;
    if (w->loop != wait->task->loop)
        return BIDE_EWRONGLOOP;
    int i = direction == BIDE_WRITABLE;
    return bide__io_park(wait, &kinds[i], w, &w->waits[i]);
}

#else

int
bide_interest_set(bide_interest *w, bide_loop *l, int fd, unsigned interest)
{
    (void)w;
    (void)l;
    (void)fd;
    (void)interest;
    return UV_ENOTSUP;
}

void
bide_interest_stop(bide_interest *w)
{
    (void)w;
}

int
bide_interest_wait(bide_interest *w, unsigned direction, bide_wait *wait)
{
    (void)w;
    (void)direction;
    (void)wait;
    return UV_ENOTSUP;
}

#endif
