/* bide.scope, bide.timeout, bide.shield: scopes as to-be-closed values and
 * around a function. The second form ends a cancellation of its own scope: the
 * call returns nil, a message and a code. */
#include "scope.h"

enum { SCOPE = 1, TRACER, FIRST }; /* stack of a call inside a scope */

static const bidelua_scope_options plain = {BIDE_FOREVER, BIDE_FOREVER, false,
                                            0};

/* Pops nothing: the cancelled object is at `index`. */
static int
absorb(lua_State *L, bidelua_state *S, int index, int left)
{
    bidelua_endcancelled(L, S, index);
    lua_pushnil(L);
    luaL_tolstring(L, index, NULL);
    lua_pushstring(L, bide_error_name(left));
    return 3;
}

static int
block_joined(lua_State *L, bidelua_task *t, int status)
{
    bidelua_scope *g = lua_touserdata(L, SCOPE);
    bool struck = bidelua_scope_joined(g);

    (void)status;
    if (struck && !g->errored) {
        bidelua_pushcancelled(L, t);
        lua_replace(L, TRACER);
    }
    int left = bidelua_scope_leave(L, g);
    bool own = left < 0 && g->errored && bidelua_iscancelled(L, g->S, FIRST);
    if (g->decider) {
        bidelua_scope_pushdecider(L, g);
        if (!g->errored || own)
            return bidelua_task_rethrow(L, g->S, lua_gettop(L));
        lua_pop(L, 1);
    }
    if (own)
        return absorb(L, g->S, FIRST, left);
    if (g->errored)
        return lua_error(L);
    if (struck && left == BIDE_ETIMEDOUT)
        return absorb(L, g->S, TRACER, left);
    if (struck && left == 0) {
        lua_settop(L, TRACER);
        return lua_error(L);
    }
    return lua_gettop(L) - FIRST + 1;
}

static int
block_called(lua_State *L, int status, lua_KContext ctx)
{
    bidelua_scope *g = lua_touserdata(L, SCOPE);

    (void)ctx;
    g->errored = status != LUA_OK && status != LUA_YIELD;
    if (g->errored)
        bidelua_scope_fail(g);
    return bidelua_scope_join(L, g->task, g, block_joined);
}

/* Calls the function at `fn` with what follows it, with the scope itself as
 * the first argument if `pass`. */
static int
call_inside(lua_State *L, bidelua_task *t, const bidelua_scope_options *o,
            int fn, bool pass)
{
    bidelua_scope_open(L, t, o);
    lua_insert(L, fn);
    bidelua_pushvault(L, t->S, BIDELUA_TRACER);
    lua_insert(L, fn + 1);
    for (int i = 1; i < fn; i++)
        lua_remove(L, 1);
    if (pass) {
        lua_pushvalue(L, SCOPE);
        lua_insert(L, FIRST + 1);
    }
    int status = lua_pcallk(L, lua_gettop(L) - FIRST, LUA_MULTRET, TRACER, 0,
                            block_called);
    return block_called(L, status, 0);
}

static int
scope(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_task *t = bidelua_enter(L, S, "bide.scope");
    bidelua_scope_options o = plain;
    int fn = 1;

    if (lua_istable(L, 1)) {
        int top = lua_gettop(L);
        bidelua_scope_readoptions(L, S, 1, &o);
        if (o.token) { /* to the place behind the options */
            lua_insert(L, 2);
            o.token = 2;
        }
        fn += 1 + lua_gettop(L) - top;
    }
    if (!lua_isnoneornil(L, fn)) {
        luaL_checktype(L, fn, LUA_TFUNCTION);
        return call_inside(L, t, &o, fn, true);
    }
    bidelua_scope_open(L, t, &o);
    return 1;
}

int
bidelua_timeout(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_task *t = bidelua_enter(L, S, "bide.timeout");
    bidelua_scope_options o = plain;

    o.timeout = bidelua_checkseconds(L, 1);
    if (!lua_isnoneornil(L, 2))
        return call_inside(L, t, &o, 2, false);
    bidelua_scope_open(L, t, &o);
    return 1;
}

static int
shield(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_task *t = bidelua_enter(L, S, "bide.shield");
    bidelua_scope_options o = plain;

    o.shield = true;
    if (!lua_isnoneornil(L, 1))
        o.grace = bidelua_checkseconds(L, 1);
    if (!lua_isnoneornil(L, 2))
        return call_inside(L, t, &o, 2, false);
    bidelua_scope_open(L, t, &o);
    return 1;
}

static const luaL_Reg functions[] = {
    {"scope", scope},
    {"timeout", bidelua_timeout},
    {"shield", shield},
    {NULL, NULL},
};

const bidelua_type bidelua_block_type = {NULL, NULL, NULL, functions, NULL};
