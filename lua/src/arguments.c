/* What functions are given: arguments, and options in tables. Errors name the
 * argument or option and say what it must be. */
#include <math.h>
#include <string.h>

#include "arguments.h"

/* -- arguments ------------------------------------------------------------ */

/* An option's value lies at the top of the stack, not among the arguments. */
static void
refuse_seconds(lua_State *L, int arg)
{
    if (arg > 0)
        luaL_argerror(L, arg, "seconds must be a number >= 0");
    luaL_error(L, "an option in seconds must be a number >= 0, got %s",
               luaL_tolstring(L, arg, NULL));
}

const char *
bidelua_checktext(lua_State *L, int arg)
{
    size_t n;
    const char *text = luaL_checklstring(L, arg, &n);

    luaL_argcheck(L, strlen(text) == n, arg, "it must not contain zeros");
    return text;
}

int64_t
bidelua_checkseconds(lua_State *L, int arg)
{
    lua_Number s = arg > 0 ? luaL_checknumber(L, arg) : lua_tonumber(L, arg);

    if (!(s >= 0) || !lua_isnumber(L, arg))
        refuse_seconds(L, arg);
    if (s >= 9.2e9) /* 292 years: what int64_t ns hold */
        return BIDE_FOREVER;
    return (int64_t)ceil(s * 1e9);
}

size_t
bidelua_checksize(lua_State *L, int arg, const char *name, lua_Integer least)
{
    lua_Integer n = luaL_checkinteger(L, arg);

    if (n < least)
        luaL_argerror(L, arg,
                      lua_pushfstring(L, "%s must be at least %I, not %I", name,
                                      (LUAI_UACINT)least, (LUAI_UACINT)n));
    return (size_t)n;
}

size_t
bidelua_optsize(lua_State *L, int arg, const char *name, lua_Integer least,
                size_t otherwise)
{
    return lua_isnoneornil(L, arg) ? otherwise
                                   : bidelua_checksize(L, arg, name, least);
}

int
bidelua_checkport(lua_State *L, int arg, int least)
{
    if (lua_isnoneornil(L, arg))
        luaL_argerror(L, arg, "a port is needed, as a number of its own");
    lua_Integer port = luaL_checkinteger(L, arg);
    luaL_argcheck(L, port >= least && port <= 65535, arg,
                  least ? "the port must be 1 to 65535"
                        : "the port must be 0 (a free one) to 65535");
    return (int)port;
}

const char *
bidelua_optname(lua_State *L, int arg)
{
    if (lua_type(L, arg) == LUA_TTABLE) {
        if (lua_getfield(L, arg, "name") != LUA_TNIL &&
            lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "option 'name' must be a string, not a %s",
                       luaL_typename(L, -1));
    } else if (lua_isnoneornil(L, arg)) {
        lua_pushnil(L);
    } else {
        luaL_checktype(L, arg, LUA_TSTRING);
        lua_pushvalue(L, arg);
    }
    return lua_tostring(L, -1);
}

/* -- options -------------------------------------------------------------- */

static bool
is_known(const char *key, const char *const *known)
{
    for (; *known; known++)
        if (key && strcmp(key, *known) == 0)
            return true;
    return false;
}

void
bidelua_checkoptions(lua_State *L, int arg, const char *const *known)
{
    luaL_checktype(L, arg, LUA_TTABLE);
    lua_pushnil(L);
    while (lua_next(L, arg)) {
        lua_pop(L, 1);
        const char *key =
            lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
        if (!is_known(key, known)) {
            const char *shown = luaL_tolstring(L, -1, NULL);
            luaL_argerror(L, arg,
                          lua_pushfstring(L, "unknown option '%s'", shown));
        }
    }
}

bool
bidelua_hasoption(lua_State *L, int arg, const char *name)
{
    if (lua_istable(L, arg))
        return lua_getfield(L, arg, name) != LUA_TNIL;
    lua_pushnil(L);
    return false;
}

bool
bidelua_optionflag(lua_State *L, int arg, const char *name, bool otherwise)
{
    bool on =
        bidelua_hasoption(L, arg, name) ? lua_toboolean(L, -1) : otherwise;
    lua_pop(L, 1);
    return on;
}

lua_Integer
bidelua_optioninteger(lua_State *L, int arg, const char *name, lua_Integer most,
                      lua_Integer otherwise)
{
    lua_Integer n = otherwise;
    int ok = 1;

    if (bidelua_hasoption(L, arg, name)) {
        n = lua_tointegerx(L, -1, &ok);
        if (!ok || n < 0 || n > most)
            luaL_error(L, "option '%s' must be a whole number from 0 to %I",
                       name, (LUAI_UACINT)most);
    }
    lua_pop(L, 1);
    return n;
}

void
bidelua_optionlocal(lua_State *L, int arg, const char **host, int *port)
{
    bide_sockaddr a;

    *port = (int)bidelua_optioninteger(L, arg, "local_port", 65535, 0);
    if (bidelua_hasoption(L, arg, "local_host")) {
        *host = lua_tostring(L, -1);
        if (!*host || bide_sockaddr_parse(*host, 0, &a) < 0)
            luaL_error(L, "option 'local_host' must be a numeric address");
    }
    lua_pop(L, 1);
}
