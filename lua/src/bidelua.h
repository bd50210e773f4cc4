/* bidelua.h - what the files of the Lua binding share.
 *
 * State      One bidelua_state for each Lua universe (a lua_State and its
 *            coroutines). Every C function of the binding has it as a light
 *            userdata in its first upvalue: bidelua_self(L). Nothing here
 *            looks into the registry while tasks run.
 *
 * Vault      A Lua thread that never runs. Its stack holds what C needs at
 *            hand: the anchor table and the metatables. Values reach it by
 *            lua_xmove. Nothing that can raise may be called on the vault
 *            itself, as no error handler stands above it.
 *
 * Tasks      A task is a full userdata with the core's bide_task inside and a
 *            coroutine in its first user value. While it lives it is anchored
 *            in one slot of the anchor table, so its memory stays put.
 *
 * Waiting    A function that awaits is written in three steps:
 *
 *                static int
 *                lock_done(lua_State *L, bidelua_task *t, int status)
 *                {
 *                    if (status < 0)
 *                        return bidelua_raise(L, t, status);
 *                    lua_settop(L, 1);
 *                    return 1;
 *                }
 *
 *                static int
 *                mutex_lock(lua_State *L)
 *                {
 *                    bidelua_state *S = bidelua_self(L);
 *                    lua_mutex *m = bidelua_check(L, S, 1, BIDELUA_MUTEX);
 *                    bidelua_task *t = bidelua_enter(L, S, "mutex:lock");
 *                    int r = bide_mutex_lock(m->core, &t->wait);
 *                    return bidelua_await(L, t, r, lock_done);
 *                }
 *
 *            bidelua_enter raises unless the caller is a task that can be
 *            suspended here, before anything is armed. What stands on the
 *            stack of the function when it awaits is still there in the
 *            finish step, and is what keeps the object alive meanwhile.
 *
 * Errors     Expected failures: return bidelua_fail(L, status), which gives
 *            nil, message, code. Programmer errors and cancellation:
 *            bidelua_raise. Neither may be called from a function that the
 *            core calls back; those run no Lua, or run it inside lua_pcall.
 */
#ifndef BIDELUA_H
#define BIDELUA_H

#include <bide.h>
#include <lauxlib.h>
#include <lua.h>

#include "arguments.h"

#if LUA_VERSION_RELEASE_NUM < 50403
#error "Lua 5.4.3 or later is needed: __close must be able to yield"
#endif

/** The types and groups of functions, one file each: X(KIND, concept). A row
 * here and a bidelua_<concept>_type in <concept>.c add one to the module. */
#define BIDELUA_TYPES(X)                                                       \
    X(CANCELLED, cancelled)                                                    \
    X(FAILURE, failure)                                                        \
    X(RUNTIME, runtime)                                                        \
    X(TASK, task)                                                              \
    X(SPAWN, spawn)                                                            \
    X(CLOCK, clock)                                                            \
    X(TESTING, testing)                                                        \
    X(WRAP, wrap)                                                              \
    X(LAZY, lazy)                                                              \
    X(SCOPE, scope)                                                            \
    X(BLOCK, block)                                                            \
    X(GROUP, group)                                                            \
    X(TOKEN, token)                                                            \
    X(FUTURE, future)                                                          \
    X(MUTEX, mutex)                                                            \
    X(SEMAPHORE, semaphore)                                                    \
    X(PERMIT, permit)                                                          \
    X(RWLOCK, rwlock)                                                          \
    X(RWGUARD, rwguard)                                                        \
    X(EVENT, event)                                                            \
    X(CONDITION, condition)                                                    \
    X(BARRIER, barrier)                                                        \
    X(CHANNEL, channel)                                                        \
    X(JOB, blocking)                                                           \
    X(STREAM, stream)                                                          \
    X(LISTENER, listener)                                                      \
    X(TCP, tcp)                                                                \
    X(ADDRESS, address)                                                        \
    X(UDP, udp)                                                                \
    X(UNIX, unix)                                                              \
    X(TLS, tls)                                                                \
    X(DESCRIPTOR, descriptor)                                                  \
    X(STANDARD, stdio)                                                         \
    X(READINESS, readiness)                                                    \
    X(RESOLVE, resolve)                                                        \
    X(INTERVAL, interval)                                                      \
    X(SIGNALS, signal)                                                         \
    X(DRAIN, drain)                                                            \
    X(SERVE, serve)                                                            \
    X(FILE, file)                                                              \
    X(CHANGES, changes)                                                        \
    X(DIRECTORY, directory)                                                    \
    X(TEMPORARY, temporary)                                                    \
    X(INSPECT, inspect)                                                        \
    X(DUMP, dump)                                                              \
    X(STATS, stats)                                                            \
    X(PROCESS, process)                                                        \
    X(SPAWN_PROCESS, spawn_process)                                            \
    X(FS, fs)                                                                  \
    X(RUN_PROCESS, run_process)

