/* bide.h - the public interface of the bide async runtime.
 *
 * This header is the manual. What holds everywhere is said here once; a
 * declaration below says only what differs.
 *
 * Model      A loop runs tasks. A task is anything with a resume function: a
 *            Python coroutine, a Lua coroutine, a C state machine. A task that
 *            cannot go on parks on a wait node; waking it appends it to the
 *            loop's ready queue, and the loop resumes it from there, never
 *            from inside an I/O callback and never from another thread.
 *
 * Waiting    An operation that may wait takes a `bide_wait *w`, initialised by
 *            bide_wait_init, idle, in memory of the caller that stays put
 *            until the wait is over; the object waited on stays alive until
 *            the wait has been taken or dropped. It answers
 *              0            done; the result is in `w`, the task runs on;
 *              BIDE_PARKED  the task has to return from resume; when it is
 *                           resumed, bide_wait_take(w) gives the status;
 *              < 0          an error; nothing was started, `w` is idle.
 *            An operation that succeeds at once may still answer BIDE_PARKED:
 *            a task that never waits would starve the others, so each resume
 *            has a budget of such operations. The result is the same.
 *
 * Cancel     Safe unless said otherwise: a wait that ends with BIDE_ECANCELED
 *            took nothing, sent nothing and lost nothing. An operation that
 *            had already been granted is delivered, and the cancellation lands
 *            at the task's next wait. Cancellation is level-triggered: while
 *            the task's scope stays cancelled, every wait ends that way.
 *
 * Order      Every wait queue is FIFO, and what is handed over is handed to
 *            the oldest waiter directly: nobody barges.
 *
 * Threads    A function is for the thread that runs the loop, unless it says
 *            "any thread". An object made without a loop belongs to the first
 *            loop whose task uses it; a task of another loop then gets
 *            BIDE_EWRONGLOOP.
 *
 * Ownership  `_new` gives a reference the caller owns, `_ref` another,
 *            `_unref` ends one; unref of NULL does nothing. `_init`/`_fini`
 *            work on memory of the caller. Strings handed in are borrowed for
 *            the call, except names and sites (kept: they outlive the object).
 *
 * Errors     0 or a negative BIDE_E* code; the functions returning counts or
 *            booleans say so. Codes of the system are carried as libuv does,
 *            as negative errno. On error nothing was started and no callback
 *            will run.
 *
 * Time       Nanoseconds on a monotonic clock, int64_t. BIDE_FOREVER: never.
 */
#ifndef BIDE_H
#define BIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(BIDE_BUILD_SHARED) && defined(__GNUC__)
#define BIDE_API __attribute__((visibility("default")))
#else
#define BIDE_API
#endif

#define BIDE_VERSION_MAJOR 0
#define BIDE_VERSION_MINOR 1
#define BIDE_VERSION_PATCH 0
#define BIDE_VERSION "0.1.0"

#define BIDE_FOREVER INT64_MAX
#define BIDE_PARKED 1

/* -- errors --------------------------------------------------------------- */

/** The library's own codes: X(NAME, number, message). System errors keep their
 * negative errno, which lies above -4096. */
#define BIDE_ERRORS(X)                                                         \
    X(ECANCELED, -10001, "the operation was cancelled")                        \
    X(ETIMEDOUT, -10002, "the deadline passed")                                \
    X(ECLOSED, -10003, "the object is closed")                                 \
    X(EDEADLOCK, -10004, "waiting here would never end: a deadlock")           \
    X(ENOTOWNER, -10005, "the calling task does not hold this lock")           \
    X(EWRONGLOOP, -10006, "the object belongs to another runtime")             \
    X(EWOULDBLOCK, -10007, "the operation would have to wait")                 \
    X(ESETTLED, -10008, "the future is already settled")                       \
    X(EBUSY, -10009, "another task is already doing this")                     \
    X(EEOF, -10010, "the stream ended before the data was complete")           \
    X(ETOOLONG, -10011, "the limit was reached before the separator")          \
    X(EBROKEN, -10012, "the object was broken by another task")                \
    X(EINVALID, -10013, "an argument is out of range")                         \
    X(ENOMEMORY, -10014, "out of memory")                                      \
    X(EFORKED, -10015, "the process was forked while the runtime was running") \
    X(ESTALLED, -10016, "every task waits and nothing can wake one")           \
    X(EHOST, -10017, "the host language raised an error")                      \
    X(ENOLOOP, -10018, "no runtime is running on this thread")                 \
    X(EOVERFLOW, -10019, "more was released than had been acquired")           \
    X(ENAME, -10020, "the host name could not be resolved")                    \
    X(ESTUCK, -10021, "blocking jobs are still running")                       \
    X(ETLS, -10041, "TLS failed")                                              \
    X(ECERTIFICATE, -10042, "the peer's certificate was refused")              \
    X(ETRUNCATED, -10043, "the connection ended without an end of TLS")

enum {
#define BIDE__X(name, number, message) BIDE_##name = (number),
    BIDE_ERRORS(BIDE__X)
#undef BIDE__X
};

/** A sentence for `code`; static storage for the library's codes and libuv's
 * text for the system's. Any thread. */
BIDE_API const char *bide_strerror(int code);

/** The symbolic name of `code` ("ECANCELED", "ECONNRESET"). Any thread. */
BIDE_API const char *bide_error_name(int code);

/** The version of the library linked, as BIDE_VERSION. */
BIDE_API const char *bide_version(void);

/* -- memory and values ---------------------------------------------------- */

/** The allocator of everything the library allocates. `realloc` as in C11,
 * with size 0 never asked for. */
typedef struct bide_allocator {
    void *(*realloc)(void *ctx, void *ptr, size_t size);
    void (*free)(void *ctx, void *ptr);
    void *ctx;
} bide_allocator;

/** Replaces the allocator for the process; NULL restores malloc's. To be
 * called while the library holds no memory. */
BIDE_API void bide_set_allocator(const bide_allocator *a);

/** A value of the host language. The library stores and moves it and never
 * looks inside; `tag` is the host's to use. */
typedef struct bide_value {
    union {
        void *ptr;
        int64_t integer;
        double number;
    } as;
    uintptr_t tag;
} bide_value;

#define BIDE_NO_VALUE ((bide_value){{NULL}, 0})

/** Called for each value an object holds, for hosts with a tracing collector.
 * A result other than 0 ends the visit and is returned from it. */
typedef int (*bide_visit_fn)(bide_value value, void *arg);

/** A link of an intrusive circular list. Private. */
typedef struct bide_link {
    struct bide_link *next, *prev;
} bide_link;

/** A node of a loop's cross-thread inbox. Private. */
typedef struct bide_post {
    struct bide_post *next;
    void (*deliver)(struct bide_post *self);
} bide_post;

typedef struct bide_loop bide_loop;
typedef struct bide_task bide_task;
typedef struct bide_wait bide_wait;
typedef struct bide_scope bide_scope;
typedef struct bide_token bide_token;
typedef struct bide_future bide_future;
typedef struct bide_mutex bide_mutex;
typedef struct bide_semaphore bide_semaphore;
typedef struct bide_rwlock bide_rwlock;
typedef struct bide_event bide_event;
typedef struct bide_condition bide_condition;
typedef struct bide_barrier bide_barrier;
typedef struct bide_channel bide_channel;
typedef struct bide_job bide_job;
typedef struct bide_stream bide_stream;
typedef struct bide_listener bide_listener;
typedef struct bide_udp bide_udp;
typedef struct bide_signal bide_signal;
typedef struct bide_watch bide_watch;
typedef struct bide_block bide_block;
typedef struct bide_report bide_report;
typedef struct bide_file bide_file;
typedef struct bide_changes bide_changes;
typedef struct bide_directory bide_directory;
typedef struct bide_process bide_process;

/** Where in the user's program something was made. `file` may be NULL. */
typedef struct bide_site {
    const char *file;
    int line;
} bide_site;

/* -- loop ----------------------------------------------------------------- */

enum { BIDE_ASK_AGAIN = 2, BIDE_KEEP_QUIET = 3 };

/** What a host language hangs into a loop. Every member may be NULL. None of
 * these is called from inside an I/O callback. */
typedef struct bide_host {
    void *ctx;
    /** Around a poll that may block: the place to drop and retake a lock of
     * the interpreter. */
    void (*poll_begin)(void *ctx);
    void (*poll_end)(void *ctx);
    /** After each poll. A result other than 0 ends bide_loop_run with it. */
    int (*tick)(void *ctx);
    /** Nothing is ready, no I/O, timer or job is pending and no thread holds
     * the loop (bide_loop_hold). A result other than 0 ends bide_loop_run with
     * it; 0 waits for a thread to post, BIDE_ASK_AGAIN does so for a quarter of
     * a second, BIDE_KEEP_QUIET for something else, which makes it no stall to
     * report. NULL: ends with BIDE_ESTALLED. */
    int (*stalled)(void *ctx);
    /** For reports: the name of the language, kept, ... */
    const char *language;
    /** ... and where the parked task `t` stands, written to `out` as text of at
     * most `size` bytes with the final zero. On the loop's thread. */
    void (*where)(void *ctx, bide_task *t, char *out, size_t size);
    /** Likewise what `t` waits for, where the host knows better: parked by
     * bide_park, or at a future. */
    void (*what)(void *ctx, bide_task *t, char *out, size_t size);
    /** Lines on tasks of the host's own for a report of a stall, each with the
     * final newline; the length, as of snprintf. On the loop's thread. */
    size_t (*others)(void *ctx, char *out, size_t size);
    /** In each pool thread: as it starts, and as it ends with what the former
     * returned. */
    void *(*thread_begin)(void *ctx);
    void (*thread_end)(void *ctx, void *state);
    /** For the watchdog: the stack of the step that runs now, as lines of text
     * in `out`, a final zero not needed; the length. Or BIDE_TRACE_LATER: the
     * host will call bide_loop_trace. Called in a signal handler on the loop's
     * thread or, where no signal gets through, in the watchdog's while the loop
     * runs (`here` false). So it takes no lock, allocates nothing and reads
     * what may change through bide_peek. */
    size_t (*trace)(void *ctx, bool here, char *out, size_t size);
    /** A report of the watchdog's, once the step that blocked is over. */
    void (*blocked)(void *ctx, const bide_block *b);
    /** A report that has been written to standard error, see bide_report. On
     * the loop's thread, between steps. */
    void (*report)(void *ctx, const bide_report *r);
} bide_host;

/** How the watchdog looks after a loop. */
typedef struct bide_watchdog {
    /** Report a step that lasts so long, ns. BIDE_FOREVER: never. 0: what
     * BIDE_WATCHDOG in the environment says ("100ms", "0.5s", "off"); without
     * that 100 ms if debugging, else never. */
    int64_t threshold;
    /** The signal that interrupts the loop's thread for `trace`. 0: what
     * BIDE_WATCHDOG_SIGNAL says (a number or "none"), or SIGURG. Below 0: none.
     * One that a handler of somebody else's has is not sent. */
    int signum;
    /** Called instead of writing to standard error, in the watchdog's thread;
     * it must not run or close a loop. May be NULL. */
    void (*report)(void *ctx, const bide_block *b);
} bide_watchdog;

typedef struct bide_loop_options {
    bide_host host;
    /** Time stands still while tasks run and jumps to the next timer when
     * nothing else is pending. For tests. */
    bool virtual_clock;
    /** Not 0: ready tasks are resumed in an order drawn from this seed. */
    uint64_t seed;
    /** Blocking pool: most threads (0: 512) and idle time before a thread
     * ends in ns (0: 10 s). */
    unsigned pool_threads;
    int64_t pool_keep_alive;
    /** The defaults of a debug run; BIDE_DEBUG=1 has the same effect. */
    bool debug;
    bide_watchdog watchdog;
    /** Measure: see bide_stats_text. BIDE_STATS=1 has the same effect. */
    bool stats;
    /** Report a lock that is held, or waited for, so long, ns. BIDE_FOREVER:
     * never. 0: what BIDE_SLOW_LOCK in the environment says ("250ms", "1s",
     * "off"), or never. */
    int64_t slow_lock;
    /** Report, without an end to the run, that for so long every task has
     * waited and only another thread could wake one, ns. BIDE_FOREVER: never.
     * 0: what BIDE_STALL in the environment says, or 10 s. */
    int64_t stall;
} bide_loop_options;

/** A new loop, bound to no thread yet; `o` may be NULL. */
BIDE_API int bide_loop_new(const bide_loop_options *o, bide_loop **out);

/** References keep the memory; any thread. The last one must follow
 * bide_loop_close. */
BIDE_API bide_loop *bide_loop_ref(bide_loop *l);
BIDE_API void bide_loop_unref(bide_loop *l);

/** Runs tasks and I/O on this thread until `until` is done (NULL: until no
 * task is left; background tasks are cancelled once only such are). 0; what
 * `tick` or `stalled` answered; BIDE_ESTALLED; BIDE_EBUSY when this thread
 * already runs a loop, BIDE_EFORKED in a child process, which can make and run
 * loops of its own. May be called again after any of them but the last. */
BIDE_API int bide_loop_run(bide_loop *l, bide_task *until);

/** Ends bide_loop_run with 0 when the running task returns. Loop's thread. */
BIDE_API void bide_loop_stop(bide_loop *l);

/** Has the loop poll before it resumes the next task. Loop's thread. */
BIDE_API void bide_loop_pause(bide_loop *l);

