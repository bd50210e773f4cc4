/* test_channel_model.c - the channel under cancels everywhere and against a
 * reference. */
#include "support_model.h"
#include "support_sweep.h"

/* -- cancel at every park: every value arrives once, or stays with its sender -
 */

enum { VALUES = 5, SENDERS = 2 };

typedef struct shared {
    bide_channel *channel;
    int sent, received, senders_left;
    int64_t sum_sent, sum_received;
} shared;

static void
feeds(actor *a)
{
    shared *s = a->arg;

    BEGIN(a);
    for (a->i = 1; a->i <= VALUES; a->i++) {
        a->w.value = number(a->n * 100 + a->i);
        AWAIT(a, bide_channel_send(s->channel, &a->w));
        if (a->rc)
            break;
        s->sent++;
        s->sum_sent += a->n * 100 + a->i;
    }
    CHECK(a->rc == 0 || a->w.value.as.integer == a->n * 100 + a->i);
    if (--s->senders_left == 0)
        bide_channel_close(s->channel);
    END(a);
}

static void
drains(actor *a)
{
    shared *s = a->arg;

    BEGIN(a);
    for (;;) {
        AWAIT(a, bide_channel_recv(s->channel, &a->w));
        if (a->rc)
            break;
        s->received++;
        s->sum_received += a->w.value.as.integer;
        AWAIT(a, bide_yield(&a->w));
    }
    END(a);
}

static void
drains_many(actor *a)
{
    shared *s = a->arg;
    bide_value *batch = a->extra;

    BEGIN(a);
    for (;;) {
        AWAIT(a, bide_channel_recv_many(s->channel, &a->w, batch, 3));
        if (a->rc)
            break;
        for (a->i = 0; a->i < (int)a->w.u.many.count; a->i++) {
            s->received++;
            s->sum_received += batch[a->i].as.integer;
        }
        AWAIT(a, bide_yield(&a->w));
    }
    free(batch);
    END(a);
}

static bide_value *
new_batch(void)
{
    bide_value *batch = calloc(3, sizeof *batch);
    if (!batch)
        abort();
    return batch;
}

static void
build_senders(world *wd, shared *s)
{
    CHECK_INT(bide_channel_new(2, "ch", HERE, &s->channel), 0);
    s->senders_left = SENDERS;
    for (int i = 0; i < SENDERS; i++)
        actor_spawn(wd, "s", feeds, s)->n = i + 1;
}

static actor *
build_sender_victim(world *wd, void *state)
{
    build_senders(wd, state);
    actor *victim = wd->actors;
    actor_spawn(wd, "r", drains, state);
    actor_spawn(wd, "m", drains_many, state)->extra = new_batch();
    return victim;
}

static actor *
build_receiver_victim(world *wd, void *state)
{
    build_senders(wd, state);
    actor *victim = actor_spawn(wd, "r", drains, state);
    actor_spawn(wd, "r", drains, state);
    return victim;
}

static actor *
build_many_victim(world *wd, void *state)
{
    build_senders(wd, state);
    actor *victim = actor_spawn(wd, "m", drains_many, state);
    victim->extra = new_batch();
    actor_spawn(wd, "r", drains, state);
    return victim;
}

static void
verify(world *wd, void *state, bool hit)
{
    (void)wd;
    shared *s = state;
    CHECK(hit || s->sent == SENDERS * VALUES);
    CHECK_INT(s->received, s->sent);
    CHECK_INT(s->sum_received, s->sum_sent);
    CHECK_INT(bide_channel_len(s->channel), 0);
    bide_channel_unref(s->channel);
}

static void
test_channel_cancel_at_every_park(void **state)
{
    (void)state;
    sweep_cancel(&(scenario){sizeof(shared), build_sender_victim, verify});
    sweep_cancel(&(scenario){sizeof(shared), build_receiver_victim, verify});
    sweep_cancel(&(scenario){sizeof(shared), build_many_victim, verify});
}

/* -- model ----------------------------------------------------------------
 * Each send has a value of its own, the hand's number times 1000 plus a count;
 * a receive ends with the value it should get. Once closed, a channel is
 * replaced when it is empty (RENEW). */

enum { SEND, SEND_TOO, RECV, RECV_TOO, TRY_SEND, TRY_RECV, CLOSE, RENEW, OPS };
enum { CAPACITY = 3 };

static int
make(rig *r)
{
    return bide_channel_new(CAPACITY, "ch", HERE, (bide_channel **)&r->object);
}

static void
drop(rig *r)
{
    bide_channel_unref(r->object);
}