typedef enum bidelua_kind {
#define BIDELUA__KIND(KIND, concept) BIDELUA_##KIND,
    BIDELUA_TYPES(BIDELUA__KIND)
#undef BIDELUA__KIND
        BIDELUA_KINDS
} bidelua_kind;

/** What module.c registers. Lists may be NULL; they end with {NULL, NULL}. */
typedef struct bidelua_type {
    const char *name;          /* "bide.mutex"; NULL: functions only */
    const luaL_Reg *methods;   /* the type's __index table */
    const luaL_Reg *meta;      /* metamethods; __index here overrides */
    const luaL_Reg *functions; /* of the module */
    const char *table;         /* NULL, or the field of the module that is a
                                  table of these functions ("tcp") */
} bidelua_type;

#define BIDELUA__EXTERN(KIND, concept)                                         \
    extern const bidelua_type bidelua_##concept##_type;
BIDELUA_TYPES(BIDELUA__EXTERN)
#undef BIDELUA__EXTERN

typedef struct bidelua_task bidelua_task;
typedef struct bidelua_runtime bidelua_runtime;

/** One for each Lua universe. */
typedef struct bidelua_state {
    bidelua_task *running; /* whose step runs now, or NULL */
    bidelua_runtime *rt;   /* the runtime inside bide.run, or NULL */
    lua_State *L;          /* the Lua thread that called bide.run */
    lua_State *vault;
    const void *meta[BIDELUA_KINDS]; /* addresses of the metatables */
    int free_slot;                   /* head of the free anchor slots; 0 */
    int slots;                       /* anchor slots ever used */
    size_t pending;                  /* failures nobody looked at yet */
    const char *site_file;           /* of the last site, kept */
    struct {                         /* whose place the watchdog's took */
        lua_Hook before;
        int mask, count;
    } hook;
} bidelua_state;

/** Stack slots of the vault. */
enum {
    BIDELUA_ANCHORS = 1, /* slot -> value; free slots chain as integers */
    BIDELUA_FILES,       /* short chunk names in use by sites: a set */
    BIDELUA_REASONS,     /* light userdata of a scope -> cancel reason */
    BIDELUA_FAILED,      /* weak set of failures nobody looked at */
    BIDELUA_HANDLERS,    /* "unhandled", "unawaited" -> function */
    BIDELUA_BODY,        /* the bottom function of every task, ... */
    BIDELUA_TRACER,      /* ... and the message handler that notes tracebacks */
    BIDELUA_METATABLES   /* + bidelua_kind */
};

/** A run: made by bide.run, gone when it returns. */
struct bidelua_runtime {
    bidelua_state *S;
    bide_loop *loop; /* NULL once closed */
    bidelua_task *main;
    bide_token *jobs; /* what all blocking jobs are cancelled with, or NULL */
    int64_t grace;    /* for blocking jobs at the end, ns */
    bool handles_signals; /* SIGINT is ours */
    bool interrupted;     /* main was cancelled by SIGINT */
    int cycles_due;       /* of the collector: see failure.c */
    bide_timer collect;
};