/** Fires the timers that are due, as the loop does after each poll: for hosts
 * whose callbacks go by time. Loop's thread. */
BIDE_API void bide_loop_expire(bide_loop *l);

/** Ends the pool (jobs still queued are cancelled, running ones awaited until
 * `grace` ns have passed), closes every I/O object and frees what the loop
 * holds. No task may be alive; another loop may run on this thread.
 * BIDE_ESTUCK: jobs outlived the grace; they were named through `stuck` and are
 * cut loose: the loop is closed all the same. */
BIDE_API int bide_loop_close(bide_loop *l, int64_t grace,
                             void (*stuck)(void *arg, const bide_job *job),
                             void *arg);

/** Whether bide_loop_close has been called. Any thread. */
BIDE_API bool bide_loop_closed(const bide_loop *l);

/** The loop that this thread is running, or NULL. Any thread. */
BIDE_API bide_loop *bide_loop_current(void);

/** The task being resumed on this thread, or NULL. Any thread. */
BIDE_API bide_task *bide_task_current(void);

/** The loop's clock, ns. Cached: taken at each poll, or afresh when
 * `refresh`. */
BIDE_API int64_t bide_loop_now(bide_loop *l, bool refresh);

/** Something outside the loop's knowledge (a thread of the host) may still
 * post to it: the loop does not count as stalled. Any thread. */
BIDE_API void bide_loop_hold(bide_loop *l);
BIDE_API void bide_loop_release(bide_loop *l);

/** Wakes the loop from its poll. Any thread. */
BIDE_API void bide_loop_wake(bide_loop *l);

/** A descriptor that wakes the loop when any byte is written to it; made on
 * first use, non-blocking, owned by the loop. Writing is safe from a signal
 * handler. Negative: an error. */
BIDE_API int bide_loop_wake_fd(bide_loop *l);

/** What is written to that descriptor is written on to `fd`, from now on, which
 * stays the caller's; -1: to none. What was written before this call goes where
 * it went so far. A `fd` that takes no more hears nothing. */
BIDE_API void bide_loop_wake_pass(bide_loop *l, int fd);

/** Hands `p` to the loop: `p->deliver(p)` runs on its thread, outside I/O
 * callbacks, in the order of posting. BIDE_ECLOSED: the loop has closed, `p`
 * stays with the caller. Any thread. */
BIDE_API int bide_loop_post(bide_loop *l, bide_post *p);

/** The scope that every other one of the loop lies under. */
BIDE_API bide_scope *bide_loop_root(bide_loop *l);

/** What is alive; for tests and reports. */
typedef struct bide_loop_counts {
    size_t tasks, ready, timers, io_waits, handles, jobs, threads;
    uint64_t resumes, polls;
    uint64_t blocks;             /* steps that the watchdog saw last too long */
    uint64_t slow_locks, stalls; /* reports of each kind that were due */
} bide_loop_counts;

BIDE_API void bide_loop_count(bide_loop *l, bide_loop_counts *out);

/* -- dumps ---------------------------------------------------------------- */

enum { BIDE_DUMP_TEXT, BIDE_DUMP_JSON };

/** Writes what every runtime of the process is doing, whatever its language:
 * each task with its name, state, what it waits for, since when and who holds
 * that, the locks it holds, its deadlines; the jobs of the pools; the depth of
 * queues. The result is to be freed by bide_dump_free. BIDE_ENOMEMORY,
 * BIDE_EINVALID: no such format. Any thread.
 *
 * A loop is asked to describe itself between two steps. One that does not
 * answer within 100 ms, as a step blocks it, is read from outside: by copies
 * that cannot fault, of memory that may change meanwhile. Its part then says
 * so, and lacks the places where tasks stand. */
BIDE_API int bide_dump(int format, char **out);
BIDE_API void bide_dump_free(char *text);

/** Writes a dump as text to `fd` whenever the process gets the signal, also
 * while its loops are blocked: a thread of the library's makes it. A handler
 * set before goes on being called. 0: no longer, and on return nothing is
 * being written to the former `fd`. BIDE_DUMP_SIGNAL of the
 * environment (USR1, USR2, QUIT, HUP) turns it on for stderr with the first
 * loop. BIDE_EINVALID: no signal for this. Any thread. */
BIDE_API int bide_dump_on_signal(int signum, int fd);

/* -- reports -------------------------------------------------------------- */

/** Why nothing goes on in `l`: each task with what it waits for, who holds
 * that, since when, and where it stands; those that others wait for come first,
 * background tasks last, and of many only the first 50. To be asked when
 * bide_loop_run has ended with BIDE_ESTALLED, or in `bide_host.stalled`. Freed
 * by bide_dump_free. BIDE_ENOMEMORY. */
BIDE_API int bide_stall_text(bide_loop *l, char **out);

enum { BIDE_REPORT_SLOW_LOCK, BIDE_REPORT_STALL, BIDE_REPORT_FORGOTTEN };

/** A kind of report as one word: "slow_lock"; "unknown" for none of these. */
BIDE_API const char *bide_report_name(int kind);

/** What a loop reports of itself while it runs: see `slow_lock` and `stall` of
 * its options. A lock (mutex, read or write lock, permits of a task's) that
 * goes on being held is reported again, each time after four times as long. A
 * stall is reported once, and the next one only if it lasts four times as long.
 * Forgotten is the failure of a task or future that nobody looked at, and a
 * task that never started: see bide_task_fini and bide_future_label. Of locks
 * and what was forgotten a loop makes 8 reports at once and one more every 10
 * seconds; it tells how many it left out in the next one, or as it closes. */
struct bide_report {
    bide_loop *loop;
    int kind;
    const char *text; /* as printed, with its newlines */
    /* Of a slow lock; "" where there is none. */
    const char *lock, *holder, *waiter;
    int64_t held, waited; /* so far, ns */
    unsigned missed;      /* reports left out before this one */
    /* What was forgotten, "" if nothing, where it was made, and its error; 0:
     * it never started. */
    const char *forgotten;
    bide_site site;
    int status;
};

/* -- statistics ----------------------------------------------------------- */

/** Writes what each runtime of the process has measured, as JSON: {"runtimes":
 * [{"id", "language", "enabled", "counters": {name: n}, "histograms": {name:
 * {"count", "sum", "max", "buckets": [[upper, n], ...]}}}]}. Names that end in
 * "_seconds" are times; a bucket counts values up to `upper` and above that of
 * the one before, empty ones are left out. A runtime without the option `stats`
 * has no histograms. Freed by bide_dump_free. Any thread, also while a loop is
 * blocked. BIDE_ENOMEMORY. */
BIDE_API int bide_stats_text(char **out);

/** The same as text for Prometheus: OpenMetrics 1.0. */
BIDE_API int bide_metrics(char **out);

/* -- live view ------------------------------------------------------------ */

/** Serves a live view of every runtime of the process on `address`, such as
 * "127.0.0.1:0" (a free port) or "[::1]:8080": a page that shows the tasks as a
 * tree, who waits for whom, and distributions, and under the same token
 * /state.json, /dump.txt and /metrics. `url` (NULL: not wanted) gets the page's
 * address, token included, of at most 127 bytes. A thread of the library's
 * serves it, also while every loop is blocked; there is one for the process,
 * and another call gives its address. The same is told on a Unix socket that
 * only the user can reach, for `top`. BIDE_INSPECT=1 or =ADDRESS in the
 * environment turns it on with the first loop and prints the page's address to
 * stderr. BIDE_EINVALID: `address` is none, or none of this machine's own, or
 * `url` is too small. System errors. A forked child has none. Any thread. */
BIDE_API int bide_inspect(const char *address, char *url, size_t size);

/** Ends it. Any thread. */
BIDE_API void bide_inspect_stop(void);

/** The path of that Unix socket for the process `pid` of this user.
 * ENAMETOOLONG. Any thread. */
BIDE_API int bide_inspector_path(long pid, char *out, size_t size);

/* -- watchdog ------------------------------------------------------------- */

/** What the watchdog, a thread that looks after all loops with a threshold,
 * reports of a step that lasts: a task that runs without waiting, or whatever
 * else keeps a loop from its next poll. Time in which the process is stopped,
 * the machine asleep, or no processor free does not count. A block that goes on
 * is reported again, each time after four times as long; a loop gets 8 reports
 * at once and one more every 10 seconds. */
struct bide_block {
    bide_loop *loop;
    uint64_t task;  /* its id; 0: none was running */
    char name[128]; /* "": it has none */
    char file[256]; /* where it was made; "": unknown */
    int line;
    int64_t lasted;  /* so far, ns */
    unsigned nth;    /* report of this block, from 1 */
    unsigned missed; /* reports left out before this one */
    bool late; /* not a new report: the trace that an earlier one lacked */
    const char *trace; /* of the host, lines; "" if there is none */
};

/** The report as it is printed; the result is as of snprintf. */
BIDE_API size_t bide_block_text(const bide_block *b, char *out, size_t size);

enum { BIDE_TRACE_LATER = -1 };

/** Brings the trace that `bide_host.trace` promised, in the step that blocks
 * the loop. */
BIDE_API void bide_loop_trace(bide_loop *l, const char *trace);

/** Copies `n` bytes of this process's memory that may be gone or change: false
 * where a plain copy would fault. Any thread, and in signal handlers. */
BIDE_API bool bide_peek(void *to, const void *from, size_t n);

/** Whether BIDE_DEBUG is set, to anything but "0". Any thread. */
BIDE_API bool bide_debug(void);

/* -- timers (embedded) ---------------------------------------------------- */

/** A one-shot timer in memory of the caller. Members are private. `fire` runs
 * on the loop's thread outside I/O callbacks and never before the deadline. */
typedef struct bide_timer {
    int64_t deadline;
    size_t slot; /* 1 + index in the heap; 0: not armed */
    void (*fire)(struct bide_timer *self);
} bide_timer;

/** Arms `t`, which must be zeroed or unarmed. BIDE_ENOMEMORY. */
BIDE_API int bide_timer_start(bide_loop *l, bide_timer *t, int64_t deadline,
                              void (*fire)(bide_timer *self));
BIDE_API void bide_timer_stop(bide_loop *l, bide_timer *t);

/* -- wait node (embedded) ------------------------------------------------- */

enum { BIDE_WAIT_IDLE, BIDE_WAIT_PARKED, BIDE_WAIT_FIRED };

/** How the library handles a kind of wait. Private. */
typedef struct bide_wait_kind {
    const char *verb;   /* "lock", "recv", ...: for reports */
    const char *object; /* "Mutex", "Channel", ... */
    /* Takes a parked wait off its queue and lets others move up; NULL: a plain
     * unlink. False, unless `forced`: the wait goes on a while. */
    bool (*abort)(bide_wait *w, bool forced);
    /* Gives back what a fired wait was granted; NULL: nothing to give. */
    void (*undo)(bide_wait *w);
    /* Undo is for waits that failed, too: they were granted something. */
    bool undo_failed;
    /* Where in the object to find the task that alone can end this wait, a
     * `bide_task *` that may be NULL; 0: nowhere. */
    uint16_t owner_at;
    /* Where in the object to find the list of those that hold it together; 0:
     * nowhere. */
    uint16_t holders_at;
    /* How many units of them a wait lacks; 0: others than holders may give
     * some. Set with `holders_at`. */
    size_t (*lacking)(const bide_wait *w);
    /* The task whose wait has to be over first, or NULL. */
    bide_task *(*ahead)(const bide_wait *w);
    /* The task that alone can end it is the object itself. */
    bool joins;
    /* The object is a scope, and its tasks have to end. */
    bool group;
    /* It ends by `u.timer`. */
    bool timed;
    /* The host knows better what for. */
    bool host;
    /* What the object is called and where it was made; NULL: nameless. */
    const char *(*label)(const bide_wait *w, bide_site *site);
} bide_wait_kind;

/** One pending operation of one task. The fields up to `value` are private. */
struct bide_wait {
    bide_link link;
    bide_task *task;
    bide_wait *sibling;
    const bide_wait_kind *kind;
    void *object;
    int status;
    uint8_t state;
    uint8_t flags;
    uint16_t aux;
    /** The value going in (send) or coming out (recv, future, connect). */
    bide_value value;
    /** Arguments and results of single kinds of operation. */
    union {
        bide_timer timer;
        struct {
            const char *data;
            size_t len, done;
        } io;
        struct {
            bide_value *out;
            size_t limit, count;
        } many;
        size_t count;
        void (*cancelled)(bide_wait *self);
    } u;
};

static inline void
bide_wait_init(bide_wait *w, bide_task *task)
{
    w->link.next = w->link.prev = NULL;
    w->task = task;
    w->sibling = NULL;
    w->kind = NULL;
    w->object = NULL;
    w->status = 0;
    w->state = BIDE_WAIT_IDLE;
    w->flags = 0;
    w->aux = 0;
}

/** The status of a fired wait (0 or an error); the node is idle again. Of a
 * race, the siblings that did not fire have state BIDE_WAIT_IDLE. */
static inline int
bide_wait_take(bide_wait *w)
{
    w->state = BIDE_WAIT_IDLE;
    return w->status;
}

/** Ends a wait from the task's own side: unlinks a parked one, gives back what
 * a fired one was granted and its task did not take. Idle ones are left
 * alone. For race, and for a host that destroys a parked task. */
