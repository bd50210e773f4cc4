/* bide.wrap: coroutine.wrap for tasks. What the wrapped function yields goes
 * to its caller as ever; when it awaits, the whole task is suspended through
 * the caller, and resumed down to it.
 *
 * Invariant: task->active is the innermost of the coroutines that are
 * suspended together with the task. */
#include "bidelua.h"

typedef struct generator {
    lua_State *co;
    bool started;
    bool awaits; /* its task is suspended through it */
    bool failed; /* the function ended with an error */
} generator;

enum { GENERATOR = 2 }; /* upvalue, beside the state */

/* User values: the coroutine, and the task that it awaits in, which has to
 * outlive the wait. */
enum { CO = 1, TASK };

static generator *
self(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(GENERATOR));
}

/* -- the bottom of the wrapped coroutine ---------------------------------- */

static int
body_done(lua_State *L, int status, lua_KContext ctx)
{
    ((generator *)ctx)->failed = status != LUA_OK && status != LUA_YIELD;
    return lua_gettop(L);
}

/* In protected mode from inside, so that <close> may await on errors. */
static int
body(lua_State *L)
{
    lua_KContext ctx = (lua_KContext)self(L);
    int status =
        lua_pcallk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, ctx, body_done);

    return body_done(L, status, ctx);
}

/* -- calling it ----------------------------------------------------------- */

static int drive(lua_State *L, int nargs);

static int
woken(lua_State *L, int status, lua_KContext ctx)
{
    bidelua_task *t = bidelua_self(L)->running;

    (void)status;
    if (t == NULL || t->active != L)
        return lua_yieldk(L, 0, ctx, woken);
    self(L)->awaits = false;
    return drive(L, 0);
}

static int
suspend(lua_State *L, generator *g, bidelua_task *t)
{
    lua_pushvalue(L, lua_upvalueindex(GENERATOR));
    bidelua_pushanchor(L, t->S, t->slot);
    lua_setiuservalue(L, -2, TASK);
    lua_pop(L, 1);
    g->awaits = true;
    return lua_yieldk(L, 0, 0, woken);
}

static int
fail(lua_State *L, generator *g, int status)
{
    lua_xmove(g->co, L, 1);
    if (status != LUA_OK)
        lua_resetthread(g->co);
    if (lua_type(L, -1) == LUA_TSTRING && !g->failed) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int
drive(lua_State *L, int nargs)
{
    generator *g = self(L);
    bidelua_task *t = bidelua_self(L)->running;
    bool follows = t && t->active == L && lua_isyieldable(L);
    int count = 0;

    if (follows)
        t->active = g->co;
    int status = lua_resume(g->co, L, nargs, &count);
    if (follows)
        t->active = L;
    if (follows && status == LUA_YIELD && t->wait.state != BIDE_WAIT_IDLE)
        return suspend(L, g, t);
    if (g->failed || (status != LUA_OK && status != LUA_YIELD))
        return fail(L, g, status);
    luaL_checkstack(L, count, "too many results");
    lua_xmove(g->co, L, count);
    return count;
}

static int
call(lua_State *L)
{
    generator *g = self(L);
    int nargs = lua_gettop(L);

    if (g->awaits)
        return luaL_error(L, "this generator awaits in another task");
    if (!lua_checkstack(g->co, nargs + 1))
        return luaL_error(L, "too many arguments");
    lua_xmove(L, g->co, nargs);
    nargs += !g->started; /* the function itself is the body's argument */
    g->started = true;
    return drive(L, nargs);
}

static int
wrap(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);

    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    generator *g = bidelua_new(L, S, BIDELUA_WRAP, sizeof *g, TASK);
    g->co = lua_newthread(L);
    lua_setiuservalue(L, 2, CO);
    lua_pushlightuserdata(L, S);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, body, 2);
    lua_xmove(L, g->co, 1);
    lua_pushvalue(L, 1);
    lua_xmove(L, g->co, 1);
    lua_pushlightuserdata(L, S);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, call, 2);
    return 1;
}

static const luaL_Reg functions[] = {
    {"wrap", wrap},
    {NULL, NULL},
};

const bidelua_type bidelua_wrap_type = {"bide.generator", NULL, NULL, functions,
                                        NULL};
