/* bide.async(fn)(...): a lazy future. Nothing runs before somebody awaits or
 * spawns it, once; one that nobody did is reported when it is collected.
 *
 * User values: the function, then its arguments. */
#include "bidelua.h"

typedef struct lazy {
    int nargs;
    bool used;
    bide_site site;
} lazy;

static int
make(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    int nargs = lua_gettop(L);

    lazy *f = bidelua_new(L, S, BIDELUA_LAZY, sizeof *f, nargs + 1);
    lua_insert(L, 1);
    for (int i = nargs; i >= 1; i--)
        lua_setiuservalue(L, 1, i + 1);
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_setiuservalue(L, 1, 1);
    f->nargs = nargs;
    f->site = bidelua_site(L, S, 1);
    return 1;
}

static int
async(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_pushlightuserdata(L, bidelua_self(L));
    lua_pushvalue(L, 1);
    lua_pushcclosure(L, make, 2);
    return 1;
}

int
bidelua_lazy_unpack(lua_State *L, bidelua_state *S, int index)
{
    lazy *f = bidelua_check(L, S, index, BIDELUA_LAZY);

    if (f->used)
        luaL_error(L, "a lazy future runs once: this one was already awaited "
                      "or spawned (spawn it and keep the task)");
    f->used = true;
    luaL_checkstack(L, f->nargs + 1, "too many arguments");
    for (int i = 0; i <= f->nargs; i++)
        lua_getiuservalue(L, index, i + 1);
    return f->nargs;
}

static int
awaited(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    (void)ctx;
    return lua_gettop(L) - 1;
}

/* Runs in the awaiting task itself: no other task is made. */
static int
lazy_await(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);

    bidelua_check(L, S, 1, BIDELUA_LAZY);
    bidelua_enter(L, S, "lazy:await");
    lua_settop(L, 1);
    int nargs = bidelua_lazy_unpack(L, S, 1);
    lua_callk(L, nargs, LUA_MULTRET, 0, awaited);
    return awaited(L, LUA_OK, 0);
}

static int
lazy_spawn(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);

    lua_settop(L, 1);
    bidelua_task_spawn(L, S, bidelua_lazy_unpack(L, S, 1), NULL);
    return 1;
}

static int
lazy_used(lua_State *L)
{
    lazy *f = bidelua_check(L, bidelua_self(L), 1, BIDELUA_LAZY);

    lua_pushboolean(L, f->used);
    return 1;
}

/* The handler gets (message, site). */
static int
lazy_gc(lua_State *L)
{
    lazy *f = lua_touserdata(L, 1);

    if (f->used)
        return 0;
    f->used = true;
    lua_pushfstring(L, "%s:%d", f->site.file ? f->site.file : "?",
                    f->site.line);
    lua_pushfstring(L, "a lazy future made at %s was never awaited",
                    lua_tostring(L, -1));
    lua_insert(L, -2);
    bidelua_notify(L, bidelua_self(L), "unawaited", 2);
    return 0;
}

static const luaL_Reg methods[] = {
    {"await", lazy_await},
    {"spawn", lazy_spawn},
    {"used", lazy_used},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__gc", lazy_gc},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"async", async},
    {NULL, NULL},
};

const bidelua_type bidelua_lazy_type = {"bide.lazy", methods, meta, functions,
                                        NULL};