BIDE_API void bide_wait_drop(bide_wait *w);

/** Writes, as one line of text, what `w` waits for and why that may take long:
 * object, holder, what the holder waits for, and so on. For a wait that
 * answered BIDE_EDEADLOCK (until its task goes on) this is the cycle; for a
 * parked one the chain as it stands. At most `size` bytes with the final zero;
 * the result is the full length, as of snprintf. */
BIDE_API size_t bide_wait_explain(const bide_wait *w, char *out, size_t size);

/** Starts a race: several waits of one task, of which the first to fire drops
 * the others in the same step. Submit each in turn; when one answers
 * something other than BIDE_PARKED, or its state is BIDE_WAIT_FIRED, submit no
 * more. Then call bide_race_end with whether one answered at once (0 or an
 * error): if so, it drops all others and answers false, the race is over;
 * else it answers true and the task must park. A condition's wait cannot take
 * part (BIDE_EINVALID). */
BIDE_API void bide_race_begin(bide_task *t);
BIDE_API bool bide_race_end(bide_task *t, bool decided);

/* -- scope: the cancellation tree (embedded) ------------------------------ */

enum {
    BIDE_SCOPE_CANCELLED = 1, /* itself cancelled */
    BIDE_SCOPE_EXPIRED = 2,   /* by its deadline */
    BIDE_SCOPE_SHIELD = 4,    /* what lies outside does not reach in */
    BIDE_SCOPE_EFFECTIVE = 8  /* waits below end with BIDE_ECANCELED */
};

/** A region of a task, a task, a token or a group of tasks: what can be
 * cancelled as one. Members are private but for `host`. */
struct bide_scope {
    bide_scope *parent;
    bide_link sibling;  /* in parent->children */
    bide_link children; /* head */
    bide_scope *followed;
    bide_link follow;    /* in followed->followers */
    bide_link followers; /* head */
    bide_link pending;   /* in a cancellation that is being spread */
    bide_loop *loop;
    bide_task *task; /* whose region this is, if one's */
    bide_timer timer;
    int64_t grace;
    bide_value reason;
    bide_wait *leaver; /* waits for the tasks of this group */
    uint32_t flags;
    void *host; /* the caller's to use */
};

/** Prepares a scope; it is in no tree yet. */
BIDE_API void bide_scope_init(bide_scope *s);

/** Enters `s` as the innermost scope of `t`; `token` (may be NULL) cancels it
 * too. Entered scopes nest. BIDE_EWRONGLOOP: the token is another loop's. */
BIDE_API int bide_scope_enter(bide_scope *s, bide_task *t, bide_token *token);

/** Leaves `s`, which must be the innermost of its task (else BIDE_EINVALID).
 * 0; BIDE_ETIMEDOUT or BIDE_ECANCELED when `s` itself or its token was
 * cancelled and nothing outside it is: the caller then ends the cancellation
 * here. */
BIDE_API int bide_scope_leave(bide_scope *s);

/** Hangs `s` below `parent` without a task: a group. bide_scope_detach takes
 * it out again; its children move to its parent. */
BIDE_API void bide_scope_attach(bide_scope *s, bide_scope *parent);
BIDE_API void bide_scope_detach(bide_scope *s);

/** Sets the deadline of a scope in the tree; BIDE_FOREVER clears it. A task
 * whose operation is ready when the deadline has passed still gets it.
 * BIDE_ENOMEMORY. */
BIDE_API int bide_scope_deadline(bide_scope *s, int64_t deadline);

/** Cancels `s` and all below it that no shield covers: their parked waits end
 * with BIDE_ECANCELED. The first reason stays. */
BIDE_API void bide_scope_cancel(bide_scope *s, bide_value reason);

/** Makes `s`, before it is entered, a shield: cancellation from outside does
 * not reach in until `grace` ns after it struck (BIDE_FOREVER: never). */
BIDE_API void bide_scope_shield(bide_scope *s, int64_t grace);

/** Whether waits of this scope end with BIDE_ECANCELED. */
static inline bool
bide_scope_cancelled(const bide_scope *s)
{
    return (s->flags & BIDE_SCOPE_EFFECTIVE) != 0;
}

/** The scope or token's scope whose cancellation reaches `s`: the innermost.
 * NULL if none does. Its `reason` and BIDE_SCOPE_EXPIRED tell why. */
BIDE_API bide_scope *bide_scope_cause(bide_scope *s);

/* -- token: cancellation from any thread ---------------------------------- */

/** A token below `parent` (may be NULL). All functions on tokens, these two
 * first: any thread. */
BIDE_API int bide_token_new(bide_token *parent, bide_token **out);
BIDE_API bide_token *bide_token_ref(bide_token *k);
BIDE_API void bide_token_unref(bide_token *k);

/** Cancels the token, its children and the scopes that follow them. When the
 * caller is the thread of the loop the token belongs to, all is done on
 * return; otherwise the loop is told. False: it already was. `reason` is the
 * token's from then on, and not taken if false. */
BIDE_API bool bide_token_cancel(bide_token *k, bide_value reason);

/** Whether the token or one above it is cancelled or expired. */
BIDE_API bool bide_token_cancelled(const bide_token *k);

/** The reason handed to the cancel call; BIDE_NO_VALUE before. */
BIDE_API bide_value bide_token_reason(const bide_token *k);

/** Binds the token to `l` and lets it expire at `deadline`. Loop's thread. */
BIDE_API int bide_token_deadline(bide_token *k, bide_loop *l, int64_t deadline);

/** The scope inside the token; borrowed. */
BIDE_API bide_scope *bide_token_scope(bide_token *k);

/* -- task (embedded) ------------------------------------------------------ */

enum {
    BIDE_TASK_NEW,
    BIDE_TASK_READY,
    BIDE_TASK_RUNNING,
    BIDE_TASK_PARKED,
    BIDE_TASK_DONE
};

/** A unit of scheduling in memory of the host. The fields up to `struck` are
 * private; what each step writes comes first, to be in one line of the cache.
 */
struct bide_task {
    bide_link ready;
    bide_loop *loop;
    bide_scope *scope; /* innermost */
    bide_wait *waits;  /* parked, linked by sibling */
    bide_wait *fired;  /* the one that woke the task */
    void (*resume)(bide_task *self);
    uint8_t state;
    uint8_t racing;
    bool background;
    bool attached;
    int status;
    int64_t parked_at;
    int64_t ready_at;  /* while the loop measures */
    bide_link held;    /* head: locks this task holds */
    bide_link joiners; /* head: waits */
    bide_scope base;   /* the task's own scope */
    uint64_t id;
    int64_t told_at;  /* as parked_at of a wait for a slow lock, reported */
    int64_t busy;     /* ns it has run, and ... */
    uint64_t resumes; /* ... how often, while the loop measures */
    /** NULL, or for a task that something else drives: called when a
     * cancellation strikes it while it does not wait in the core. May only note
     * that: it runs in the midst of the cancellation. */
    void (*struck)(bide_task *self);
    /** For reports; kept, never freed. `name` may be NULL. */
    const char *name;
    bide_site site;
    /** The caller's to use. */
    void *host;
};

/** Prepares a task. `resume` runs it until it parks, yields or ends. */
BIDE_API void bide_task_init(bide_task *t, void (*resume)(bide_task *self));

/** Before the task starts: it is one of the background, which nobody depends on
 * (a heartbeat, a cleaner of caches). It does not keep bide_loop_run from its
 * end, and what it waits for, a timer, I/O, does not count as something that
 * could wake others: if only that is left, every other task waits for ever and
 * the run is stalled. Tasks started in groups of a background task are in the
 * background, too. BIDE_EBUSY: it has started. */
BIDE_API int bide_task_set_background(bide_task *t, bool background);

/** Cancels the background tasks that were started in `group`: for a group that
 * waits for the others alone. */
BIDE_API void bide_scope_cancel_background(bide_scope *group);

/** Puts a prepared task into `l`, ready to run, below `group` (NULL: the
 * loop's root) and under `token` (may be NULL). Its memory belongs to the loop
 * until bide_task_finish. BIDE_EWRONGLOOP, BIDE_ECLOSED. */
BIDE_API int bide_task_start(bide_task *t, bide_loop *l, bide_scope *group,
                             bide_token *token);

/** As bide_task_start without a token, for a task that something else drives:
 * it is RUNNING at once, and resumed only when a wait of its own has ended. It
 * does not keep the loop running; finish it before the loop is closed. */
BIDE_API int bide_task_attach(bide_task *t, bide_loop *l, bide_scope *group);

/** Ends a task, from its own resume or before it ever ran: joiners wake, locks
 * it still holds break, its scope leaves the tree. */
BIDE_API void bide_task_finish(bide_task *t);

/** The same with a result, 0 or an error, for bide_task_status. A failure other
 * than BIDE_ECANCELED is expected to be looked at: by bide_task_join, before or
 * after, or bide_task_status. Needs bide_task_fini. */
BIDE_API void bide_task_finish_with(bide_task *t, int status);

/** What `t` ended with; BIDE_EWOULDBLOCK while it is not done. */
BIDE_API int bide_task_status(bide_task *t);

/** Before the memory of a task goes: reports a failure that nobody has looked
 * at (bide_loop_close does so, too, for what is left), and a task that never
 * started, unless that was refused. For tasks that end by bide_task_finish it
 * may be left out. */
BIDE_API void bide_task_fini(bide_task *t);

/** Waits until `t` is done. BIDE_EDEADLOCK as of bide_mutex_lock. */
BIDE_API int bide_task_join(bide_task *t, bide_wait *w);

/** Cancels the task's own scope. */
BIDE_API void bide_task_cancel(bide_task *t, bide_value reason);

/** Ends what `t` waits for with BIDE_ECANCELED, once: its next wait is as any
 * other. Nothing happens when it does not wait, or when that has ended. */
BIDE_API void bide_task_interrupt(bide_task *t);

/** Appends the running task to the ready queue: others go first. Always
 * BIDE_PARKED, or BIDE_ECANCELED. */
BIDE_API int bide_yield(bide_wait *w);

/** Waits until the loop's clock shows `deadline`; never ends early. A deadline
 * that has passed yields once. */
BIDE_API int bide_sleep_until(bide_wait *w, int64_t deadline);

/** Waits for ever: until cancelled, or until bide_unpark. For hosts that wake
 * a task by means of their own. */
BIDE_API int bide_park(bide_wait *w);

/** As bide_park, for a wait that cancellation does not end: each time it
 * strikes the task, and at once if it had before, `cancelled` is called
 * instead. That may only note what it was told: it runs in the midst of the
 * cancellation. */
BIDE_API int bide_park_lasting(bide_wait *w, void (*cancelled)(bide_wait *w));

/** As bide_park, for a task that waits until no task is left below `group`, of
 * which the host keeps count: so that deadlocks through the group are found. A
 * task of the group that waits for the caller has its wait ended with
 * BIDE_EDEADLOCK. */
BIDE_API int bide_park_for(bide_scope *group, bide_wait *w);

/** Ends a bide_park (or _lasting, or _for) of this loop with `status`; false if
 * it is over. */
BIDE_API bool bide_unpark(bide_wait *w, int status);

/** Waits until every other task is parked, and no I/O, timer or post of another
 * thread is due: until the rest of the program has got as far as it can. Tasks
 * that wait here all go on together. For tests. */
BIDE_API int bide_wait_all_parked(bide_wait *w);

/** Calls `visit` for each task of the loop that is not done. */
BIDE_API void bide_loop_each_task(bide_loop *l,
                                  void (*visit)(bide_task *t, void *arg),
                                  void *arg);

/* -- interval (embedded) -------------------------------------------------- */

/** What becomes of ticks that nobody asked for in time, as of Tokio's
 * MissedTickBehavior: a tick granted more than 5 ms late was missed, then
 *   burst   the ticks keep their times: those that are due come at once, one
 *           after the other
 *   delay   the next tick comes a period after the late one was granted
 *   skip    the next tick comes at the next multiple of the period */
enum { BIDE_BURST, BIDE_DELAY, BIDE_SKIP };

/** A source of ticks at a fixed distance, in memory of the caller. Members are
 * private. Needs no fini. */
typedef struct bide_interval {
    int64_t next, period;
    bide_wait *waiter;
    uint8_t missed;
} bide_interval;

/** The first tick is due at `start` on the loop's clock, the others `period` ns
 * apart. BIDE_EINVALID: `period` below 1, no such `missed`. */
BIDE_API int bide_interval_init(bide_interval *iv, int64_t start,
                                int64_t period, int missed);

/** Waits for the next tick; then `w->value.as.integer` is the time it was due,
 * which is not after now. A tick that is due is granted at once. BIDE_EBUSY:
 * another task waits.
 * Cancel     safe: no tick is lost. */
BIDE_API int bide_interval_tick(bide_interval *iv, bide_wait *w);

/** Moves the next tick to `next`. BIDE_EBUSY: a task waits. */
BIDE_API int bide_interval_reset(bide_interval *iv, int64_t next);

/* -- future --------------------------------------------------------------- */

/** A result that is settled exactly once, with a status and a value. new, ref,
 * unref, settle, peek: any thread. */
BIDE_API int bide_future_new(bide_future **out);

/** What `f` is called in reports, and where it was made; before others know it.
 * One that has either, fails (not BIDE_ECANCELED), and goes without anybody
 * having waited until then or asked for its status is reported: to the loop
 * that runs on the thread of the last unref, or only to standard error. */
