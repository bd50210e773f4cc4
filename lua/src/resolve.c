/* bide.resolve, bide.reverse: names to addresses and back. */
#include "bidelua.h"

enum { PORT_MAX = 65535 };

/* nil, message, code; index 1 is what was looked up. */
static int
fail(lua_State *L, bidelua_task *t, int status)
{
    if (status != BIDE_ENAME)
        return status == BIDE_EINVALID || status == BIDE_ENOMEMORY
                   ? bidelua_raise(L, t, status)
                   : bidelua_fail(L, t, status);
    lua_pushnil(L);
    lua_pushfstring(L, "%s: '%s' could not be resolved", t->what,
                    lua_tostring(L, 1));
    lua_pushstring(L, bide_error_name(status));
    return 3;
}

/* -- resolve -------------------------------------------------------------- */

/* fill(addresses, list): may raise for want of memory. */
static int
fill(lua_State *L)
{
    const bide_addresses *found = lua_touserdata(L, 1);

    for (size_t i = 0; i < found->count; i++) {
        const bide_address *a = &found->list[i];
        lua_createtable(L, 0, 3);
        lua_pushstring(L, a->host);
        lua_setfield(L, -2, "host");
        lua_pushinteger(L, a->port);
        lua_setfield(L, -2, "port");
        lua_pushinteger(L, a->family);
        lua_setfield(L, -2, "family");
        lua_rawseti(L, 2, (lua_Integer)i + 1);
    }
    return 0;
}

/* Stack: host, the function fill, the list. */
static int
resolve_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return fail(L, t, status);
    bide_addresses *found = t->wait.value.as.ptr;
    lua_pushvalue(L, 2);
    lua_pushlightuserdata(L, found);
    lua_pushvalue(L, 3);
    int rc = lua_pcall(L, 2, 0, 0);
    bide_resolved_free(found);
    if (rc != LUA_OK)
        return lua_error(L);
    lua_settop(L, 3);
    return 1;
}

static int
resolve(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    const char *host = bidelua_checktext(L, 1);
    lua_Integer port = luaL_optinteger(L, 2, 0);
    luaL_argcheck(L, *host, 1, "a host name or address is needed");
    luaL_argcheck(L, port >= 0 && port <= PORT_MAX, 2,
                  "a port is a number from 0 to 65535");
    bidelua_task *t = bidelua_enter(L, S, "bide.resolve");

    lua_settop(L, 1);
    lua_pushcfunction(L, fill);
    lua_newtable(L);
    return bidelua_await(L, t, bide_resolve(host, (int)port, &t->wait),
                         resolve_done);
}

/* -- reverse -------------------------------------------------------------- */

static int
push_text(lua_State *L)
{
    lua_pushstring(L, lua_touserdata(L, 1));
    return 1;
}

/* Stack: address, the function push_text. */
static int
reverse_done(lua_State *L, bidelua_task *t, int status)
{
    if (status == BIDE_EINVALID)
        return luaL_argerror(L, 1, "not a numeric IPv4 or IPv6 address");
    if (status < 0)
        return fail(L, t, status);
    char *name = t->wait.value.as.ptr;
    lua_pushvalue(L, 2);
    lua_pushlightuserdata(L, name);
    int rc = lua_pcall(L, 1, 1, 0);
    bide_resolved_free(name);
    return rc == LUA_OK ? 1 : lua_error(L);
}

static int
reverse(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    const char *address = bidelua_checktext(L, 1);
    bidelua_task *t = bidelua_enter(L, S, "bide.reverse");

    lua_settop(L, 1);
    lua_pushcfunction(L, push_text);
    return bidelua_await(L, t, bide_reverse(address, &t->wait), reverse_done);
}

static const luaL_Reg functions[] = {
    {"resolve", resolve},
    {"reverse", reverse},
    {NULL, NULL},
};

const bidelua_type bidelua_resolve_type = {NULL, NULL, NULL, functions, NULL};
