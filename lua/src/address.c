/* address.c - where a datagram came from, and goes to: a bide.address.
 *
 *   a:host() a:port()   tostring(a) is "127.0.0.1:80", a key for tables
 *   a == b              of the same host and port
 *   bide.address(host, port)                                                 */
#include <string.h>

#include "udp.h"

static bide_sockaddr *
check(lua_State *L, int arg)
{
    return bidelua_check(L, bidelua_self(L), arg, BIDELUA_ADDRESS);
}

void
bidelua_udp_pushaddress(lua_State *L, bidelua_state *S, const bide_sockaddr *a)
{
    bide_sockaddr *mine = bidelua_new(L, S, BIDELUA_ADDRESS, sizeof *mine, 0);
    *mine = *a;
}

void
bidelua_udp_checkaddress(lua_State *L, int arg, bide_sockaddr *out)
{
    const bide_sockaddr *a =
        bidelua_test(L, bidelua_self(L), arg, BIDELUA_ADDRESS);
    if (a) {
        *out = *a;
        return;
    }
    luaL_argcheck(L, lua_type(L, arg) == LUA_TSTRING, arg,
                  "an address is needed: a bide.address, or a host and a port");
    const char *host = bidelua_checktext(L, arg);
    int port = bidelua_checkport(L, arg + 1, 1);
    luaL_argcheck(L, bide_sockaddr_parse(host, port, out) == 0, arg,
                  "the host of an address must be numeric; use bide.resolve");
}

static void
text_of(lua_State *L, bide_address *out)
{
    if (bide_sockaddr_text(check(L, 1), out) < 0)
        luaL_error(L, "the address is of no known family");
}

static int
address_host(lua_State *L)
{
    bide_address a;
    text_of(L, &a);
    lua_pushstring(L, a.host);
    return 1;
}

static int
address_port(lua_State *L)
{
    bide_address a;
    text_of(L, &a);
    lua_pushinteger(L, a.port);
    return 1;
}

static int
address_tostring(lua_State *L)
{
    bide_address a;
    text_of(L, &a);
    lua_pushfstring(L, a.family == 6 ? "[%s]:%d" : "%s:%d", a.host, a.port);
    return 1;
}

static int
address_eq(lua_State *L)
{
    const bide_sockaddr *b =
        bidelua_test(L, bidelua_self(L), 2, BIDELUA_ADDRESS);
    lua_pushboolean(L, b && memcmp(check(L, 1), b, sizeof *b) == 0);
    return 1;
}

static int
make(lua_State *L)
{
    bide_sockaddr a;
    luaL_argcheck(L, lua_type(L, 1) == LUA_TSTRING, 1,
                  "a host is needed, as a string");
    bidelua_udp_checkaddress(L, 1, &a);
    bidelua_udp_pushaddress(L, bidelua_self(L), &a);
    return 1;
}

static const luaL_Reg methods[] = {
    {"host", address_host},
    {"port", address_port},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__eq", address_eq},
    {"__tostring", address_tostring},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"address", make},
    {NULL, NULL},
};

const bidelua_type bidelua_address_type = {
    .name = "bide.address",
    .methods = methods,
    .meta = meta,
    .functions = functions,
};
