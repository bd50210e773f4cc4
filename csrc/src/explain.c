/* Says in words what a wait waits for, following the chain from waiter to
 * object to holder to what the holder waits for. Reads, changes nothing. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "cycle.h"
#include "text.h"
#include "wait.h"

struct text {
    char *out;
    size_t size, length;
};

static void
say(struct text *x, const char *format, ...)
{
    size_t room = x->length < x->size ? x->size - x->length : 0;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(room ? x->out + x->length : NULL, room, format, args);
    va_end(args);
    if (n > 0)
        x->length += (size_t)n;
}

static void
say_task(struct text *x, const bide_task *t)
{
    if (t->name)
        say(x, "task \"%s\"", t->name);
    else
        say(x, "task-%" PRIu64, t->id);
    if (t->site.file)
        say(x, " (%s:%d)", bide__base_name(t->site.file), t->site.line);
}

static void
say_object(struct text *x, const bide_wait *w)
{
    bide_site site = {NULL, 0};
    const char *name = w->kind->label ? w->kind->label(w, &site) : NULL;
    say(x, "%s", w->kind->object);
    if (name)
        say(x, " \"%s\"", name);
    if (site.file)
        say(x, " (made at %s:%d)", bide__base_name(site.file), site.line);
}

/* One edge, from `w` to what it waits for; answers the task behind it. */
static const bide_task *
say_edge(struct text *x, const bide_wait *w, const bide_task *first)
{
    const bide_task *t = bide__wait_behind(w, first);
    say(x, " waits for ");
    if (t && w->kind->group) {
        say(x, "its TaskGroup, where ");
        say_task(x, t);
        return t;
    }
    if (t && t == w->object) {
        say_task(x, t);
        return t;
    }
    say_object(x, w);
    if (!t)
        return NULL;
    if (t == w->task) {
        say(x, ", which it holds itself");
    } else if (w->kind->ahead && !bide__wait_blocker(w->kind, w->object)) {
        say(x, ", behind ");
        say_task(x, t);
    } else {
        say(x, " held by ");
        say_task(x, t);
    }
    return t;
}

size_t
bide_wait_explain(const bide_wait *w, char *out, size_t size)
{
    struct text x = {out, size, 0};
    const bide_task *first = w->task;
    size_t most = first->loop->tasks + first->loop->attached;
    if (size)
        out[0] = '\0';
    say_task(&x, first);
    while (w->kind) {
        const bide_task *t = say_edge(&x, w, first);
        if (!t || t == first || !t->waits || most-- == 0)
            break;
        say(&x, w->kind->group ? "" : ", which");
        w = t->waits;
    }
    return x.length;
}
