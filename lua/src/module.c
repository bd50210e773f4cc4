/* The module: one bidelua_state for each Lua universe, the types, and the
 * helpers that need nothing but them. */
#include <string.h>

#include "bidelua.h"

static const char state_key = 0; /* its address: the registry key */

static const bidelua_type *const types[BIDELUA_KINDS] = {
#define BIDELUA__TYPE(KIND, concept) &bidelua_##concept##_type,
    BIDELUA_TYPES(BIDELUA__TYPE)
#undef BIDELUA__TYPE
};

/* -- userdata ------------------------------------------------------------- */

void *
bidelua_new(lua_State *L, bidelua_state *S, bidelua_kind kind, size_t size,
            int values)
{
    void *p = lua_newuserdatauv(L, size, values);

    memset(p, 0, size);
    bidelua_pushvault(L, S, BIDELUA_METATABLES + (int)kind);
    lua_setmetatable(L, -2);
    return p;
}

void
bidelua_typeerror(lua_State *L, int arg, bidelua_kind kind)
{
    luaL_typeerror(L, arg, types[kind]->name);
}

void
bidelua_pushfunction(lua_State *L, bidelua_state *S, lua_CFunction f)
{
    lua_pushlightuserdata(L, S);
    lua_pushcclosure(L, f, 1);
}

/* -- anchors -------------------------------------------------------------- */

int
bidelua_anchor(lua_State *L, bidelua_state *S)
{
    int slot = S->free_slot ? S->free_slot : S->slots + 1;
    int next = 0;

    bidelua_pushvault(L, S, BIDELUA_ANCHORS);
    if (S->free_slot) {
        lua_rawgeti(L, -1, slot);
        next = (int)lua_tointeger(L, -1);
        lua_pop(L, 1);
    }
    lua_insert(L, -2);
    lua_rawseti(L, -2, slot);
    lua_pop(L, 1);
    if (S->free_slot)
        S->free_slot = next;
    else
        S->slots = slot;
    return slot;
}

void
bidelua_pushanchor(lua_State *L, bidelua_state *S, int slot)
{
    lua_rawgeti(S->vault, BIDELUA_ANCHORS, slot);
    lua_xmove(S->vault, L, 1);
}

/* The slot exists, so nothing is allocated and nothing can raise. */
void
bidelua_unanchor(bidelua_state *S, int slot)
{
    if (slot == 0)
        return;
    lua_pushinteger(S->vault, S->free_slot);
    lua_rawseti(S->vault, BIDELUA_ANCHORS, slot);
    S->free_slot = slot;
}

/* -- moments and places --------------------------------------------------- */

int64_t
bidelua_deadline(bide_loop *l, int64_t ns)
{
    int64_t now = bide_loop_now(l, true);

    return ns >= BIDE_FOREVER - now ? BIDE_FOREVER : now + ns;
}

bide_site
bidelua_site(lua_State *L, bidelua_state *S, int level)
{
    bide_site site = {NULL, 0};
    lua_Debug ar;

    do
        if (!lua_getstack(L, level++, &ar) || !lua_getinfo(L, "Sl", &ar))
            return site;
    while (ar.currentline <= 0); /* of C: pcall(bide.spawn, f) */
    if (S->site_file == NULL || strcmp(S->site_file, ar.short_src) != 0) {
        bidelua_pushvault(L, S, BIDELUA_FILES);
        lua_pushstring(L, ar.short_src);
        if (lua_getfield(L, -2, ar.short_src) == LUA_TSTRING) {
            lua_replace(L, -2);
        } else {
            lua_pop(L, 1);
            lua_pushvalue(L, -1);
            lua_setfield(L, -3, ar.short_src);
        }
        S->site_file = lua_tostring(L, -1);
        lua_pop(L, 2);
    }
    site.file = S->site_file;
    site.line = ar.currentline;
    return site;
}

/* -- opening -------------------------------------------------------------- */

static void
set_functions(lua_State *L, bidelua_state *S, const luaL_Reg *list)
{
    if (list == NULL)
        return;
    lua_pushlightuserdata(L, S);
    luaL_setfuncs(L, list, 1);
}

static void
new_metatable(lua_State *L, bidelua_state *S, const bidelua_type *type)
{
    lua_newtable(L);
    if (type->name) {
        lua_pushstring(L, type->name);
        lua_setfield(L, -2, "__name");
        lua_pushliteral(L, "bide");
        lua_setfield(L, -2, "__metatable");
    }
    if (type->methods) {
        lua_newtable(L);
        set_functions(L, S, type->methods);
        lua_setfield(L, -2, "__index");
    }
    set_functions(L, S, type->meta);
}

static void
fill_vault(lua_State *L, bidelua_state *S)
{
    for (int i = BIDELUA_ANCHORS; i <= BIDELUA_HANDLERS; i++)
        lua_newtable(L);
    lua_newtable(L);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, BIDELUA_FAILED - BIDELUA_HANDLERS - 2);
    lua_xmove(L, S->vault, BIDELUA_HANDLERS);
    bidelua_pushfunction(L, S, bidelua_task_body);
    bidelua_pushfunction(L, S, bidelua_tracer);
    lua_xmove(L, S->vault, 2);
    for (int kind = 0; kind < BIDELUA_KINDS; kind++) {
        new_metatable(L, S, types[kind]);
        S->meta[kind] = lua_topointer(L, -1);
        lua_xmove(L, S->vault, 1);
    }
}

/* Pushes nothing: the registry holds the state, the state its vault. */
static bidelua_state *
new_state(lua_State *L)
{
    bidelua_state *S = lua_newuserdatauv(L, sizeof *S, 1);

    memset(S, 0, sizeof *S);
    S->vault = lua_newthread(L);
    if (!lua_checkstack(S->vault, BIDELUA_METATABLES + BIDELUA_KINDS + 16))
        luaL_error(L, "not enough memory");
    lua_setiuservalue(L, -2, 1);
    fill_vault(L, S);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &state_key);
    return S;
}

bidelua_state *
bidelua_find(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &state_key);
    bidelua_state *S = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return S;
}

static void
add_functions(lua_State *L, bidelua_state *S, const bidelua_type *type)
{
    if (type->functions == NULL)
        return;
    if (type->table == NULL) {
        set_functions(L, S, type->functions);
        return;
    }
    luaL_getsubtable(L, -1, type->table);
    set_functions(L, S, type->functions);
    lua_pop(L, 1);
}

LUAMOD_API int
luaopen_bide(lua_State *L)
{
    luaL_checkversion(L);
    bidelua_state *S = bidelua_find(L);
    if (S == NULL)
        S = new_state(L);
    lua_newtable(L);
    for (int kind = 0; kind < BIDELUA_KINDS; kind++)
        add_functions(L, S, types[kind]);
    lua_pushstring(L, bide_version());
    lua_setfield(L, -2, "version");
    return 1;
}