BIDE_API void bide_future_label(bide_future *f, const char *name,
                                bide_site site);
BIDE_API bide_future *bide_future_ref(bide_future *f);
/** The host takes the value out (bide_future_peek) before the last unref. */
BIDE_API void bide_future_unref(bide_future *f);

/** Settles the future; its waiters wake in order. BIDE_ESETTLED: too late,
 * `value` stays with the caller. */
BIDE_API int bide_future_settle(bide_future *f, int status, bide_value value);

/** Waits until settled; then `w->value` is the value (shared, not taken). The
 * wait's own status is 0 whatever the future's: see bide_future_peek. */
BIDE_API int bide_future_wait(bide_future *f, bide_wait *w);

/** BIDE_EWOULDBLOCK while pending; 0 when settled, with status and value. */
BIDE_API int bide_future_peek(bide_future *f, int *status, bide_value *value);

/** Blocks this thread, which runs no loop, until settled or `timeout` ns have
 * passed (BIDE_ETIMEDOUT). */
BIDE_API int bide_future_wait_blocking(bide_future *f, int64_t timeout);

/* -- mutex ---------------------------------------------------------------- */

/** A lock held by a task. `name` and `site` of the primitives are for reports;
 * `name` may be NULL. */
BIDE_API int bide_mutex_new(const char *name, bide_site site, bide_mutex **out);
BIDE_API bide_mutex *bide_mutex_ref(bide_mutex *m);
BIDE_API void bide_mutex_unref(bide_mutex *m);

/** Ends with 0 when the task holds `m`. BIDE_EDEADLOCK at once when it already
 * does, or when the wait would close a cycle of tasks that wait for each other
 * without a deadline (bide_wait_explain names it). BIDE_EBROKEN: the holder
 * ended without unlocking; the mutex stays broken until bide_mutex_reset. */
BIDE_API int bide_mutex_lock(bide_mutex *m, bide_wait *w);

/** As lock, or BIDE_EWOULDBLOCK. */
BIDE_API int bide_mutex_try_lock(bide_mutex *m, bide_task *t);

/** Hands `m` to the oldest waiter. BIDE_ENOTOWNER unless `t` holds it. */
BIDE_API int bide_mutex_unlock(bide_mutex *m, bide_task *t);

/** The holder, borrowed, or NULL. */
BIDE_API bide_task *bide_mutex_owner(const bide_mutex *m);
BIDE_API size_t bide_mutex_waiters(const bide_mutex *m);

/** Makes a broken mutex free again. */
BIDE_API void bide_mutex_reset(bide_mutex *m);

/** The name of the task that ended while holding `m`; valid while broken. */
BIDE_API const char *bide_mutex_breaker(const bide_mutex *m);

/* -- semaphore ------------------------------------------------------------ */

/** `permits` to start with and, if `bounded`, at most. */
BIDE_API int bide_semaphore_new(size_t permits, bool bounded, const char *name,
                                bide_site site, bide_semaphore **out);
BIDE_API bide_semaphore *bide_semaphore_ref(bide_semaphore *s);
BIDE_API void bide_semaphore_unref(bide_semaphore *s);

/** Takes `n` permits, at least 1, all at once. A large request at the head of
 * the queue is not overtaken. BIDE_EINVALID: `n` is 0 or above a bound. */
BIDE_API int bide_semaphore_acquire(bide_semaphore *s, size_t n, bide_wait *w);
BIDE_API int bide_semaphore_try_acquire(bide_semaphore *s, size_t n);

/** Any task may release. BIDE_EOVERFLOW: above the bound. */
BIDE_API int bide_semaphore_release(bide_semaphore *s, size_t n);
/** As acquire and release, for a task that gives the permits back itself, as
 * the holder of a lock does: a deadlock among such holders is an error as of
 * bide_mutex_lock (as long as nothing but hold and drop has been used on the
 * semaphore), and a task that ends while it holds permits breaks it: waiters
 * and later ones end with BIDE_EBROKEN, until bide_semaphore_reset gives these
 * permits back. BIDE_ENOTOWNER: `t` does not hold as many. */
BIDE_API int bide_semaphore_hold(bide_semaphore *s, size_t n, bide_wait *w);
BIDE_API int bide_semaphore_drop(bide_semaphore *s, size_t n, bide_task *t);
BIDE_API void bide_semaphore_reset(bide_semaphore *s);
/** As bide_mutex_breaker. */
BIDE_API const char *bide_semaphore_breaker(const bide_semaphore *s);
BIDE_API size_t bide_semaphore_permits(const bide_semaphore *s);
BIDE_API size_t bide_semaphore_waiters(const bide_semaphore *s);

/* -- rwlock --------------------------------------------------------------- */

/** Many readers or one writer, in order of arrival: a waiting writer is not
 * overtaken by later readers. */
BIDE_API int bide_rwlock_new(const char *name, bide_site site,
                             bide_rwlock **out);
BIDE_API bide_rwlock *bide_rwlock_ref(bide_rwlock *rw);
BIDE_API void bide_rwlock_unref(bide_rwlock *rw);

/** BIDE_EDEADLOCK as of bide_mutex_lock; readers count as holders as long as
 * each unlocks for itself. BIDE_EBROKEN when a writer ended holding it. */
BIDE_API int bide_rwlock_read(bide_rwlock *rw, bide_wait *w);
BIDE_API int bide_rwlock_write(bide_rwlock *rw, bide_wait *w);
BIDE_API int bide_rwlock_try_read(bide_rwlock *rw, bide_task *t);
BIDE_API int bide_rwlock_try_write(bide_rwlock *rw, bide_task *t);

/** BIDE_ENOTOWNER: there is no reader; `t` is not the writer. */
BIDE_API int bide_rwlock_read_unlock(bide_rwlock *rw);
BIDE_API int bide_rwlock_write_unlock(bide_rwlock *rw, bide_task *t);
BIDE_API size_t bide_rwlock_readers(const bide_rwlock *rw);
BIDE_API bide_task *bide_rwlock_writer(const bide_rwlock *rw);
BIDE_API size_t bide_rwlock_waiters(const bide_rwlock *rw);
BIDE_API void bide_rwlock_reset(bide_rwlock *rw);
/** As bide_mutex_breaker. */
BIDE_API const char *bide_rwlock_breaker(const bide_rwlock *rw);

/* -- event ---------------------------------------------------------------- */

/** A flag that tasks wait for. */
BIDE_API int bide_event_new(const char *name, bide_site site, bide_event **out);
BIDE_API bide_event *bide_event_ref(bide_event *e);
BIDE_API void bide_event_unref(bide_event *e);
BIDE_API int bide_event_wait(bide_event *e, bide_wait *w);
/** Wakes all who wait now, even if cleared before they run. */
BIDE_API void bide_event_set(bide_event *e);
BIDE_API void bide_event_clear(bide_event *e);
BIDE_API bool bide_event_is_set(const bide_event *e);
BIDE_API size_t bide_event_waiters(const bide_event *e);

/* -- condition ------------------------------------------------------------ */

/** A condition variable over `m`, of which it holds a reference. */
BIDE_API int bide_condition_new(bide_mutex *m, const char *name, bide_site site,
                                bide_condition **out);
BIDE_API bide_condition *bide_condition_ref(bide_condition *c);
BIDE_API void bide_condition_unref(bide_condition *c);

/** Unlocks the mutex, waits for a notification and locks it again; whatever
 * the status, the task holds the mutex afterwards (except BIDE_EBROKEN).
 * Cancel     a wait that was not notified ends with BIDE_ECANCELED once it
 *            has the mutex back; one that was notified is delivered.
 * BIDE_ENOTOWNER: the task does not hold the mutex. */
BIDE_API int bide_condition_wait(bide_condition *c, bide_wait *w);

/** Moves up to `n` waiters on to the mutex; `t` must hold it. */
BIDE_API int bide_condition_notify(bide_condition *c, bide_task *t, size_t n);
BIDE_API size_t bide_condition_waiters(const bide_condition *c);

/* -- barrier -------------------------------------------------------------- */

/** Releases its waiters whenever `parties` (at least 1) have arrived. */
BIDE_API int bide_barrier_new(size_t parties, const char *name, bide_site site,
                              bide_barrier **out);
BIDE_API bide_barrier *bide_barrier_ref(bide_barrier *b);
BIDE_API void bide_barrier_unref(bide_barrier *b);

/** Then `w->u.count` is the order of arrival, 0 first; the last one to arrive
 * has parties - 1. Cancel: the task has not arrived. BIDE_EBROKEN. */
BIDE_API int bide_barrier_wait(bide_barrier *b, bide_wait *w);
/** Waiters and later arrivals end with BIDE_EBROKEN until reset. */
BIDE_API void bide_barrier_abort(bide_barrier *b);
/** Waiters end with BIDE_EBROKEN; the barrier is as new. */
BIDE_API void bide_barrier_reset(bide_barrier *b);
BIDE_API size_t bide_barrier_parties(const bide_barrier *b);
BIDE_API size_t bide_barrier_waiting(const bide_barrier *b);
BIDE_API bool bide_barrier_broken(const bide_barrier *b);

/* -- channel -------------------------------------------------------------- */

/** A queue of values with many senders and receivers: tasks of one loop, and
 * threads through the blocking calls. The values inside are the host's: take
 * them out (bide_channel_try_recv) before the last unref. */
BIDE_API int bide_channel_new(size_t capacity, const char *name, bide_site site,
                              bide_channel **out);
/** No bound: a sender never waits, memory is the limit. */
BIDE_API int bide_channel_new_unbounded(const char *name, bide_site site,
                                        bide_channel **out);
/** Any thread. */
BIDE_API bide_channel *bide_channel_ref(bide_channel *ch);
BIDE_API void bide_channel_unref(bide_channel *ch);

/** Sends `w->value`, set by the caller. On any error the value is still the
 * caller's, in `w->value`. BIDE_ECLOSED. */
BIDE_API int bide_channel_send(bide_channel *ch, bide_wait *w);

/** Receives into `w->value`. BIDE_ECLOSED: closed and drained. */
BIDE_API int bide_channel_recv(bide_channel *ch, bide_wait *w);

/** Receives at least one and at most `limit` values into `out`, which stays
 * put until the wait is over; `w->u.many.count` tells how many. */
BIDE_API int bide_channel_recv_many(bide_channel *ch, bide_wait *w,
                                    bide_value *out, size_t limit);

/** Without waiting: 0, BIDE_EWOULDBLOCK, BIDE_ECLOSED. Any thread. */
BIDE_API int bide_channel_try_send(bide_channel *ch, bide_value v);
BIDE_API int bide_channel_try_recv(bide_channel *ch, bide_value *out);

/** For threads that run no loop: blocks up to `timeout` ns. BIDE_ETIMEDOUT,
 * BIDE_ECLOSED; BIDE_EDEADLOCK on a thread that runs a loop. On error the
 * value stays with the caller. Any thread. */
BIDE_API int bide_channel_send_blocking(bide_channel *ch, bide_value v,
                                        int64_t timeout);
BIDE_API int bide_channel_recv_blocking(bide_channel *ch, bide_value *out,
                                        int64_t timeout);

/** No more sends: waiting senders end with BIDE_ECLOSED and keep their values,
 * receivers drain what is there, then end with BIDE_ECLOSED. Any thread. */
BIDE_API void bide_channel_close(bide_channel *ch);
BIDE_API bool bide_channel_closed(const bide_channel *ch);
BIDE_API size_t bide_channel_len(const bide_channel *ch);
/** SIZE_MAX: unbounded. */
BIDE_API size_t bide_channel_capacity(const bide_channel *ch);
/** Visits the values inside, oldest first. */
BIDE_API int bide_channel_visit(bide_channel *ch, bide_visit_fn fn, void *arg);

/* -- blocking jobs (embedded) --------------------------------------------- */

/** A piece of work for another thread, in memory of the host that stays put
 * until `done` has been called. */
struct bide_job {
    /** On the other thread. */
    void (*run)(bide_job *self);
    /** Exactly once. On the loop's thread, outside I/O callbacks: 0 after
     * `run`, BIDE_ECANCELED when it was taken off the queue. On the other
     * thread: BIDE_ECLOSED, the loop closed while `run` ran. */
    void (*done)(bide_job *self, int status);
    /** For reports; kept. */
    const char *name;
    bide_site site;
    void *host;
    /* Private. */
    bide_link link;
    bide_post post;
    bide_loop *loop;
    int64_t since;  /* queued, or running */
    int64_t waited; /* in the queue */
    uint8_t state, lane;
};

/** Queues `j` (run, done, name, site and host set) for the loop's pool.
 * BIDE_ENOMEMORY, BIDE_ECLOSED; system errors when not even one thread could
 * be started. */
BIDE_API int bide_job_submit(bide_loop *l, bide_job *j);

/** Starts `j` on a thread of its own, for work that blocks for long. */
BIDE_API int bide_job_spawn(bide_loop *l, bide_job *j);

/** Takes a job off the queue: true, and `done` follows with BIDE_ECANCELED at
 * the loop's next step. False: it has started. */
BIDE_API bool bide_job_cancel(bide_job *j);

/* -- streams -------------------------------------------------------------- */

/** A connected byte stream. ref and unref: any thread; the last unref closes.
 * One task may read and one may write at a time: a second reader gets
 * BIDE_EBUSY, a second writer queues. The first stream or listener of the
 * process sets SIGPIPE to ignored if it is still at its default. */