/** User values of a task. */
enum {
    BIDELUA_TASK_CO = 1, /* the coroutine; once done, the result, a table of
                            several results, or the error value */
    BIDELUA_TASK_NAME,   /* its name, a string, or nil */
    BIDELUA_TASK_TRACE,  /* the bide.failure it ended with; before, that of the
                            last error it saw pass, or nil */
    BIDELUA_TASK_TOKEN,  /* the token it was spawned under, or nil */
    BIDELUA_TASK_VALUES = BIDELUA_TASK_TOKEN
};

/** How a task ended. */
enum {
    BIDELUA_LIVE,
    BIDELUA_RETURNED,
    BIDELUA_FAILED_WITH,   /* an error */
    BIDELUA_CANCELLED_WITH /* the cancellation it did not catch */
};

/** A task. `base` comes first: the core's pointer is the binding's. */
struct bidelua_task {
    bide_task base;
    bide_wait wait;    /* the one wait node; idle while the task runs */
    lua_State *co;     /* NULL once done */
    lua_State *active; /* innermost coroutine that may await: co, or the one
                          that a bide.wrap generator runs */
    bidelua_state *S;
    /** Runs on the loop's thread when the task has ended, after its outcome is
     * stored. No Lua that can raise. */
    void (*ended)(bidelua_task *t);
    void *owner;      /* for `ended`: the scope it was spawned in, ... */
    const char *what; /* the function that awaits, or did last */
    int (*finish)(lua_State *L, bidelua_task *t, int status); /* its end */
    struct bidelua_scope *scopes; /* open ones, innermost first */
    int slot;                     /* of the anchor table while it lives */
    int nargs;                    /* values on co's stack for the next resume */
    int nresults;                 /* once done */
    unsigned char outcome;        /* BIDELUA_LIVE ... */
    unsigned char detached;   /* nobody can look: report a failure at once */
    unsigned char reasoned;   /* has an entry in BIDELUA_REASONS */
    unsigned char background; /* by its spawn, not by where it belongs */
};

/* -- state ---------------------------------------------------------------- */

/** The state; in any C function that module.c registered. */
static inline bidelua_state *
bidelua_self(lua_State *L)
{
    return (bidelua_state *)lua_touserdata(L, lua_upvalueindex(1));
}

/** The state of this Lua universe, in which the module is open. */
bidelua_state *bidelua_find(lua_State *L);

/** Pushes a new userdata of `kind` with `values` user values. */
void *bidelua_new(lua_State *L, bidelua_state *S, bidelua_kind kind,
                  size_t size, int values);

/** The userdata at `arg` if it is of `kind`, or NULL. */
static inline void *
bidelua_test(lua_State *L, bidelua_state *S, int arg, bidelua_kind kind)
{
    void *p = lua_touserdata(L, arg);

    if (p == NULL || !lua_getmetatable(L, arg))
        return NULL;
    if (lua_topointer(L, -1) != S->meta[kind])
        p = NULL;
    lua_pop(L, 1);
    return p;
}

/** Raises "bide.mutex expected, got ...". */
void bidelua_typeerror(lua_State *L, int arg, bidelua_kind kind);

/** The userdata at `arg` if it is of `kind`; raises otherwise. */
static inline void *
bidelua_check(lua_State *L, bidelua_state *S, int arg, bidelua_kind kind)
{
    void *p = bidelua_test(L, S, arg, kind);

    if (p == NULL)
        bidelua_typeerror(L, arg, kind);
    return p;
}

/** Pushes a C function with the state as its upvalue 1. */
void bidelua_pushfunction(lua_State *L, bidelua_state *S, lua_CFunction f);

/** Pushes vault slot `slot` (BIDELUA_ANCHORS, ...) on `L`. */
static inline void
bidelua_pushvault(lua_State *L, bidelua_state *S, int slot)
{
    lua_pushvalue(S->vault, slot);
    lua_xmove(S->vault, L, 1);
}

/* -- anchoring: Lua values held by C -------------------------------------- */

/** Pops a value and keeps it alive; the slot, 1 or above. May raise (memory).
 * Not for nil. */
int bidelua_anchor(lua_State *L, bidelua_state *S);

/** Pushes the value of a slot. */
void bidelua_pushanchor(lua_State *L, bidelua_state *S, int slot);

