/* What the core reports of a run, slow locks and stalls, and what it asks of
 * Lua for that. */
#include "report.h"

#include <stdio.h>
#include <string.h>

enum { SLOW = 250000000 }; /* ns */

void
bidelua_what(void *ctx, bide_task *t, char *out, size_t size)
{
    const bidelua_task *task = (const bidelua_task *)t;
    const bide_wait_kind *kind = task->wait.kind;
    const char *what = task->what;

    (void)ctx;
    if (what && kind && strcmp(kind->verb, "park") == 0)
        snprintf(out, size, "%s", what);
}

/* -- the end of a run that is stalled ------------------------------------- */

/* In protected mode: the text is not Lua's yet. */
static int
push_text(lua_State *L)
{
    lua_pushfstring(L, "bide.run: %s", (const char *)lua_touserdata(L, 1));
    return 1;
}

void
bidelua_pushstalled(lua_State *L, bide_loop *loop)
{
    char *text;

    if (bide_stall_text(loop, &text)) {
        lua_pushfstring(L, "bide.run: %s (%s)", bide_strerror(BIDE_ESTALLED),
                        bide_error_name(BIDE_ESTALLED));
        return;
    }
    lua_pushcfunction(L, push_text);
    lua_pushlightuserdata(L, text);
    lua_pcall(L, 1, 1, 0); /* else the error of Lua's memory */
    bide_dump_free(text);
}

/* -- reports, to Lua ------------------------------------------------------ */

void
bidelua_settext(lua_State *L, const char *key, const char *text)
{
    if (text[0] == 0)
        return;
    lua_pushstring(L, text);
    lua_setfield(L, -2, key);
}

static void
push_report(lua_State *L, const void *report)
{
    const bide_report *r = report;

    lua_createtable(L, 0, 8);
    bidelua_settext(L, "kind", bide_report_name(r->kind));
    bidelua_settext(L, "text", r->text);
    bidelua_settext(L, "lock", r->lock);
    bidelua_settext(L, "holder", r->holder);
    bidelua_settext(L, "waiter", r->waiter);
    lua_pushnumber(L, (lua_Number)r->held / 1e9);
    lua_setfield(L, -2, "held");
    lua_pushnumber(L, (lua_Number)r->waited / 1e9);
    lua_setfield(L, -2, "waited");
    lua_pushinteger(L, r->missed);
    lua_setfield(L, -2, "missed");
}

typedef struct call {
    bidelua_state *S;
    const char *name;
    void (*push)(lua_State *L, const void *report);
    const void *report;
} call;

static int
call_handler(lua_State *L)
{
    call *c = lua_touserdata(L, 1);

    bidelua_pushvault(L, c->S, BIDELUA_HANDLERS);
    if (lua_getfield(L, -1, c->name) == LUA_TNIL)
        return 0;
    c->push(L, c->report);
    lua_call(L, 1, 0);
    return 0;
}

void
bidelua_tell(bidelua_state *S, const char *name,
             void (*push)(lua_State *L, const void *report), const void *report)
{
    call c = {S, name, push, report};

    bidelua_protect(S, call_handler, &c);
}

void
bidelua_reported(void *ctx, const bide_report *r)
{
    bidelua_tell(((bidelua_runtime *)ctx)->S, "report", push_report, r);
}

/* -- options of bide.run -------------------------------------------------- */

int64_t
bidelua_limitfield(lua_State *L, int arg, const char *key, int64_t usual)
{
    int64_t limit = 0;

    lua_getfield(L, arg, key);
    if (lua_isboolean(L, -1) && (usual || !lua_toboolean(L, -1))) {
        limit = lua_toboolean(L, -1) ? usual : BIDE_FOREVER;
    } else if (!lua_isnil(L, -1)) {
        if (!lua_isnumber(L, -1) || !(lua_tonumber(L, -1) > 0))
            luaL_error(L,
                       "bide.run: option '%s' must be seconds > 0%s or "
                       "false",
                       key, usual ? ", true" : "");
        limit = bidelua_checkseconds(L, -1);
    }
    lua_pop(L, 1);
    return limit;
}

void
bidelua_readhandler(lua_State *L, bidelua_state *S, int arg, const char *key,
                    const char *name)
{
    bidelua_pushvault(L, S, BIDELUA_HANDLERS);
    if (lua_isnoneornil(L, arg))
        lua_pushnil(L);
    else if (lua_getfield(L, arg, key) != LUA_TNIL &&
             lua_type(L, -1) != LUA_TFUNCTION)
        luaL_error(L, "bide.run: option '%s' must be a function", key);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

void
bidelua_reports_read(lua_State *L, bidelua_state *S, int arg,
                     bide_loop_options *o)
{
    if (!lua_isnoneornil(L, arg)) {
        o->slow_lock = bidelua_limitfield(L, arg, "slow_lock", SLOW);
        o->stall = bidelua_limitfield(L, arg, "stall", 0);
    }
    bidelua_readhandler(L, S, arg, "on_report", "report");
}