BIDE_API bide_stream *bide_stream_ref(bide_stream *s);
BIDE_API void bide_stream_unref(bide_stream *s);

/** Reading. On success `w->u.io.len` bytes are granted; bide_stream_data tells
 * where they lie, and bide_stream_consume takes them off (`separator`
 * included). Bytes not consumed stay for the next read.
 *   read        at least 1 byte, at most `max`; 0 bytes: the peer has ended
 *   read_exact  `n` bytes; BIDE_EEOF if the stream ends before
 *   read_until  up to and including `sep` (`seplen` 1..64 bytes, borrowed until
 *               the wait is over); BIDE_EEOF, or BIDE_ETOOLONG when `limit`
 *               bytes hold no separator
 * A granted read ends with bide_stream_consume (of 0 bytes to leave them all);
 * until then another task's read gets BIDE_EBUSY, and the bytes stay even if
 * the stream is closed. A `max` of 0 is BIDE_EINVALID, an `n` of 0 is granted
 * at once.
 * Cancel     nothing is consumed.                                            */
BIDE_API int bide_stream_read(bide_stream *s, size_t max, bide_wait *w);
BIDE_API int bide_stream_read_exact(bide_stream *s, size_t n, bide_wait *w);
BIDE_API int bide_stream_read_until(bide_stream *s, const char *sep,
                                    size_t seplen, size_t limit, bide_wait *w);
/** From now on reads all that comes into memory, whether anybody asks for it or
 * not: so a peer that has much to say on one stream is not kept from saying it
 * on another. */
BIDE_API int bide_stream_read_ahead(bide_stream *s);
/** The bytes buffered now; valid until the task parks or consumes. */
BIDE_API const char *bide_stream_data(const bide_stream *s, size_t *len);
BIDE_API void bide_stream_consume(bide_stream *s, size_t n);

/** Writes all of `data`, borrowed until the wait is over; ends when the system
 * has taken it.
 * Cancel     safe before the first byte is taken: `w->u.io.done` is 0. After
 *            that the rest is copied and sent in the background, so that the
 *            stream stays in step, and the wait still ends with
 *            BIDE_ECANCELED; `done` is above 0. */
BIDE_API int bide_stream_write(bide_stream *s, const char *data, size_t len,
                               bide_wait *w);

/** Bytes of the caller's. */
typedef struct bide_buffer {
    const char *data;
    size_t len;
} bide_buffer;

/** As bide_stream_write, of `count` buffers in one go; the list is borrowed
 * until the wait is over, too. */
BIDE_API int bide_stream_write_many(bide_stream *s, const bide_buffer *list,
                                    size_t count, bide_wait *w);

/** Sends `count` bytes of a file from `offset` on, below 0: up to its end; in
 * order with writes, and from the system's memory straight to a socket where
 * they lie there. The file's position plays no part, and the file may be closed
 * meanwhile. `w->u.io.done` tells how many were sent: fewer than `count` where
 * the file ended before. EBADF: the file is closed; ESPIPE: it has no position.
 * After an error of the file's, `done` bytes are out and the stream goes on.
 * Cancel     as bide_stream_write. */
BIDE_API int bide_stream_sendfile(bide_stream *s, bide_file *f, int64_t offset,
                                  int64_t count, bide_wait *w);

/** Of the next read that waits: `n` bytes or so are on their way, its own and
 * more. The system then puts them where they stay, which saves a copy of much;
 * nothing else changes. */
BIDE_API void bide_stream_expect(bide_stream *s, size_t n);

/** Ends the sending half once all writes are out. */
BIDE_API int bide_stream_shutdown(bide_stream *s, bide_wait *w);

/** Without waiting; none of these parks or needs a task.
 *   try_read   at least 1 byte, at most `max`: `*n` bytes can be consumed, as
 *              after a read; 0: the peer has ended. BIDE_EWOULDBLOCK.
 *   try_write  `*done` bytes of the list have been taken by the system: at
 *              least 1, unless the list is empty. BIDE_EWOULDBLOCK: it is
 *              full, or earlier writes wait.
 *   write_nowait  takes all of `data`: what the system does not take now is
 *              copied, and sent in the background behind what is queued. Use
 *              bide_stream_drain to hold back. BIDE_ENOMEMORY. */
BIDE_API int bide_stream_try_read(bide_stream *s, size_t max, size_t *n);
BIDE_API int bide_stream_try_write(bide_stream *s, const bide_buffer *list,
                                   size_t count, size_t *done);
BIDE_API int bide_stream_write_nowait(bide_stream *s, const char *data,
                                      size_t len);

/** Bytes that were written, and are neither sent nor waited for by a task. */
BIDE_API size_t bide_stream_unsent(const bide_stream *s);

/** Waits, if more than `write_high` bytes are unsent, until `write_low` or
 * fewer are. Errors of writing. */
BIDE_API int bide_stream_drain(bide_stream *s, bide_wait *w);

/** While no task reads, the loop goes on to read until `read_high` bytes are
 * buffered (256 KiB; at least 1), and again when they have become `read_low`
 * (64 KiB). Beyond `write_high` unsent bytes (64 KiB) bide_stream_drain waits
 * for `write_low` (16 KiB). */
typedef struct bide_stream_limits {
    size_t read_high, read_low, write_high, write_low;
} bide_stream_limits;

BIDE_API void bide_stream_get_limits(const bide_stream *s,
                                     bide_stream_limits *out);
/** BIDE_EINVALID: a low mark is above its high one. */
BIDE_API int bide_stream_set_limits(bide_stream *s,
                                    const bide_stream_limits *l);

/** Closes at once: waits on the stream end with BIDE_ECLOSED. */
BIDE_API void bide_stream_close(bide_stream *s);
BIDE_API bool bide_stream_closed(const bide_stream *s);

/** Whether `status`, of an operation on `s`, says that the peer or the network
 * ended the connection (ECONNRESET, BIDE_ETRUNCATED, an alert of TLS, ...): no
 * mistake of the program's, as writing after its own shutdown is. */
BIDE_API bool bide_stream_lost(const bide_stream *s, int status);

/** A stream that is closed from the start: for hosts whose object for a stream
 * outlives it. */
BIDE_API int bide_stream_new_closed(bide_loop *l, bide_stream **out);

/** The loop the stream belongs to. */
BIDE_API bide_loop *bide_stream_loop(const bide_stream *s);

/** The system's descriptor, borrowed; negative: an error. */
BIDE_API int bide_stream_fd(const bide_stream *s);

/** `family` of a Unix socket: `host` is its path, "@name" in the abstract
 * namespace, or "" where it has no name. */
enum { BIDE_UNIX = 1 };

/** An address in text. */
typedef struct bide_address {
    char host[112]; /* numeric, with %scope where IPv6 needs one; or a path */
    int port;       /* 0 of a Unix socket */
    int family;     /* 4, 6 or BIDE_UNIX */
} bide_address;

/** Of either end. ENOTSOCK: the stream is a pipe. */
BIDE_API int bide_stream_local(const bide_stream *s, bide_address *out);
BIDE_API int bide_stream_peer(const bide_stream *s, bide_address *out);

/* -- tcp ------------------------------------------------------------------ */

/** Resolves `host` (a name, an IPv4 or IPv6 address), tries its addresses, the
 * families in turns, each beside those before it when they take their time
 * (RFC 8305), and, on success of the first, closes the others and leaves a new
 * reference to the stream in `w->value.as.ptr`. BIDE_ENAME or the last system
 * error. `host` is copied. */
BIDE_API int bide_tcp_connect(const char *host, int port, bide_wait *w);

typedef struct bide_tcp_connect_options {
    /** The numeric address (NULL: any) and port (0: any) to connect from. */
    const char *local_host;
    int local_port;
    /** How long an address has to itself before the next is tried beside it,
     * in ns; 0: 250 ms. */
    int64_t stagger;
    /** Not NULL: where each address that failed is written, with why: "::1 port
     * 80: connection refused; 127.0.0.1 port 80: ...". Borrowed until the wait
     * is over. */
    char *report;
    size_t report_size;
} bide_tcp_connect_options;

/** bide_tcp_connect with options; `o` may be NULL, and is read in the call. */
BIDE_API int bide_tcp_connect_with(const char *host, int port,
                                   const bide_tcp_connect_options *o,
                                   bide_wait *w);

typedef struct bide_tcp_options {
    int backlog;     /* 0: 1024 */
    bool reuse_port; /* several listeners share the port */
    bool v6_only;    /* an IPv6 address, "::" too, takes no IPv4 */
    /** Of each connection: whether small writes may wait for the peer's
     * acknowledgement, and keepalive, in seconds; 0: none, or the system's. */
    bool delay;
    unsigned keepalive, keepalive_interval, keepalive_count;
} bide_tcp_options;

/** Listens on `host` (NULL or "": every interface, of both families by one
 * socket where the system has IPv6) and `port` (0: a free one), `o` may be
 * NULL. The listener is left in `w->value.as.ptr`. A literal address does not
 * wait. */
BIDE_API int bide_tcp_listen(const char *host, int port,
                             const bide_tcp_options *o, bide_wait *w);

BIDE_API int bide_tcp_nodelay(bide_stream *s, bool on);
/** `delay` in seconds, at least 1. */
BIDE_API int bide_tcp_keepalive(bide_stream *s, bool on, unsigned delay);

/** Of keepalive: seconds between probes, and how many unanswered ones end the
 * connection (ETIMEDOUT); 0: as the system has it. ENOTSUP. */
BIDE_API int bide_tcp_keepalive_probes(bide_stream *s, unsigned interval,
                                       unsigned count);

/** Closes the stream; of TCP, what is not sent is dropped and the peer sees a
 * reset. */
BIDE_API void bide_stream_abort(bide_stream *s);

/** ref and unref: any thread; the last unref closes. */
BIDE_API bide_listener *bide_listener_ref(bide_listener *l);
BIDE_API void bide_listener_unref(bide_listener *l);

/** Waits for a connection; a new reference in `w->value.as.ptr`. Several tasks
 * may accept at once. System errors such as EMFILE end one wait, the listener
 * goes on. BIDE_ECLOSED. */
BIDE_API int bide_listener_accept(bide_listener *l, bide_wait *w);
BIDE_API int bide_listener_address(const bide_listener *l, bide_address *out);
BIDE_API void bide_listener_close(bide_listener *l);
BIDE_API bool bide_listener_closed(const bide_listener *l);
BIDE_API bide_loop *bide_listener_loop(const bide_listener *l);

/** What a loop around bide_listener_accept knows of a shortage of descriptors
 * or memory (EMFILE, ENFILE, ENOBUFS, ENOMEM); zeroed at first. Connections
 * stay in the system's queue meanwhile. */
typedef struct bide_shortage {
    int64_t pause, quiet_until;
} bide_shortage;

/** After an accept that failed: when to try again, by the loop's clock, 10 ms
 * from now, then ever later, up to 250 ms; 0: `error` is something else.
 * `*tell`: it is time for a report: at the first failure, at most once in 10 s.
 */
BIDE_API int64_t bide_shortage_retry(bide_shortage *s, bide_loop *l, int error,
                                     bool *tell);
/** After one that did not. */
BIDE_API void bide_shortage_over(bide_shortage *s);

/* -- tls ------------------------------------------------------------------ */

/* A library built without OpenSSL (CMake: -DBIDE_TLS=OFF) makes no context:
 * bide_tls_context_new answers ENOTSUP, and what needs one does, too. */

typedef struct bide_tls_context bide_tls_context;

/** Whether the peer's certificate is verified. DEFAULT: a client does, a server
 * does not ask for one. OPTIONAL: a server verifies one if the client has it.
 */
enum {
    BIDE_TLS_VERIFY_DEFAULT,
    BIDE_TLS_VERIFY_NONE,
    BIDE_TLS_VERIFY_OPTIONAL,
    BIDE_TLS_VERIFY_REQUIRED
};

/** Zeroed, it describes a client that trusts the system's authorities. Strings
 * are borrowed for the call. PEM texts end with a zero byte. */
typedef struct bide_tls_config {
    bool server;
    /** Authorities to trust, instead of the system's. */
    const char *ca_file, *ca_dir, *ca_pem;
    /** Our certificate, with its chain, and its key. */
    const char *cert_file, *key_file, *cert_pem, *key_pem, *key_password;
    int verify;
    /** The certificate need not be for the name that was connected to. */
    bool any_host;
    /** Protocols in order of preference; ends with NULL. */
    const char *const *alpn;
    /** 0x0303: TLS 1.2, 0x0304: TLS 1.3. 0: 1.2, and no upper limit. */
    int min_version, max_version;
    /** As OpenSSL words them: up to TLS 1.2, and from TLS 1.3 on. */
    const char *ciphers, *ciphersuites;
    bool no_sessions; /* neither kept nor resumed */
    /** How long a handshake may take, ns; 0: a minute. */
    int64_t handshake_timeout;
} bide_tls_config;

/** BIDE_ETLS: a file, key or list was not accepted; `why` (may be NULL), of
 * `size` bytes, tells which and why. */
BIDE_API int bide_tls_context_new(const bide_tls_config *config,
                                  bide_tls_context **out, char *why,
                                  size_t size);