/* Closing is rare. */
static int
draw(rig *r, int hand)
{
    (void)hand;
    int op = random_below(&r->random, OPS);
    return op == CLOSE && random_below(&r->random, 8) ? RECV : op;
}

static int
submit_renew(rig *r)
{
    if (!bide_channel_closed(r->object) || bide_channel_len(r->object))
        return 0;
    bide_channel_unref(r->object);
    return make(r);
}

static int64_t
value_of(const rig *r, int hand)
{
    return hand * 1000 + r->numbers[CAPACITY + 1 + hand];
}

static int
submit(rig *r, int hand, int op, bide_wait *w)
{
    switch (op) {
    case SEND:
    case SEND_TOO:
        w->value = number(value_of(r, hand));
        return bide_channel_send(r->object, w);
    case RECV:
    case RECV_TOO:
        return bide_channel_recv(r->object, w);
    case TRY_SEND:
        return bide_channel_try_send(r->object, number(value_of(r, hand)));
    case TRY_RECV:
        return bide_channel_try_recv(r->object, &w->value);
    case CLOSE:
        bide_channel_close(r->object);
        return 0;
    default:
        return submit_renew(r);
    }
}

static void
put(rig *r, int hand)
{
    r->numbers[r->count++] = value_of(r, hand);
}

static int64_t
take(rig *r)
{
    int64_t v = r->numbers[0];
    r->count--;
    for (int i = 0; i < r->count; i++)
        r->numbers[i] = r->numbers[i + 1];
    return v;
}

static bool
head_sends(const rig *r)
{
    return r->queued && r->queue[0].op <= SEND_TOO;
}

static bool
head_receives(const rig *r)
{
    return r->queued && !head_sends(r);
}

static void
serve(rig *r)
{
    while (head_receives(r) && r->count)
        rig_ends_with(r, rig_unblock(r, 0).hand, 0, take(r));
    while (head_sends(r) && r->count < CAPACITY && !r->flag) {
        int hand = rig_unblock(r, 0).hand;
        put(r, hand);
        rig_ends_with(r, hand, 0, value_of(r, hand));
    }
}

static void
predict_send(rig *r, int hand, int op)
{
    r->numbers[CAPACITY + 1 + hand] = ++r->next % 1000;
    int64_t mine = op == TRY_SEND ? 0 : value_of(r, hand);
    if (r->flag) {
        rig_ends_with(r, hand, BIDE_ECLOSED, mine);
    } else if (r->count < CAPACITY) {
        put(r, hand);
        rig_ends_with(r, hand, 0, mine);
    } else if (op == TRY_SEND) {
        rig_ends(r, hand, BIDE_EWOULDBLOCK);
    } else {
        rig_blocks(r, hand, op);
    }
}

static void
predict_recv(rig *r, int hand, int op)
{
    if (r->count)
        rig_ends_with(r, hand, 0, take(r));
    else if (r->flag)
        rig_ends(r, hand, BIDE_ECLOSED);
    else if (op == TRY_RECV)
        rig_ends(r, hand, BIDE_EWOULDBLOCK);
    else
        rig_blocks(r, hand, op);
}

static void
end_blocked(rig *r, int hand, int op, int rc)
{
    rig_ends_with(r, hand, rc, op <= SEND_TOO ? value_of(r, hand) : 0);
}

static void
predict_close(rig *r, int hand)
{
    rig_ends(r, hand, 0);
    r->flag = 1;
    while (r->queued) {
        blocked b = rig_unblock(r, 0);
        end_blocked(r, b.hand, b.op, BIDE_ECLOSED);
    }
}

static void
predict(rig *r, int hand, int op)
{
    if (op == OP_CANCEL) {
        blocked b = rig_unblock_hand(r, hand);
        end_blocked(r, hand, b.op, BIDE_ECANCELED);
    } else if (op == CLOSE) {
        predict_close(r, hand);
    } else if (op == RENEW) {
        rig_ends(r, hand, 0);
        if (r->flag && r->count == 0)
            r->flag = 0;
    } else if (op == RECV || op == RECV_TOO || op == TRY_RECV) {
        predict_recv(r, hand, op);
    } else {
        predict_send(r, hand, op);
    }
    serve(r);
}

static void
compare(rig *r)
{
    CHECK_INT(bide_channel_len(r->object), r->count);
    CHECK_INT(bide_channel_closed(r->object), r->flag);
}

static void
test_channel_agrees_with_its_model(void **state)
{
    (void)state;
    model_run(
        &(model){"channel", make, drop, draw, submit, predict, compare, NULL});
}

TEST_MAIN("channel model", T(channel_cancel_at_every_park),
          T(channel_agrees_with_its_model))
