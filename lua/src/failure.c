/* What becomes of an error that ends a task: its traceback, and who hears of
 * it.
 *
 * Invariant: a failure is pending from the end of its task until somebody has
 * looked at it or it has been reported, which happens when it is collected or
 * when the run ends. So that this is soon also in a program that makes little
 * garbage, a timer drives the collector through two cycles after a failure, in
 * small steps, as long as any is pending. */
#include <stddef.h>
#include <stdio.h>

#include "bidelua.h"

/* -- making --------------------------------------------------------------- */

/* Pushes a failure made of the error at `index` and the string (or nil) on
 * top, which it replaces. */
static bidelua_failure *
new_failure(lua_State *L, bidelua_state *S, int index)
{
    bidelua_failure *f =
        bidelua_new(L, S, BIDELUA_FAILURE, sizeof *f, BIDELUA_FAILURE_WHOSE);

    lua_insert(L, -2);
    lua_setiuservalue(L, -2, BIDELUA_FAILURE_TRACEBACK);
    lua_pushvalue(L, index);
    lua_setiuservalue(L, -2, BIDELUA_FAILURE_ERROR);
    return f;
}

/* Whether the failure at `index` (or nil) is of the error at `error`. */
static bool
is_about(lua_State *L, int index, int error)
{
    if (lua_isnil(L, index))
        return false;
    lua_getiuservalue(L, index, BIDELUA_FAILURE_ERROR);
    bool same = lua_rawequal(L, -1, error);
    lua_pop(L, 1);
    return same;
}

/* (error) -> error. Where it came from, when it came in from another task, is
 * appended to the traceback of this one. */
int
bidelua_tracer(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_task *t = S->running;

    lua_settop(L, 1);
    if (t == NULL || bidelua_iscancelled(L, S, 1))
        return 1;
    bidelua_pushanchor(L, S, t->slot);
    lua_getiuservalue(L, 2, BIDELUA_TASK_TRACE);
    luaL_traceback(L, L, NULL, 1);
    if (is_about(L, 3, 1) &&
        lua_getiuservalue(L, 3, BIDELUA_FAILURE_TRACEBACK) == LUA_TSTRING) {
        lua_getiuservalue(L, 3, BIDELUA_FAILURE_WHOSE);
        lua_pushfstring(L, "%s\nraised before in %s\n%s", lua_tostring(L, 4),
                        lua_isnil(L, -1) ? "this task" : lua_tostring(L, -1),
                        lua_tostring(L, 5));
        lua_replace(L, 4);
    }
    lua_settop(L, 4);
    new_failure(L, S, 1);
    lua_setiuservalue(L, 2, BIDELUA_TASK_TRACE);
    lua_settop(L, 1);
    return 1;
}

enum { STEP_KB = 64, STEP_INTERVAL = 20000000, CYCLES = 2 };

static void
collect_some(bide_timer *timer)
{
    bidelua_runtime *rt =
        (bidelua_runtime *)((char *)timer - offsetof(bidelua_runtime, collect));
    bidelua_state *S = rt->S;

    if (S->pending && lua_gc(S->L, LUA_GCSTEP, STEP_KB))
        rt->cycles_due--;
    if (S->pending && rt->cycles_due > 0)
        bide_timer_start(rt->loop, timer,
                         bidelua_deadline(rt->loop, STEP_INTERVAL),
                         collect_some);
}

/* Without memory for the timer the report comes later, that is all. */
static void
watch(bidelua_runtime *rt)
{
    rt->cycles_due = CYCLES;
    if (rt->collect.slot == 0)
        bide_timer_start(rt->loop, &rt->collect,
                         bidelua_deadline(rt->loop, STEP_INTERVAL),
                         collect_some);
}

void
bidelua_failure_settle(lua_State *L, bidelua_task *t)
{
    bidelua_state *S = t->S;
    int error = lua_gettop(L);

    bidelua_pushanchor(L, S, t->slot);
    lua_getiuservalue(L, -1, BIDELUA_TASK_TRACE);
    if (!is_about(L, -1, error)) {
        lua_pop(L, 1);
        lua_pushnil(L);
        new_failure(L, S, error);
    }
    bidelua_task_describe(L, t, true);
    lua_setiuservalue(L, -2, BIDELUA_FAILURE_WHOSE);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, -3, BIDELUA_TASK_TRACE);
    bidelua_pushvault(L, S, BIDELUA_FAILED);
    lua_pushvalue(L, -2);
    lua_pushboolean(L, 1);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    bidelua_failure *f = lua_touserdata(L, -1);
    f->pending = true;
    S->pending++;
    lua_remove(L, -2);
    watch(S->rt);
}

/* -- looking -------------------------------------------------------------- */

void
bidelua_failure_observe(lua_State *L, bidelua_state *S, int index)
{
    bidelua_failure *f = bidelua_test(L, S, index, BIDELUA_FAILURE);

    if (f && f->pending) {
        f->pending = false;
        S->pending--;
    }
}

