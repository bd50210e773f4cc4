#include "channel.h"

static bool abort_wait(bide_wait *w, bool forced);
static void undo_recv(bide_wait *w);
static void undo_many(bide_wait *w);

static const bide_wait_kind send_kind = {
    .verb = "send",
    .object = "Channel",
    .abort = abort_wait,
    .label = bide__object_label,
};
static const bide_wait_kind recv_kind = {
    .verb = "recv",
    .object = "Channel",
    .abort = abort_wait,
    .undo = undo_recv,
    .label = bide__object_label,
};
static const bide_wait_kind many_kind = {
    .verb = "recv_many",
    .object = "Channel",
    .abort = abort_wait,
    .undo = undo_many,
    .label = bide__object_label,
};

/* -- who waits, under the lock -------------------------------------------- */

/* Whether the oldest of the tasks is older than the oldest of the threads;
 * one of the lists is not empty. */
static bool
task_is_first(const bide_link *tasks, const bide_link *threads)
{
    if (bide__list_empty(tasks))
        return false;
    if (bide__list_empty(threads))
        return true;
    const bide_wait *w = bide__wait_first(tasks);
    const bide__parker *p = bide__of(threads->next, bide__parker, link);
    return (ptrdiff_t)(w->u.many.count - p->ticket) < 0;
}

/* What a receiving wait gets: one value, or as many as it takes. */
static void
fill(bide_channel *ch, bide_wait *w)
{
    if (w->kind == &recv_kind) {
        w->value = bide__ring_pop(&ch->ring);
        return;
    }
    size_t n = 0;
    while (n < w->u.many.limit && ch->ring.count)
        w->u.many.out[n++] = bide__ring_pop(&ch->ring);
    w->u.many.count = n;
}

/* -- matching ------------------------------------------------------------- */

/* Whom a match has served, already off the queues: told outside the lock. */
struct served {
    bide_wait *task;
    bide__parker *thread;
    int status;
};

static void
serve_task(struct served *s, bide_wait *w)
{
    bide__list_remove(&w->link);
    s->task = w;
}

static void
serve_thread(struct served *s, bide__parker *p)
{
    bide__list_remove(&p->link);
    s->thread = p;
}

static bide__parker *
first_parker(const bide_link *threads)
{
    return bide__of(threads->next, bide__parker, link);
}

/* Moves the value of the oldest sender into the ring. */
static bool
match_sender(bide_channel *ch, struct served *s, bool here)
{
    if (ch->closed || ch->ring.count >= ch->capacity)
        return false;
    if (task_is_first(&ch->task_senders, &ch->thread_senders)) {
        bide_wait *w = bide__wait_first(&ch->task_senders);
        if (!here || bide__ring_push(&ch->ring, w->value))
            return false;
        serve_task(s, w);
        return true;
    }
    if (bide__list_empty(&ch->thread_senders))
        return false;
    bide__parker *p = first_parker(&ch->thread_senders);
    if (bide__ring_push(&ch->ring, p->value))
        return false;
    serve_thread(s, p);
    return true;
}

static bool
match_receiver(bide_channel *ch, struct served *s, bool here)
{
    if (!ch->ring.count)
        return false;
    if (task_is_first(&ch->task_receivers, &ch->thread_receivers)) {
        if (!here)
            return false;
        serve_task(s, bide__wait_first(&ch->task_receivers));
        fill(ch, s->task);
        return true;
    }
    if (bide__list_empty(&ch->thread_receivers))
        return false;
    serve_thread(s, first_parker(&ch->thread_receivers));
    s->thread->value = bide__ring_pop(&ch->ring);
    return true;
}

