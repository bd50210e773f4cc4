/* bide_dump: asks every loop of the process, one after the other, to describe
 * itself between two steps, and reads those that do not answer from outside.
 *
 * A question is a post in memory shared by both sides. Its state settles who
 * acts on it: the loop turns ASKED into ANSWERING and then releases the parker;
 * a caller that has waited enough turns ASKED into DROPPED and goes, and the
 * loop frees the question whenever it finds it. */
#include "dump_json.h"
#include "dump_text.h"

#include <stdatomic.h>

#include "alloc.h"
#include "loop.h"
#include "parker.h"

static const int64_t patience = 100 * 1000000;

enum { ASKED, ANSWERING, DROPPED };

typedef struct question {
    bide_post post;
    atomic_int state;
    bide_loop *loop;
    bide__snapshot *answer;
    bide__parker parker;
} question;

static void
answer(bide_post *p)
{
    question *q = bide__of(p, question, post);
    int asked = ASKED;
    if (!atomic_compare_exchange_strong(&q->state, &asked, ANSWERING)) {
        bide__parker_fini(&q->parker);
        bide__free(q);
        return;
    }
    bide__snapshot_take(q->answer, q->loop);
    bide__parker_release(&q->parker, 0);
}

/* Whether the loop has answered. */
static bool
await_answer(question *q)
{
    if (bide__parker_wait(&q->parker, patience))
        return true;
    int asked = ASKED;
    if (atomic_compare_exchange_strong(&q->state, &asked, DROPPED))
        return false;
    return bide__parker_wait(&q->parker, BIDE_FOREVER);
}

/* 1: answered; 0: the loop is busy or does not run; or an error. */
static int
ask(bide_loop *l, bide__snapshot *s)
{
    if (!atomic_load(&l->running))
        return 0;
    question *q = bide__alloc(sizeof *q);
    if (!q)
        return BIDE_ENOMEMORY;
    q->post.deliver = answer;
    q->loop = l;
    q->answer = s;
    atomic_init(&q->state, ASKED);
    int rc = bide__parker_init(&q->parker);
    if (rc)
        goto no_parker;
    rc = bide_loop_post(l, &q->post);
    if (rc)
        goto no_post;
    if (!await_answer(q))
        return 0;
    rc = 1;
no_post:
    bide__parker_fini(&q->parker);
no_parker:
    bide__free(q);
    return rc;
}

/* The thread of a loop must not keep its interpreter from the other loops while
 * it waits for them. */
static int
ask_outside(bide_loop *l, bide__snapshot *s)
{
    bide_loop *here = bide__loop_here;
    if (here && here->host.poll_begin)
        here->host.poll_begin(here->host.ctx);
    int rc = ask(l, s);
    if (rc == 0)
        bide__snapshot_peek(s, l);
    if (here && here->host.poll_end)
        here->host.poll_end(here->host.ctx);
    return rc < 0 ? rc : 0;
}

/* A loop that closes meanwhile is left out. */
static int
describe(bide_loop *l, bide__snapshot *s)
{
    if (bide__loop_is_here(l)) {
        bide__snapshot_take(s, l);
        return 0;
    }
    return ask_outside(l, s);
}

/* -- all of them ---------------------------------------------------------- */

typedef struct album {
    bide__snapshot *at;
    size_t count;
} album;

static void
keep_loop(bide__registered *r)
{
    bide_loop_ref(bide__of(r, bide_loop, registered));
}

static int
add_page(album *a, bide_loop *l)
{
    size_t size = (a->count + 1) * sizeof *a->at;
    bide__snapshot *at = bide__realloc(a->at, size);
    if (!at)
        return BIDE_ENOMEMORY;
    a->at = at;
    bide__snapshot *s = &at[a->count];
    *s = (bide__snapshot){0};
    int rc = describe(l, s);
    if (rc == BIDE_ECLOSED) {
        bide__snapshot_fini(s);
        return 0;
    }
    a->count++;
    return rc ? rc : s->failed ? BIDE_ENOMEMORY : 0;
}

static int
fill(album *a)
{
    uint64_t after = 0;
    bide__registered *r;
    int rc = 0;
    while (rc == 0 && (r = bide__registry_next(after, keep_loop))) {
        bide_loop *l = bide__of(r, bide_loop, registered);
        after = r->serial;
        if (l->fork_count == bide__fork_count)
            rc = add_page(a, l);
        bide_loop_unref(l);
    }
    return rc;
}

int
bide_dump(int format, char **out)
{
    album a = {NULL, 0};
    bide__text x = {0};
    if (format != BIDE_DUMP_TEXT && format != BIDE_DUMP_JSON)
        return BIDE_EINVALID;
    int rc = fill(&a);
    if (rc == 0 && format == BIDE_DUMP_JSON)
        bide__dump_json(&x, a.at, a.count);
    else if (rc == 0)
        bide__dump_text(&x, a.at, a.count);
    if (rc == 0 && x.failed)
        rc = BIDE_ENOMEMORY;
    while (a.count)
        bide__snapshot_fini(&a.at[--a.count]);
    bide__free(a.at);
    if (rc)
        bide__text_fini(&x);
    else
        *out = x.at;
    return rc;
}

void
bide_dump_free(char *text)
{
    bide__free(text);
}
