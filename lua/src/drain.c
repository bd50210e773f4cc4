/* The graceful end of srv:serve(). A task of its own waits for the signals; it
 * ends when serve closes them. */
#include "drain.h"

#include "signal_names.h"

/* User value: the list of signals. */
typedef struct drain {
    bide_signal *signals; /* or NULL */
    bidelua_scope *scope; /* of serve; NULL once that is over */
    int64_t time;
    bool begun;
} drain;

/* -- making it ------------------------------------------------------------ */

static void
read_options(lua_State *L, int options, drain *d)
{
    d->time = BIDE_FOREVER;
    if (!lua_istable(L, options))
        return;
    if (lua_getfield(L, options, "drain") != LUA_TNIL) {
        if (!lua_isnumber(L, -1) || lua_tonumber(L, -1) < 0)
            luaL_error(L, "option 'drain' must be seconds >= 0");
        d->time = bidelua_checkseconds(L, -1);
    }
    int type = lua_getfield(L, options, "signals");
    if (type != LUA_TNIL && type != LUA_TTABLE)
        luaL_error(L, "option 'signals' must be a list such as "
                      "{\"INT\", \"TERM\"}");
    lua_setiuservalue(L, -3, 1);
    lua_pop(L, 1);
}

void
bidelua_drain_new(lua_State *L, bidelua_state *S, int options)
{
    drain *d = bidelua_new(L, S, BIDELUA_DRAIN, sizeof *d, 1);

    read_options(L, options, d);
    lua_toclose(L, -1);
}

/* -- watching ------------------------------------------------------------- */

/* The watcher's stack. */
enum { DRAIN = 1, LISTENER };

static int
second_signal(lua_State *L, bidelua_task *t, int status)
{
    drain *d = lua_touserdata(L, DRAIN);

    if (status == BIDE_ECLOSED || !d->scope)
        return 0;
    if (status < 0)
        return bidelua_raise(L, t, status);
    bide_scope_cancel(&d->scope->core, bidelua_reason("a second signal"));
    return 0;
}

static int
first_signal(lua_State *L, bidelua_task *t, int status)
{
    drain *d = lua_touserdata(L, DRAIN);

    if (status == BIDE_ECLOSED || !d->scope)
        return 0;
    if (status < 0)
        return bidelua_raise(L, t, status);
    bide_listener_close(
        ((bidelua_listener *)lua_touserdata(L, LISTENER))->core);
    bidelua_drain_begin(L, t, DRAIN);
    return bidelua_await(L, t, bide_signal_wait(d->signals, &t->wait),
                         second_signal);
}

static int
watch(lua_State *L)
{
    drain *d = lua_touserdata(L, DRAIN);
    bidelua_task *t =
        bidelua_enter(L, bidelua_self(L), "listener:serve's signals");

    if (!d->signals)
        return 0;
    return bidelua_await(L, t, bide_signal_wait(d->signals, &t->wait),
                         first_signal);
}

void
bidelua_drain_watch(lua_State *L, bidelua_task *t, int index, int listener,
                    int scope)
{
    drain *d = lua_touserdata(L, index);
    bidelua_spawn o = {.detached = true};
    int top = lua_gettop(L);

    d->scope = lua_touserdata(L, scope);
    if (lua_getiuservalue(L, index, 1) == LUA_TTABLE && lua_rawlen(L, -1) > 0) {
        int n = (int)lua_rawlen(L, -1);
        luaL_checkstack(L, n + LUA_MINSTACK, "signals");
        for (int i = 1; i <= n; i++)
            lua_rawgeti(L, top + 1, i);
        d->signals = bidelua_signal_listen(L, t, top + 2, "listener:serve");
        bidelua_pushfunction(L, t->S, watch);
        lua_pushvalue(L, index);
        lua_pushvalue(L, listener);
        lua_pushvalue(L, scope);
        bidelua_task_spawn(L, t->S, 3, &o);
    }
    lua_settop(L, top);
}

void
bidelua_drain_begin(lua_State *L, bidelua_task *t, int index)
{
    drain *d = lua_touserdata(L, index);

    if (d->begun || d->time == BIDE_FOREVER)
        return;
    d->begun = true;
    bidelua_require(
        L,
        bide_scope_deadline(&d->scope->core,
                            bidelua_deadline(t->base.loop, d->time)),
        "listener:serve");
}

static int
drain_close(lua_State *L)
{
    drain *d = lua_touserdata(L, 1);

    d->scope = NULL;
    if (d->signals)
        bide_signal_close(d->signals);
    return 0;
}

static int
drain_gc(lua_State *L)
{
    drain *d = lua_touserdata(L, 1);

    bide_signal_unref(d->signals);
    d->signals = NULL;
    return 0;
}

static const luaL_Reg meta[] = {
    {"__close", drain_close},
    {"__gc", drain_gc},
    {NULL, NULL},
};

const bidelua_type bidelua_drain_type = {.name = "bide.drain", .meta = meta};
