/* What the core's watchdog asks of Lua, and how Lua hears of it.
 *
 * The signal handler may not walk the stack of a lua_State, but it may set a
 * hook, which fires at the VM's next instruction or return: at once in Lua
 * code, when it returns in a function in C. */

#include "report.h"

enum { USUAL = 100000000 }; /* ns */

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
push_report(lua_State *L, const void *report)
{
    const bide_block *b = report;
    char text[10240];

    lua_createtable(L, 0, 7);
    bidelua_settext(L, "task", b->name);
    if (b->file[0]) {
        lua_pushfstring(L, "%s:%d", b->file, b->line);
        lua_setfield(L, -2, "site");
    }
    bidelua_settext(L, "trace", b->trace);
    bide_block_text(b, text, sizeof text);
    bidelua_settext(L, "text", text);
    lua_pushnumber(L, (lua_Number)b->lasted / 1e9);
    lua_setfield(L, -2, "seconds");
    lua_pushinteger(L, b->nth);
    lua_setfield(L, -2, "nth");
    lua_pushinteger(L, b->missed);
    lua_setfield(L, -2, "missed");
}

void
bidelua_blocked(void *ctx, const bide_block *b)
{
    bidelua_tell(((bidelua_runtime *)ctx)->S, "blocked", push_report, b);
}

/* -- options of bide.run -------------------------------------------------- */

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
    if (!lua_isnoneornil(L, arg)) {
        o->debug = bidelua_optionflag(L, arg, "debug", false);
        o->watchdog.threshold = bidelua_limitfield(L, arg, "watchdog", USUAL);
        lua_getfield(L, arg, "watchdog_signal");
        read_signal(L, &o->watchdog);
        lua_pop(L, 1);
    }
    bidelua_readhandler(L, S, arg, "on_blocked", "blocked");
}
