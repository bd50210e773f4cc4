/* Signals of the process, handed to tasks. The handler wakes the loop through a
 * pipe; the loop then compares the handler's counts with what its listeners
 * have seen.
 *
 * Invariant: of a signal a listener has seen `seen` runs of the handler; the
 * rest are its to give. */
#include <unistd.h>

#include "alloc.h"
#include "endpoint.h"
#include "signal_handler.h"

struct bide__signals {
    bide__handle handle;
    bide_loop *loop;
    uv_poll_t poll;
    int fds[2];
    struct bide__signal_slot *slot;
    bide_link listeners;
};

typedef struct watched {
    int signum;
    unsigned seen;
} watched;

struct bide_signal {
    bide__endpoint base;
    bide_link link; /* in the loop's listeners */
    bide_link waits;
    size_t count, next; /* `next`: where to look first, for fairness */
    watched list[];
};

/* -- a loop's pipe -------------------------------------------------------- */

static void
free_signals(struct bide__signals *g)
{
    close(g->fds[0]);
    close(g->fds[1]);
    bide__free(g);
}

static void
on_closed(uv_handle_t *handle)
{
    free_signals(bide__of(handle, struct bide__signals, poll));
}

static void
close_with_loop(bide__handle *handle)
{
    struct bide__signals *g = bide__of(handle, struct bide__signals, handle);
    while (!bide__list_empty(&g->listeners))
        bide_signal_close(bide__of(g->listeners.next, bide_signal, link));
    bide__loop_remove_handle(g->loop, handle);
    g->loop->signals = NULL;
    bide__signal_free_slot(g->slot);
    uv_close((uv_handle_t *)&g->poll, on_closed);
}

static void on_pipe(uv_poll_t *poll, int status, int events);

static int
open_pipe(bide_loop *l, struct bide__signals *g)
{
    int rc = uv_pipe(g->fds, UV_NONBLOCK_PIPE, UV_NONBLOCK_PIPE);
    if (rc) {
        bide__free(g);
        return rc;
    }
    g->slot = bide__signal_take_slot(g->fds[1]);
    rc = g->slot ? uv_poll_init(&l->uv, &g->poll, g->fds[0]) : UV_EAGAIN;
    if (rc) {
        if (g->slot)
            bide__signal_free_slot(g->slot);
        free_signals(g);
    }
    return rc;
}

static int
need(bide_loop *l)
{
    if (l->signals)
        return 0;
    struct bide__signals *g = bide__alloc(sizeof *g);
    if (!g)
        return BIDE_ENOMEMORY;
    int rc = open_pipe(l, g);
    if (rc)
        return rc;
    g->loop = l;
    g->handle.close = close_with_loop;
    bide__list_init(&g->listeners);
    bide__loop_add_handle(l, &g->handle);
    l->signals = g;
    return uv_poll_start(&g->poll, UV_READABLE, on_pipe);
}

/* -- handing out ---------------------------------------------------------- */

static watched *
pending(bide_signal *s)
{
    for (size_t i = 0; i < s->count; i++) {
        watched *one = &s->list[(s->next + i) % s->count];
        if (one->seen != bide__signal_raised(one->signum))
            return one;
    }
    return NULL;
}

static void
grant(bide_signal *s, watched *one, bide_wait *w)
{
    unsigned raised = bide__signal_raised(one->signum);
    w->value = BIDE_NO_VALUE;
    w->value.as.integer = one->signum;
    w->u.count = raised - one->seen;
    one->seen = raised;
    s->next = (size_t)(one - s->list + 1) % s->count;
}

static void
deliver(bide_signal *s)
{
    watched *one;
    while (!bide__list_empty(&s->waits) && (one = pending(s)) != NULL) {
        bide_wait *w = bide__wait_first(&s->waits);
        grant(s, one, w);
        bide__io_fire(w, 0);
    }
}

static void
on_pipe(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct bide__signals *g = bide__of(poll, struct bide__signals, poll);
    char sink[256];
    while (read(g->fds[0], sink, sizeof sink) == (ssize_t)sizeof sink)
        ;
    bide_link *at = g->listeners.next;
    for (; at != &g->listeners; at = at->next)
        deliver(bide__of(at, bide_signal, link));
}

/* -- the wait ------------------------------------------------------------- */

static bool
abort_wait(bide_wait *w, bool forced)
{
    (void)forced;
    bide__io_leave(w);
    return true;
}

/* It counts as not seen again, for whoever asks next. */
static void
undo_wait(bide_wait *w)
{
    bide_signal *s = w->object;
    for (size_t i = 0; i < s->count; i++)
        if (s->list[i].signum == (int)w->value.as.integer)
            s->list[i].seen -= (unsigned)w->u.count;
    deliver(s);
}

static const bide_wait_kind kind = {
    .verb = "wait",
    .object = "signal",
    .abort = abort_wait,
    .undo = undo_wait,
};

int
bide_signal_wait(bide_signal *s, bide_wait *w)
{
    int rc = bide__endpoint_enter(&s->base, w->task);
    if (rc)
        return rc;
    watched *one = bide__list_empty(&s->waits) ? pending(s) : NULL;
    if (!one)
        return bide__io_park(w, &kind, s, &s->waits);
    grant(s, one, w);
    return bide__wait_done(w, &kind, s);
}

/* -- listeners ------------------------------------------------------------ */

static void
unwatch_first(bide_signal *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bide__signal_unwatch(s->list[i].signum);
}

static void
shut(bide__endpoint *e)
{
    bide_signal *s = bide__of(e, bide_signal, base);
    bide__list_remove(&s->link);
    unwatch_first(s, s->count);
    bide__io_fire_all(&s->waits, BIDE_ECLOSED);
    bide__endpoint_gone(e);
}

static int
watch_all(bide_signal *s, const int *signums, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        s->list[i].signum = signums[i];
        s->list[i].seen = bide__signal_raised(signums[i]);
        int rc = bide__signal_watch(signums[i]);
        if (rc) {
            unwatch_first(s, i);
            return rc;
        }
    }
    s->count = count;
    return 0;
}

/* Each can be listened to, and none comes twice. */
static bool
are_valid(const int *signums, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!bide__signal_can(signums[i]))
            return false;
        for (size_t j = 0; j < i; j++)
            if (signums[i] == signums[j])
                return false;
    }
    return count > 0;
}

int
bide_signal_new(bide_loop *l, const int *signums, size_t count,
                bide_signal **out)
{
    if (!are_valid(signums, count))
        return BIDE_EINVALID;
    int rc = need(l);
    if (rc)
        return rc;
    size_t size = sizeof(bide_signal) + count * sizeof(watched);
    bide_signal *s = bide__endpoint_new(size, l, shut);
    if (!s)
        return BIDE_ENOMEMORY;
    bide__list_init(&s->waits);
    rc = watch_all(s, signums, count);
    if (rc) {
        bide_signal_unref(s);
        return rc;
    }
    bide__list_append(&l->signals->listeners, &s->link);
    bide__endpoint_open(&s->base);
    *out = s;
    return 0;
}

bide_signal *
bide_signal_ref(bide_signal *s)
{
    bide__object_ref(&s->base.object);
    return s;
}

void
bide_signal_unref(bide_signal *s)
{
    if (s)
        bide__endpoint_unref(&s->base);
}

void
bide_signal_close(bide_signal *s)
{
    bide__endpoint_close(&s->base);
}

bool
bide_signal_closed(const bide_signal *s)
{
    return s->base.closed;
}

bide_loop *
bide_signal_loop(const bide_signal *s)
{
    return s->base.object.loop;
}