/** Any thread. */
BIDE_API bide_tls_context *bide_tls_context_ref(bide_tls_context *c);
BIDE_API void bide_tls_context_unref(bide_tls_context *c);

/** A server's context for clients that ask for `name` ("*.example.org": any
 * one label more), of which it takes certificate and key. Before the first
 * use. */
BIDE_API int bide_tls_context_add_name(bide_tls_context *c, const char *name,
                                       bide_tls_context *other);

/** A stream whose bytes go through TLS over `under`, any kind of stream, with
 * what is buffered there. It takes over the caller's reference to `under`,
 * which must not be used any more and is closed with it; on error it stays the
 * caller's. All operations on streams work on it. The handshake goes on by
 * itself; reads and writes wait for it.
 *   read      BIDE_ETRUNCATED: the peer ended the connection without ending TLS
 *   shutdown  tells the peer (close_notify); reading goes on
 *   close     tells the peer if it can at once, and waits for nothing
 * BIDE_EINVALID: the context is for the other side. BIDE_EBUSY: a task reads
 * or writes `under`. ENOTSUP: `under` is a file or device, as standard input
 * may be.
 *
 * `host` (may be NULL): the name to ask for, and to find in the certificate.
 * `session` (may be NULL) of bide_tls_session, to be resumed. */
BIDE_API int bide_tls_start_client(bide_stream *under, bide_tls_context *c,
                                   const char *host, const char *session,
                                   size_t session_size, bide_stream **out);
BIDE_API int bide_tls_start_server(bide_stream *under, bide_tls_context *c,
                                   bide_stream **out);

/** Waits for the end of the handshake. BIDE_ETLS, BIDE_ECERTIFICATE (see
 * bide_tls_reason), BIDE_ETIMEDOUT, BIDE_ETRUNCATED, errors of `under`.
 * Cancel     safe: the handshake goes on, and can be waited for again. */
BIDE_API int bide_tls_handshake(bide_stream *s, bide_wait *w);

/** bide_tcp_connect and the handshake. A new reference to the stream in
 * `w->value.as.ptr`; if it was the handshake that failed, the stream is there,
 * too: it tells the reason, and is the caller's to unref.
 * Cancel     nothing stays open. */
BIDE_API int bide_tls_connect(const char *host, int port, bide_tls_context *c,
                              bide_wait *w);

/** Connections that are accepted from now on speak TLS, as after
 * bide_tls_start_server: an accept does not wait for the handshake, so that a
 * slow client delays nobody. BIDE_EINVALID: a context for clients.
 * BIDE_ECLOSED. */
BIDE_API int bide_tls_serve(bide_listener *l, bide_tls_context *c);

/** Why TLS failed on this stream, in OpenSSL's words; "" if it did not. */
BIDE_API const char *bide_tls_reason(const bide_stream *s);

/** What was agreed on; the strings are valid while the stream is open. "" where
 * there is none. */
typedef struct bide_tls_info {
    bool shaken; /* the handshake is over; else the rest is empty */
    bool session_reused;
    const char *version; /* "TLSv1.3" */
    const char *cipher;
    const char *host; /* that was asked for */
    char alpn[256];
} bide_tls_info;

/** BIDE_EINVALID: no stream with TLS. BIDE_ECLOSED. */
BIDE_API int bide_tls_get_info(const bide_stream *s, bide_tls_info *out);

/** The peer's certificate. */
typedef struct bide_tls_certificate {
    char *subject, *issuer; /* RFC 2253: "CN=localhost,O=bide" */
    char *names;            /* "DNS:localhost, IP Address:127.0.0.1" */
    char *pem;
    char fingerprint[65]; /* SHA-256, hexadecimal */
} bide_tls_certificate;

/** New, to be freed by bide_tls_free; NULL in `out`: the peer has none. */
BIDE_API int bide_tls_peer(const bide_stream *s, bide_tls_certificate **out);

/** The session, to be resumed by a later connection: new bytes, to be freed by
 * bide_tls_free; NULL in `out`: none yet. With TLS 1.3 it comes after the
 * handshake, with the first data. */
BIDE_API int bide_tls_session(const bide_stream *s, char **out, size_t *size);

/** Any thread; NULL is fine. */
BIDE_API void bide_tls_free(void *result);

/* -- unix sockets, descriptors -------------------------------------------- */

/** Connects to the Unix socket at `path`, of at most 107 bytes; "@name" is in
 * the abstract namespace, which Linux alone has ("./@name": a file). A new
 * reference to the stream in `w->value.as.ptr`. While the listener's backlog
 * is full, waits and tries again. BIDE_EINVALID: `path` is empty. System
 * errors: ENOENT, ECONNREFUSED, ENAMETOOLONG. `path` is copied.
 * Cancel     nothing is connected. */
BIDE_API int bide_unix_connect(const char *path, bide_wait *w);

typedef struct bide_unix_options {
    int backlog; /* 0: 1024 */
    int mode;    /* permissions of the file; 0: what the umask leaves */
} bide_unix_options;

/** Listens on `path`, as above; `o` may be NULL. The listener is left in
 * `w->value.as.ptr`. A socket's file that nobody listens on is replaced;
 * anything else in that place is EADDRINUSE. The file is removed when the
 * listener closes, unless it is another one by then. Never waits. */
BIDE_API int bide_unix_listen(const char *path, const bide_unix_options *o,
                              bide_wait *w);

/** Two streams connected to each other, a reference to each. */
BIDE_API int bide_stream_pair(bide_loop *l, bide_stream *out[2]);

/** A stream over `fd`, a connected stream socket (TCP or Unix) or an end of a
 * pipe. `fd` becomes the stream's: non-blocking, closed on exec and with the
 * stream (0, 1 and 2 are not closed). On error it stays the caller's. A pipe
 * ends by its close: shutdown is ENOTSOCK, and reading the end to write to
 * ENOTCONN, writing the other EPIPE. BIDE_EINVALID: another kind of descriptor,
 * such as a file, which is never anything but ready (read it in a blocking
 * job), a terminal, a datagram socket. System errors: EBADF, not open;
 * ENOTCONN, not connected. */
BIDE_API int bide_stream_open_fd(bide_loop *l, int fd, bide_stream **out);

/* -- pipes, standard input and output, terminals -------------------------- */

/** A pipe: the end to read in out[0], the end to write in out[1]; see
 * bide_stream_open_fd for how they end. */
BIDE_API int bide_stream_open_pipe(bide_loop *l, bide_stream *out[2]);

/** The FIFO at `path`, to read or to write; never waits. Reading waits for the
 * first writer, and ends when the last one has left. ENXIO: nobody has it open
 * to read, so that it cannot be opened to write yet. BIDE_EINVALID: `path` is
 * no FIFO. System errors: ENOENT, EACCES. */
BIDE_API int bide_stream_open_fifo(bide_loop *l, const char *path, bool write,
                                   bide_stream **out);

/** Standard input (`number` 0), output (1) or error (2) as a stream, be it a
 * file, pipe, socket or terminal. To close the stream leaves the descriptor
 * open. A terminal or pipe is opened anew, so that the file that other
 * processes share stays blocking; what cannot be (a socket, a pipe elsewhere
 * than on Linux) is non-blocking until the stream is closed or exit is called.
 * A file or device is read and written by threads of the pool, from its own
 * position on: a write ends when a thread has the bytes, at most 64 KiB at a
 * time, and shutdown when the system has them; both are done with also when the
 * loop closes. A read ahead moves the position that others share. EBADF: it is
 * not open. BIDE_EINVALID: nothing of these, such as a directory. */
BIDE_API int bide_stream_open_stdio(bide_loop *l, int number,
                                    bide_stream **out);

/** Whether the stream is a terminal. */
BIDE_API bool bide_stream_is_tty(const bide_stream *s);

/** The size of its window, in characters. A change of it is a SIGWINCH. ENOTTY:
 * the stream is no terminal. resize: of either end of a pair. */
BIDE_API int bide_tty_size(const bide_stream *s, unsigned short *rows,
                           unsigned short *columns);
BIDE_API int bide_tty_resize(bide_stream *s, unsigned short rows,
                             unsigned short columns);

/** Raw mode: each key at once, no echo, no signals from keys, no translation.
 * What was before is put back by `on` false, when the stream is closed, at exit
 * and when a signal of which nothing else was made ends the process. Streams of
 * one terminal share the mode, and the last to leave it puts it back. ENOTTY.
 * EMFILE: 8 terminals are raw. */
BIDE_API int bide_tty_raw(bide_stream *s, bool on);

/** A pair of terminals: the master, which is the user's side, in out[0], and in
 * out[1] the slave, which programs use. 0 rows or columns: 24, 80. The reading
 * of the master ends when nobody has the slave open. Neither becomes the
 * terminal that controls this process. */
BIDE_API int bide_pty_open(bide_loop *l, unsigned short rows,
                           unsigned short columns, bide_stream *out[2]);

/* -- files ---------------------------------------------------------------- */

/* Calls that may block are made by threads of the loop's pool. What the system
 * has in memory is read at once where it can tell (Linux).
 * Cancel     an operation that no thread has begun did not happen. A begun one
 *            that only looks is abandoned, and a read's bytes stay with the
 *            file. A begun one that changes something goes on and is delivered:
 *            the cancellation lands at the task's next wait.
 * Errors     are the system's: ENOENT, EACCES, EISDIR, ENOSPC, EMFILE, ... */

/** An open file. Operations on it take effect in the order in which they were
 * submitted, by whatever tasks; different files do not wait for each other.
 * It has one position, which reads and writes move when they take effect. ref
 * and unref: any thread; the last unref closes, without waiting.
 * Once the file is closed, or a close was submitted, operations get
 * BIDE_ECLOSED. */
BIDE_API bide_file *bide_file_ref(bide_file *f);
BIDE_API void bide_file_unref(bide_file *f);

/** Opens `path`; `flags` (O_RDONLY, O_CREAT, O_EXCL, O_APPEND, ...) and `mode`
 * are open(2)'s, O_CLOEXEC is added. EISDIR: a directory. A new reference to
 * the file in `w->value.as.ptr`. `path` is copied.
 * Cancel     nothing is left open; a file may have been created. */
BIDE_API int bide_file_open(const char *path, int flags, int mode,
                            bide_wait *w);

/** A file over `fd`, which becomes the file's. A pipe, socket or terminal has
 * no position, and a read gives what is there. On error it stays the
 * caller's. */
BIDE_API int bide_file_open_fd(bide_loop *l, int fd, bide_file **out);

/** Reading at the position, as bide_stream_read and its kin: `w->u.io.len`
 * bytes are granted, bide_file_data tells where they lie, and bide_file_consume
 * takes them off and moves the position.
 *   read        at least 1 byte, at most `max`; 0 bytes: the end of the file
 *   read_exact  `n` bytes, fewer only at the end; SIZE_MAX: all there are
 *   read_until  up to and including `sep`, without it only at the end;
 *               BIDE_ETOOLONG when `limit` bytes hold no separator
 * The end is not for ever: a later read gives what was appended. Until a
 * granted read has ended with bide_file_consume (0: leaves all) other
 * operations on the file wait. Bytes read ahead are dropped by a write. */
BIDE_API int bide_file_read(bide_file *f, size_t max, bide_wait *w);
BIDE_API int bide_file_read_exact(bide_file *f, size_t n, bide_wait *w);
BIDE_API int bide_file_read_until(bide_file *f, const char *sep, size_t seplen,
                                  size_t limit, bide_wait *w);
BIDE_API const char *bide_file_data(const bide_file *f, size_t *len);
BIDE_API void bide_file_consume(bide_file *f, size_t n);

/** Writes all of `data`, borrowed until the wait is over, at the position; a
 * file opened with O_APPEND, at its end. After an error `w->u.io.done` tells
 * how many bytes were written.
 * Cancel     as above; to what has no position (a pipe) a begun one goes on in
 *            the background, as of bide_stream_write, and `done` is above 0. */
BIDE_API int bide_file_write(bide_file *f, const char *data, size_t len,
                             bide_wait *w);

/** The same of `count` buffers, as one write; the list is borrowed, too. */
BIDE_API int bide_file_write_many(bide_file *f, const bide_buffer *list,
                                  size_t count, bide_wait *w);

/** At `offset`, leaving the position alone. pread: up to `n` bytes, fewer only
 * at the end, in a block of memory in `w->value.as.ptr`, freed by bide_fs_free;
 * `w->u.io.len` tells how many. pread_into: into `to`, which is borrowed until
 * the wait is over. ESPIPE: the file has no position. */
BIDE_API int bide_file_pread(bide_file *f, size_t n, int64_t offset,
                             bide_wait *w);
BIDE_API int bide_file_pread_into(bide_file *f, void *to, size_t n,
                                  int64_t offset, bide_wait *w);
BIDE_API int bide_file_pwrite(bide_file *f, const char *data, size_t len,
                              int64_t offset, bide_wait *w);

/** Moves the position; `whence` is SEEK_SET, SEEK_CUR or SEEK_END. The new one
 * in `w->value.as.integer`. BIDE_EINVALID: before the start. */
BIDE_API int bide_file_seek(bide_file *f, int64_t offset, int whence,
                            bide_wait *w);

/** The position as of what has taken effect; -1: it has none. */
BIDE_API int64_t bide_file_position(const bide_file *f);

/** Makes the file `size` bytes long; the position stays. */
BIDE_API int bide_file_truncate(bide_file *f, int64_t size, bide_wait *w);

