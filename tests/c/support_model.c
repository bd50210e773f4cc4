/* support_model.c - see support_model.h. */
#include "support_model.h"

enum { STEPS = 300, SEEDS = 20 };

void
rig_ends_with(rig *r, int hand, int rc, int64_t value)
{
    if (r->foretold_count < (int)COUNT(r->foretold))
        r->foretold[r->foretold_count++] = (outcome){hand, rc, value};
}

void
rig_ends(rig *r, int hand, int rc)
{
    rig_ends_with(r, hand, rc, 0);
}

void
rig_blocks(rig *r, int hand, int op)
{
    r->is_blocked[hand] = true;
    r->queue[r->queued++] = (blocked){hand, op};
}

blocked
rig_unblock(rig *r, int i)
{
    blocked b = r->queue[i];
    r->is_blocked[b.hand] = false;
    r->queued--;
    memmove(&r->queue[i], &r->queue[i + 1],
            (size_t)(r->queued - i) * sizeof(blocked));
    return b;
}

blocked
rig_unblock_hand(rig *r, int hand)
{
    for (int i = 0; i < r->queued; i++)
        if (r->queue[i].hand == hand)
            return rig_unblock(r, i);
    abort();
}

static void
hand_saw(hand *h, int rc)
{
    rig *r = h->rig;
    int64_t value = h->actor->w.value.as.integer;
    if (r->seen_count < (int)COUNT(r->seen))
        r->seen[r->seen_count++] = (outcome){h->index, rc, value};
}

/* Each operation has a scope of its own, so that the driver can cancel it and
 * the hand can go on. */
static void
hand_body(actor *a)
{
    hand *h = a->arg;

    BEGIN(a);
    for (;;) {
        h->ordered = false;
        AWAIT_OK(a, bide_park(&a->w));
        if (h->quit)
            break;
        bide_scope_init(&a->scope);
        CHECK_INT(bide_scope_enter(&a->scope, &a->task, NULL), 0);
        a->w.value = number(0);
        AWAIT(a, h->rig->model->submit(h->rig, h->index, h->op, &a->w));
        bide_scope_leave(&a->scope);
        hand_saw(h, a->rc);
    }
    END(a);
}

static int
by_hand(const void *x, const void *y)
{
    return ((const outcome *)x)->hand - ((const outcome *)y)->hand;
}

/* Keeps those that ended well at the front, in order. */
static int
granted_first(outcome *list, int count)
{
    outcome rest[4 * CREW];
    int granted = 0, others = 0;
    for (int i = 0; i < count; i++) {
        if (list[i].rc == 0)
            list[granted++] = list[i];
        else
            rest[others++] = list[i];
    }
    memcpy(list + granted, rest, (size_t)others * sizeof(outcome));
    return granted;
}

static bool
same(const outcome *x, const outcome *y)
{
    return x->hand == y->hand && x->rc == y->rc && x->value == y->value;
}

static void
print_outcomes(const char *title, const outcome *list, int count)
{
    fprintf(stderr, "  %s", title);
    for (int i = 0; i < count; i++)
        fprintf(stderr, " hand %d: %d (%lld)", list[i].hand, list[i].rc,
                (long long)list[i].value);
    fprintf(stderr, "\n");
}

static void
rig_mismatch(rig *r, int step)
{
    CHECK(!"the object and its model agree");
    fprintf(stderr, "  BIDE_SEED=%llu, %s, step %d, after%s\n",
            (unsigned long long)r->seed, r->model->name, step, r->log);
    print_outcomes("seen    ", r->seen, r->seen_count);
    print_outcomes("foretold", r->foretold, r->foretold_count);
}

static bool
rig_compare(rig *r, int step)
{
    bool agree = r->seen_count == r->foretold_count;
    if (agree) {
        int granted = granted_first(r->seen, r->seen_count);
        agree = granted == granted_first(r->foretold, r->foretold_count);
        int from = r->in_order ? granted : 0;
        size_t rest = (size_t)(r->seen_count - from);
        qsort(r->seen + from, rest, sizeof(outcome), by_hand);
        qsort(r->foretold + from, rest, sizeof(outcome), by_hand);
        for (int i = 0; agree && i < r->seen_count; i++)
            agree = same(&r->seen[i], &r->foretold[i]);
    }
    if (!agree)
        rig_mismatch(r, step);
    if (agree && r->model->compare)
        r->model->compare(r);
    r->seen_count = r->foretold_count = 0;
    return agree;
}

static void
rig_log(rig *r, int hand, int op)
{
    size_t room = sizeof r->log - r->logged;
    int n = snprintf(r->log + r->logged, room, " %d:%d", hand, op);
    r->logged = (size_t)n < room ? r->logged + (size_t)n : 0;
}

static void
rig_order(rig *r, int hand_index, int op)
{
    hand *h = &r->hands[hand_index];
    rig_log(r, hand_index, op);
    if (op == OP_CANCEL) {
        bide_scope_cancel(&h->actor->scope, number(0));
    } else {
        h->op = op;
        h->ordered = true;
        CHECK(bide_unpark(&h->actor->w, 0));
    }
    r->model->predict(r, hand_index, op);
}

static void
rig_step(rig *r, bool closing)
{
    int i = random_below(&r->random, CREW);
    int op = OP_REST;
    if (r->is_blocked[i])
        op = OP_CANCEL;
    else if (!closing)
        op = r->model->draw(r, i);
    else if (r->model->finish)
        op = r->model->finish(r, i);
    if (op != OP_REST)
        rig_order(r, i, op);
}

static void
quit_hands(rig *r)
{
    for (int i = 0; i < CREW; i++) {
        r->hands[i].quit = true;
        bide_unpark(&r->hands[i].actor->w, 0);
    }
}

static void
driver_body(actor *a)
{
    rig *r = a->arg;

    BEGIN(a);
    AWAIT_UNTIL(a, ready_tasks(a->world) == 0);
    for (a->i = 0; a->i < STEPS || r->queued > 0; a->i++) {
        rig_step(r, a->i >= STEPS);
        AWAIT_UNTIL(a, ready_tasks(a->world) == 0);
        if (!rig_compare(r, a->i))
            break;
    }
    for (a->i = 0; a->i < CREW; a->i++)
        bide_scope_cancel(&r->hands[a->i].actor->scope, number(0));
    AWAIT_UNTIL(a, ready_tasks(a->world) == 0);
    quit_hands(r);
    END(a);
}

static void
model_run_seed(const model *m, uint64_t seed)
{
    rig *r = calloc(1, sizeof *r);
    if (!r)
        abort();
    r->model = m;
    r->seed = r->random = seed;
    r->owner = -1;
    r->in_order = seed % 2 == 0;
    world_begin(&r->wd, r->in_order ? 0 : seed);
    assert_int_equal(m->make(r), 0);
    for (int i = 0; i < CREW; i++) {
        hand *h = &r->hands[i];
        h->rig = r;
        h->index = i;
        h->actor = actor_spawn(&r->wd, "hand", hand_body, h);
        bide_scope_init(&h->actor->scope);
    }
    r->driver = actor_spawn(&r->wd, "driver", driver_body, r);
    world_run(&r->wd);
    m->drop(r);
    world_end(&r->wd);
    free(r);
}

void
model_run(const model *m)
{
    if (random_seed()) {
        model_run_seed(m, random_seed());
        return;
    }
    for (uint64_t seed = 1; seed <= thoroughness(SEEDS); seed++)
        model_run_seed(m, seed);
}
