/* task.h - writing a task as a straight function, for the examples.
 *
 * bide asks of a task only that it can be resumed. Here its body is a function
 * with a switch over line numbers inside: AWAIT leaves the function when the
 * operation parks, and comes back to the same line when the task is resumed. So
 * local variables do not survive an AWAIT; what has to lies in the task. */
#ifndef EXAMPLE_TASK_H
#define EXAMPLE_TASK_H

#include <bide.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct task {
    bide_task base;
    bide_wait wait;
    void (*body)(struct task *self);
    int line;   /* where the body goes on; -1: it has ended */
    int status; /* of the last AWAIT */
} task;

#define BEGIN(t)                                                               \
    switch ((t)->line) {                                                       \
    case 0:
#define END(t)                                                                 \
    }                                                                          \
    (t)->line = -1

#define AWAIT(t, operation)                                                    \
    do {                                                                       \
        (t)->status = (operation);                                             \
        if ((t)->status == BIDE_PARKED) {                                      \
            (t)->line = __LINE__;                                              \
            return;                                                            \
        case __LINE__:                                                         \
            (t)->status = bide_wait_take(&(t)->wait);                          \
        }                                                                      \
    } while (0)

static inline void
must(int status, const char *what)
{
    if (status < 0) {
        fprintf(stderr, "%s: %s\n", what, bide_strerror(status));
        exit(1);
    }
}

static void
task_resume(bide_task *base)
{
    task *t = base->host;
    t->body(t);
    if (t->line < 0) {
        bide_task_finish(base);
        free(t);
    }
}

/** Starts a task of `size` bytes, which begins with a task and is freed when
 * its body has ended; `group` may be NULL. It runs when the caller waits. */
static inline void *
task_new(bide_loop *loop, bide_scope *group, const char *name, size_t size,
         void (*body)(task *self))
{
    task *t = calloc(1, size);
    must(t ? 0 : BIDE_ENOMEMORY, name);
    bide_task_init(&t->base, task_resume);
    bide_wait_init(&t->wait, &t->base);
    t->base.host = t;
    t->base.name = name;
    t->body = body;
    must(bide_task_start(&t->base, loop, group, NULL), name);
    return t;
}

#endif
