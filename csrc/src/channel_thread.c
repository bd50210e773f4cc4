/* The side of a channel that threads see: any thread may call what is here. */
#include "channel.h"

/* -- without waiting ------------------------------------------------------ */

int
bide_channel_try_send(bide_channel *ch, bide_value v)
{
    int rc = BIDE_EWOULDBLOCK;
    bide__lock_take(&ch->lock);
    if (ch->closed)
        rc = BIDE_ECLOSED;
    else if (ch->ring.count < ch->capacity && !bide__channel_senders_wait(ch))
        rc = bide__ring_push(&ch->ring, v);
    const bide_loop *l = ch->object.loop;
    bide__stats *stats = l ? bide__loop_exact(l) : NULL;
    if (rc == 0 && bide__unlikely(stats) && bide__loop_is_here(l))
        bide__stats_note(stats, BIDE__STATS_DEPTH, (int64_t)ch->ring.count - 1);
    if (rc == 0 && bide__channel_receivers_wait(ch))
        bide__channel_settle(ch);
    else
        bide__lock_drop(&ch->lock);
    return rc;
}

/* Takes the oldest value if nobody waits for it; the lock is held. */
static int
take_now(bide_channel *ch, bide_value *out)
{
    if (!ch->ring.count)
        return ch->closed ? BIDE_ECLOSED : BIDE_EWOULDBLOCK;
    if (bide__channel_receivers_wait(ch))
        return BIDE_EWOULDBLOCK;
    *out = bide__ring_pop(&ch->ring);
    return 0;
}

int
bide_channel_try_recv(bide_channel *ch, bide_value *out)
{
    bide__lock_take(&ch->lock);
    int rc = take_now(ch, out);
    if (rc == 0 && bide__channel_senders_wait(ch))
        bide__channel_settle(ch);
    else
        bide__lock_drop(&ch->lock);
    return rc;
}

/* -- waiting threads ------------------------------------------------------ */

/* Queues `p` and blocks. The lock is held and is given up. */
static int
park_unlock(bide_channel *ch, bide__parker *p, bide_link *queue,
            int64_t timeout)
{
    p->ticket = ch->ticket++;
    bide__list_append(queue, &p->link);
    bide__lock_drop(&ch->lock);
    if (bide__parker_wait(p, timeout))
        return p->status;
    bide__lock_take(&ch->lock);
    bool queued = bide__list_linked(&p->link);
    if (queued)
        bide__list_remove(&p->link);
    bide__lock_drop(&ch->lock);
    if (queued)
        return BIDE_ETIMEDOUT;
    bide__parker_wait(p, BIDE_FOREVER); /* served at the last moment */
    return p->status;
}

int
bide_channel_send_blocking(bide_channel *ch, bide_value v, int64_t timeout)
{
    int rc = bide_channel_try_send(ch, v);
    if (rc != BIDE_EWOULDBLOCK)
        return rc;
    if (bide__loop_here)
        return BIDE_EDEADLOCK;
    bide__parker p;
    rc = bide__parker_init(&p);
    if (rc)
        return rc;
    p.value = v;
    bide__lock_take(&ch->lock);
    if (ch->closed)
        rc = BIDE_ECLOSED;
    else if (ch->ring.count < ch->capacity && !bide__channel_senders_wait(ch))
        rc = bide__ring_push(&ch->ring, v);
    else
        rc = BIDE_PARKED;
    if (rc == BIDE_PARKED)
        rc = park_unlock(ch, &p, &ch->thread_senders, timeout);
    else
        bide__channel_settle(ch);
    bide__parker_fini(&p);
    return rc;
}

int
bide_channel_recv_blocking(bide_channel *ch, bide_value *out, int64_t timeout)
{
    int rc = bide_channel_try_recv(ch, out);
    if (rc != BIDE_EWOULDBLOCK)
        return rc;
    if (bide__loop_here)
        return BIDE_EDEADLOCK;
    bide__parker p;
    rc = bide__parker_init(&p);
    if (rc)
        return rc;
    bide__lock_take(&ch->lock);
    rc = take_now(ch, out);
    if (rc == BIDE_EWOULDBLOCK) {
        rc = park_unlock(ch, &p, &ch->thread_receivers, timeout);
        if (rc == 0)
            *out = p.value;
    } else {
        bide__channel_settle(ch);
    }
    bide__parker_fini(&p);
    return rc;
}

/* -- the rest ------------------------------------------------------------- */

void
bide_channel_close(bide_channel *ch)
{
    bide__lock_take(&ch->lock);
    ch->closed = true;
    bide__channel_settle(ch);
}

/* What a look at a channel needs to change in it: the lock. */
static bide__lock *
lock_of(const bide_channel *ch)
{
    return (bide__lock *)&ch->lock;
}

bool
bide_channel_closed(const bide_channel *ch)
{
    bide__lock_take(lock_of(ch));
    bool closed = ch->closed;
    bide__lock_drop(lock_of(ch));
    return closed;
}

size_t
bide_channel_len(const bide_channel *ch)
{
    bide__lock_take(lock_of(ch));
    size_t n = ch->ring.count;
    bide__lock_drop(lock_of(ch));
    return n;
}

size_t
bide_channel_capacity(const bide_channel *ch)
{
    return ch->capacity;
}

int
bide_channel_visit(bide_channel *ch, bide_visit_fn fn, void *arg)
{
    int rc = 0;
    bide__lock_take(&ch->lock);
    for (size_t i = 0; i < ch->ring.count && rc == 0; i++)
        rc = fn(bide__ring_at(&ch->ring, i), arg);
    bide__lock_drop(&ch->lock);
    return rc;
}
