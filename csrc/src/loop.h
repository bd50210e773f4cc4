/* The reactor: one uv_loop_t, one FIFO of ready tasks, one heap of timers under
 * one uv_timer, one inbox under one uv_async.
 *
 * Invariants
 * - A task is in the ready queue iff its state is READY.
 * - I/O callbacks only change core structures and append to the ready queue;
 *   tasks, timers and posts run between polls, with `polling` false.
 * - `sleeping` is set, then inbox and `woken` are looked at, before a poll that
 *   blocks; a poster pushes, then looks at `sleeping`. One sees the other. */
#ifndef BIDE_LOOP_H
#define BIDE_LOOP_H

#include <stdatomic.h>
#include <uv.h>

#include "bide.h"
#include "compiler.h"
#include "diagnostics.h"
#include "inbox.h"
#include "list.h"
#include "lock.h"
#include "registry.h"
#include "spares.h"
#include "stats.h"
#include "timer.h"
#include "watched.h"

enum {
    BIDE__BUDGET = 128, /* operations that finish at once, per resume */
    /* Resumes between two polls. With 1,000 connections more of them would have
     * a poll's messages out of the cache before their tasks run. */
    BIDE__POLL_INTERVAL = 64,
    BIDE__STEPS_BITS = 8 /* of loop->pace */
};

struct bide__pool;
struct bide__readiness;
struct bide__signals;
struct bide__interests;
struct bide__held;

/** Of background tasks, of which nothing can be expected: as many of the
 * loop's tasks, I/O waits and timers are theirs. */
typedef struct bide__background {
    size_t tasks, io_waits, timers;
    uint64_t swept; /* no younger task of them has been cancelled */
} bide__background;

/** Locks while those are reported that are held for long: slow_lock.c. */
typedef struct bide__slow {
    int64_t limit;  /* ns; BIDE_FOREVER: off */
    bide_link held; /* bide__held.watched */
    int64_t next;   /* look */
    void (*given)(struct bide__held *h);
    void (*taken)(struct bide__held *h);
} bide__slow;

/** A time in which only other threads could wake a task. */
typedef struct bide__stall {
    int64_t limit;    /* ns; BIDE_FOREVER: off */
    int64_t since;    /* 0: not now */
    uint64_t resumes; /* of the loop as it began */
    bool told;
} bide__stall;

/** What is to be reported: report.h. */
typedef struct bide__reports {
    bide_link pending;
    bide_link failed; /* tasks, by `ready`: forgotten.c */
    double tokens;    /* reports that may be made now */
    int64_t refilled;
    unsigned missed; /* left out since the last one */
    atomic_uint_fast64_t slow_locks, stalls;
} bide__reports;

struct bide_loop {
    bide_link ready;
    int64_t step_at;    /* when the running step began, ns; 0: not measured */
    bide__stats *stats; /* NULL: off */
    bide__stats *exact; /* the same in a turn that is measured, else NULL */
    bide_link grants;   /* spare ones: grant.h */
    bide_task *current;
    bide_task *until;
    unsigned plain; /* `fork_count`, or another number: bide__loop_apart */
    unsigned fork_count;
    atomic_int pace; /* left of a step's budget, and of a turn's steps */
    bool stop;
    bool pause; /* the next poll comes before the next task */
    bool polling;
    bool ending; /* closing: no more jobs */
    uint64_t seed;
    int64_t now;
    bide__timers timers;

    /* What can still wake a task: see bide__loop_stalled. */
    size_t io_waits;
    size_t jobs;
    atomic_int holds;

    size_t tasks;
    bide__background background;
    uint64_t next_id;
    atomic_uint_fast64_t resumes, polls; /* of ended turns: bide__loop_steps */
    bide__watched watched;

    bide__inbox inbox;
    atomic_bool sleeping, woken;
    unsigned patience; /* before it sleeps while jobs are out: see spin.h */
    atomic_bool closed, running;
    atomic_size_t refs;

    uv_loop_t uv;
    uv_async_t async;
    uv_timer_t alarm;
    int64_t alarm_at;
    uv_poll_t wake_poll;
    int wake_fds[2];
    int wake_next; /* hears what was written to them, too; -1: nobody */
    bool wake_open;

    size_t attached; /* tasks, which are none of `tasks` */
    bide__slow slow;
    bide__stall stall;
    bide__reports reports;
    int64_t look_at; /* the next call of `look`, or BIDE_FOREVER */
    void (*look)(bide_loop *l);

    bide_link onlookers; /* waits for the moment when nothing is ready ... */
    void (*quiet)(bide_loop *l); /* ... and who ends them; NULL: nobody */