static void
print_last_resort(lua_State *L, int index)
{
    const char *text = luaL_tolstring(L, index, NULL);

    fprintf(stderr, "bide: %s\n", text);
    fflush(stderr);
    lua_pop(L, 1);
}

static bool
push_handler(lua_State *L, bidelua_state *S, const char *event)
{
    bidelua_pushvault(L, S, BIDELUA_HANDLERS);
    lua_getfield(L, -1, event);
    lua_remove(L, -2);
    if (!lua_isnil(L, -1))
        return true;
    lua_pop(L, 1);
    return false;
}

void
bidelua_notify(lua_State *L, bidelua_state *S, const char *event, int n)
{
    int first = lua_gettop(L) - n + 1;

    if (push_handler(L, S, event)) {
        for (int i = 0; i < n; i++)
            lua_pushvalue(L, first + i);
    } else if (push_handler(L, S, "warning")) {
        lua_pushvalue(L, first);
        lua_pushstring(L, event);
        n = 2;
    } else {
        print_last_resort(L, first);
        lua_settop(L, first - 1);
        return;
    }
    if (lua_pcall(L, n, 0, 0) != LUA_OK)
        print_last_resort(L, -1);
    lua_settop(L, first - 1);
}

/* The handler gets (message, error, traceback, whose). */
void
bidelua_failure_report(lua_State *L, bidelua_state *S, int index)
{
    bidelua_failure *f = bidelua_test(L, S, index, BIDELUA_FAILURE);

    if (f == NULL || !f->pending)
        return;
    bidelua_failure_observe(L, S, index);
    luaL_checkstack(L, 12, "report");
    index = lua_absindex(L, index);
    int message = lua_gettop(L) + 1;
    lua_pushnil(L);
    lua_getiuservalue(L, index, BIDELUA_FAILURE_ERROR);
    lua_getiuservalue(L, index, BIDELUA_FAILURE_TRACEBACK);
    lua_getiuservalue(L, index, BIDELUA_FAILURE_WHOSE);
    const char *error = luaL_tolstring(L, message + 1, NULL);
    lua_pushfstring(
        L, "%s failed and nobody looked: %s%s%s",
        lua_isnil(L, message + 3) ? "a future" : lua_tostring(L, message + 3),
        error, lua_isnil(L, message + 2) ? "" : "\n",
        lua_isnil(L, message + 2) ? "" : lua_tostring(L, message + 2));
    lua_replace(L, message);
    lua_settop(L, message + 3);
    bidelua_notify(L, S, "unhandled", 4);
}

/* The set is weak and a handler may make it change, so it is emptied first. */
void
bidelua_failure_reportall(lua_State *L, bidelua_state *S)
{
    lua_newtable(L);
    int list = lua_gettop(L), n = 0;
    bidelua_pushvault(L, S, BIDELUA_FAILED);
    lua_pushnil(L);
    while (lua_next(L, list + 1)) {
        lua_pop(L, 1);
        lua_pushvalue(L, -1);
        lua_rawseti(L, list, ++n);
    }
    for (int i = 1; i <= n; i++) {
        lua_rawgeti(L, list, i);
        lua_pushvalue(L, -1);
        lua_pushnil(L);
        lua_rawset(L, list + 1);
        bidelua_failure_report(L, S, -1);
        lua_settop(L, list + 1);
    }
    lua_settop(L, list - 1);
}

static int
failure_gc(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);

    if (((bidelua_failure *)lua_touserdata(L, 1))->pending)
        bidelua_failure_report(L, S, 1);
    return 0;
}

/* -- handlers ------------------------------------------------------------- */

static int
set_handler(lua_State *L, const char *event)
{
    if (!lua_isnoneornil(L, 1))
        luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    bidelua_pushvault(L, bidelua_self(L), BIDELUA_HANDLERS);
    lua_getfield(L, 2, event);
    lua_pushvalue(L, 1);
    lua_setfield(L, 2, event);
    return 1;
}

static int
on_unhandled(lua_State *L)
{
    return set_handler(L, "unhandled");
}

static int
on_unawaited(lua_State *L)
{
    return set_handler(L, "unawaited");
}

/* Of every event that has no handler of its own: fn(message, event). */
static int
on_warning(lua_State *L)
{
    return set_handler(L, "warning");
}

static const luaL_Reg meta[] = {
    {"__gc", failure_gc},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"on_unhandled", on_unhandled},
    {"on_unawaited", on_unawaited},
    {"on_warning", on_warning},
    {NULL, NULL},
};

const bidelua_type bidelua_failure_type = {"bide.failure", NULL, meta,
                                           functions, NULL};

void
bidelua_protect(bidelua_state *S, lua_CFunction f, void *p)
{
    lua_State *L = S->L;

    lua_pushcfunction(L, f);
    lua_pushlightuserdata(L, p);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        const char *text = lua_tostring(L, -1);
        fprintf(stderr, "bide: %s\n", text ? text : "error in a report");
        lua_pop(L, 1);
    }
}
