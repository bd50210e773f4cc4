/* conduit.c - Lua values inside a channel. See conduit.h. */
#include "conduit.h"

#include <stdlib.h>
#include <string.h>

/* -- life ----------------------------------------------------------------- */

static char *
copy(const char *s)
{
    size_t size = strlen(s) + 1;
    char *mine = malloc(size);
    if (mine)
        memcpy(mine, s, size);
    return mine;
}

bidelua_conduit *
bidelua_conduit_new(const char *name, const char *file)
{
    bidelua_conduit *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    atomic_init(&c->refs, 1);
    c->name = name ? copy(name) : NULL;
    c->file = file ? copy(file) : NULL;
    if ((name && !c->name) || (file && !c->file)) {
        bidelua_conduit_unref(c);
        return NULL;
    }
    return c;
}

bidelua_conduit *
bidelua_conduit_ref(bidelua_conduit *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void
bidelua_conduit_unref(bidelua_conduit *c)
{
    if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
        return;
    bide_value v;
    if (c->core)
        while (bide_channel_try_recv(c->core, &v) == 0)
            if (v.tag == BIDELUA_VALUE_PACKED)
                bidelua_packed_free(v.as.ptr);
    bide_channel_unref(c->core);
    while (c->all) {
        bidelua_cargo *next = c->all->all;
        bidelua_packed_free(c->all->packed);
        free(c->all);
        c->all = next;
    }
    free(c->name);
    free(c->file);
    free(c);
}

/* -- cargo ---------------------------------------------------------------- */

static bidelua_conduit *
conduit_at(lua_State *L, int handle)
{
    return ((bidelua_channel *)lua_touserdata(L, handle))->conduit;
}

/* A free cargo, or NULL: no memory. */
static bidelua_cargo *
take_cargo(bidelua_conduit *c)
{
    bidelua_cargo *g = c->free;
    if (g) {
        c->free = g->next;
    } else {
        g = calloc(1, sizeof *g);
        if (!g)
            return NULL;
        g->slot = ++c->slots;
        g->all = c->all;
        c->all = g;
    }
    g->prev = NULL;
    g->next = c->under_way;
    if (g->next)
        g->next->prev = g;
    c->under_way = g;
    return g;
}

static void
free_cargo(bidelua_conduit *c, bidelua_cargo *g)
{
    if (g->prev)
        g->prev->next = g->next;
    else
        c->under_way = g->next;
    if (g->next)
        g->next->prev = g->prev;
    g->next = c->free;
    c->free = g;
}

static bide_value
load_cargo(lua_State *L, int handle, int index, const char *what)
{
    bidelua_conduit *c = conduit_at(L, handle);
    bidelua_cargo *g = take_cargo(c);
    if (!g)
        luaL_error(L, "%s: out of memory", what);
    lua_getiuservalue(L, handle, 1);
    lua_pushvalue(L, index);
    /* Should this raise, the cargo only stays out of use. */
    lua_rawseti(L, -2, g->slot);
    lua_pop(L, 1);
    return (bide_value){{g}, BIDELUA_VALUE_CARGO};
}

/* Pushes the value of a cargo that was not packed, and frees the cargo. */
static void
unload_cargo(lua_State *L, int handle, bidelua_cargo *g)
{
    lua_getiuservalue(L, handle, 1);
    lua_rawgeti(L, -1, g->slot);
    lua_pushnil(L);
    lua_rawseti(L, -3, g->slot);
    lua_remove(L, -2);
    free_cargo(conduit_at(L, handle), g);
}

/* -- in and out ----------------------------------------------------------- */

bide_value
bidelua_conduit_load(lua_State *L, int handle, int index, const char *what)
{
    bide_value v = BIDE_NO_VALUE;
    switch (lua_type(L, index)) {
    case LUA_TNONE:
    case LUA_TNIL:
        luaL_argerror(L, index,
                      "nil cannot be sent: to a receiver it means the end; "
                      "send false or a table");
        return v;
    case LUA_TNUMBER:
        v.as.number = lua_tonumber(L, index);
        v.tag = BIDELUA_VALUE_FLOAT;
        return v;
    case LUA_TBOOLEAN:
        v.tag =
            lua_toboolean(L, index) ? BIDELUA_VALUE_TRUE : BIDELUA_VALUE_FALSE;
        return v;
    case LUA_TLIGHTUSERDATA:
        v.as.ptr = lua_touserdata(L, index);
        v.tag = BIDELUA_VALUE_POINTER;
        return v;
    default:
        if (!conduit_at(L, handle)->shared)
            return load_cargo(L, handle, index, what);
        v.as.ptr = bidelua_pack(L, index, 1, BIDELUA_PACK_VALUE, what);
        v.tag = BIDELUA_VALUE_PACKED;
        return v;
    }
}

void
bidelua_conduit_unload(lua_State *L, int handle, bide_value v)
{
    bidelua_cargo *g;
    bidelua_packed *packed;
    switch (v.tag) {
    case BIDELUA_VALUE_FALSE:
    case BIDELUA_VALUE_TRUE:
        lua_pushboolean(L, v.tag == BIDELUA_VALUE_TRUE);
        break;
    case BIDELUA_VALUE_FLOAT:
        lua_pushnumber(L, v.as.number);
        break;
    case BIDELUA_VALUE_POINTER:
        lua_pushlightuserdata(L, v.as.ptr);
        break;
    case BIDELUA_VALUE_PACKED:
        bidelua_unpack_take(L, v.as.ptr);
        break;
    default:
        g = v.as.ptr;
        packed = g->packed;
        g->packed = NULL;
        if (packed)
            bidelua_unpack_take(L, packed);
        else
            unload_cargo(L, handle, g);
        break;
    }
}

void
bidelua_conduit_drop(lua_State *L, int handle, bide_value v)
{
    if (v.tag == BIDELUA_VALUE_PACKED) {
        bidelua_packed_free(v.as.ptr);
    } else if (v.tag == BIDELUA_VALUE_CARGO) {
        bidelua_cargo *g = v.as.ptr;
        bidelua_packed *packed = g->packed;
        g->packed = NULL;
        bidelua_packed_free(packed);
        if (!packed) {
            unload_cargo(L, handle, g);
            lua_pop(L, 1);
        }
    }
}

/* -- sharing -------------------------------------------------------------- */

static int
pack_cargoes(lua_State *L)
{
    bidelua_conduit *c = conduit_at(L, 1);
    lua_getiuservalue(L, 1, 1);
    for (bidelua_cargo *g = c->under_way; g; g = g->next) {
        if (g->packed)
            continue;
        lua_rawgeti(L, 2, g->slot);
        g->packed = bidelua_pack(L, 3, 1, BIDELUA_PACK_VALUE,
                                 "a value already inside the channel");
        lua_pop(L, 1);
        lua_pushnil(L);
        lua_rawseti(L, 2, g->slot);
    }
    return 0;
}

void
bidelua_conduit_share(lua_State *L, int index)
{
    bidelua_channel *h = lua_touserdata(L, index);
    bidelua_conduit *c = h->conduit;
    /* A value inside may refer to the channel itself, which leads here again
     * while it is packed. */
    if (c->shared || c->sharing)
        return;
    c->sharing = true;
    lua_pushvalue(L, index);
    bidelua_pushfunction(L, bidelua_self(L), pack_cargoes);
    lua_insert(L, -2);
    int status = lua_pcall(L, 1, 0, 0);
    c->sharing = false;
    if (status != LUA_OK)
        lua_error(L);
    /* Those under way are from now on the receiver's, on whatever thread. */
    c->under_way = NULL;
    c->shared = true;
}
