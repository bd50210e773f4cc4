/* What the core's watchdog asks of Lua, and how Lua hears of it.
 *
 * The signal handler may not walk the stack of a lua_State, but it may set a
 * hook, which fires at the VM's next instruction or return: at once in Lua
 * code, when it returns in a function in C. */

#include "bidelua.h"

/* -- the traceback -------------------------------------------------------- */

static int
take_trace(lua_State *L)
{
    lua_State *from = lua_touserdata(L, 1);

    luaL_traceback(L, from, NULL, 1);
    bide_loop_trace(bide_loop_current(), lua_tostring(L, -1));
    return 0;
}

/* Gives way to the hook that it took the place of. */
static void
on_blocked_step(lua_State *L, lua_Debug *ar)
{
    bidelua_state *S = bidelua_find(L);

    (void)ar;
    lua_sethook(L, S->hook.before, S->hook.mask, S->hook.count);
    if (bide_loop_current() == NULL || !lua_checkstack(L, LUA_MINSTACK))
        return;
    lua_pushcfunction(L, take_trace);
    lua_pushlightuserdata(L, L);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK)
        lua_pop(L, 1);
}

size_t
bidelua_trace(void *ctx, bool here, char *out, size_t size)
{
    bidelua_state *S = ((bidelua_runtime *)ctx)->S;
    bidelua_task *t = S->running;

    (void)out;
    (void)size;
    if (!here || t == NULL || t->active == NULL)
        return 0;
    if (lua_gethook(t->active) != on_blocked_step) {
        S->hook.before = lua_gethook(t->active);
        S->hook.mask = lua_gethookmask(t->active);
        S->hook.count = lua_gethookcount(t->active);
    }
    lua_sethook(t->active, on_blocked_step, LUA_MASKCOUNT | LUA_MASKRET, 1);
    return BIDE_TRACE_LATER;
}

/* -- the report ----------------------------------------------------------- */

static void
set_text(lua_State *L, const char *key, const char *text)
{
    if (text[0] == 0)
        return;
    lua_pushstring(L, text);
    lua_setfield(L, -2, key);
}

static void
push_report(lua_State *L, const bide_block *b)
{
    char text[10240];

    lua_createtable(L, 0, 7);
    set_text(L, "task", b->name);
    if (b->file[0]) {
        lua_pushfstring(L, "%s:%d", b->file, b->line);
        lua_setfield(L, -2, "site");
    }
    set_text(L, "trace", b->trace);
    bide_block_text(b, text, sizeof text);
    set_text(L, "text", text);
    lua_pushnumber(L, (lua_Number)b->lasted / 1e9);
    lua_setfield(L, -2, "seconds");
    lua_pushinteger(L, b->nth);
    lua_setfield(L, -2, "nth");
    lua_pushinteger(L, b->missed);
    lua_setfield(L, -2, "missed");
}

typedef struct report {
    bidelua_state *S;
    const bide_block *block;
} report;

static int
call_handler(lua_State *L)
{
    report *r = lua_touserdata(L, 1);

    bidelua_pushvault(L, r->S, BIDELUA_HANDLERS);
    if (lua_getfield(L, -1, "blocked") == LUA_TNIL)
        return 0;
    push_report(L, r->block);
    lua_call(L, 1, 0);
    return 0;
}

void
bidelua_blocked(void *ctx, const bide_block *b)
{
    report r = {((bidelua_runtime *)ctx)->S, b};

    bidelua_protect(r.S, call_handler, &r);
}

/* -- options of bide.run -------------------------------------------------- */

static void
read_threshold(lua_State *L, bide_watchdog *out)
{
    if (lua_isboolean(L, -1)) {
        out->threshold = lua_toboolean(L, -1) ? 100000000 : BIDE_FOREVER;
    } else if (!lua_isnil(L, -1)) {
        if (!lua_isnumber(L, -1) || !(lua_tonumber(L, -1) > 0))
            luaL_error(L, "bide.run: option 'watchdog' must be seconds > 0, "
                          "true or false");
        out->threshold = bidelua_checkseconds(L, -1);
    }
}

static void
read_signal(lua_State *L, bide_watchdog *out)
{
    int ok;

    if (lua_isnil(L, -1))
        return;
    lua_Integer signum = lua_tointegerx(L, -1, &ok);
    if (!ok || signum < 0 || signum > 64)
        luaL_error(L, "bide.run: option 'watchdog_signal' must be a signal's "
                      "number, or 0 for none");
    out->signum = signum ? (int)signum : -1;
}

void
bidelua_watchdog_read(lua_State *L, bidelua_state *S, int arg,
                      bide_loop_options *o)
{
    if (lua_isnoneornil(L, arg)) {
        bidelua_pushvault(L, S, BIDELUA_HANDLERS);
        lua_pushnil(L);
        lua_setfield(L, -2, "blocked");
        lua_pop(L, 1);
        return;
    }
    lua_getfield(L, arg, "debug");
    o->debug = lua_toboolean(L, -1);
    lua_getfield(L, arg, "watchdog");
    read_threshold(L, &o->watchdog);
    lua_getfield(L, arg, "watchdog_signal");
    read_signal(L, &o->watchdog);
    bidelua_pushvault(L, S, BIDELUA_HANDLERS);
    if (lua_getfield(L, arg, "on_blocked") != LUA_TNIL &&
        lua_type(L, -1) != LUA_TFUNCTION)
        luaL_error(L, "bide.run: option 'on_blocked' must be a function");
    lua_setfield(L, -2, "blocked");
    lua_pop(L, 4);
}
