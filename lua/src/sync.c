#include "sync.h"

#include <string.h>

bidelua_sync_args
bidelua_sync_read(lua_State *L, int arg)
{
    bidelua_sync_args a;

    a.site = bidelua_site(L, bidelua_self(L), 1);
    a.name = bidelua_optname(L, arg);
    return a;
}

bidelua_sync *
bidelua_sync_new(lua_State *L, bidelua_kind kind, const bidelua_sync_args *a)
{
    bidelua_sync *s =
        bidelua_new(L, bidelua_self(L), kind, sizeof *s, BIDELUA_SYNC_OTHER);

    (void)a;
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, BIDELUA_SYNC_NAME);
    return s;
}

const char *
bidelua_sync_title(lua_State *L)
{
    const char *type = "object";

    if (luaL_getmetafield(L, 1, "__name") == LUA_TSTRING)
        type = lua_tostring(L, -1);
    if (strncmp(type, "bide.", 5) == 0)
        type += 5;
    if (lua_getiuservalue(L, 1, BIDELUA_SYNC_NAME) == LUA_TSTRING)
        return lua_pushfstring(L, "%s \"%s\"", type, lua_tostring(L, -1));
    return lua_pushstring(L, type);
}

int
bidelua_sync_not_owner(lua_State *L, const char *what, const char *of,
                       const bide_task *holder)
{
    const bidelua_task *running = bidelua_self(L)->running;
    const char *title = bidelua_sync_title(L);
    const char *held = "";

    if (holder) {
        bidelua_task_describe(L, (const bidelua_task *)holder, false);
        held = lua_pushfstring(L, ", %s does", lua_tostring(L, -1));
    }
    if (running)
        bidelua_task_describe(L, running, false);
    else
        lua_pushliteral(L, "the caller");
    return luaL_error(L, "%s: %s does not hold %s%s%s (ENOTOWNER)", what,
                      lua_tostring(L, -1), of, title, held);
}

int
bidelua_sync_broken(lua_State *L, const char *what, const char *breaker)
{
    return luaL_error(L,
                      "%s: %s is broken: task \"%s\" ended while it held it; "
                      "what it protects may be half done (its reset makes it "
                      "free again) (EBROKEN)",
                      what, bidelua_sync_title(L), breaker ? breaker : "?");
}

int
bidelua_sync_pushtask(lua_State *L, bide_task *t)
{
    if (t)
        bidelua_pushanchor(L, bidelua_self(L), ((bidelua_task *)t)->slot);
    else
        lua_pushnil(L);
    return 1;
}

int
bidelua_guard_new(lua_State *L, bidelua_kind kind, size_t count, bool write)
{
    bidelua_guard *g =
        bidelua_new(L, bidelua_self(L), kind, sizeof *g, BIDELUA_SYNC_OTHER);

    g->count = count;
    g->write = write;
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, BIDELUA_SYNC_OTHER);
    return 1;
}

int
bidelua_sync_name(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TUSERDATA);
    lua_getiuservalue(L, 1, BIDELUA_SYNC_NAME);
    return 1;
}

/* "bide.mutex 'cache'" or "bide.mutex: 0x..." */
int
bidelua_sync_tostring(lua_State *L)
{
    luaL_getmetafield(L, 1, "__name");
    if (lua_getiuservalue(L, 1, BIDELUA_SYNC_NAME) == LUA_TSTRING)
        lua_pushfstring(L, "%s '%s'", lua_tostring(L, -2), lua_tostring(L, -1));
    else
        lua_pushfstring(L, "%s: %p", lua_tostring(L, -2), lua_topointer(L, 1));
    return 1;
}
