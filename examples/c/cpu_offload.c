/* cpu_offload.c - computations on the threads of the blocking pool, while the
 * loop goes on.
 *
 * A job is the caller's memory until its `done` has been called. Here it lies
 * in the task that asked for it, so a task that is cancelled takes its job off
 * the queue, or tells it to stop, and waits for it behind a shield.
 */
#include "task.h"

#include <stdatomic.h>

enum { MS = 1000 * 1000, PARTS = 4, LIMIT = 400000, PRIMES = 33860 };

typedef struct offload {
    task task;
    bide_job job;
    bide_scope limit, shield;
    atomic_bool stop; /* the job looks at it now and then */
    bool ended;
    int status;        /* of the job */
    int first, result; /* in and out */
    int *total;
} offload;

/* -- on another thread ---------------------------------------------------- */

static bool
is_prime(int n)
{
    for (int i = 2; i <= n / i; i++)
        if (n % i == 0)
            return false;
    return n > 1;
}

/* Every fourth number: the parts take about the same time. */
static void
count_primes(bide_job *job)
{
    offload *o = job->host;
    for (int n = o->first; n < LIMIT && !atomic_load(&o->stop); n += PARTS)
        o->result += is_prime(n);
}

/* A search without an end. */
static void
search(bide_job *job)
{
    offload *o = job->host;
    for (int n = 2; !atomic_load(&o->stop); n = n == LIMIT ? 2 : n + 1)
        o->result = is_prime(n) ? n : o->result;
}

/* -- on the loop's thread ------------------------------------------------- */

/* Wakes the task, unless a cancellation has just done so. */
static void
job_done(bide_job *job, int status)
{
    offload *o = job->host;
    o->ended = true;
    o->status = status;
    bide_unpark(&o->task.wait, 0);
}

static void
submit(offload *o, void (*run)(bide_job *), const char *name)
{
    o->job = (bide_job){.run = run, .done = job_done, .name = name, .host = o};
    must(bide_job_submit(o->task.base.loop, &o->job), name);
}

/* Nobody wants the result any more; `done` is still to come. */
static void
give_up(offload *o)
{
    if (!bide_job_cancel(&o->job))
        atomic_store(&o->stop, true);
    bide_scope_init(&o->shield);
    bide_scope_shield(&o->shield, BIDE_FOREVER);
    must(bide_scope_enter(&o->shield, &o->task.base, NULL), "shield");
}

static void
add_part(task *t)
{
    offload *o = (offload *)t;

    BEGIN(t);
    submit(o, count_primes, "primes");
    AWAIT(t, bide_park(&t->wait));
    if (!o->ended) { /* cancelled */
        give_up(o);
        AWAIT(t, bide_park(&t->wait));
        must(bide_scope_leave(&o->shield), "leave");
    } else {
        must(o->status, "primes");
        *o->total += o->result;
    }
    END(t);
}

/* The deadline can only pass if the loop goes on while the job runs. */
static void
search_a_while(task *t)
{
    offload *o = (offload *)t;
    int64_t soon = bide_loop_now(t->base.loop, true) + 20 * MS;

    BEGIN(t);
    bide_scope_init(&o->limit);
    must(bide_scope_enter(&o->limit, &t->base, NULL), "enter");
    must(bide_scope_deadline(&o->limit, soon), "deadline");
    submit(o, search, "search");
    AWAIT(t, bide_park(&t->wait));
    give_up(o);
    AWAIT(t, bide_park(&t->wait));
    must(bide_scope_leave(&o->shield), "leave");
    if (bide_scope_leave(&o->limit) != BIDE_ETIMEDOUT)
        must(BIDE_EINVALID, "the deadline");
    printf("the search was given up after 20 ms\n");
    END(t);
}

int
main(void)
{
    bide_loop *loop;
    int primes = 0;

    must(bide_loop_new(NULL, &loop), "loop");
    for (int i = 0; i < PARTS; i++) {
        offload *o = task_new(loop, NULL, "part", sizeof *o, add_part);
        o->first = i;
        o->total = &primes;
    }
    must(bide_loop_run(loop, NULL), "run");
    printf("%d primes below %d\n", primes, LIMIT);

    task_new(loop, NULL, "search", sizeof(offload), search_a_while);
    must(bide_loop_run(loop, NULL), "run");
    must(bide_loop_close(loop, BIDE_FOREVER, NULL, NULL), "close");
    bide_loop_unref(loop);
    return primes == PRIMES ? 0 : 1;
}