/** Lets go of a slot; 0 is none. Never raises. */
void bidelua_unanchor(bidelua_state *S, int slot);

/* -- waiting -------------------------------------------------------------- */

/** Ends an awaiting function, with the wait's status: 0 or an error. The
 * results of the operation are in t->wait. Returns as a lua_CFunction. */
typedef int (*bidelua_finish)(lua_State *L, bidelua_task *t, int status);

/** Raises why `what` cannot await here: outside a run, inside a coroutine of
 * the user's, below a C function that cannot yield. */
int bidelua_cannot_await(lua_State *L, bidelua_state *S, const char *what);

/** The current task, if it can be suspended here; raises if not. `what` is
 * for the message: "bide.sleep", "mutex:lock". */
static inline bidelua_task *
bidelua_enter(lua_State *L, bidelua_state *S, const char *what)
{
    bidelua_task *t = S->running;

    if (t && t->active == L && lua_isyieldable(L)) {
        t->what = what;
        return t;
    }
    bidelua_cannot_await(L, S, what); /* does not return */
    return NULL;
}

/** The current task for calls that do not wait (try_lock, unlock); raises
 * outside a run. */
bidelua_task *bidelua_current(lua_State *L, bidelua_state *S, const char *what);

/** Where a parked task goes on. Private to bidelua_await. */
int bidelua_woken(lua_State *L, int status, lua_KContext task);

/** Takes what a submit function answered for &t->wait: calls `finish` now or,
 * after BIDE_PARKED, suspends the task and calls it when the wait is over. To
 * be returned from a C function. */
static inline int
bidelua_await(lua_State *L, bidelua_task *t, int submitted,
              bidelua_finish finish)
{
    if (submitted != BIDE_PARKED)
        return finish(L, t, submitted);
    t->finish = finish;
    return lua_yieldk(L, 0, (lua_KContext)t, bidelua_woken);
}

/* -- errors --------------------------------------------------------------- */

/** Pushes nil, the message and the symbolic code ("ECONNRESET"); 3. For
 * failures that programs expect; a cancellation of `t` is raised instead. */
int bidelua_fail(lua_State *L, bidelua_task *t, int status);

/** Raises `status`: the cancellation that struck `t` as a bide.cancelled
 * object, others as a string with the caller's position and t->what. `t` may
 * be NULL. */
int bidelua_raise(lua_State *L, bidelua_task *t, int status);

/** Raises if `status` is negative, for calls that do not wait. */
void bidelua_require(lua_State *L, int status, const char *what);

/** Replaces the reason on top by a cancelled object. */
void bidelua_newcancelled(lua_State *L, bidelua_state *S);

/** Pushes the cancelled object for the cause that now reaches `t`. */
void bidelua_pushcancelled(lua_State *L, bidelua_task *t);

/** Whether the value is a cancellation that is in force. */
bool bidelua_iscancelled(lua_State *L, bidelua_state *S, int index);

/** Marks a cancelled object as having left the scope it belongs to: from here
 * on it is an ordinary error. Other values are left alone. */
void bidelua_endcancelled(lua_State *L, bidelua_state *S, int index);

/** Remembers the reason at `index` for the scope, unless it has one. */
void bidelua_setreason(lua_State *L, bidelua_state *S, const bide_scope *s,
                       int index);
void bidelua_dropreason(bidelua_state *S, const bide_scope *s);

/** A reason that C gives: static text. */
bide_value bidelua_reason(const char *text);

/** Runs `f` with `p` as a light userdata in protected mode on S->L; for what
 * the core calls back. Errors are printed. */
void bidelua_protect(bidelua_state *S, lua_CFunction f, void *p);

/* -- failures: what became of an error ------------------------------------ */

/** A bide.failure: user values 1 the error, 2 the traceback (string or nil),
 * 3 whose it is ("task 'x'"). Collected while `pending`, it is reported. */
typedef struct bidelua_failure {
    bool pending; /* it ended a task and nobody looked */
} bidelua_failure;

