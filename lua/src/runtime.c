/* bide.run: one loop on this thread, from the start of the main task until it
 * and everything it started have ended. */
#include <string.h>

#include "bidelua.h"
#include "job.h"
#include "report.h"

enum { DEFAULT_GRACE = 5 };       /* s */
enum { RUNTIME = 2, NAME, MAIN }; /* the stack of bide.run */

/* -- what is still waiting ------------------------------------------------ */

typedef struct task_list {
    bidelua_task **at;
    size_t count, size;
} task_list;

static void
collect(bide_task *base, void *arg)
{
    task_list *list = arg;

    if (list->count < list->size)
        list->at[list->count++] = (bidelua_task *)base;
}

/* Pushes a userdata that holds the list of all tasks that are not done. */
static task_list
list_tasks(lua_State *L, bide_loop *loop)
{
    bide_loop_counts counts;
    task_list list = {NULL, 0, 0};

    bide_loop_count(loop, &counts);
    list.size = counts.tasks;
    list.at = lua_newuserdatauv(L, (list.size + 1) * sizeof *list.at, 0);
    bide_loop_each_task(loop, collect, &list);
    return list;
}

/* -- the end -------------------------------------------------------------- */

static void
report_stuck(void *arg, const bide_job *job)
{
    (void)arg;
    lua_writestringerror("bide: the run ended while blocking work goes on: "
                         "%s\n",
                         job->name ? job->name : "?");
}

static int
kill_all(lua_State *L)
{
    bidelua_runtime *rt = lua_touserdata(L, 1);
    task_list list = list_tasks(L, rt->loop);

    for (size_t i = 0; i < list.count; i++)
        bidelua_task_kill(list.at[i]);
    return 0;
}

/* Cancels all that is left and closes the loop. A task whose cleanup waits for
 * what nobody can bring is ended by force. */
static void
shut_down(bidelua_runtime *rt)
{
    bidelua_state *S = rt->S;
    bide_loop_counts counts;

    bide_scope_cancel(bide_loop_root(rt->loop),
                      bidelua_reason("the run is over"));
    while (bide_loop_count(rt->loop, &counts), counts.tasks > 0)
        if (bide_loop_run(rt->loop, NULL) < 0)
            bidelua_protect(S, kill_all, rt);
    bidelua_interrupt_end(rt);
    bidelua_jobs_cancel(rt);
    bide_loop_close(rt->loop, rt->grace, report_stuck, NULL);
    bide_loop_unref(rt->loop);
    rt->loop = NULL;
    S->rt = NULL;
    S->L = NULL;
}

/* Also the way out of an error inside bide.run itself. */
static int
runtime_close(lua_State *L)
{
    bidelua_runtime *rt = lua_touserdata(L, 1);

    if (rt->loop)
        shut_down(rt);
    return 0;
}

/* -- options -------------------------------------------------------------- */

static int64_t
seconds_field(lua_State *L, int arg, const char *key, int64_t otherwise)
{
    int64_t ns = otherwise;

    if (lua_getfield(L, arg, key) != LUA_TNIL) {
        if (!lua_isnumber(L, -1) || !(lua_tonumber(L, -1) >= 0))
            luaL_error(L, "bide.run: option '%s' must be seconds >= 0", key);
        ns = bidelua_checkseconds(L, -1);
    }
    lua_pop(L, 1);
    return ns;
}

static lua_Integer
integer_field(lua_State *L, int arg, const char *key)
{
    int ok = 1;
    lua_Integer n = 0;

    if (lua_getfield(L, arg, key) != LUA_TNIL)
        n = lua_tointegerx(L, -1, &ok);
    if (!ok)
        luaL_error(L, "bide.run: option '%s' must be an integer", key);
    lua_pop(L, 1);
    return n;
}

typedef struct run_options {
    bide_loop_options loop;
    int64_t grace;
    bool signals;
} run_options;

static void
read_options(lua_State *L, bidelua_state *S, int arg, run_options *o)
{
    static const char *const known[] = {
        "virtual_clock",   "seed",       "threads", "keep_alive",
        "grace",           "signals",    "debug",   "watchdog",
        "watchdog_signal", "on_blocked", "stats",   "slow_lock",
        "stall",           "on_report",  NULL};

    memset(o, 0, sizeof *o);
    o->grace = (int64_t)DEFAULT_GRACE * 1000000000;
    o->signals = true;
    bool given = !lua_isnoneornil(L, arg);
    if (given)
        bidelua_checkoptions(L, arg, known);
    bidelua_watchdog_read(L, S, arg, &o->loop);
    bidelua_reports_read(L, S, arg, &o->loop);
    if (!given)
        return;
    o->loop.stats = bidelua_optionflag(L, arg, "stats", false);
    o->loop.virtual_clock = bidelua_optionflag(L, arg, "virtual_clock", false);
    o->signals = bidelua_optionflag(L, arg, "signals", true);
    o->loop.seed = (uint64_t)integer_field(L, arg, "seed");
    lua_Integer threads = integer_field(L, arg, "threads");
    luaL_argcheck(L, threads >= 0 && threads <= 100000, arg,
                  "option 'threads' is out of range");
    o->loop.pool_threads = (unsigned)threads;
    o->loop.pool_keep_alive = seconds_field(L, arg, "keep_alive", 0);
    o->grace = seconds_field(L, arg, "grace", o->grace);
}

