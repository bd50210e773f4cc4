/* bide.token: cancels what was spawned under it and the scopes that follow it.
 * As a to-be-closed variable it is cancelled at the end of its block. */
#include "scope.h"

typedef struct token {
    bide_token *core;
    bool reasoned;
} token;

enum { PARENT = 1 }; /* user value: kept for its reason */

static token *
check_token(lua_State *L)
{
    return bidelua_check(L, bidelua_self(L), 1, BIDELUA_TOKEN);
}

bide_token *
bidelua_token_core(lua_State *L, int index)
{
    return ((token *)lua_touserdata(L, index))->core;
}

void
bidelua_token_push(lua_State *L, void *core)
{
    token *k = bidelua_new(L, bidelua_self(L), BIDELUA_TOKEN, sizeof *k, 1);

    k->core = bide_token_ref(core);
}

/* The options table, or nothing, stands at `arg`; the parent at 1 if there is
 * one. */
static int
new_token(lua_State *L, token *parent, int arg, const char *what)
{
    static const char *const known[] = {"timeout", NULL};
    bidelua_state *S = bidelua_self(L);
    int64_t timeout = BIDE_FOREVER;

    if (!lua_isnoneornil(L, arg)) {
        bidelua_checkoptions(L, arg, known);
        if (lua_getfield(L, arg, "timeout") != LUA_TNIL)
            timeout = bidelua_checkseconds(L, -1);
        lua_pop(L, 1);
    }
    if (timeout != BIDE_FOREVER && S->rt == NULL)
        return luaL_error(L, "%s: a timeout only works inside bide.run", what);
    token *k = bidelua_new(L, S, BIDELUA_TOKEN, sizeof *k, 1);
    int rc = bide_token_new(parent ? parent->core : NULL, &k->core);
    if (rc == 0 && timeout != BIDE_FOREVER)
        rc = bide_token_deadline(k->core, S->rt->loop,
                                 bidelua_deadline(S->rt->loop, timeout));
    bidelua_require(L, rc, what);
    if (parent) {
        lua_pushvalue(L, 1);
        lua_setiuservalue(L, -2, PARENT);
    }
    return 1;
}

static int
make(lua_State *L)
{
    return new_token(L, NULL, 1, "bide.token");
}

static int
token_child(lua_State *L)
{
    return new_token(L, check_token(L), 2, "token:child");
}

static int
token_cancel(lua_State *L)
{
    token *k = check_token(L);

    if (!lua_isnoneornil(L, 2) && !bide_token_cancelled(k->core)) {
        bidelua_setreason(L, bidelua_self(L), bide_token_scope(k->core), 2);
        k->reasoned = true;
    }
    lua_pushboolean(L, bide_token_cancel(k->core, BIDE_NO_VALUE));
    return 1;
}

static int
token_close(lua_State *L)
{
    token *k = check_token(L);

    bide_token_cancel(k->core, bidelua_reason("the block of its token ended"));
    return 0;
}

static int
token_cancelled(lua_State *L)
{
    lua_pushboolean(L, bide_token_cancelled(check_token(L)->core));
    return 1;
}

static int
token_gc(lua_State *L)
{
    token *k = lua_touserdata(L, 1);

    if (k->core && k->reasoned)
        bidelua_dropreason(bidelua_self(L), bide_token_scope(k->core));
    bide_token_unref(k->core);
    k->core = NULL;
    return 0;
}

static const luaL_Reg methods[] = {
    {"cancel", token_cancel},
    {"cancelled", token_cancelled},
    {"child", token_child},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__close", token_close},
    {"__gc", token_gc},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"token", make},
    {NULL, NULL},
};

const bidelua_type bidelua_token_type = {"bide.token", methods, meta, functions,
                                         NULL};
