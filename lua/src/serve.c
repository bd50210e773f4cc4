/* bide.serve{{listener, handler}, ..., signals = {"INT", "TERM"}, drain = 5}:
 * several listeners until all are closed. Each has a task with its own
 * listener:serve, and so each hears the signals. */
#include "drain.h"

enum { PAIRS = 1, OPTIONS, SCOPE, ENTRY };

/* What is not a pair goes to each listener:serve, which checks it. */
static void
copy_options(lua_State *L)
{
    lua_newtable(L);
    lua_pushnil(L);
    while (lua_next(L, PAIRS)) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        if (lua_isinteger(L, -2))
            lua_pop(L, 2);
        else
            lua_rawset(L, OPTIONS);
    }
}

/* Pushes listener.serve, the listener, the handler and the options. */
static void
push_call(lua_State *L, int i)
{
    lua_settop(L, SCOPE);
    if (lua_rawgeti(L, PAIRS, i) != LUA_TTABLE ||
        lua_rawgeti(L, ENTRY, 1) != LUA_TUSERDATA ||
        lua_getfield(L, ENTRY + 1, "serve") != LUA_TFUNCTION)
        luaL_error(L, "bide.serve: entry %d must be {listener, handler}", i);
    lua_insert(L, ENTRY + 1);
    if (lua_rawgeti(L, ENTRY, 2) == LUA_TNIL)
        luaL_error(L, "bide.serve: entry %d has no handler", i);
    lua_pushvalue(L, OPTIONS);
}

static int
joined(lua_State *L, bidelua_task *t, int status)
{
    (void)status;
    return bidelua_drain_joined(L, t, lua_touserdata(L, SCOPE));
}

static int
serve(lua_State *L)
{
    static const bidelua_scope_options plain = {BIDE_FOREVER, BIDE_FOREVER,
                                                false, 0};
    bidelua_state *S = bidelua_self(L);
    luaL_checktype(L, PAIRS, LUA_TTABLE);
    int n = (int)lua_rawlen(L, PAIRS);
    luaL_argcheck(L, n >= 1, PAIRS, "{{listener, handler}, ...} is needed");
    lua_settop(L, PAIRS);
    bidelua_task *t = bidelua_enter(L, S, "bide.serve");
    copy_options(L);
    bidelua_scope *g = bidelua_scope_open(L, t, &plain);
    lua_toclose(L, SCOPE);
    for (int i = 1; i <= n; i++) /* all are checked before one begins */
        push_call(L, i);
    for (int i = 1; i <= n; i++) {
        push_call(L, i);
        bidelua_scope_spawn(L, g, ENTRY + 1, "bide.serve");
    }
    lua_settop(L, SCOPE);
    return bidelua_scope_join(L, t, g, joined);
}

static const luaL_Reg functions[] = {
    {"serve", serve},
    {NULL, NULL},
};

const bidelua_type bidelua_serve_type = {.functions = functions};
