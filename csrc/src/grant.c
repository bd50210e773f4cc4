#include "grant.h"

#include "alloc.h"

bool
bide__grant_add(bide_link *peers, const bide__held_kind *kind, void *object,
                bide_task *t, size_t count)
{
    bide_loop *l = t->loop;
    bide__grant *g;
    if (!BIDE__DIAGNOSTICS)
        return false;
    if (!bide__list_empty(&l->grants))
        g = bide__of(bide__list_pop(&l->grants), bide__grant, peer);
    else
        g = bide__alloc(sizeof *g);
    if (!g)
        return false;
    g->held.kind = kind;
    g->held.object = object;
    g->count = count;
    bide__held_give(&g->held, t);
    bide__list_append(peers, &g->peer);
    return true;
}

bide__grant *
bide__grant_find(const void *object, const bide_task *t)
{
    if (!t)
        return NULL;
    for (const bide_link *i = t->held.next; i != &t->held; i = i->next) {
        bide__held *h = bide__of(i, bide__held, link);
        if (h->object == object)
            return bide__of(h, bide__grant, held);
    }
    return NULL;
}

/* The link in the holder's list may be gone: that has ended. */
static void
end(bide__grant *g)
{
    /* The analyzer takes one that has ended for the next in a list. */
    bide_loop *l = g->held.holder->loop; /* NOLINT(clang-analyzer-core.*) */
    if (bide__list_linked(&g->held.link))
        bide__held_take(&g->held);
    bide__list_remove(&g->peer);
    bide__list_append(&l->grants, &g->peer);
}

void
bide__grant_take(bide__grant *g, size_t count)
{
    g->count -= count < g->count ? count : g->count;
    if (g->count == 0)
        end(g);
}

void
bide__grant_end_all(bide_link *peers)
{
    while (!bide__list_empty(peers))
        end(bide__of(peers->next, bide__grant, peer));
}

void
bide__grant_free_spares(bide_loop *l)
{
    while (!bide__list_empty(&l->grants))
        bide__free(bide__of(bide__list_pop(&l->grants), bide__grant, peer));
}