/* Who must be told that the channel is closed. */
static bool
match_closed(bide_channel *ch, struct served *s, bool here)
{
    if (!ch->closed)
        return false;
    s->status = BIDE_ECLOSED;
    if (!bide__list_empty(&ch->thread_senders))
        serve_thread(s, first_parker(&ch->thread_senders));
    else if (!ch->ring.count && !bide__list_empty(&ch->thread_receivers))
        serve_thread(s, first_parker(&ch->thread_receivers));
    else if (here && !bide__list_empty(&ch->task_senders))
        serve_task(s, bide__wait_first(&ch->task_senders));
    else if (here && !ch->ring.count && !bide__list_empty(&ch->task_receivers))
        serve_task(s, bide__wait_first(&ch->task_receivers));
    else
        return false;
    return true;
}

/* Whether a task could be served, or must be told, by the loop. */
static bool
tasks_concerned(const bide_channel *ch)
{
    if (!bide__list_empty(&ch->task_senders) &&
        (ch->closed || ch->ring.count < ch->capacity))
        return true;
    return !bide__list_empty(&ch->task_receivers) &&
           (ch->closed || ch->ring.count);
}

static void
on_kick(bide_post *p)
{
    bide_channel *ch = bide__of(p, bide_channel, kick);
    bide__lock_take(&ch->lock);
    ch->kicked = false;
    bide__channel_settle(ch);
    bide_channel_unref(ch);
}

/* Tells the loop that its tasks are concerned; gives the lock back. */
static void
kick_unlock(bide_channel *ch)
{
    bide_loop *l = ch->object.loop;
    if (!l || ch->kicked || !tasks_concerned(ch)) {
        bide__lock_drop(&ch->lock);
        return;
    }
    ch->kicked = true;
    ch->kick.deliver = on_kick;
    bide__object_ref(&ch->object);
    bide_loop_ref(l);
    bide__lock_drop(&ch->lock);
    if (bide_loop_post(l, &ch->kick)) {
        bide__lock_take(&ch->lock);
        ch->kicked = false;
        bide__lock_drop(&ch->lock);
        bide_channel_unref(ch);
    }
    bide_loop_unref(l);
}

void
bide__channel_settle(bide_channel *ch)
{
    bool here = ch->object.loop && bide__loop_is_here(ch->object.loop);
    for (;;) {
        struct served s = {NULL, NULL, 0};
        if (!match_receiver(ch, &s, here) && !match_sender(ch, &s, here) &&
            !match_closed(ch, &s, here))
            break;
        bide__lock_drop(&ch->lock);
        if (s.task)
            bide__wait_fire(s.task, s.status);
        else
            bide__parker_release(s.thread, s.status);
        bide__lock_take(&ch->lock);
    }
    if (here)
        bide__lock_drop(&ch->lock);
    else
        kick_unlock(ch);
}

/* -- life ----------------------------------------------------------------- */

static int
new_channel(size_t capacity, const char *name, bide_site site,
            bide_channel **out)
{
    bide_channel *ch = bide__object_new(sizeof *ch, name, site);
    if (!ch)
        return BIDE_ENOMEMORY;
    ch->capacity = capacity;
    bide__list_init(&ch->task_senders);
    bide__list_init(&ch->task_receivers);
    bide__list_init(&ch->thread_senders);
    bide__list_init(&ch->thread_receivers);
    *out = ch;
    return 0;
}

int
bide_channel_new(size_t capacity, const char *name, bide_site site,
                 bide_channel **out)
{
    if (capacity == 0 || capacity == SIZE_MAX)
        return BIDE_EINVALID;
    return new_channel(capacity, name, site, out);
}

int
bide_channel_new_unbounded(const char *name, bide_site site, bide_channel **out)
{
    return new_channel(SIZE_MAX, name, site, out);
}

bide_channel *
bide_channel_ref(bide_channel *ch)
{
    bide__object_ref(&ch->object);
    return ch;
}

void
bide_channel_unref(bide_channel *ch)
{
    if (!ch || !bide__object_unref(&ch->object))
        return;
    bide__free(ch->ring.slots);
    bide__object_free(&ch->object);
}

/* -- operations of tasks -------------------------------------------------- */

static int
enter(bide_channel *ch, bide_task *t)
{
    int rc = bide__wait_refused(t);
    if (bide__unlikely(rc) || ch->object.loop == t->loop)
        return rc;
    bide__lock_take(&ch->lock);
    rc = bide__loop_bind(&ch->object.loop, t->loop);
    bide__lock_drop(&ch->lock);
    return rc;
}