/* -- running -------------------------------------------------------------- */

static int
tick(void *ctx)
{
    bidelua_runtime *rt = ctx;

    if (bidelua_interrupt_taken()) {
        rt->interrupted = true;
        bide_task_cancel(&rt->main->base, bidelua_reason("interrupted!"));
    }
    return 0;
}

static bidelua_runtime *
open_runtime(lua_State *L, bidelua_state *S, run_options *o)
{
    bidelua_runtime *rt = bidelua_new(L, S, BIDELUA_RUNTIME, sizeof *rt, 0);

    rt->S = S;
    rt->grace = o->grace;
    o->loop.host.ctx = rt;
    o->loop.host.language = "Lua";
    o->loop.host.where = bidelua_where;
    o->loop.host.what = bidelua_what;
    o->loop.host.tick = o->signals ? tick : NULL;
    o->loop.host.thread_end = bidelua_worker_end;
    o->loop.host.trace = bidelua_trace;
    o->loop.host.blocked = bidelua_blocked;
    o->loop.host.report = bidelua_reported;
    int rc = bide_loop_new(&o->loop, &rt->loop);
    if (rc == BIDE_EINVALID)
        luaL_error(L, "bide.run: BIDE_WATCHDOG, BIDE_SLOW_LOCK and BIDE_STALL "
                      "must be a time such as 100ms or 0.5s, or off; "
                      "BIDE_WATCHDOG_SIGNAL a signal's number, or none");
    bidelua_require(L, rc, "bide.run");
    S->rt = rt;
    S->L = L;
    lua_toclose(L, -1);
    return rt;
}

/* Pushes what bide.run raises for a main task that failed: a string gets the
 * traceback of the task, other values pass as they are. */
static void
push_error(lua_State *L, bidelua_runtime *rt)
{
    bidelua_state *S = rt->S;

    lua_getiuservalue(L, MAIN, BIDELUA_TASK_CO);
    if (rt->interrupted && bidelua_iscancelled(L, S, -1)) {
        lua_pushliteral(L, "interrupted!");
        return;
    }
    bidelua_endcancelled(L, S, -1);
    lua_getiuservalue(L, MAIN, BIDELUA_TASK_TRACE);
    if (lua_type(L, -2) != LUA_TSTRING || lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return;
    }
    lua_getiuservalue(L, -1, BIDELUA_FAILURE_TRACEBACK);
    lua_pushfstring(L, "%s\n%s", lua_tostring(L, -3),
                    lua_isnil(L, -1) ? "" : lua_tostring(L, -1));
}

static void
check_arguments(lua_State *L, bidelua_state *S)
{
    if (S->rt)
        luaL_error(L, "bide.run inside bide.run: here, call the function or "
                      "bide.spawn it");
    if (bide_loop_current())
        luaL_error(L, "bide.run: this thread already runs the loop of another "
                      "Lua state or language");
    if (!lua_isfunction(L, 1) && !bidelua_test(L, S, 1, BIDELUA_LAZY))
        luaL_typeerror(L, 1, "function");
}

/* Runs until main is done; the code of bide_loop_run. What it leaves on the
 * stack, if that is negative, is the error. */
static int
run_main(lua_State *L, bidelua_runtime *rt)
{
    int rc = bide_loop_run(rt->loop, &rt->main->base);

    if (rc == BIDE_ESTALLED)
        bidelua_pushstalled(L, rt->loop);
    else if (rc < 0)
        lua_pushfstring(L, "bide.run: %s (%s)", bide_strerror(rc),
                        bide_error_name(rc));
    lua_getiuservalue(L, MAIN, BIDELUA_TASK_TRACE);
    bidelua_failure_observe(L, rt->S, -1);
    lua_pop(L, 1);
    return rc;
}

static int
run(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_spawn main = {.name = MAIN - 1};
    run_options o;

    check_arguments(L, S);
    read_options(L, S, 2, &o);
    lua_settop(L, 1);
    luaL_checkstack(L, 2 * LUA_MINSTACK, "bide.run");
    bidelua_runtime *rt = open_runtime(L, S, &o);
    lua_pushliteral(L, "main");
    lua_pushvalue(L, 1);
    rt->main = bidelua_task_spawnargs(L, S, MAIN, &main, "bide.run");
    if (lua_gettop(L) > MAIN) /* above the lazy future */
        lua_replace(L, MAIN);
    if (o.signals)
        bidelua_interrupt_begin(rt);
    int rc = run_main(L, rt);
    shut_down(rt);
    bidelua_failure_reportall(L, S);
    if (rc < 0)
        return lua_error(L);
    if (rt->main->outcome == BIDELUA_RETURNED)
        return bidelua_task_pushresults(L, rt->main, MAIN);
    push_error(L, rt);
    return lua_error(L);
}

static const luaL_Reg meta[] = {
    {"__close", runtime_close},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"run", run},
    {NULL, NULL},
};

const bidelua_type bidelua_runtime_type = {"bide.runtime", NULL, meta,
                                           functions, NULL};
