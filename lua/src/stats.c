/* bide.stats, bide.metrics: what the runtimes of the process have measured. */
#include "bidelua.h"

/* Copies the text, in protected mode: it is not Lua's yet. */
static int
push_text(lua_State *L)
{
    lua_pushstring(L, lua_touserdata(L, 1));
    return 1;
}

static void
push_written(lua_State *L, int (*write)(char **out), const char *what)
{
    char *text;

    luaL_checkstack(L, 2, what);
    bidelua_require(L, write(&text), what);
    lua_pushcfunction(L, push_text);
    lua_pushlightuserdata(L, text);
    int rc = lua_pcall(L, 1, 1, 0);
    bide_dump_free(text);
    if (rc != LUA_OK)
        lua_error(L);
}

static int
stats(lua_State *L)
{
    lua_settop(L, 0);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "bide.json");
    lua_call(L, 1, 1);
    push_written(L, bide_stats_text, "bide.stats");
    lua_call(L, 1, 1);
    return 1;
}

static int
metrics(lua_State *L)
{
    push_written(L, bide_metrics, "bide.metrics");
    return 1;
}

static const luaL_Reg functions[] = {
    {"stats", stats},
    {"metrics", metrics},
    {NULL, NULL},
};

const bidelua_type bidelua_stats_type = {NULL, NULL, NULL, functions, NULL};