static int
park_unlock(bide_channel *ch, bide_wait *w, const bide_wait_kind *kind,
            bide_link *queue)
{
    w->u.many.count = ch->ticket++;
    bide__wait_park(w, kind, ch, queue);
    bide__lock_drop(&ch->lock);
    return BIDE_PARKED;
}

/* `stats`: where to note how many values there were, or NULL. */
static inline int
send_noting(bide_channel *ch, bide_wait *w, bide__stats *stats)
{
    int rc = enter(ch, w->task);
    if (bide__unlikely(rc))
        return rc;
    bide__lock_take(&ch->lock);
    if (bide__unlikely(ch->closed)) {
        bide__lock_drop(&ch->lock);
        return BIDE_ECLOSED;
    }
    if (stats)
        bide__stats_note(stats, BIDE__STATS_DEPTH, (int64_t)ch->ring.count);
    if (ch->ring.count >= ch->capacity || bide__channel_senders_wait(ch))
        return park_unlock(ch, w, &send_kind, &ch->task_senders);
    rc = bide__ring_push(&ch->ring, w->value);
    if (bide__channel_receivers_wait(ch))
        bide__channel_settle(ch);
    else
        bide__lock_drop(&ch->lock);
    return bide__unlikely(rc) ? rc : bide__wait_done(w, &send_kind, ch);
}

static bide__apart int
send_apart(bide_channel *ch, bide_wait *w)
{
    return send_noting(ch, w, bide__loop_exact(w->task->loop));
}

int
bide_channel_send(bide_channel *ch, bide_wait *w)
{
    if (bide__unlikely(bide__loop_apart(w->task->loop)))
        return send_apart(ch, w);
    return send_noting(ch, w, NULL);
}

static int
receive(bide_channel *ch, bide_wait *w, const bide_wait_kind *kind)
{
    int rc = enter(ch, w->task);
    if (bide__unlikely(rc))
        return rc;
    bide__lock_take(&ch->lock);
    if (!ch->ring.count || bide__channel_receivers_wait(ch)) {
        if (!bide__unlikely(ch->closed && !ch->ring.count))
            return park_unlock(ch, w, kind, &ch->task_receivers);
        bide__lock_drop(&ch->lock);
        return BIDE_ECLOSED;
    }
    w->kind = kind;
    fill(ch, w);
    if (bide__channel_senders_wait(ch))
        bide__channel_settle(ch);
    else
        bide__lock_drop(&ch->lock);
    return bide__wait_done(w, kind, ch);
}

int
bide_channel_recv(bide_channel *ch, bide_wait *w)
{
    return receive(ch, w, &recv_kind);
}

int
bide_channel_recv_many(bide_channel *ch, bide_wait *w, bide_value *out,
                       size_t limit)
{
    if (limit == 0)
        return BIDE_EINVALID;
    w->u.many.out = out;
    w->u.many.limit = limit;
    return receive(ch, w, &many_kind);
}

static bool
abort_wait(bide_wait *w, bool forced)
{
    (void)forced;
    bide_channel *ch = w->object;
    bide__lock_take(&ch->lock);
    bide__list_remove(&w->link);
    bide__lock_drop(&ch->lock);
    return true;
}

/* A granted value that nobody took goes back to the front. The slot it came
 * from may be filled again: for once the ring holds more than its capacity. */
static void
give_back(bide_channel *ch, const bide_value *values, size_t n)
{
    bide__lock_take(&ch->lock);
    while (n && bide__ring_reserve(&ch->ring) == 0)
        bide__ring_push_front(&ch->ring, values[--n]);
    bide__channel_settle(ch);
}

static void
undo_recv(bide_wait *w)
{
    give_back(w->object, &w->value, 1);
}

static void
undo_many(bide_wait *w)
{
    give_back(w->object, w->u.many.out, w->u.many.count);
}
