/* Reports of blocks. */
#include "block.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "loop.h"
#include "peek.h"
#include "write_all.h"

bool
bide_peek(void *to, const void *from, size_t n)
{
    return bide__peek(to, from, n);
}

/* -- looking -------------------------------------------------------------- */

/* Copies a string that may not be there, up to its end, or that of `size`.
 * Pieces do not cross the edges of pages. */
static void
peek_text(char *out, size_t size, const char *from)
{
    enum { PIECE = 32 };
    size_t used = 0;
    while (from && used + PIECE < size) {
        size_t n = PIECE - (uintptr_t)from % PIECE;
        if (!bide__peek(out + used, from, n))
            break;
        size_t length = strnlen(out + used, n);
        used += length;
        if (length < n)
            break;
        from += n;
    }
    out[used] = 0;
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = '?';
}

/* The task may be ending, even gone, when another thread looks. */
static void
look_at_task(const bide_loop *l, bide_block *out)
{
    bide_task *t = NULL, task;
    out->task = 0;
    out->name[0] = out->file[0] = 0;
    out->line = 0;
    if (!bide__peek(&t, &l->current, sizeof t) || !t ||
        !bide__peek(&task, t, sizeof task))
        return;
    out->task = task.id;
    peek_text(out->name, sizeof out->name, task.name);
    peek_text(out->file, sizeof out->file, task.site.file);
    out->line = task.site.line;
}

void
bide__block_look(void *arg)
{
    bide__sight *sight = arg;
    bide_loop *l = sight->loop;
    look_at_task(l, &sight->block);
    size_t length = 0;
    if (l->host.trace)
        length = l->host.trace(l->host.ctx, bide__loop_here == l, sight->text,
                               sizeof sight->text);
    sight->later = length == (size_t)BIDE_TRACE_LATER;
    sight->text[sight->later ? 0 : length] = 0;
    sight->block.trace = sight->text;
}

/* -- the text ------------------------------------------------------------- */

static int
write_task(const bide_block *b, char *out, size_t size)
{
    char name[144], site[300] = "";
    if (b->name[0])
        snprintf(name, sizeof name, "task \"%s\"", b->name);
    else
        snprintf(name, sizeof name, "task-%" PRIu64, b->task);
    if (b->file[0])
        snprintf(site, sizeof site, " (%s:%d)", b->file, b->line);
    return snprintf(out, size, "%s%s", name, site);
}

size_t
bide_block_text(const bide_block *b, char *out, size_t size)
{
    char task[460] = "what runs between tasks", missed[64] = "";
    if (b->task)
        write_task(b, task, sizeof task);
    if (b->missed)
        snprintf(missed, sizeof missed, " (%u reports before this left out)",
                 b->missed);
    const char *trace = b->trace && b->trace[0] ? b->trace : NULL;
    int n;
    if (b->late)
        n = snprintf(out, size, "bide: where %s blocked the loop:\n%s\n", task,
                     trace ? trace : "");
    else
        n = snprintf(out, size,
                     "bide: the loop is blocked: %s has been running for "
                     "%" PRId64 " ms without waiting%s%s\n%s",
                     task, b->lasted / 1000000, missed, trace ? ":" : "",
                     trace ? trace : "");
    return n < 0 ? 0 : (size_t)n;
}

void
bide__block_print(const bide__sight *sight)
{
    if (sight->loop->watched.how.report) {
        sight->loop->watched.how.report(sight->loop->host.ctx, &sight->block);
        return;
    }
    char text[BIDE__TRACE_MAX + 1024];
    size_t n = bide_block_text(&sight->block, text, sizeof text);
    if (n >= sizeof text)
        n = sizeof text - 1;
    if (n && text[n - 1] != '\n' && n + 1 < sizeof text)
        text[n++] = '\n';
    bide__write_all(STDERR_FILENO, text, n);
}

/* -- to the host ---------------------------------------------------------- */

typedef struct bide__delivery {
    bide_post post;
    bide_loop *loop;
    bide_block block;
    char trace[];
} delivery;

/* The step that blocked is over. A trace that came late has been put in. */
static void
deliver(bide_post *post)
{
    delivery *d = bide__of(post, delivery, post);
    bide_loop *l = d->loop;
    bide__lock_take(&l->watched.lock);
    if (l->watched.last == d)
        l->watched.last = NULL;
    bide__lock_drop(&l->watched.lock);
    l->host.blocked(l->host.ctx, &d->block);
    bide__free(d);
}

/* Without memory it is printed and counted, only. */
void
bide__block_deliver(bide_loop *l, const bide__sight *sight)
{
    if (!l->host.blocked)
        return;
    size_t room = sight->later ? sizeof sight->text : strlen(sight->text) + 1;
    delivery *d = bide__alloc(sizeof *d + room);
    if (!d)
        return;
    d->post.deliver = deliver;
    d->loop = l;
    d->block = sight->block;
    memcpy(d->trace, sight->text, strlen(sight->text) + 1);
    d->block.trace = d->trace;
    bide__lock_take(&l->watched.lock);
    l->watched.last = sight->later ? d : NULL;
    if (bide_loop_post(l, &d->post)) {
        l->watched.last = NULL;
        bide__free(d);
    }
    bide__lock_drop(&l->watched.lock);
}

/* The watchdog waits a moment for the trace before it prints without it. */
static bool
collect(bide__watched *w, const char *trace, bool *owed)
{
    bide__lock_take(&w->lock);
    bide__sight *sight = w->collecting;
    bool collected = w->owed && sight;
    *owed = w->owed;
    w->owed = false;
    w->collecting = NULL;
    if (collected)
        snprintf(sight->text, sizeof sight->text, "%s", trace);
    else if (*owed && w->last)
        snprintf(w->last->trace, BIDE__TRACE_MAX, "%s", trace);
    bide__lock_drop(&w->lock);
    return collected;
}

void
bide_loop_trace(bide_loop *l, const char *trace)
{
    bool owed;
    if (collect(&l->watched, trace, &owed) || !owed)
        return;
    bide__sight sight = {.loop = l};
    look_at_task(l, &sight.block);
    snprintf(sight.text, sizeof sight.text, "%s", trace);
    sight.block.loop = l;
    sight.block.trace = sight.text;
    sight.block.late = true;
    bide__block_print(&sight);
}
