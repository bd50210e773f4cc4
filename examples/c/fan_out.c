/* fan_out.c - asks several services at once, and keeps what came back in time.
 *
 * A group is a scope that the parent entered and its children were started
 * below. Its deadline, or a child that fails, cancels all of them; the parent
 * waits for the last one behind a shield, so that none outlives the group,
 * whatever happens.
 */
#include "task.h"

enum { MOST = 4 };

static const int64_t MS = 1000 * 1000;

typedef struct service {
    const char *name;
    int delay; /* ms */
    bool broken;
} service;

/* -- a group: children that start and end together ------------------------ */

typedef struct group {
    task *parent;
    bide_scope scope;  /* around the children */
    bide_scope shield; /* around the parent's wait for them */
    int running, answers, failure;
} group;

static void
group_open(group *g, task *parent, int64_t limit)
{
    int64_t now = bide_loop_now(parent->base.loop, true);

    *g = (group){.parent = parent};
    bide_scope_init(&g->scope);
    must(bide_scope_enter(&g->scope, &parent->base, NULL), "enter");
    must(bide_scope_deadline(&g->scope, now + limit), "deadline");
}

/* All children are started; the parent parks next. */
static void
group_guard(group *g)
{
    bide_scope_init(&g->shield);
    bide_scope_shield(&g->shield, BIDE_FOREVER);
    must(bide_scope_enter(&g->shield, &g->parent->base, NULL), "shield");
}

/* The last thing a child does. The first error cancels the others. */
static void
group_left(group *g, int status)
{
    if (status < 0 && status != BIDE_ECANCELED && g->failure == 0) {
        g->failure = status;
        bide_scope_cancel(&g->scope, BIDE_NO_VALUE);
    }
    if (--g->running == 0)
        bide_unpark(&g->parent->wait, 0);
}

/* No child is left: 0, the error of one that failed, or BIDE_ETIMEDOUT. */
static int
group_close(group *g)
{
    must(bide_scope_leave(&g->shield), "leave");
    int why = bide_scope_leave(&g->scope);
    return g->failure ? g->failure : why;
}

/* -- the children --------------------------------------------------------- */

typedef struct child {
    task task;
    group *group;
    const service *service;
} child;

/* The sleep stands for a call over the network. */
static void
ask(task *t)
{
    child *c = (child *)t;
    int64_t now = bide_loop_now(t->base.loop, false);

    BEGIN(t);
    AWAIT(t, bide_sleep_until(&t->wait, now + c->service->delay * MS));
    if (t->status == 0 && c->service->broken)
        t->status = BIDE_EEOF;
    if (t->status == 0)
        c->group->answers++;
    printf("  %-6s %s\n", c->service->name,
           t->status ? bide_strerror(t->status) : "answered");
    group_left(c->group, t->status);
    END(t);
}

static void
group_ask(group *g, const service *service)
{
    child *c = task_new(g->parent->base.loop, &g->scope, service->name,
                        sizeof *c, ask);
    c->group = g;
    c->service = service;
    g->running++;
}

/* -- the parent ----------------------------------------------------------- */

typedef struct question {
    const char *title;
    int limit; /* ms */
    service services[MOST];
    int status, answers; /* as they should be */
} question;

static const question questions[] = {
    {.title = "all answer",
     .limit = 10000,
     .services = {{"users", 10, false}, {"orders", 20, false}},
     .answers = 2},
    {.title = "one is too slow",
     .limit = 200,
     .services = {{"users", 10, false}, {"slow", 60000, false}},
     .status = BIDE_ETIMEDOUT,
     .answers = 1},
    {.title = "one is broken",
     .limit = 10000,
     .services = {{"users", 9000, false}, {"broken", 10, true}},
     .status = BIDE_EEOF},
};
enum { QUESTIONS = sizeof questions / sizeof *questions };

typedef struct parent {
    task task;
    group group;
    int at;
    int *right;
} parent;

static void
ask_all(task *t)
{
    parent *p = (parent *)t;
    const question *q = &questions[p->at];

    BEGIN(t);
    for (; p->at < QUESTIONS; p->at++) {
        q = &questions[p->at];
        printf("%s\n", q->title);
        group_open(&p->group, t, q->limit * MS);
        for (int i = 0; i < MOST && q->services[i].name; i++)
            group_ask(&p->group, &q->services[i]);
        group_guard(&p->group);
        AWAIT(t, bide_park(&t->wait));
        t->status = group_close(&p->group);
        printf("  %d in time: %s\n", p->group.answers,
               t->status ? bide_strerror(t->status) : "all of them");
        if (t->status == q->status && p->group.answers == q->answers)
            ++*p->right;
    }
    END(t);
}

int
main(void)
{
    bide_loop *loop;
    int right = 0;

    must(bide_loop_new(NULL, &loop), "loop");
    parent *p = task_new(loop, NULL, "parent", sizeof *p, ask_all);
    p->right = &right;
    must(bide_loop_run(loop, NULL), "run");
    must(bide_loop_close(loop, 0, NULL, NULL), "close");
    bide_loop_unref(loop);
    return right == QUESTIONS ? 0 : 1;
}
