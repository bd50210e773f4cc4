/* udp.c - bide.udp.bind and bide.udp.connect, and the life of their sockets. */
#include "udp.h"

static bidelua_udp *
check(lua_State *L)
{
    return bidelua_udp_check(L);
}

/* -- opening -------------------------------------------------------------- */

/* Stack: host, port, options, the socket to be. */
enum { HOST = 1, PORT, OPTIONS, SOCKET };

static int
failed(lua_State *L, bidelua_task *t, int status)
{
    if (status == BIDE_ECANCELED || status == BIDE_EWRONGLOOP ||
        status == BIDE_EINVALID || status == BIDE_EFORKED ||
        status == BIDE_ENOMEMORY)
        return bidelua_raise(L, t, status);
    const char *host = lua_tostring(L, HOST);
    lua_pushnil(L);
    lua_pushfstring(L, "%s %s port %d: %s", t->what,
                    host && *host ? host : "any address",
                    (int)lua_tointeger(L, PORT), bide_strerror(status));
    lua_pushstring(L, bide_error_name(status));
    return 3;
}

static int
open_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return failed(L, t, status);
    bidelua_udp *u = lua_touserdata(L, SOCKET);
    u->core = t->wait.value.as.ptr;
    status = bidelua_udp_tune(L, OPTIONS, u->core);
    if (status < 0) {
        bide_udp_close(u->core);
        return failed(L, t, status);
    }
    lua_settop(L, SOCKET);
    return 1;
}

/* The options of both, checked; the stack is laid out after it. */
static bide_udp_options
check_options(lua_State *L, const char *const *known)
{
    lua_settop(L, OPTIONS);
    if (!lua_isnil(L, OPTIONS))
        bidelua_checkoptions(L, OPTIONS, known);
    bidelua_udp_checktuning(L, OPTIONS);
    return (bide_udp_options){
        .reuse_addr = bidelua_optionflag(L, OPTIONS, "reuse_addr", false),
        .reuse_port = bidelua_optionflag(L, OPTIONS, "reuse_port", false),
        .v6_only = bidelua_optionflag(L, OPTIONS, "v6_only", false),
    };
}

static int
udp_bind(lua_State *L)
{
    static const char *const known[] = {"reuse_addr", "reuse_port", "v6_only",
                                        BIDELUA_UDP_OPTIONS};
    bidelua_state *S = bidelua_self(L);
    const char *host =
        lua_isnoneornil(L, HOST) ? "" : bidelua_checktext(L, HOST);
    int port = bidelua_checkport(L, PORT, 0);
    bide_udp_options o = check_options(L, known);
    bidelua_task *t = bidelua_enter(L, S, "bide.udp.bind");
    bidelua_new(L, S, BIDELUA_UDP, sizeof(bidelua_udp), 0);
    return bidelua_await(L, t, bide_udp_bind(host, port, &o, &t->wait),
                         open_done);
}

static int
udp_connect(lua_State *L)
{
    static const char *const known[] = {"local_host", "local_port",
                                        "reuse_addr", "reuse_port",
                                        BIDELUA_UDP_OPTIONS};
    bidelua_state *S = bidelua_self(L);
    const char *host = bidelua_checktext(L, HOST);
    luaL_argcheck(L, *host, HOST, "a host name or address is needed");
    int port = bidelua_checkport(L, PORT, 1);
    bide_udp_options o = check_options(L, known);
    bidelua_optionlocal(L, OPTIONS, &o.local_host, &o.local_port);
    bidelua_task *t = bidelua_enter(L, S, "bide.udp.connect");
    bidelua_new(L, S, BIDELUA_UDP, sizeof(bidelua_udp), 0);
    return bidelua_await(L, t, bide_udp_connect(host, port, &o, &t->wait),
                         open_done);
}

static const luaL_Reg functions[] = {
    {"bind", udp_bind},
    {"connect", udp_connect},
    {NULL, NULL},
};

/* -- the rest ------------------------------------------------------------- */

static int
udp_close(lua_State *L)
{
    bidelua_udp *u = check(L);
    if (u->core)
        bide_udp_close(u->core);
    return 0;
}

static int
udp_closed(lua_State *L)
{
    lua_pushboolean(L, bide_udp_closed(check(L)->core));
    return 1;
}

static int
udp_address(lua_State *L)
{
    bide_address a;
    int status = bide_udp_local(check(L)->core, &a);
    return bidelua_pushaddress(L, status, &a);
}

static int
udp_peer(lua_State *L)
{
    bide_address a;
    int status = bide_udp_peer(check(L)->core, &a);
    return bidelua_pushaddress(L, status, &a);
}

static int
udp_port(lua_State *L)
{
    bide_address a;
    int status = bide_udp_local(check(L)->core, &a);
    if (status < 0)
        return bidelua_fail(L, NULL, status);
    lua_pushinteger(L, a.port);
    return 1;
}

static int
udp_fd(lua_State *L)
{
    int fd = bide_udp_fd(check(L)->core);
    if (fd < 0)
        return bidelua_fail(L, NULL, fd);
    lua_pushinteger(L, fd);
    return 1;
}

static int
udp_tostring(lua_State *L)
{
    bide_address a;
    bidelua_udp *u = check(L);
    if (!u->core || bide_udp_local(u->core, &a) < 0)
        lua_pushliteral(L, "bide.udp (closed)");
    else
        lua_pushfstring(L, "bide.udp on %s port %d", a.host, a.port);
    return 1;
}

static int
udp_gc(lua_State *L)
{
    bidelua_udp *u = lua_touserdata(L, 1);
    bide_udp *core = u->core;
    u->core = NULL;
    if (core)
        bide_udp_free(core, u->held);
    bide_udp_unref(core);
    return 0;
}

static const luaL_Reg methods[] = {
    {"recv", bidelua_udp_recv},
    {"recv_from", bidelua_udp_recv_from},
    {"recv_many", bidelua_udp_recv_many},
    {"try_recv", bidelua_udp_try_recv},
    {"try_recv_from", bidelua_udp_try_recv_from},
    {"datagrams", bidelua_udp_datagrams},
    {"send", bidelua_udp_send},
    {"send_to", bidelua_udp_send_to},
    {"send_many", bidelua_udp_send_many},
    {"try_send", bidelua_udp_try_send},
    {"try_send_to", bidelua_udp_try_send_to},
    {"set", bidelua_udp_set},
    {"get", bidelua_udp_get},
    {"join", bidelua_udp_join},
    {"leave", bidelua_udp_leave},
    {"close", udp_close},
    {"closed", udp_closed},
    {"address", udp_address},
    {"peer", udp_peer},
    {"port", udp_port},
    {"fd", udp_fd},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__gc", udp_gc},
    {"__close", udp_close},
    {"__tostring", udp_tostring},
    {NULL, NULL},
};

const bidelua_type bidelua_udp_type = {
    .name = "bide.udp",
    .methods = methods,
    .meta = meta,
    .functions = functions,
    .table = "udp",
};
