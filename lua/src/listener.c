/* listener.c - what accepts connections.
 *
 *   srv:accept()               a stream, or nil, message, code
 *   for c in srv:clients() do  until the listener is closed
 *   srv:serve(handler, opts)   a task for each connection, below the caller;
 *                              drain.c has the graceful end
 *
 * clients() and serve() do not end for want of descriptors or memory: that is
 * told to the handler of bide.on_unhandled, once, and after a pause, longer
 * each time, they go on.                                                     */
#include "drain.h"
#include "scope.h"
#include "stream.h"

#include <string.h>

static bidelua_listener *
check(lua_State *L)
{
    return bidelua_check(L, bidelua_self(L), 1, BIDELUA_LISTENER);
}

static bide_listener *
core_of(lua_State *L)
{
    return ((bidelua_listener *)lua_touserdata(L, 1))->core;
}

/* Submits an accept, with the stream to be on top of the stack. */
static int
submit_accept(lua_State *L, bidelua_task *t)
{
    bidelua_stream_new(L, t->S);
    return bide_listener_accept(core_of(L), &t->wait);
}

/* The stream on top of the stack is connected. */
static void
connected(lua_State *L, const bidelua_task *t)
{
    bidelua_stream *s = lua_touserdata(L, -1);
    bidelua_listener *l = lua_touserdata(L, 1);
    s->core = t->wait.value.as.ptr;
    bide_shortage_over(&l->shortage);
}

/* -- accept --------------------------------------------------------------- */

static int
accept_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return bidelua_io_failed(L, t, status);
    connected(L, t);
    return 1;
}

static int
listener_accept(lua_State *L)
{
    bidelua_task *t;
    check(L);
    t = bidelua_enter(L, bidelua_self(L), "listener:accept");
    lua_settop(L, 1);
    return bidelua_await(L, t, submit_accept(L, t), accept_done);
}

/* -- going on after an error of the system -------------------------------- */

/* Tells about `status`, which does not end the loop. */
static void
tell(lua_State *L, bidelua_task *t, int status)
{
    lua_pushfstring(L, "%s: cannot accept for now: %s (%s)", t->what,
                    bide_strerror(status), bide_error_name(status));
    bidelua_notify(L, t->S, "unhandled", 1);
}

/* BIDE_ECLOSED, or what a pause before the next attempt began with; raises
 * what is no shortage. */
static int
pause_after(lua_State *L, bidelua_task *t, int status)
{
    bool worth_telling;
    bidelua_listener *l = lua_touserdata(L, 1);
    if (status == BIDE_ECLOSED)
        return status;
    int64_t when =
        bide_shortage_retry(&l->shortage, t->base.loop, status, &worth_telling);
    if (when == 0)
        return bidelua_raise(L, t, status);
    if (worth_telling)
        tell(L, t, status);
    return bide_sleep_until(&t->wait, when);
}

/* -- for c in srv:clients() ----------------------------------------------- */

static int client_done(lua_State *L, bidelua_task *t, int status);

static int
client_again(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return bidelua_raise(L, t, status);
    lua_settop(L, 1);
    return bidelua_await(L, t, submit_accept(L, t), client_done);
}

static int
client_done(lua_State *L, bidelua_task *t, int status)
{
    if (status == 0) {
        connected(L, t);
        return 1;
    }
    status = pause_after(L, t, status);
    if (status != BIDE_ECLOSED)
        return bidelua_await(L, t, status, client_again);
    lua_pushnil(L);
    return 1;
}

/* Upvalues: the state, the listener. */
static int
next_client(lua_State *L)
{
    bidelua_task *t = bidelua_enter(L, bidelua_self(L), "listener:clients");
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(2));
    return client_again(L, t, 0);
}

static int
listener_clients(lua_State *L)
{
    check(L);
    lua_pushlightuserdata(L, bidelua_self(L));
    lua_pushvalue(L, 1);
    lua_pushcclosure(L, next_client, 2);
    return 1;
}

/* -- srv:serve(handler) ---------------------------------------------------- */

/* serve's stack. */
enum { LISTENER = 1, HANDLER, OPTIONS, DRAIN, SCOPE, CLIENT, STREAM };

/* Whether the error at index 1 tells what the peer or the network did to the
 * connection: raised by lines(), or an answer handed to error() or assert(). */
static bool
tells_loss(lua_State *L, const bidelua_stream *s)
{
    const char *text = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : "";
    return s->lost && strstr(text, bide_strerror(s->lost));
}

/* The message handler of a connection's task: reports the error where it was
 * raised. Upvalues: the state, the stream. */
static int
report(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    lua_settop(L, 1);
    if (bidelua_iscancelled(L, S, 1) ||
        tells_loss(L, lua_touserdata(L, lua_upvalueindex(2))))
        return 1;
    lua_pushvalue(L, 1);
    luaL_traceback(L, L, NULL, 1);
    if (S->running)
        bidelua_task_describe(L, S->running, true);
    else
        lua_pushliteral(L, "a connection's task");
    lua_pushfstring(L, "the handler of a connection failed: %s\n%s",
                    luaL_tolstring(L, 1, NULL), lua_tostring(L, 3));
    lua_replace(L, -2);
    lua_insert(L, 2); /* message, error, traceback, whose */
    bidelua_notify(L, S, "unhandled", 4);
    return 1;
}

static int
client_ended(lua_State *L, int status, lua_KContext context)
{
    (void)context;
    if (status != LUA_OK && status != LUA_YIELD &&
        bidelua_iscancelled(L, bidelua_self(L), -1))
        return lua_error(L);
    return 0;
}

