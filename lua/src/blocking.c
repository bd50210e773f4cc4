/* blocking.c - bide.spawn_blocking, bide.job, bide.spawn_thread.
 *
 *   bide.spawn_blocking(fn, ...)  runs fn on a thread of the pool, suspends
 *                                 the task and returns what fn returns
 *   bide.job(fn, ...)             the same without waiting: a handle
 *   bide.spawn_thread(fn, ...)    a handle, on a thread of its own
 *
 * fn is a function, copied with its upvalues, or the name "module.function";
 * a table of options, {name = "..."}, may stand before it.
 *
 *   job:await()   its results, or its error raised
 *   job:join()    true and the results, or false and the error
 *   job:cancel()  taken off the queue, or told through bide.cancelled()
 *   job:done()                                                               */
#include "job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The userdata of a job. */
typedef struct handle {
    bidelua_job *job;
    bool looked_at; /* someone was told how it ended */
} handle;

void
bidelua_job_unref(bidelua_job *j)
{
    if (atomic_fetch_sub_explicit(&j->refs, 1, memory_order_acq_rel) != 1)
        return;
    bidelua_packed_free(j->message);
    bide_future_unref(j->ended);
    bide_token_unref(j->token);
    free(j);
}

/* -- called by the core --------------------------------------------------- */

static void
on_run(bide_job *core)
{
    bidelua_worker_run((bidelua_job *)core);
}

/* report(job): tells of an error that nobody can look at any more. */
static int
report(lua_State *L)
{
    bidelua_job *j = lua_touserdata(L, 1);
    lua_settop(L, 0);
    if (j->message)
        bidelua_unpack(L, j->message, 0);
    else
        lua_pushliteral(L, "out of memory");
    lua_pushfstring(L, "job '%s' failed and nobody looked: %s", j->name,
                    luaL_tolstring(L, 1, NULL));
    lua_replace(L, 2);
    lua_insert(L, 1);
    lua_pushnil(L);
    lua_pushfstring(L, "job '%s'", j->name);
    bidelua_notify(L, j->S, "unhandled", 4);
    return 0;
}

static int
report_protected(lua_State *L)
{
    bidelua_job *j = lua_touserdata(L, 1);
    bidelua_pushfunction(L, j->S, report);
    lua_pushvalue(L, 1);
    lua_call(L, 1, 0);
    return 0;
}

static void
on_done(bide_job *core, int status)
{
    bidelua_job *j = (bidelua_job *)core;
    if (status == BIDE_ECANCELED)
        j->cancelled = true;
    bide_future_settle(j->ended, 0, BIDE_NO_VALUE);
    if (status == 0 && j->forsaken && j->failed && !j->cancelled)
        bidelua_protect(j->S, report_protected, j);
    bidelua_job_unref(j);
}

/* -- starting ------------------------------------------------------------- */

/* Names the job: as the options say, or after its function. */
static void
name_job(lua_State *L, bidelua_job *j, const char *name, int function)
{
    lua_Debug ar;
    if (!name && lua_type(L, function) == LUA_TSTRING)
        name = lua_tostring(L, function);
    if (name) {
        snprintf(j->name, sizeof j->name, "%s", name);
        return;
    }
    lua_pushvalue(L, function);
    lua_getinfo(L, ">S", &ar);
    snprintf(j->name, sizeof j->name, "%s:%d", ar.short_src, ar.linedefined);
}

static void
check_function(lua_State *L, int arg)
{
    if (lua_iscfunction(L, arg))
        luaL_argerror(L, arg,
                      "a C function cannot move to another thread; "
                      "give its name: 'module.function'");
    if (lua_isfunction(L, arg))
        return;
    if (lua_type(L, arg) != LUA_TSTRING)
        luaL_typeerror(L, arg, "function or 'module.function'");
    const char *name = lua_tostring(L, arg);
    const char *dot = strrchr(name, '.');
    if (!dot || dot == name || dot[1] == '\0')
        luaL_argerror(L, arg,
                      lua_pushfstring(L,
                                      "'%s' names no function; write "
                                      "'module.function'",
                                      name));
}

/* Puts package.path and package.cpath at stack index `at`. */
static void
add_paths(lua_State *L, int at)
{
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, "package");
    lua_getfield(L, -1, "path");
    lua_insert(L, at);
    lua_getfield(L, -1, "cpath");
    lua_insert(L, at + 1);
    lua_pop(L, 2);
}

