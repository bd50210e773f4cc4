/* unix.c - bide.unix.connect and bide.unix.listen, bide.socketpair and
 * bide.open_fd. */
#include "stream.h"

#include <string.h>

/* nil, "connect to /run/x: connection refused", "ECONNREFUSED"; the path is at
 * stack index 1. */
static int
failed(lua_State *L, bidelua_task *t, int status, const char *what)
{
    if (status == BIDE_ECANCELED || status == BIDE_EWRONGLOOP ||
        status == BIDE_EINVALID || status == BIDE_EFORKED ||
        status == BIDE_ENOMEMORY)
        return bidelua_raise(L, t, status);
    lua_pushnil(L);
    lua_pushfstring(L, "%s %s: %s", what, lua_tostring(L, 1),
                    bide_strerror(status));
    lua_pushstring(L, bide_error_name(status));
    return 3;
}

static const char *
check_path(lua_State *L)
{
    size_t n;
    const char *path = luaL_checklstring(L, 1, &n);
    luaL_argcheck(L, n > (*path == '@'), 1,
                  "the path of a socket, or '@' and a name, is needed");
    luaL_argcheck(L, lua_rawlen(L, 1) == strlen(path), 1,
                  "the path must not contain zeros");
    return path;
}

/* -- connect -------------------------------------------------------------- */

/* Stack: path, the stream to be. */
static int
connect_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return failed(L, t, status, "connect to");
    bidelua_stream *s = lua_touserdata(L, 2);
    s->core = t->wait.value.as.ptr;
    lua_settop(L, 2);
    return 1;
}

static int
unix_connect(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    const char *path = check_path(L);
    lua_settop(L, 1);
    bidelua_task *t = bidelua_enter(L, S, "bide.unix.connect");
    bidelua_stream_new(L, S);
    int r = bide_unix_connect(path, &t->wait);
    return bidelua_await(L, t, r, connect_done);
}

/* -- listen --------------------------------------------------------------- */

/* Stack: path, options, the listener to be. */
static int
listen_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return failed(L, t, status, "listen on");
    bidelua_listener *l = lua_touserdata(L, 3);
    l->core = t->wait.value.as.ptr;
    lua_settop(L, 3);
    return 1;
}

static int
unix_listen(lua_State *L)
{
    static const char *const known[] = {"mode", "backlog", NULL};
    bidelua_state *S = bidelua_self(L);
    const char *path = check_path(L);
    lua_settop(L, 2);
    if (!lua_isnil(L, 2))
        bidelua_checkoptions(L, 2, known);
    bide_unix_options o = {
        .mode = (int)bidelua_optioninteger(L, 2, "mode", 07777, 0),
        .backlog = (int)bidelua_optioninteger(L, 2, "backlog", 65535, 0),
    };
    bidelua_task *t = bidelua_enter(L, S, "bide.unix.listen");
    bidelua_new(L, S, BIDELUA_LISTENER, sizeof(bidelua_listener), 0);
    int r = bide_unix_listen(path, &o, &t->wait);
    return bidelua_await(L, t, r, listen_done);
}

static const luaL_Reg functions[] = {
    {"connect", unix_connect},
    {"listen", unix_listen},
    {NULL, NULL},
};

const bidelua_type bidelua_unix_type = {
    .functions = functions,
    .table = "unix",
};

/* -- socketpair, open_fd -------------------------------------------------- */

static int
socketpair_new(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_task *t = bidelua_current(L, S, "bide.socketpair");
    bide_stream *ends[2];
    lua_settop(L, 0);
    bidelua_stream *first = bidelua_stream_new(L, S);
    bidelua_stream *second = bidelua_stream_new(L, S);
    int status = bide_stream_pair(t->base.loop, ends);
    if (status < 0)
        return bidelua_io_failed(L, t, status);
    first->core = ends[0];
    second->core = ends[1];
    return 2;
}

static int
open_fd(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    lua_Integer fd = luaL_checkinteger(L, 1);
    luaL_argcheck(L, fd >= 0 && fd <= 0x7fffffff, 1,
                  "the descriptor is not a valid number");
    bidelua_task *t = bidelua_current(L, S, "bide.open_fd");
    bidelua_stream *s = bidelua_stream_new(L, S);
    int status = bide_stream_open_fd(t->base.loop, (int)fd, &s->core);
    if (status == 0)
        return 1;
    if (status != BIDE_EINVALID)
        return bidelua_io_failed(L, t, status);
    lua_pushnil(L);
    lua_pushfstring(L,
                    "descriptor %d is neither a pipe nor a stream socket: "
                    "files are for spawn_blocking, other kinds for "
                    "wait_readable",
                    (int)fd);
    lua_pushliteral(L, "EINVALID");
    return 3;
}

static const luaL_Reg plain_functions[] = {
    {"socketpair", socketpair_new},
    {"open_fd", open_fd},
    {NULL, NULL},
};

const bidelua_type bidelua_descriptor_type = {
    .functions = plain_functions,
};