/** Waits until what was written is on the disk; `data_only`: without what is
 * not needed to read it back (fdatasync). */
BIDE_API int bide_file_sync(bide_file *f, bool data_only, bide_wait *w);

/** What is known about a file; times in ns since 1970. */
typedef struct bide_stat {
    uint32_t mode, uid, gid;
    uint64_t ino, dev, rdev, nlink;
    int64_t size, blksize, blocks, atime, mtime, ctime;
} bide_stat;

/** A bide_stat in `w->value.as.ptr`, freed by bide_fs_free. */
BIDE_API int bide_file_stat(bide_file *f, bide_wait *w);

/** Closes once the operations submitted before have ended; an error of an
 * earlier write that only shows now is this one's. To close again waits for the
 * first close, and is no error. `w` may be NULL: nobody waits.
 * Cancel     the file is closed all the same, also when the task is cancelled
 *            to begin with; only nobody waits for it. */
BIDE_API int bide_file_close(bide_file *f, bide_wait *w);
BIDE_API bool bide_file_closed(const bide_file *f);
BIDE_API bide_loop *bide_file_loop(const bide_file *f);

/** The system's descriptor, borrowed; negative: an error. Its own position and
 * the file's are not the same. */
BIDE_API int bide_file_fd(const bide_file *f);

/** Frees a result of the functions above or below; NULL is fine. Any thread. */
BIDE_API void bide_fs_free(void *result);

/* -- file system ---------------------------------------------------------- */

/* Paths are copied, and so is data to write; a NULL path is BIDE_EINVALID.
 * Results in `w->value.as.ptr` are freed by bide_fs_free. */

/** A bide_stat of what `path` names; `follow`: of what a link there leads to.
 */
BIDE_API int bide_fs_stat(const char *path, bool follow, bide_wait *w);

/** `parents`: makes those that are missing too, and is content with a directory
 * that is there. */
BIDE_API int bide_fs_mkdir(const char *path, int mode, bool parents,
                           bide_wait *w);
BIDE_API int bide_fs_rmdir(const char *path, bide_wait *w);
BIDE_API int bide_fs_unlink(const char *path, bide_wait *w);
/** Removes `path` and, if it is a directory, all in it; links are not followed.
 * It goes on past what cannot be removed; the first error is told. */
BIDE_API int bide_fs_remove_tree(const char *path, bide_wait *w);
/** Replaces what `to` names, as rename(2). */
BIDE_API int bide_fs_rename(const char *from, const char *to, bide_wait *w);
BIDE_API int bide_fs_link(const char *from, const char *to, bide_wait *w);
BIDE_API int bide_fs_symlink(const char *target, const char *path,
                             bide_wait *w);
/** A string, its length in `w->u.count`. */
BIDE_API int bide_fs_readlink(const char *path, bide_wait *w);
BIDE_API int bide_fs_chmod(const char *path, int mode, bide_wait *w);
/** Times in ns since 1970. */
BIDE_API int bide_fs_utime(const char *path, int64_t atime, int64_t mtime,
                           bide_wait *w);
/** Copies content and permissions of a file, inside the system where it can;
 * replaces what `to` names. */
BIDE_API int bide_fs_copy(const char *from, const char *to, bide_wait *w);

/** What a directory holds, without "." and "..", in no order. */
typedef struct bide_entry {
    const char *name;
    char type; /* 'f'ile, 'd'irectory, 'l'ink, or 'o'ther */
} bide_entry;

/** An array of `w->u.count` bide_entry; names in the same block. */
BIDE_API int bide_fs_scan(const char *path, bide_wait *w);

/** The same in pieces: opens `path`; a reference in `w->value.as.ptr`. Its
 * loop's thread alone uses it; unref may also follow the loop's end. */
BIDE_API int bide_directory_open(const char *path, bide_wait *w);
BIDE_API bide_directory *bide_directory_ref(bide_directory *d);
BIDE_API void bide_directory_unref(bide_directory *d);

/** The next entries, up to `limit`, as of bide_fs_scan; 0 of them: that was
 * all. Each call is one job. What a cancelled one had read comes first in the
 * next, whatever its limit. BIDE_EBUSY: another task is at it. BIDE_EINVALID:
 * `limit` is 0. BIDE_ECLOSED. */
BIDE_API int bide_directory_next(bide_directory *d, size_t limit, bide_wait *w);

/** A read that is out goes on. */
BIDE_API void bide_directory_close(bide_directory *d);
BIDE_API bool bide_directory_closed(const bide_directory *d);
BIDE_API bide_loop *bide_directory_loop(const bide_directory *d);

/** Makes a file (mode 0600) or directory (0700) that was not there; `prefix`
 * gets six characters appended. Its path, a string. */
BIDE_API int bide_fs_temp(const char *prefix, bool directory, bide_wait *w);

/** The whole file: a block of `w->u.count` bytes. */
BIDE_API int bide_fs_read_file(const char *path, bide_wait *w);

/** How a whole file is written: over what is there; at its end; or aside, made
 * durable and put in its place, so that nobody sees a half (replace). */
enum { BIDE_FS_WRITE, BIDE_FS_APPEND, BIDE_FS_REPLACE };
BIDE_API int bide_fs_write_file(const char *path, const char *data, size_t len,
                                int how, int mode, bide_wait *w);

/* -- changes in a directory ----------------------------------------------- */

/** What has happened. A file that is renamed over another is not told as the
 * other's removal. What leaves the directory was removed, what enters it,
 * created. */
enum {
    BIDE_CHANGE_CREATED,
    BIDE_CHANGE_REMOVED,
    BIDE_CHANGE_MODIFIED,   /* the content of a file */
    BIDE_CHANGE_ATTRIBUTES, /* permissions, owner, times, links */
    BIDE_CHANGE_RENAMED,    /* within the directory */
    /** The system's queue was full: changes were lost. To be sure, look at all
     * that is there. */
    BIDE_CHANGE_OVERFLOW,
    /** The directory itself was removed or renamed, or its file system
     * unmounted: the last change. */
    BIDE_CHANGE_GONE
};

/** A change, one of a chain; freed by bide_changes_free. */
typedef struct bide_change {
    struct bide_change *next;
    int kind;
    bool is_dir;
    const char *name;     /* in the directory; "" of OVERFLOW and GONE */
    const char *old_name; /* of RENAMED; NULL otherwise */
} bide_change;

/** "created", "removed", ...: static storage. Any thread. */
BIDE_API const char *bide_change_name(int kind);

/** Watches the directory `path`, from now on until it is closed: what is in it,
 * not what is further below. A reference in `w->value.as.ptr`. ENOTDIR: a file;
 * those that a program replaces can be watched by their directory only. On
 * Linux ENOSPC and EMFILE are limits of the system's that can be raised: see
 * bide_fs_watch_strerror.
 * On Linux inotify tells. Elsewhere libuv does, and then a renaming is a
 * removal and a creation. */
BIDE_API int bide_fs_watch(const char *path, bide_wait *w);

/** As bide_strerror, for an error of bide_fs_watch: names the limit. */
BIDE_API const char *bide_fs_watch_strerror(int code);

/** ref and unref: any thread; the last unref closes. */
BIDE_API bide_changes *bide_changes_ref(bide_changes *c);
BIDE_API void bide_changes_unref(bide_changes *c);

/** Waits for changes: a chain of 1 to `limit` of them, in order, in
 * `w->value.as.ptr`, its length in `w->u.many.count`. What nobody asks for
 * waits in the system's queue, which is bounded: see OVERFLOW. Each change goes
 * to one of the tasks that wait on this object; another watch of the same
 * directory has its own. After GONE: BIDE_EEOF. BIDE_EINVALID: `limit` is 0. */
BIDE_API int bide_changes_recv(bide_changes *c, size_t limit, bide_wait *w);

/** Frees a chain of changes; NULL is fine. Any thread. */
BIDE_API void bide_changes_free(bide_change *chain);

/** Ends the watch and, with BIDE_ECLOSED, its waits. */
BIDE_API void bide_changes_close(bide_changes *c);
BIDE_API bool bide_changes_closed(const bide_changes *c);
BIDE_API bide_loop *bide_changes_loop(const bide_changes *c);

/* -- names ---------------------------------------------------------------- */

/** Addresses in the order in which bide_tcp_connect tries them. */
typedef struct bide_addresses {
    size_t count;
    bide_address *list; /* in the same block */
} bide_addresses;

/** Looks `host` up, a name or an address, on a thread of the resolver's own;
 * `port` (0..65535) is put into the results. An address does not wait. Leaves a
 * bide_addresses of at least one in `w->value.as.ptr`, to be freed by
 * bide_resolved_free. BIDE_ENAME: there is no such name. BIDE_EINVALID. */
BIDE_API int bide_resolve(const char *host, int port, bide_wait *w);

/** The name of a numeric `address`: a string in `w->value.as.ptr`, to be freed
 * by bide_resolved_free. BIDE_ENAME: it has none. BIDE_EINVALID: no address. */
BIDE_API int bide_reverse(const char *address, bide_wait *w);

/** Frees a result of either; NULL is fine. Any thread. */
BIDE_API void bide_resolved_free(void *result);

/* -- udp ------------------------------------------------------------------ */

/** An IPv4 or IPv6 address in the system's form. */
typedef struct bide_sockaddr {
    uint64_t private_[4];
} bide_sockaddr;

/** From a numeric `host` (names: bide_resolve), and back. BIDE_EINVALID. */
BIDE_API int bide_sockaddr_parse(const char *host, int port,
                                 bide_sockaddr *out);
BIDE_API int bide_sockaddr_text(const bide_sockaddr *a, bide_address *out);

/** A datagram that has arrived, one of a chain; freed by bide_udp_free. */
typedef struct bide_datagram {
    struct bide_datagram *next;
    const char *data;
    size_t len;
    bide_sockaddr from;
} bide_datagram;

typedef struct bide_udp_options {
    bool reuse_addr; /* several sockets, the last of which may get it all */
    bool reuse_port; /* several sockets share what arrives */
    bool v6_only;
    /** Of connect: the numeric address (NULL: any) and port to send from. */
    const char *local_host;
    int local_port;
} bide_udp_options;

/** A datagram socket on `host` and `port`, as of bide_tcp_listen: NULL is every
 * interface, in both families, and 0 a free port. `o` may be NULL. A reference
 * in `w->value.as.ptr`. */
BIDE_API int bide_udp_bind(const char *host, int port,
                           const bide_udp_options *o, bide_wait *w);

/** One that sends to `host` and `port` and receives from there only: the first
 * of the addresses that the system has a way to. Nothing is sent yet. When the
 * peer's system says that nobody is there, the next receive or send ends with
 * ECONNREFUSED. */
BIDE_API int bide_udp_connect(const char *host, int port,
                              const bide_udp_options *o, bide_wait *w);

/** ref and unref: any thread; the last unref closes. */
BIDE_API bide_udp *bide_udp_ref(bide_udp *u);
BIDE_API void bide_udp_unref(bide_udp *u);

/** Waits for a datagram, or for 1 to `limit` of them: a chain in
 * `w->value.as.ptr`, its length in `w->u.many.count`. The loop takes many off
 * the system at once; several tasks may receive. Datagrams are received whole:
 * one longer than `max` bytes (1 to 65535) is EMSGSIZE, and stays the next; so
 * is one that even the library had no room for, which is gone.
 * BIDE_EINVALID: `max` or `limit` is out of range. */
BIDE_API int bide_udp_recv(bide_udp *u, size_t max, bide_wait *w);
BIDE_API int bide_udp_recv_many(bide_udp *u, size_t limit, bide_wait *w);

/** The same without waiting: BIDE_EWOULDBLOCK. */
BIDE_API int bide_udp_try_recv(bide_udp *u, size_t max, bide_datagram **out);

/** Frees a chain of datagrams; NULL is fine. */
BIDE_API void bide_udp_free(bide_udp *u, bide_datagram *chain);

/** A datagram to send; `to` NULL: to the peer of a connected socket. */
typedef struct bide_message {
    const char *data;
    size_t len;
    const bide_sockaddr *to;
} bide_message;

/** Sends a datagram, whole or not at all; waits only while the system's buffer
 * is full. `data` is borrowed until the wait is over, `to` for the call.
 * System errors: EMSGSIZE, it is too long; EDESTADDRREQ, there is no `to`. */
BIDE_API int bide_udp_send(bide_udp *u, const char *data, size_t len,
                           const bide_sockaddr *to, bide_wait *w);

/** Sends `count` datagrams in order, many with one system call; all of the list
 * is borrowed until the wait is over. `w->u.io.done` tells how many have gone,
 * also on an error, which is that of the next one.
 * Cancel     those that have gone have gone. */
BIDE_API int bide_udp_send_many(bide_udp *u, const bide_message *list,
                                size_t count, bide_wait *w);

/** The same without waiting: 0 and the number in `*sent`, or an error if not
 * even the first went. BIDE_EWOULDBLOCK. */
BIDE_API int bide_udp_try_send(bide_udp *u, const bide_message *list,
                               size_t count, size_t *sent);

BIDE_API void bide_udp_close(bide_udp *u);
BIDE_API bool bide_udp_closed(const bide_udp *u);
BIDE_API bide_loop *bide_udp_loop(const bide_udp *u);
BIDE_API int bide_udp_fd(const bide_udp *u);
BIDE_API int bide_udp_local(const bide_udp *u, bide_address *out);
/** ENOTCONN: it is not connected. */
BIDE_API int bide_udp_peer(const bide_udp *u, bide_address *out);