    bide_scope root;
    bide_link struck;  /* scopes whose cancellation is still to be spread */
    bide_link handles; /* bide__handle */
    size_t handle_count;
    bide_link notices;             /* of I/O callbacks: bide__notice */
    bide_link checks;              /* bide__notice, told before a poll */
    char *scratch, *scratch_block; /* for reads of all streams */
    struct bide__batch *batch;     /* for those of datagrams */
    bide__spares spares;           /* of their buffers */
    size_t inflow;         /* bytes that streams have read in this poll, */
    unsigned inflow_reads; /* by so many reads */
    struct bide__readiness *readiness; /* made on first use, as the next */
    struct bide__signals *signals;
    struct bide__interests *interests;

    struct bide__pool *blocking, *dns; /* set and cleared under `pools` */
    bide__lock pools;
    unsigned pool_threads;
    int64_t pool_keep_alive;

    bool virtual_clock;
    bool stirred; /* the last poll did something that woke no task yet */
    bide_host host;
    bide__registered registered;
};

/** An I/O object of a loop, closed with it at the latest. */
typedef struct bide__handle {
    bide_link link;
    void (*close)(struct bide__handle *h);
} bide__handle;

/** What an I/O callback has to tell the host once the poll is over, or what is
 * to be done before it begins. */
typedef struct bide__notice {
    bide_link link; /* in loop->notices or checks, or in none */
    void (*deliver)(struct bide__notice *n);
} bide__notice;

extern _Thread_local bide_loop *bide__loop_here;

/** How often this process has been forked from a process using the library. */
extern unsigned bide__fork_count;

/** How many tasks `l` has resumed. Any thread. */
static inline uint64_t
bide__loop_steps(const bide_loop *l)
{
    uint64_t n = atomic_load_explicit(&l->resumes, memory_order_relaxed);
    unsigned pace =
        (unsigned)atomic_load_explicit(&l->pace, memory_order_relaxed);
    unsigned left = pace % (1U << BIDE__STEPS_BITS);
    return n + BIDE__POLL_INTERVAL - left;
}

/** Takes one operation off the budget of the step; false: it is used up. */
static inline bool
bide__loop_spend(bide_loop *l)
{
    int pace = atomic_load_explicit(&l->pace, memory_order_relaxed) -
               (1 << BIDE__STEPS_BITS);
    atomic_store_explicit(&l->pace, pace, memory_order_relaxed);
    return pace >= 0;
}

/** Whether an operation has to do more than usual, for one of all the rare
 * reasons: the process has been forked, or locks are measured. */
static inline bool
bide__loop_apart(const bide_loop *l)
{
    return l->plain != bide__fork_count;
}

/** Whether it is of interest now when locks change hands. */
static inline bool
bide__loop_measures(const bide_loop *l)
{
    return BIDE__DIAGNOSTICS && l->plain != l->fork_count;
}

static inline void
bide__loop_set_measures(bide_loop *l, bool on)
{
    l->plain = on ? ~l->fork_count : l->fork_count;
}

/** Where to note what happens in `l` now, or NULL: nowhere. */
static inline bide__stats *
bide__loop_exact(const bide_loop *l)
{
    return BIDE__DIAGNOSTICS ? l->exact : NULL;
}

static inline bool
bide__loop_is_here(const bide_loop *l)
{
    return bide__loop_here == l;
}

/** Has `look` be called once it is `then`. */
static inline void
bide__loop_look_at(bide_loop *l, int64_t then)
{
    if (then < l->look_at)
        l->look_at = then;
}

static inline void
bide__loop_ready(bide_loop *l, bide_task *t)
{
    t->state = BIDE_TASK_READY;
    if (BIDE__DIAGNOSTICS && bide__unlikely(l->step_at))
        t->ready_at = l->step_at;
    bide__list_append(&l->ready, &t->ready);
}

int bide__loop_init(bide_loop *l);
void bide__loop_fini(bide_loop *l);

/** One turn: polls (blocking if nothing is ready), then delivers posts and
 * expires timers. 0 or the result that ends the run. */
int bide__loop_turn(bide_loop *l);

/** Nothing is ready: the result that ends the run if nothing ever will be, or
 * 0. A stall that only other threads can end is noted: see bide__stall. */
int bide__loop_stalled(bide_loop *l);

/** Resumes ready tasks, up to the poll interval or until stopped. */
void bide__loop_resume(bide_loop *l);

/** Binds an object to the loop of the task that uses it: `*slot` is a counted
 * reference. An object of a closed loop moves over. BIDE_EWRONGLOOP. */
int bide__loop_adopt(bide_loop **slot, bide_loop *l);

static inline int
bide__loop_bind(bide_loop **slot, bide_loop *l)
{
    return *slot == l ? 0 : bide__loop_adopt(slot, l);
}

void bide__loop_add_handle(bide_loop *l, bide__handle *h);
void bide__loop_remove_handle(bide_loop *l, bide__handle *h);

#endif
