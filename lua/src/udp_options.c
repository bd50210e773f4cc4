/* udp_options.c - options and groups of datagram sockets.
 *
 *   u:set{ttl = 4, broadcast = true}  u:get("ttl")
 *   u:join(group, interface) u:leave(group, interface)                       */
#include <string.h>

#include "udp.h"

static const struct {
    const char *name;
    int least, most;
} rows[] = {
#define X(NAME, name, least, most) {#name, least, most},
    BIDE_UDP_OPTIONS(X)
#undef X
};

enum { ROWS = sizeof rows / sizeof *rows };

/* The value of option `i` in the table at `arg`, -1 if it is not there. */
static int
value_of(lua_State *L, int arg, int i)
{
    int ok = 1;
    lua_Integer n = -1;
    int type = lua_getfield(L, arg, rows[i].name);
    if (type == LUA_TBOOLEAN && rows[i].most == 1)
        n = lua_toboolean(L, -1);
    else if (type != LUA_TNIL)
        n = lua_tointegerx(L, -1, &ok);
    if (!ok || (type != LUA_TNIL && (n < rows[i].least || n > rows[i].most)))
        luaL_error(L, "option '%s' must be %s%d to %d", rows[i].name,
                   rows[i].most == 1 ? "a boolean, or " : "", rows[i].least,
                   rows[i].most);
    lua_pop(L, 1);
    return (int)n;
}

void
bidelua_udp_checktuning(lua_State *L, int arg)
{
    if (!lua_istable(L, arg))
        return;
    for (int i = 0; i < ROWS; i++)
        value_of(L, arg, i);
    int type = lua_getfield(L, arg, "multicast_interface");
    if (type != LUA_TNIL && type != LUA_TSTRING)
        luaL_error(L, "option 'multicast_interface' must be a string");
    lua_pop(L, 1);
}

int
bidelua_udp_tune(lua_State *L, int arg, bide_udp *u)
{
    int status = 0;
    if (!lua_istable(L, arg))
        return 0;
    for (int i = 0; status == 0 && i < ROWS; i++) {
        int value = value_of(L, arg, i);
        if (value >= 0)
            status = bide_udp_set(u, i, value);
    }
    if (status == 0 && lua_getfield(L, arg, "multicast_interface") != LUA_TNIL)
        status = bide_udp_multicast_via(u, lua_tostring(L, -1));
    return status;
}

int
bidelua_udp_set(lua_State *L)
{
    static const char *const known[] = {BIDELUA_UDP_OPTIONS};
    bidelua_udp *u = bidelua_udp_check(L);
    bidelua_checkoptions(L, 2, known);
    bidelua_udp_checktuning(L, 2);
    int status = bidelua_udp_tune(L, 2, u->core);
    if (status < 0)
        return bidelua_io_failed(L, NULL, status);
    lua_settop(L, 1);
    return 1;
}

int
bidelua_udp_get(lua_State *L)
{
    bidelua_udp *u = bidelua_udp_check(L);
    const char *name = luaL_checkstring(L, 2);
    int i = 0, value;
    while (i < ROWS && strcmp(name, rows[i].name) != 0)
        i++;
    luaL_argcheck(L, i < ROWS, 2, "there is no such option");
    int status = bide_udp_get(u->core, i, &value);
    if (status < 0)
        return bidelua_io_failed(L, NULL, status);
    lua_pushinteger(L, value);
    return 1;
}

static int
member(lua_State *L, int (*apply)(bide_udp *, const char *, const char *))
{
    bidelua_udp *u = bidelua_udp_check(L);
    const char *group = bidelua_checktext(L, 2);
    const char *interface =
        lua_isnoneornil(L, 3) ? NULL : bidelua_checktext(L, 3);
    int status = apply(u->core, group, interface);
    luaL_argcheck(L, status != BIDE_EINVALID, 2,
                  "the group must be a multicast address");
    if (status < 0)
        return bidelua_io_failed(L, NULL, status);
    lua_settop(L, 1);
    return 1;
}

int
bidelua_udp_join(lua_State *L)
{
    return member(L, bide_udp_join);
}

int
bidelua_udp_leave(lua_State *L)
{
    return member(L, bide_udp_leave);
}
