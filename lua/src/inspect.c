/* bide.inspect: the live view of the process. */
#include "bidelua.h"

/* ([address]) */
static int
inspect(lua_State *L)
{
    const char *address = luaL_optstring(L, 1, "127.0.0.1:0");
    char url[128];
    int rc = bide_inspect(address, url, sizeof url);

    luaL_argcheck(L, rc != BIDE_EINVALID, 1,
                  "an address of this machine is needed, such as "
                  "\"127.0.0.1:0\"");
    if (rc)
        return bidelua_fail(L, NULL, rc);
    lua_pushstring(L, url);
    return 1;
}

/* (pid) */
static int
inspector_path(lua_State *L)
{
    char path[256];
    int rc =
        bide_inspector_path((long)luaL_checkinteger(L, 1), path, sizeof path);

    if (rc)
        return bidelua_fail(L, NULL, rc);
    lua_pushstring(L, path);
    return 1;
}

static const luaL_Reg functions[] = {
    {"inspect", inspect},
    {"_inspector_path", inspector_path},
    {NULL, NULL},
};

const bidelua_type bidelua_inspect_type = {NULL, NULL, NULL, functions, NULL};
