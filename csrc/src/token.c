#include "token.h"

#include <stdatomic.h>

#include "alloc.h"
#include "lock.h"
#include "loop.h"
#include "scope.h"

enum { LIVE, CANCELLING, CANCELLED };

struct bide_token {
    atomic_size_t refs;
    atomic_int state;
    _Atomic(bide_loop *) loop; /* counted */
    bide_token *parent;        /* counted */
    bide_value reason;
    bide_scope scope;
    bide_post told; /* of a cancel from another thread */
    bide_post freed;
};

int
bide_token_new(bide_token *parent, bide_token **out)
{
    bide_token *k = bide__alloc(sizeof *k);
    if (!k)
        return BIDE_ENOMEMORY;
    atomic_init(&k->refs, 1);
    bide_scope_init(&k->scope);
    k->scope.host = NULL;
    k->parent = parent ? bide_token_ref(parent) : NULL;
    *out = k;
    return 0;
}

bide_token *
bide_token_ref(bide_token *k)
{
    atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
    return k;
}

/* The trees of closed loops have no thread of their own any more: tokens that
 * still hang in one are taken out under this lock. */
static bide__lock orphans;

static void
leave_tree(bide_token *k)
{
    bide__lock_take(&orphans);
    bide__scope_unlink(&k->scope);
    bide__lock_drop(&orphans);
}

static void
destroy(bide_token *k)
{
    bide_token *parent = k->parent;
    leave_tree(k);
    bide_loop_unref(atomic_load(&k->loop));
    bide__free(k);
    bide_token_unref(parent);
}

static void
on_freed(bide_post *p)
{
    destroy(bide__of(p, bide_token, freed));
}

/* The scope hangs in the loop's tree, so the loop's thread takes it down. */
void
bide_token_unref(bide_token *k)
{
    if (!k || atomic_fetch_sub(&k->refs, 1) != 1)
        return;
    bide_loop *l = atomic_load(&k->loop);
    k->freed.deliver = on_freed;
    if (!l || bide__loop_is_here(l) || bide_loop_post(l, &k->freed))
        destroy(k);
}

/* -- binding -------------------------------------------------------------- */

static int
join_tree(bide_token *k, bide_loop *l)
{
    bide_loop *old = atomic_load(&k->loop);
    if (old == l)
        return 0;
    if (old) {
        if (!atomic_load(&old->closed))
            return BIDE_EWRONGLOOP;
        leave_tree(k);
        bide_loop_unref(old);
    }
    k->scope.loop = l;
    bide__scope_link(&k->scope, k->parent ? &k->parent->scope : NULL, NULL,
                     NULL);
    atomic_store(&k->loop, bide_loop_ref(l));
    if (atomic_load(&k->state) == CANCELLED)
        bide_scope_cancel(&k->scope, k->reason);
    return 0;
}

int
bide__token_bind(bide_token *k, bide_loop *l)
{
    if (atomic_load(&k->loop) == l)
        return 0;
    if (k->parent) {
        int rc = bide__token_bind(k->parent, l);
        if (rc)
            return rc;
    }
    return join_tree(k, l);
}

int
bide_scope_enter(bide_scope *s, bide_task *t, bide_token *token)
{
    bide_scope *followed = NULL;
    if (token) {
        int rc = bide__token_bind(token, t->loop);
        if (rc)
            return rc;
        followed = &token->scope;
    }
    bide__scope_link(s, t->scope, t, followed);
    t->scope = s;
    return 0;
}

/* -- cancelling ----------------------------------------------------------- */

static void
on_told(bide_post *p)
{
    bide_token *k = bide__of(p, bide_token, told);
    bide_scope_cancel(&k->scope, k->reason);
    bide_token_unref(k);
}

static void
tell(bide_token *k, bide_loop *l)
{
    if (bide__loop_is_here(l)) {
        bide_scope_cancel(&k->scope, k->reason);
        return;
    }
    k->told.deliver = on_told;
    bide_token_ref(k);
    if (bide_loop_post(l, &k->told))
        bide_token_unref(k);
}

bool
bide_token_cancel(bide_token *k, bide_value reason)
{
    int live = LIVE;
    if (!atomic_compare_exchange_strong(&k->state, &live, CANCELLING))
        return false;
    k->reason = reason;
    atomic_store(&k->state, CANCELLED);
    bide_loop *l = atomic_load(&k->loop);
    if (l)
        tell(k, l);
    return true;
}

bool
bide_token_cancelled(const bide_token *k)
{
    for (; k; k = k->parent)
        if (atomic_load(&k->state) != LIVE)
            return true;
    return false;
}

bide_value
bide_token_reason(const bide_token *k)
{
    return atomic_load(&k->state) == CANCELLED ? k->reason : BIDE_NO_VALUE;
}

static void
on_expired(bide_timer *t)
{
    bide_token *k = bide__of(bide__of(t, bide_scope, timer), bide_token, scope);
    uint32_t before = k->scope.flags;
    k->scope.flags |= BIDE_SCOPE_EXPIRED;
    if (!bide_token_cancel(k, BIDE_NO_VALUE))
        k->scope.flags = before;
}

int
bide_token_deadline(bide_token *k, bide_loop *l, int64_t deadline)
{
    int rc = bide__token_bind(k, l);
    if (rc)
        return rc;
    bide_timer_stop(l, &k->scope.timer);
    if (deadline == BIDE_FOREVER)
        return 0;
    return bide_timer_start(l, &k->scope.timer, deadline, on_expired);
}

bide_scope *
bide_token_scope(bide_token *k)
{
    return &k->scope;
}