static int
submit(bidelua_runtime *rt, bidelua_job *j, bool own_thread)
{
    int r = 0;
    if (!rt->jobs)
        r = bide_token_new(NULL, &rt->jobs);
    if (r == 0)
        r = bide_token_new(rt->jobs, &j->token);
    if (r == 0)
        r = bide_future_new(&j->ended);
    if (r < 0)
        return r;
    atomic_store_explicit(&j->refs, 2, memory_order_relaxed);
    r = own_thread ? bide_job_spawn(rt->loop, &j->core)
                   : bide_job_submit(rt->loop, &j->core);
    if (r < 0)
        atomic_store_explicit(&j->refs, 1, memory_order_relaxed);
    return r;
}

static bidelua_job *
new_job(bidelua_state *S, const char *what, bide_site site)
{
    bidelua_job *j = calloc(1, sizeof *j);
    if (!j)
        return NULL;
    atomic_init(&j->refs, 1);
    j->S = S;
    j->what = what;
    j->core.run = on_run;
    j->core.done = on_done;
    j->core.name = j->name;
    j->core.site = site;
    return j;
}

/* Starts a job from the arguments, which it replaces by the handle. */
static handle *
start(lua_State *L, bidelua_state *S, const char *what, bool own_thread)
{
    static const char *const known[] = {"name", NULL};
    const char *name = NULL;
    bidelua_current(L, S, what);
    luaL_checkstack(L, 10, what);
    bool options = lua_istable(L, 1);
    if (options)
        bidelua_checkoptions(L, 1, known);
    check_function(L, options ? 2 : 1);
    if (options)
        name = bidelua_optname(L, 1);
    else
        lua_pushnil(L);
    lua_insert(L, 1); /* the name, then options and the rest */
    handle *h = bidelua_new(L, S, BIDELUA_JOB, sizeof *h, 0);
    lua_insert(L, 1);
    int function = options ? 4 : 3;
    h->job = new_job(S, what, bidelua_site(L, S, 1));
    if (!h->job)
        bidelua_raise(L, NULL, BIDE_ENOMEMORY);
    name_job(L, h->job, name, function);
    add_paths(L, function);
    h->job->message = bidelua_pack(L, function, lua_gettop(L) - function + 1,
                                   BIDELUA_PACK_CALL, what);
    lua_settop(L, 1);
    bidelua_require(L, submit(S->rt, h->job, own_thread), what);
    return h;
}

/* -- ending --------------------------------------------------------------- */

static bool
is_done(const bidelua_job *j)
{
    int status;
    bide_value v;
    return j->ended && bide_future_peek(j->ended, &status, &v) == 0;
}

/* Pushes the results, or the error, of a job that is done. */
static int
push_outcome(lua_State *L, bidelua_job *j)
{
    if (j->cancelled) {
        bidelua_state *S = bidelua_self(L);
        lua_pushfstring(L, "the job '%s' was cancelled", j->name);
        bidelua_newcancelled(L, S);
        bidelua_endcancelled(L, S, -1);
        return 1;
    }
    if (!j->message) {
        lua_pushfstring(L, "%s: out of memory", j->what);
        return 1;
    }
    return bidelua_unpack(L, j->message, 0);
}

static bool
went_well(const bidelua_job *j)
{
    return !j->failed && !j->cancelled;
}

/* Cancels the job; if it is still queued, takes it off. */
static bool
cancel(bidelua_state *S, bidelua_job *j, bide_value reason)
{
    if (is_done(j))
        return false;
    bool first = bide_token_cancel(j->token, reason);
    if (S->rt && S->rt->loop && S->rt->loop == j->core.loop)
        bide_job_cancel(&j->core);
    return first;
}

static int
await_done(lua_State *L, bidelua_task *t, int status)
{
    handle *h = lua_touserdata(L, 1);
    if (status < 0)
        return bidelua_raise(L, t, status);
    h->looked_at = true;
    int n = push_outcome(L, h->job);
    return went_well(h->job) ? n : lua_error(L);
}

