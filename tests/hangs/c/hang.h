/* hang.h - what the programs of this gallery share: a task is a function with
 * BEGIN, AWAIT and END, as in the examples. */
#ifndef HANG_H
#define HANG_H

#include "../../../examples/c/task.h"

#include <stdlib.h>
#include <string.h>

#define HERE ((bide_site){__FILE__, __LINE__})
#define MS INT64_C(1000000)

/** A new task, with the line of the call as the place where it was made. */
#define spawn(loop, name, body) spawn_in(loop, NULL, name, body, NULL, HERE)
/** The same with an argument, which the body finds in `arg_of(t)`. */
#define spawn_with(loop, name, body, arg)                                      \
    spawn_in(loop, NULL, name, body, arg, HERE)

typedef struct hanging {
    task task;
    void *arg;
    bide_scope scope;
    int step;
} hanging;

static inline bide_task *
spawn_in(bide_loop *loop, bide_scope *group, const char *name,
         void (*body)(task *), void *arg, bide_site site)
{
    hanging *h = task_new(loop, group, name, sizeof *h, body);
    h->arg = arg;
    h->task.base.site = site;
    return &h->task.base;
}

/** A new task of the background. */
#define spawn_background(loop, name, body)                                     \
    spawn_background_in(loop, name, body, HERE)

static inline bide_task *
spawn_background_in(bide_loop *loop, const char *name, void (*body)(task *),
                    bide_site site)
{
    hanging *h = calloc(1, sizeof *h);
    bide_task *base = &h->task.base;

    must(h ? 0 : BIDE_ENOMEMORY, name);
    bide_task_init(base, task_resume);
    bide_wait_init(&h->task.wait, base);
    base->host = &h->task;
    base->name = name;
    base->site = site;
    h->task.body = body;
    must(bide_task_set_background(base, true), name);
    must(bide_task_start(base, loop, NULL, NULL), name);
    return base;
}

static inline void *
arg_of(task *t)
{
    return ((hanging *)t)->arg;
}

/** Prints what is wrong, if anything is: a deadlock with its cycle. */
static inline void
tell(task *t, const char *what)
{
    char text[65536];
    if (t->status == BIDE_EDEADLOCK) {
        bide_wait_explain(&t->wait, text, sizeof text);
        fprintf(stderr, "%s: a deadlock: %s\n", what, text);
    } else if (t->status < 0) {
        fprintf(stderr, "%s: task \"%s\": %s (%s)\n", what, t->base.name,
                bide_strerror(t->status), bide_error_name(t->status));
    }
}

static inline bide_loop *
loop_new(const bide_loop_options *options)
{
    bide_loop *loop = NULL;
    must(bide_loop_new(options, &loop), "loop");
    return loop;
}

/** Runs until the loop ends, and tells how; when everybody waits, who for
 * what. */
static inline int
run(bide_loop *loop)
{
    char *text = NULL;
    int status = bide_loop_run(loop, NULL);
    if (status == 0)
        return 0;
    if (status == BIDE_ESTALLED && bide_stall_text(loop, &text) == 0)
        fprintf(stderr, "%s\n", text);
    else
        fprintf(stderr, "%s\n", bide_strerror(status));
    bide_dump_free(text);
    return 1;
}

static inline bide_mutex *
mutex_new(const char *name, bide_site site)
{
    bide_mutex *m = NULL;
    must(bide_mutex_new(name, site, &m), name);
    return m;
}

#endif
