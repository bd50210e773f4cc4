/* bide.gather and bide.race: several things at once, as children of a scope
 * that is closed before the call returns. */
#include "scope.h"

enum { SCOPE = 1, COUNT, FIRST }; /* the stack while the children run */

/* -- starting ------------------------------------------------------------- */

/* A function, or what has an await method: task, future, job, lazy future. */
static void
check_part(lua_State *L, int index, const char *what)
{
    if (lua_isfunction(L, index))
        return;
    if (lua_type(L, index) == LUA_TUSERDATA &&
        lua_getfield(L, index, "await") == LUA_TFUNCTION) {
        lua_pop(L, 1);
        return;
    }
    luaL_error(L,
               "%s: part %d must be a function or have an await method, "
               "but is a %s",
               what, index, luaL_typename(L, index));
}

/* Replaces one table by the parts in it. */
static bool
spread_list(lua_State *L)
{
    if (lua_gettop(L) != 1 || !lua_istable(L, 1))
        return false;
    lua_Integer n = luaL_len(L, 1);
    if (n > 1000000)
        luaL_argerror(L, 1, "too many parts");
    luaL_checkstack(L, (int)n + LUA_MINSTACK, "too many parts");
    for (lua_Integer i = 1; i <= n; i++)
        lua_geti(L, 1, i);
    lua_remove(L, 1);
    return true;
}

static void
start_part(lua_State *L, bidelua_scope *g, int index)
{
    int first = lua_gettop(L) + 1;

    if (!lua_isfunction(L, index))
        lua_getfield(L, index, "await");
    lua_pushvalue(L, index);
    bidelua_scope_spawn(L, g, first, "bide.gather");
    lua_replace(L, index);
}

/* Leaves the scope, the number of parts and the children on the stack. If
 * starting one fails, the scope is closed as the error passes. */
static bidelua_scope *
start(lua_State *L, bidelua_task *t, bool race, const char *what)
{
    static const bidelua_scope_options plain = {BIDE_FOREVER, BIDE_FOREVER,
                                                false, 0};
    int n = lua_gettop(L);

    luaL_checkstack(L, LUA_MINSTACK, what);
    for (int i = 1; i <= n; i++)
        check_part(L, i, what);
    lua_pushinteger(L, n);
    lua_insert(L, 1);
    bidelua_scope *g = bidelua_scope_open(L, t, &plain);
    g->race = race;
    lua_insert(L, 1);
    lua_toclose(L, SCOPE);
    for (int i = 0; i < n; i++)
        start_part(L, g, FIRST + i);
    t->what = what;
    return g;
}

/* -- ending --------------------------------------------------------------- */

/* Leaves the scope and raises what must be: the cancellation that came from
 * outside, or the error of the child that decided. */
static void
leave(lua_State *L, bidelua_task *t, bidelua_scope *g)
{
    if (bidelua_scope_leave(L, g) == 0 && bide_scope_cancelled(t->base.scope))
        bidelua_raise(L, t, BIDE_ECANCELED);
    if (g->decider) {
        bidelua_scope_pushdecider(L, g);
        bidelua_task *d = lua_touserdata(L, -1);
        if (d->outcome == BIDELUA_FAILED_WITH)
            bidelua_task_rethrow(L, g->S, lua_gettop(L));
    }
}

static int
push_first_result(lua_State *L, int index)
{
    bidelua_task *child = lua_touserdata(L, index);

    if (child->outcome != BIDELUA_RETURNED) /* it cancelled itself */
        bidelua_task_rethrow(L, child->S, index);
    int n = bidelua_task_pushresults(L, child, index);
    if (n == 0)
        lua_pushnil(L);
    else
        lua_pop(L, n - 1);
    return 1;
}

static int
gather_joined(lua_State *L, bidelua_task *t, int status)
{
    (void)status;
    leave(L, t, lua_touserdata(L, SCOPE));
    int n = lua_gettop(L) - FIRST + 1;
    bool list = lua_tointeger(L, COUNT) < 0;
    if (list) {
        lua_createtable(L, n, 0);
        lua_replace(L, COUNT);
    }
    for (int i = 0; i < n; i++) {
        push_first_result(L, FIRST + i);
        if (list)
            lua_rawseti(L, COUNT, i + 1);
        else
            lua_replace(L, FIRST + i);
    }
    if (!list)
        return n;
    lua_settop(L, COUNT);
    return 1;
}

static int
gather(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_task *t = bidelua_enter(L, S, "bide.gather");
    bool list = spread_list(L);
    bidelua_scope *g = start(L, t, false, "bide.gather");

    if (list) {
        lua_pushinteger(L, -1);
        lua_replace(L, COUNT);
    }
    return bidelua_scope_join(L, t, g, gather_joined);
}

static int
race_joined(lua_State *L, bidelua_task *t, int status)
{
    (void)status;
    leave(L, t, lua_touserdata(L, SCOPE));
    int winner = lua_gettop(L);
    bidelua_task *child = lua_touserdata(L, winner);
    if (child->outcome != BIDELUA_RETURNED) /* all cancelled themselves */
        bidelua_task_rethrow(L, child->S, winner);
    return bidelua_task_pushresults(L, child, winner);
}

static int
race(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_task *t = bidelua_enter(L, S, "bide.race");

    spread_list(L);
    if (lua_gettop(L) == 0)
        return luaL_error(L, "bide.race: nothing to race");
    bidelua_scope *g = start(L, t, true, "bide.race");
    return bidelua_scope_join(L, t, g, race_joined);
}

static const luaL_Reg functions[] = {
    {"gather", gather},
    {"race", race},
    {NULL, NULL},
};

const bidelua_type bidelua_group_type = {NULL, NULL, NULL, functions, NULL};
