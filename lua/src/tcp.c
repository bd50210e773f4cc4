/* tcp.c - bide.tcp.connect and bide.tcp.listen. */
#include "stream.h"

#include <stdio.h>
#include <string.h>

int
bidelua_tcp_failed(lua_State *L, bidelua_task *t, int status, const char *what)
{
    if (status == BIDE_ECANCELED || status == BIDE_EWRONGLOOP ||
        status == BIDE_EINVALID || status == BIDE_EFORKED)
        return bidelua_raise(L, t, status);
    const char *host = lua_tostring(L, 1);
    lua_pushnil(L);
    lua_pushfstring(L, "%s %s port %d: %s", what,
                    host && *host ? host : "any address",
                    (int)lua_tointeger(L, 2), bide_strerror(status));
    lua_pushstring(L, bide_error_name(status));
    return 3;
}

static int
option_int(lua_State *L, int arg, const char *name, int most)
{
    return (int)bidelua_optioninteger(L, arg, name, most, 0);
}

void
bidelua_stream_checkoptions(lua_State *L, int arg, bool serving)
{
    static const char *const of_connect[] = {
        "nodelay",         "keepalive",  "keepalive_interval",
        "keepalive_count", "local_host", "local_port",
        "stagger",         NULL};
    static const char *const of_serve[] = {"nodelay",
                                           "keepalive",
                                           "keepalive_interval",
                                           "keepalive_count",
                                           "drain",
                                           "signals",
                                           NULL};
    if (lua_isnoneornil(L, arg))
        return;
    bidelua_checkoptions(L, arg, serving ? of_serve : of_connect);
    option_int(L, arg, "keepalive", 32767);
    option_int(L, arg, "keepalive_interval", 32767);
    option_int(L, arg, "keepalive_count", 127);
}

void
bidelua_stream_configure(lua_State *L, int arg, bidelua_stream *s)
{
    if (!lua_istable(L, arg))
        return;
    int keepalive = option_int(L, arg, "keepalive", 32767);
    unsigned interval =
        (unsigned)option_int(L, arg, "keepalive_interval", 32767);
    unsigned count = (unsigned)option_int(L, arg, "keepalive_count", 127);
    if (bidelua_hasoption(L, arg, "nodelay"))
        bide_tcp_nodelay(s->core, lua_toboolean(L, -1));
    lua_pop(L, 1);
    if (keepalive > 0 &&
        bide_tcp_keepalive(s->core, true, (unsigned)keepalive) == 0)
        bide_tcp_keepalive_probes(s->core, interval, count);
}

/* -- connect -------------------------------------------------------------- */

enum { REPORT = 512 };

/* More than one address has failed: the message names them. */
static int
all_failed(lua_State *L, bidelua_task *t, int status)
{
    const char *report = lua_touserdata(L, 5);
    int n = bidelua_tcp_failed(L, t, status, "connect to");
    if (strstr(report, "; ")) {
        lua_pushfstring(L, "%s (%s)", lua_tostring(L, -2), report);
        lua_replace(L, -3);
    }
    return n;
}

static void
connect_options(lua_State *L, int arg, bide_tcp_connect_options *o)
{
    bidelua_optionlocal(L, arg, &o->local_host, &o->local_port);
    if (bidelua_hasoption(L, arg, "stagger")) {
        int64_t ns = bidelua_checkseconds(L, -1);
        o->stagger = ns < 1 ? 1 : ns > BIDE_FOREVER / 4 ? BIDE_FOREVER / 4 : ns;
    }
    lua_pop(L, 1);
}

/* Stack: host, port, options, the stream to be, the report. */
static int
connect_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return all_failed(L, t, status);
    bidelua_stream *s = lua_touserdata(L, 4);
    s->core = t->wait.value.as.ptr;
    bidelua_stream_configure(L, 3, s);
    lua_settop(L, 4);
    return 1;
}

static int
tcp_connect(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    const char *host = bidelua_checktext(L, 1);
    int port = bidelua_checkport(L, 2, 1);
    luaL_argcheck(L, *host, 1, "a host name or address is needed");
    lua_settop(L, 3);
    bidelua_stream_checkoptions(L, 3, false);
    bidelua_task *t = bidelua_enter(L, S, "bide.tcp.connect");
    bide_tcp_connect_options o = {.report_size = REPORT};
    connect_options(L, 3, &o);
    bidelua_stream_new(L, S);
    o.report = lua_newuserdatauv(L, REPORT, 0);
    *o.report = 0;
    int r = bide_tcp_connect_with(host, port, &o, &t->wait);
    return bidelua_await(L, t, r, connect_done);
}

/* -- listen --------------------------------------------------------------- */

static int
listen_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return bidelua_tcp_failed(L, t, status, "listen on");
    bidelua_listener *l = lua_touserdata(L, 4);
    l->core = t->wait.value.as.ptr;
    lua_settop(L, 4);
    return 1;
}

static int
tcp_listen(lua_State *L)
{
    static const char *const known[] = {
        "backlog",   "reuse_port",         "v6_only",         "nodelay",
        "keepalive", "keepalive_interval", "keepalive_count", NULL};
    bidelua_state *S = bidelua_self(L);
    const char *host = lua_isnoneornil(L, 1) ? "" : bidelua_checktext(L, 1);
    int port = bidelua_checkport(L, 2, 0);
    lua_settop(L, 3);
    if (!lua_isnil(L, 3))
        bidelua_checkoptions(L, 3, known);
    bide_tcp_options o = {
        .backlog = option_int(L, 3, "backlog", 65535),
        .reuse_port = bidelua_optionflag(L, 3, "reuse_port", false),
        .v6_only = bidelua_optionflag(L, 3, "v6_only", false),
        .delay = !bidelua_optionflag(L, 3, "nodelay", true),
        .keepalive = (unsigned)option_int(L, 3, "keepalive", 32767),
        .keepalive_interval =
            (unsigned)option_int(L, 3, "keepalive_interval", 32767),
        .keepalive_count = (unsigned)option_int(L, 3, "keepalive_count", 127),
    };
    bidelua_task *t = bidelua_enter(L, S, "bide.tcp.listen");
    bidelua_new(L, S, BIDELUA_LISTENER, sizeof(bidelua_listener), 0);
    int r = bide_tcp_listen(host, port, &o, &t->wait);
    return bidelua_await(L, t, r, listen_done);
}

static const luaL_Reg functions[] = {
    {"connect", tcp_connect},
    {"listen", tcp_listen},
    {NULL, NULL},
};

const bidelua_type bidelua_tcp_type = {
    .functions = functions,
    .table = "tcp",
};