enum {
    BIDELUA_FAILURE_ERROR = 1,
    BIDELUA_FAILURE_TRACEBACK,
    BIDELUA_FAILURE_WHOSE
};

/** Pushes the failure of the error at the top of the stack of task `t`, in
 * which it is about to end. */
void bidelua_failure_settle(lua_State *L, bidelua_task *t);

/** Someone looks at the failure at `index` (nil is allowed). */
void bidelua_failure_observe(lua_State *L, bidelua_state *S, int index);

/** Reports the failure at `index` if it is pending. */
void bidelua_failure_report(lua_State *L, bidelua_state *S, int index);

/** Reports every pending failure: at the end of a run. */
void bidelua_failure_reportall(lua_State *L, bidelua_state *S);

/** Calls the handler for `event` with the `n` values on top, or prints the
 * first of them to stderr. Pops them. Never raises for the handler's errors. */
void bidelua_notify(lua_State *L, bidelua_state *S, const char *event, int n);

/** The core's resume function of every task. */
void bidelua_task_step(bide_task *base);

/** BIDELUA_BODY: (tracer, function, arguments...), the bottom of a task. */
int bidelua_task_body(lua_State *L);

/** BIDELUA_TRACER: handed an error that is about to unwind a task. */
int bidelua_tracer(lua_State *L);

/* -- tasks ---------------------------------------------------------------- */

/** Options of a spawn. */
typedef struct bidelua_spawn {
    bide_scope *group; /* NULL: the loop's root */
    int name;          /* stack index of a string, or 0 */
    int token;         /* stack index of a token, or 0 */
    void (*ended)(bidelua_task *t);
    void *owner;
    bool detached;
    bool background;
} bidelua_spawn;

/** Starts a task from the function and its `nargs` arguments on top of the
 * stack, which it replaces by the task. Raises on error. */
bidelua_task *bidelua_task_spawn(lua_State *L, bidelua_state *S, int nargs,
                                 const bidelua_spawn *o);

/** The same from what bide.spawn takes, from stack index `first` to the top:
 * [options table,] function or lazy future, arguments. `o` is filled in with
 * the options; `what` is for messages. */
bidelua_task *bidelua_task_spawnargs(lua_State *L, bidelua_state *S, int first,
                                     bidelua_spawn *o, const char *what);

/** Pushes 'task "name"' or "task-7", and, if `site`, where it was spawned. */
void bidelua_task_describe(lua_State *L, const bidelua_task *t, bool site);

/** Pushes the results of the done task at `index`: how many. */
int bidelua_task_pushresults(lua_State *L, bidelua_task *t, int index);

/** Raises the error of the done task at `index`; the current task inherits the
 * traceback, and a cancellation is an ordinary error here. */
int bidelua_task_rethrow(lua_State *L, bidelua_state *S, int index);

/** Ends a parked task by force: its to-be-closed variables run, but cannot
 * await. Only for the end of a run that would never come. */
void bidelua_task_kill(bidelua_task *t);

/** Pushes the function and arguments of the lazy future at `index`, which is
 * thereby used up: how many arguments. */
int bidelua_lazy_unpack(lua_State *L, bidelua_state *S, int index);

/** bide_host.trace and .blocked; the options of bide.run at `arg` that are
 * about the watchdog. */
size_t bidelua_trace(void *ctx, bool here, char *out, size_t size);
void bidelua_blocked(void *ctx, const bide_block *b);
void bidelua_watchdog_read(lua_State *L, bidelua_state *S, int arg,
                           bide_loop_options *o);

/** bide_host.where (dump.c). */
void bidelua_where(void *ctx, bide_task *t, char *out, size_t size);

/** SIGINT for the time of a run. */
void bidelua_interrupt_begin(bidelua_runtime *rt);
void bidelua_interrupt_end(bidelua_runtime *rt);
bool bidelua_interrupt_taken(void);

/** The point `ns` from now on the loop's clock. */
int64_t bidelua_deadline(bide_loop *l, int64_t ns);

/** Where the function at `level` (1: the caller) stands. Kept. */
bide_site bidelua_site(lua_State *L, bidelua_state *S, int level);

#endif