/** X(NAME, name, least, most): options of a socket. */
#define BIDE_UDP_OPTIONS(X)                                                    \
    X(BROADCAST, broadcast, 0, 1) /* may send to broadcast addresses */        \
    X(TTL, ttl, 1, 255)           /* hops of what is sent */                   \
    X(MULTICAST_TTL, multicast_ttl, 0, 255) /* the same to groups */           \
    X(MULTICAST_LOOP, multicast_loop, 0, 1) /* this host gets it, too */       \
    X(RECV_BUFFER, recv_buffer, 1, 1 << 30) /* of the system, in bytes */      \
    X(SEND_BUFFER, send_buffer, 1, 1 << 30)

enum {
#define BIDE__X(NAME, name, least, most) BIDE_UDP_##NAME,
    BIDE_UDP_OPTIONS(BIDE__X)
#undef BIDE__X
};

/** BIDE_EINVALID: out of range. Reading gives what the system has made of it.
 */
BIDE_API int bide_udp_set(bide_udp *u, int option, int value);
BIDE_API int bide_udp_get(const bide_udp *u, int option, int *value);

/** Joins or leaves a multicast group, a numeric address; `interface` is a name,
 * an index or, of IPv4, an address (NULL: the system chooses). multicast_via:
 * the interface that sends to groups. BIDE_EINVALID: `group` is no group;
 * ENODEV, ENXIO: there is no such interface. */
BIDE_API int bide_udp_join(bide_udp *u, const char *group,
                           const char *interface);
BIDE_API int bide_udp_leave(bide_udp *u, const char *group,
                            const char *interface);
BIDE_API int bide_udp_multicast_via(bide_udp *u, const char *interface);

/* -- readiness of a descriptor -------------------------------------------- */

/** Waits until `fd`, a descriptor of the caller's, can be read or written
 * without blocking, has failed, or its peer has hung up: for libraries that do
 * their own I/O (libpq, libcurl). `fd` is neither read nor made non-blocking.
 * Always parks. Any number of tasks may wait for the same descriptor, in both
 * directions; all that wait in a direction wake. A task that wakes has to be
 * ready for a would-block all the same: another may have been faster.
 * Each wait costs one epoll_ctl; a cancelled one costs no more.
 * BIDE_EINVALID: `fd` is negative. System errors: EBADF, not open; EPERM, of a
 * kind that is always ready, such as a file or directory; ENOTSUP, the system
 * has no epoll.
 * Closing    call bide_notify_closing before `fd` is closed. Without it the
 *            system forgets the waits; they end with BIDE_ECLOSED when the
 *            number is waited for again, or when they are cancelled. */
BIDE_API int bide_wait_readable(int fd, bide_wait *w);
BIDE_API int bide_wait_writable(int fd, bide_wait *w);

/** `fd` is about to be closed: waits for it in `l` end with BIDE_ECLOSED. */
BIDE_API void bide_notify_closing(bide_loop *l, int fd);

/* -- watching a descriptor ------------------------------------------------ */

enum { BIDE_READABLE = 1, BIDE_WRITABLE = 2 };

/** A watch of `fd`, a descriptor of the caller's that it made non-blocking: for
 * hosts that do their own I/O in callbacks. While `fd` is ready for an event
 * that is wanted, failed, or hung up, `ready(arg, events)` is called after each
 * poll: on the loop's thread, outside I/O callbacks, and without a task, so
 * that neither cancellation nor the end of a run waits for it. Nothing is
 * wanted at first. Close the watch before `fd` is closed. BIDE_EINVALID: `fd`
 * is negative. System errors: EBADF, EEXIST (`fd` is watched already), EPERM
 * (of a kind that is always ready, such as a file). */
BIDE_API int bide_watch_new(bide_loop *l, int fd,
                            void (*ready)(void *arg, int events), void *arg,
                            bide_watch **out);
/** Any thread; closes. */
BIDE_API void bide_watch_unref(bide_watch *w);

/** What to tell from now on: BIDE_READABLE, BIDE_WRITABLE, both or 0. To stop
 * wanting to read and to want it again soon costs nothing. EBADF: the caller
 * has closed `fd`; one that does so between this and the next poll is told of
 * nothing. */
BIDE_API int bide_watch_want(bide_watch *w, int events);
BIDE_API int bide_watch_wanted(const bide_watch *w);

/** Ends the watch: `ready` is not called any more. */
BIDE_API void bide_watch_close(bide_watch *w);
BIDE_API bool bide_watch_closed(const bide_watch *w);

/* -- interest in a descriptor (embedded) ---------------------------------- */

/** Beside BIDE_READABLE and BIDE_WRITABLE. */
enum { BIDE_EDGE = 4 };

/** As a watch, but in memory of the caller, on one epoll_ctl for any number of
 * events, and for descriptors that others may close. Members are private. */
typedef struct bide_interest {
    bide_link link; /* in the loop's list of those that turned ready */
    bide_link waits[2];
    /** Told on the loop's thread, outside I/O callbacks, with BIDE_READABLE and
     * BIDE_WRITABLE: at each poll while it holds, or with BIDE_EDGE when it has
     * begun to hold again. An error or a hang-up is both. May be NULL. */
    void (*ready)(struct bide_interest *self, unsigned events);
    bide_loop *loop;
    int fd;
    uint32_t slot; /* 1 + index; 0: not set */
    unsigned wanted, events;
} bide_interest;

BIDE_API void bide_interest_init(bide_interest *w,
                                 void (*ready)(bide_interest *self,
                                               unsigned events));

/** Watches `fd` for `interest` (not 0) from now on. A descriptor that was
 * closed meanwhile, and its number opened again, is noticed. System errors as
 * of bide_wait_readable; then `w` is not set. */
BIDE_API int bide_interest_set(bide_interest *w, bide_loop *l, int fd,
                               unsigned interest);

/** Waits until `w`, which is set, reports `direction`, BIDE_READABLE or
 * BIDE_WRITABLE, the next time. To be tried first: with BIDE_EDGE what holds
 * already is not reported again. BIDE_EINVALID: `w` is not set. */
BIDE_API int bide_interest_wait(bide_interest *w, unsigned direction,
                                bide_wait *wait);

/** What is waited for now: BIDE_READABLE, BIDE_WRITABLE, both or 0. */
BIDE_API unsigned bide_interest_waited(const bide_interest *w);

/** Ends it; waits end with BIDE_ECLOSED. `fd` may have been closed. */
BIDE_API void bide_interest_stop(bide_interest *w);

/* -- signals -------------------------------------------------------------- */

/** A listener for signals of the process. While there is one, the signal's
 * default action is off, a handler that was set before goes on being called,
 * and every listener, of any loop on any thread, gets each signal. One that is
 * set later by other means takes the signal away from the listeners. The last
 * listener to go puts back what was there before.
 *
 * Signals are counted, not queued, as the system does: those that arrive before
 * a listener asks again are one result, with their number.
 *
 * `signums`: `count` different ones. BIDE_EINVALID: one of them is no signal or
 * cannot be listened to (SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL) or
 * is there twice, or `count` is 0. EAGAIN: 128 loops listen already. */
BIDE_API int bide_signal_new(bide_loop *l, const int *signums, size_t count,
                             bide_signal **out);

/** ref and unref: any thread; the last unref closes. */
BIDE_API bide_signal *bide_signal_ref(bide_signal *s);
BIDE_API void bide_signal_unref(bide_signal *s);

/** Waits for one of the signals: its number in `w->value.as.integer`, and in
 * `w->u.count` how often the handler has run for it since it was last reported
 * (at least 1). Several tasks may wait on one listener: each signal goes to one
 * of them. BIDE_ECLOSED. */
BIDE_API int bide_signal_wait(bide_signal *s, bide_wait *w);

/** Stops listening: waits end with BIDE_ECLOSED. */
BIDE_API void bide_signal_close(bide_signal *s);
BIDE_API bool bide_signal_closed(const bide_signal *s);
BIDE_API bide_loop *bide_signal_loop(const bide_signal *s);

/** Whether anything in the process listens to the signal. Any thread, and in
 * signal handlers: for one that stands aside then. */
BIDE_API bool bide_signal_watched(int signum);

/* -- processes ------------------------------------------------------------ */

/** What a child has as standard input, output or error. */
enum {
    BIDE_STDIO_INHERIT, /* the same as we have */
    BIDE_STDIO_NULL,    /* /dev/null */
    BIDE_STDIO_PIPE,    /* a pipe; our end is a stream of the process */
    BIDE_STDIO_FD,      /* the descriptor `fd`, which stays the caller's */
    BIDE_STDIO_STREAM,  /* `stream`, which moves there: closed here, unless the
                           child could not be started */
    BIDE_STDIO_STDOUT,  /* of stderr only: the same as its output */
    BIDE_STDIO_PTY      /* a terminal; our end is a stream of the process */
};

typedef struct bide_stdio {
    int kind;
    int fd;
    bide_stream *stream;
} bide_stdio;

/** `fd` of ours is `child_fd` (3 or above) in the child. */
typedef struct bide_fd_map {
    int fd, child_fd;
} bide_fd_map;

enum {
    BIDE_PROCESS_SESSION = 1,    /* leads a session of its own */
    BIDE_PROCESS_GROUP = 2,      /* leads a process group of its own */
    BIDE_PROCESS_EXTEND_ENV = 4, /* `env` is put on top of our environment; an
                                    entry without "=" takes a name out */
    BIDE_PROCESS_UMASK = 8,      /* `umask`, `uid` and `gid` count; a uid or */
    BIDE_PROCESS_UID = 16,       /* gid drops the supplementary groups, too */
    BIDE_PROCESS_GID = 32
};

typedef struct bide_process_options {
    /** The program and its arguments, then NULL. A name without "/" is looked
     * for in the PATH of the child's environment. Never a shell. */
    const char *const *argv;
    const char *file;       /* the program, where argv[0] is another name */
    const char *const *env; /* "NAME=value", then NULL; NULL: as ours */
    const char *cwd;        /* NULL: ours; a relative program is below it */
    bide_stdio stdio[3];
    const bide_fd_map *fds; /* further ones, `fd_count` */
    size_t fd_count;
    unsigned flags;
    unsigned umask, uid, gid;
    unsigned short rows, columns; /* of a terminal; 0: 24 and 80 */
} bide_process_options;

/** What could not be done for a child. */
enum {
    BIDE_SPAWN_PREPARE, /* in this process: pipes, memory, the fork */
    BIDE_SPAWN_STDIO,
    BIDE_SPAWN_IDENTITY, /* session, group, uid, gid, terminal */
    BIDE_SPAWN_CWD,
    BIDE_SPAWN_EXEC
};

/** Starts a program: a new reference in `w->value.as.ptr`. It has the
 * descriptors that were asked for and no others, no blocked signals, and the
 * default actions of all signals but those this process was itself started to
 * ignore. On a system error `w->value.as.integer` is one of BIDE_SPAWN_*: with
 * _EXEC, ENOENT and EACCES are about the program. BIDE_EINVALID: an option.
 * Never waits; the thread stands still until the child has begun the program.
 *
 * The child is reaped when it ends, whatever becomes of the object. SIGCHLD is
 * not used, and no child is waited for but ours.
 * Cancel     nothing is started. */
BIDE_API int bide_process_open(const bide_process_options *o, bide_wait *w);

/** ref and unref: any thread. The last unref closes our ends of the child's
 * pipes and lets it run. */
BIDE_API bide_process *bide_process_ref(bide_process *p);
BIDE_API void bide_process_unref(bide_process *p);

/** Kills it, if it runs, and its group, if it leads one; closes our ends of the
 * pipes. Waits end with BIDE_ECLOSED. */
BIDE_API void bide_process_close(bide_process *p);
BIDE_API bool bide_process_closed(const bide_process *p);
BIDE_API bide_loop *bide_process_loop(const bide_process *p);
BIDE_API int bide_process_pid(const bide_process *p);

/** Our end of its input (0), output (1) or error (2); borrowed, NULL if it is
 * no pipe or terminal. Those that are one terminal are one stream; its reading
 * ends when no process has the terminal open. */
BIDE_API bide_stream *bide_process_stream(const bide_process *p, int number);

/** Waits until it has ended; then `w->value.as.integer` is its exit code, or
 * the negative number of the signal that ended it. 255: others reaped it. Any
 * number of tasks may wait. BIDE_ECLOSED. */
BIDE_API int bide_process_wait(bide_process *p, bide_wait *w);

/** 0 with the same number, or BIDE_EWOULDBLOCK: it runs. */
BIDE_API int bide_process_poll(bide_process *p, int *code);

/** Sends a signal to it, or to its group, which it has to lead (else
 * BIDE_EINVALID). ESRCH: it has ended. Never hits a process that has its
 * number since. */
BIDE_API int bide_process_signal(bide_process *p, int signum);
BIDE_API int bide_process_signal_group(bide_process *p, int signum);

/** Ends it, with its group if it leads one: SIGTERM now, SIGKILL when it still
 * runs after `grace` ns (0: at once; when the loop closes before: then). Goes
 * on without the object. */
BIDE_API void bide_process_stop(bide_process *p, int64_t grace);

#ifdef __cplusplus
}
#endif

#endif