/* client(handler, stream): a connection's task. Its error is its own. */
static int
client(lua_State *L)
{
    lua_toclose(L, 2);
    lua_pushlightuserdata(L, bidelua_self(L));
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, report, 2);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    int status = lua_pcallk(L, 1, 0, 3, 0, client_ended);
    return client_ended(L, status, 0);
}

static int serve_accepted(lua_State *L, bidelua_task *t, int status);

/* Spawns the task of the connection on top of the stack. */
static void
serve_client(lua_State *L, bidelua_task *t)
{
    bidelua_scope *g = lua_touserdata(L, SCOPE);
    connected(L, t);
    bidelua_stream_configure(L, OPTIONS, lua_touserdata(L, STREAM));
    lua_pushvalue(L, CLIENT);
    lua_pushvalue(L, HANDLER);
    lua_pushvalue(L, STREAM);
    bidelua_scope_spawn(L, g, STREAM + 1, "listener:serve");
}

int
bidelua_drain_joined(lua_State *L, bidelua_task *t, bidelua_scope *g)
{
    if (bidelua_scope_leave(L, g) == 0 && bide_scope_cancelled(t->base.scope))
        bidelua_raise(L, t, BIDE_ECANCELED);
    if (g->decider) {
        bidelua_scope_pushdecider(L, g);
        bidelua_task *d = lua_touserdata(L, -1);
        if (d->outcome == BIDELUA_FAILED_WITH)
            bidelua_task_rethrow(L, g->S, lua_gettop(L));
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* The listener was closed and the connections' tasks have ended. */
static int
serve_joined(lua_State *L, bidelua_task *t, int status)
{
    (void)status;
    return bidelua_drain_joined(L, t, lua_touserdata(L, SCOPE));
}

/* The listener was closed. */
static int
serve_drains(lua_State *L, bidelua_task *t)
{
    bidelua_drain_begin(L, t, DRAIN);
    return bidelua_scope_join(L, t, lua_touserdata(L, SCOPE), serve_joined);
}

/* Accepts as long as there are connections, then parks. */
static int
serve_on(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0 && bide_listener_closed(core_of(L)))
        return serve_drains(L, t);
    if (status < 0)
        return bidelua_raise(L, t, status);
    for (;;) {
        lua_settop(L, CLIENT);
        int r = submit_accept(L, t);
        if (r != 0)
            return bidelua_await(L, t, r, serve_accepted);
        serve_client(L, t);
        t->what = "listener:serve";
    }
}

static int
serve_accepted(lua_State *L, bidelua_task *t, int status)
{
    if (status == 0) {
        serve_client(L, t);
        t->what = "listener:serve";
        return serve_on(L, t, 0);
    }
    status = pause_after(L, t, status);
    if (status != BIDE_ECLOSED)
        return bidelua_await(L, t, status, serve_on);
    return serve_drains(L, t);
}

static int
listener_serve(lua_State *L)
{
    static const bidelua_scope_options plain = {BIDE_FOREVER, BIDE_FOREVER,
                                                false, 0};
    bidelua_state *S = bidelua_self(L);
    check(L);
    if (lua_isnoneornil(L, HANDLER))
        luaL_argerror(L, HANDLER,
                      "a handler is needed: srv:serve(function(c) ... end)");
    lua_settop(L, OPTIONS);
    bidelua_stream_checkoptions(L, OPTIONS, true);
    bidelua_task *t = bidelua_enter(L, S, "listener:serve");
    bidelua_drain_new(L, S, OPTIONS);
    bidelua_scope_open(L, t, &plain);
    lua_toclose(L, SCOPE);
    bidelua_drain_watch(L, t, DRAIN, LISTENER, SCOPE);
    bidelua_pushfunction(L, S, client);
    t->what = "listener:serve";
    return serve_on(L, t, 0);
}

/* -- the rest ------------------------------------------------------------- */

static int
listener_address(lua_State *L)
{
    bide_address a;
    int status = bide_listener_address(check(L)->core, &a);
    return bidelua_pushaddress(L, status, &a);
}

static int
listener_port(lua_State *L)
{
    bide_address a;
    int status = bide_listener_address(check(L)->core, &a);
    if (status < 0)
        return bidelua_fail(L, NULL, status);
    if (a.family == BIDE_UNIX)
        return luaL_error(L, "listener:port: a Unix socket has no port; see "
                             "listener:address");
    lua_pushinteger(L, a.port);
    return 1;
}

static int
listener_close(lua_State *L)
{
    bidelua_listener *l = check(L);
    if (l->core)
        bide_listener_close(l->core);
    return 0;
}

static int
listener_closed(lua_State *L)
{
    lua_pushboolean(L, bide_listener_closed(check(L)->core));
    return 1;
}

static int
listener_tostring(lua_State *L)
{
    bide_address a;
    bidelua_listener *l = check(L);
    if (!l->core || bide_listener_address(l->core, &a) < 0)
        lua_pushliteral(L, "bide.listener (closed)");
    else if (a.family == BIDE_UNIX)
        lua_pushfstring(L, "bide.listener on %s", a.host);
    else
        lua_pushfstring(L, "bide.listener on %s port %d", a.host, a.port);
    return 1;
}

static int
listener_gc(lua_State *L)
{
    bidelua_listener *l = lua_touserdata(L, 1);
    bide_listener *core = l->core;
    l->core = NULL;
    bide_listener_unref(core);
    return 0;
}

static const luaL_Reg methods[] = {
    {"accept", listener_accept},   {"clients", listener_clients},
    {"serve", listener_serve},     {"port", listener_port},
    {"address", listener_address}, {"close", listener_close},
    {"closed", listener_closed},   {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__gc", listener_gc},
    {"__close", listener_close},
    {"__tostring", listener_tostring},
    {NULL, NULL},
};

const bidelua_type bidelua_listener_type = {
    .name = "bide.listener",
    .methods = methods,
    .meta = meta,
};