/* The task that waits in spawn_blocking is the only one to want the result. */
static int
spawn_blocking_done(lua_State *L, bidelua_task *t, int status)
{
    handle *h = lua_touserdata(L, 1);
    h->looked_at = true;
    if (status < 0)
        cancel(t->S, h->job, bidelua_reason("its task was cancelled"));
    return await_done(L, t, status);
}

static int
join_done(lua_State *L, bidelua_task *t, int status)
{
    handle *h = lua_touserdata(L, 1);
    if (status < 0)
        return bidelua_raise(L, t, status);
    h->looked_at = true;
    lua_settop(L, 1);
    lua_pushboolean(L, went_well(h->job));
    return 1 + push_outcome(L, h->job);
}

/* -- functions ------------------------------------------------------------ */

static int
spawn_blocking(lua_State *L)
{
    static const char what[] = "bide.spawn_blocking";
    bidelua_state *S = bidelua_self(L);
    bidelua_task *t = bidelua_enter(L, S, what);
    handle *h = start(L, S, what, false);
    int r = bide_future_wait(h->job->ended, &t->wait);
    return bidelua_await(L, t, r, spawn_blocking_done);
}

static int
start_job(lua_State *L)
{
    start(L, bidelua_self(L), "bide.job", false);
    return 1;
}

static int
spawn_thread(lua_State *L)
{
    start(L, bidelua_self(L), "bide.spawn_thread", true);
    return 1;
}

/* -- methods -------------------------------------------------------------- */

static handle *
check(lua_State *L)
{
    return bidelua_check(L, bidelua_self(L), 1, BIDELUA_JOB);
}

static int
job_await(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    handle *h = check(L);
    bidelua_task *t = bidelua_enter(L, S, "job:await");
    int r = bide_future_wait(h->job->ended, &t->wait);
    return bidelua_await(L, t, r, await_done);
}

static int
job_join(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    handle *h = check(L);
    bidelua_task *t = bidelua_enter(L, S, "job:join");
    int r = bide_future_wait(h->job->ended, &t->wait);
    return bidelua_await(L, t, r, join_done);
}

static int
job_cancel(lua_State *L)
{
    handle *h = check(L);
    h->looked_at = true;
    lua_pushboolean(L, cancel(bidelua_self(L), h->job,
                              bidelua_reason("cancelled through its handle")));
    return 1;
}

static int
job_done(lua_State *L)
{
    lua_pushboolean(L, is_done(check(L)->job));
    return 1;
}

static int
job_name(lua_State *L)
{
    lua_pushstring(L, check(L)->job->name);
    return 1;
}

static int
job_tostring(lua_State *L)
{
    lua_pushfstring(L, "bide.job '%s'", check(L)->job->name);
    return 1;
}

static int
job_gc(lua_State *L)
{
    handle *h = lua_touserdata(L, 1);
    bidelua_job *j = h->job;
    h->job = NULL;
    if (!j)
        return 0;
    j->forsaken = !h->looked_at;
    if (j->forsaken && is_done(j) && j->failed && !j->cancelled) {
        lua_pushlightuserdata(L, j);
        lua_replace(L, 1);
        report(L);
    }
    bidelua_job_unref(j);
    return 0;
}

void
bidelua_jobs_cancel(bidelua_runtime *rt)
{
    if (!rt->jobs)
        return;
    bide_token_cancel(rt->jobs, bidelua_reason("the run has ended"));
    bide_token_unref(rt->jobs);
    rt->jobs = NULL;
}

static const luaL_Reg methods[] = {
    {"await", job_await}, {"join", job_join}, {"cancel", job_cancel},
    {"done", job_done},   {"name", job_name}, {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__gc", job_gc},
    {"__tostring", job_tostring},
    {NULL, NULL},
};

/* bide.cancelled(): whether what runs here has been cancelled, so that a long
 * computation or cleanup can look. */
static int
cancelled(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    lua_pushboolean(L, S->running ? bide_scope_cancelled(S->running->base.scope)
                                  : bidelua_worker_cancelled());
    return 1;
}

static const luaL_Reg functions[] = {
    {"cancelled", cancelled},
    {"spawn_blocking", spawn_blocking},
    {"job", start_job},
    {"spawn_thread", spawn_thread},
    {NULL, NULL},
};

const bidelua_type bidelua_blocking_type = {
    .name = "bide.job",
    .methods = methods,
    .meta = meta,
    .functions = functions,
};
