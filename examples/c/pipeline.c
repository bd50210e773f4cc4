/* pipeline.c - a thread that blocks feeds tasks through bounded channels.
 *
 * A source that knows nothing of loops, here a thread that makes numbers, sends
 * into a channel and is held back while it is full. Workers, several tasks,
 * take single numbers and have them squared on the blocking pool; one collector
 * takes the results in batches. Each stage ends when the channel before it is
 * closed and drained. Then a deadline shows what a cancelled wait costs:
 * nothing.
 *
 *   pipeline [COUNT]    (1000)
 */
#include "task.h"

enum { WORKERS = 4, BATCH = 64 };

typedef struct pipeline {
    bide_loop *loop;
    bide_channel *numbers, *squares;
    bide_job source;
    int64_t count, sum;
    int workers_left, batches;
} pipeline;

static bide_value
integer(int64_t n)
{
    return (bide_value){.as = {.integer = n}};
}

/* -- the source: on a thread of its own ----------------------------------- */

static void
produce(bide_job *job)
{
    pipeline *p = job->host;
    for (int64_t i = 1; i <= p->count; i++)
        must(bide_channel_send_blocking(p->numbers, integer(i), BIDE_FOREVER),
             "send");
    bide_channel_close(p->numbers);
}

static void
source_ended(bide_job *job, int status)
{
    (void)job;
    must(status, "source");
}

/* -- a worker ------------------------------------------------------------- */

typedef struct worker {
    task task;
    pipeline *pipeline;
    bide_job job;
    int64_t number;
} worker;

static void
square(bide_job *job)
{
    worker *w = job->host;
    w->number *= w->number;
}

/* Back on the loop's thread: wakes the worker, which parked. */
static void
squared(bide_job *job, int status)
{
    worker *w = job->host;
    bide_unpark(&w->task.wait, status);
}

static int
start_squaring(worker *w)
{
    w->job =
        (bide_job){.run = square, .done = squared, .name = "square", .host = w};
    return bide_job_submit(w->pipeline->loop, &w->job);
}

static void
work(task *t)
{
    worker *w = (worker *)t;
    pipeline *p = w->pipeline;

    BEGIN(t);
    for (;;) {
        AWAIT(t, bide_channel_recv(p->numbers, &t->wait));
        if (t->status == BIDE_ECLOSED)
            break;
        must(t->status, "receive");
        w->number = t->wait.value.as.integer;
        must(start_squaring(w), "job");
        AWAIT(t, bide_park(&t->wait));
        must(t->status, "square");
        t->wait.value = integer(w->number);
        AWAIT(t, bide_channel_send(p->squares, &t->wait));
        must(t->status, "send");
    }
    if (--p->workers_left == 0)
        bide_channel_close(p->squares);
    END(t);
}

/* -- the collector -------------------------------------------------------- */

typedef struct collector {
    task task;
    pipeline *pipeline;
    bide_scope deadline;
    bide_value batch[BATCH];
} collector;

static void
collect(task *t)
{
    collector *c = (collector *)t;
    pipeline *p = c->pipeline;

    BEGIN(t);
    for (;;) {
        AWAIT(t, bide_channel_recv_many(p->squares, &t->wait, c->batch, BATCH));
        if (t->status == BIDE_ECLOSED)
            break;
        must(t->status, "receive");
        for (size_t i = 0; i < t->wait.u.many.count; i++)
            p->sum += c->batch[i].as.integer;
        p->batches++;
    }
    END(t);
}

/* Nothing comes any more, and a deadline ends the wait. */
static void
wait_in_vain(task *t)
{
    collector *c = (collector *)t;
    bide_channel *quiet = c->batch[0].as.ptr;
    int64_t soon = bide_loop_now(t->base.loop, true) + 10 * 1000 * 1000;

    BEGIN(t);
    bide_scope_init(&c->deadline);
    must(bide_scope_enter(&c->deadline, &t->base, NULL), "enter");
    must(bide_scope_deadline(&c->deadline, soon), "deadline");
    AWAIT(t, bide_channel_recv(quiet, &t->wait));
    if (bide_scope_leave(&c->deadline) != BIDE_ETIMEDOUT)
        must(BIDE_EINVALID, "the deadline");
    printf("and then nothing for 10 ms\n");
    END(t);
}

/* -- the program ---------------------------------------------------------- */

static collector *
new_collector(pipeline *p, void (*body)(task *))
{
    collector *c = task_new(p->loop, NULL, "collector", sizeof *c, body);
    c->pipeline = p;
    return c;
}

static void
run(pipeline *p)
{
    p->source = (bide_job){
        .run = produce, .done = source_ended, .name = "source", .host = p};
    must(bide_job_spawn(p->loop, &p->source), "source");
    p->workers_left = WORKERS;
    for (int i = 0; i < WORKERS; i++) {
        worker *w = task_new(p->loop, NULL, "worker", sizeof *w, work);
        w->pipeline = p;
    }
    new_collector(p, collect);
    must(bide_loop_run(p->loop, NULL), "run");

    bide_channel *quiet;
    bide_site here = {__FILE__, __LINE__};
    must(bide_channel_new(1, "quiet", here, &quiet), "channel");
    new_collector(p, wait_in_vain)->batch[0].as.ptr = quiet;
    must(bide_loop_run(p->loop, NULL), "run");
    bide_channel_unref(quiet);
}

int
main(int argc, char **argv)
{
    pipeline p = {.count = argc > 1 ? atoll(argv[1]) : 1000};
    bide_site here = {__FILE__, __LINE__};

    must(bide_loop_new(NULL, &p.loop), "loop");
    must(bide_channel_new(16, "numbers", here, &p.numbers), "channel");
    must(bide_channel_new(256, "squares", here, &p.squares), "channel");
    run(&p);
    bide_channel_unref(p.numbers);
    bide_channel_unref(p.squares);
    must(bide_loop_close(p.loop, 1000 * 1000 * 1000, NULL, NULL), "close");
    bide_loop_unref(p.loop);

    printf("%lld numbers in %d batches, the sum of their squares is %lld\n",
           (long long)p.count, p.batches, (long long)p.sum);
    return p.sum == p.count * (p.count + 1) * (2 * p.count + 1) / 6 ? 0 : 1;
}
