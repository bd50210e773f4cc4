/* bide.dump, bide.dump_on_signal: what every runtime of the process does. */
#include <stdio.h>
#include <unistd.h>

#include "signal_names.h"

/* The innermost Lua function of a parked task. Allocates nothing. */
void
bidelua_where(void *ctx, bide_task *t, char *out, size_t size)
{
    lua_State *co = ((bidelua_task *)t)->active;
    lua_Debug ar;

    (void)ctx;
    for (int level = 0; co && lua_getstack(co, level, &ar); level++) {
        lua_getinfo(co, "Sl", &ar);
        if (ar.currentline > 0) {
            snprintf(out, size, "%s:%d", ar.short_src, ar.currentline);
            return;
        }
    }
}

/* Copies the text, in protected mode: it is not Lua's yet. */
static int
push_text(lua_State *L)
{
    lua_pushstring(L, lua_touserdata(L, 1));
    return 1;
}

/* ([format]) */
static int
dump(lua_State *L)
{
    static const char *const formats[] = {"text", "json", NULL};
    int format = luaL_checkoption(L, 1, "text", formats);
    char *text;

    luaL_checkstack(L, 2, "bide.dump");
    bidelua_require(L, bide_dump(format, &text), "bide.dump");
    lua_pushcfunction(L, push_text);
    lua_pushlightuserdata(L, text);
    int rc = lua_pcall(L, 1, 1, 0);
    bide_dump_free(text);
    return rc == LUA_OK ? 1 : lua_error(L);
}

/* (signal or nil, [fd]) */
static int
dump_on_signal(lua_State *L)
{
    static const char what[] = "bide.dump_on_signal";
    int fd = (int)luaL_optinteger(L, 2, STDERR_FILENO);
    bool on = !lua_isnil(L, 1);
    int signum = on ? bidelua_signal_number(L, 1, what) : 0;
    int rc = on && !signum ? BIDE_EINVALID : bide_dump_on_signal(signum, fd);

    luaL_argcheck(L, rc != BIDE_EINVALID, 1, "no dump can be made on it");
    bidelua_require(L, rc, what);
    return 0;
}

static const luaL_Reg functions[] = {
    {"dump", dump},
    {"dump_on_signal", dump_on_signal},
    {NULL, NULL},
};

const bidelua_type bidelua_dump_type = {NULL, NULL, NULL, functions, NULL};
