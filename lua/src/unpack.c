/* unpack.c - from a message back to Lua values. See pack.h.
 *
 * Every length is checked against what is left, so that a damaged message is
 * an error and not a crash; functions inside are trusted, as they come from
 * lua_dump of the same process.                                              */
#include "bidelua.h"
#include "pack.h"

#include <string.h>

typedef struct reader {
    lua_State *L;
    const bidelua_packed *m;
    size_t at;
    int objects; /* stack index: number + 1 -> object; 0: there are none */
    int env;
    uint32_t seen;
    int depth;
} reader;

static void unpack_value(reader *r);

static void
damaged(reader *r)
{
    luaL_error(r->L, "bide: a message between threads is damaged");
}

static size_t
left(const reader *r)
{
    return r->m->len - r->at;
}

static void
get(reader *r, void *out, size_t len)
{
    if (len > left(r))
        damaged(r);
    memcpy(out, r->m->data + r->at, len);
    r->at += len;
}

static uint32_t
get_u32(reader *r)
{
    uint32_t n;
    get(r, &n, sizeof n);
    return n;
}

/* The bytes that follow their length, in place. */
static const char *
get_bytes(reader *r, size_t *len)
{
    uint64_t n;
    get(r, &n, sizeof n);
    if (n > left(r))
        damaged(r);
    const char *s = (const char *)r->m->data + r->at;
    r->at += (size_t)n;
    *len = (size_t)n;
    return s;
}

/* Gives the object on top of the stack the next number. */
static void
number_object(reader *r)
{
    if (!r->objects)
        damaged(r);
    lua_pushvalue(r->L, -1);
    lua_rawseti(r->L, r->objects, (lua_Integer)++r->seen);
}

static void
push_again(reader *r)
{
    uint32_t number = get_u32(r);
    if (!r->objects || number >= r->seen)
        damaged(r);
    lua_rawgeti(r->L, r->objects, (lua_Integer)number + 1);
}

static int
at_most(size_t n, size_t limit)
{
    return (int)(n < limit ? n : limit);
}

static void
unpack_table(reader *r)
{
    lua_State *L = r->L;
    luaL_checkstack(L, 8, "too many nested tables");
    uint32_t array = get_u32(r);
    uint32_t pairs = get_u32(r);
    /* A pair takes 2 bytes at least: no more room is made than can be used. */
    size_t most = left(r) / 2;
    lua_createtable(L, at_most(array, most),
                    at_most(pairs > array ? pairs - array : 0, most));
    number_object(r);
    while (pairs-- > 0) {
        unpack_value(r);
        if (lua_isnil(L, -1))
            damaged(r);
        unpack_value(r);
        lua_rawset(L, -3);
    }
}

typedef struct chunk {
    const char *data;
    size_t len;
} chunk;

static const char *
read_chunk(lua_State *L, void *arg, size_t *len)
{
    (void)L;
    chunk *c = arg;
    *len = c->len;
    c->len = 0;
    return *len ? c->data : NULL;
}

/* Makes upvalue `n` of the function at `index` the same cell as one read
 * before. */
static void
join_cell(reader *r, int index, int n)
{
    lua_State *L = r->L;
    uint32_t number = get_u32(r);
    int other = (int)get_u32(r);
    if (number >= r->seen)
        damaged(r);
    lua_rawgeti(L, r->objects, (lua_Integer)number + 1);
    if (!lua_isfunction(L, -1) || !lua_upvalueid(L, -1, other))
        damaged(r);
    lua_upvaluejoin(L, index, n, -1, other);
    lua_pop(L, 1);
}

static void
unpack_function(reader *r)
{
    lua_State *L = r->L;
    luaL_checkstack(L, 8, "too many nested functions");
    chunk c;
    c.data = get_bytes(r, &c.len);
    if (lua_load(L, read_chunk, &c, "=bide", "b") != LUA_OK)
        lua_error(L);
    number_object(r);
    int index = lua_gettop(L);
    for (int n = 1; lua_upvalueid(L, index, n); n++) {
        if (left(r) > 0 && r->m->data[r->at] == BIDELUA_TAG_CELL) {
            r->at++;
            join_cell(r, index, n);
        } else {
            unpack_value(r);
            lua_setupvalue(L, index, n);
        }
    }
}

static void
unpack_carried(reader *r)
{
    uint32_t i = get_u32(r);
    if (i >= r->m->carried_count)
        damaged(r);
    r->m->carried[i].carrier->push(r->L, r->m->carried[i].object);
    number_object(r);
}

static void
push_module(reader *r)
{
    lua_State *L = r->L;
    size_t len;
    const char *name = get_bytes(r, &len);
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    lua_getfield(L, -1, "require");
    lua_remove(L, -2);
    lua_pushlstring(L, name, len);
    lua_call(L, 1, 1);
}

static void
push_member(reader *r)
{
    lua_State *L = r->L;
    push_module(r);
    size_t len;
    const char *name = get_bytes(r, &len);
    lua_pushlstring(L, name, len);
    if (lua_istable(L, -2))
        lua_rawget(L, -2);
    lua_remove(L, -2);
}

static void
push_globals(reader *r)
{
    if (r->env)
        lua_pushvalue(r->L, r->env);
    else
        lua_pushglobaltable(r->L);
}

static void
unpack_number(reader *r, char tag)
{
    if (tag == BIDELUA_TAG_INTEGER) {
        lua_Integer i;
        get(r, &i, sizeof i);
        lua_pushinteger(r->L, i);
    } else {
        lua_Number d;
        get(r, &d, sizeof d);
        lua_pushnumber(r->L, d);
    }
}

static void
unpack_bytes(reader *r, char tag)
{
    if (tag == BIDELUA_TAG_STRING) {
        size_t len;
        const char *s = get_bytes(r, &len);
        lua_pushlstring(r->L, s, len);
    } else {
        void *ptr;
        get(r, &ptr, sizeof ptr);
        lua_pushlightuserdata(r->L, ptr);
    }
}

static void
unpack_object(reader *r, char tag)
{
    switch (tag) {
    case BIDELUA_TAG_TABLE:
        unpack_table(r);
        break;
    case BIDELUA_TAG_FUNCTION:
        unpack_function(r);
        break;
    case BIDELUA_TAG_CARRIED:
        unpack_carried(r);
        break;
    case BIDELUA_TAG_AGAIN:
        push_again(r);
        break;
    case BIDELUA_TAG_GLOBALS:
        push_globals(r);
        break;
    case BIDELUA_TAG_MODULE:
        push_module(r);
        break;
    case BIDELUA_TAG_MEMBER:
        push_member(r);
        break;
    default:
        damaged(r);
        break;
    }
}

static void
unpack_value(reader *r)
{
    char tag;
    get(r, &tag, 1);
    switch (tag) {
    case BIDELUA_TAG_NIL:
        lua_pushnil(r->L);
        return;
    case BIDELUA_TAG_FALSE:
    case BIDELUA_TAG_TRUE:
        lua_pushboolean(r->L, tag == BIDELUA_TAG_TRUE);
        return;
    case BIDELUA_TAG_INTEGER:
    case BIDELUA_TAG_FLOAT:
        unpack_number(r, tag);
        return;
    case BIDELUA_TAG_STRING:
    case BIDELUA_TAG_POINTER:
        unpack_bytes(r, tag);
        return;
    default:
        break;
    }
    if (++r->depth > BIDELUA_PACK_DEPTH)
        damaged(r);
    unpack_object(r, tag);
    r->depth--;
}

int
bidelua_unpack(lua_State *L, const bidelua_packed *p, int env)
{
    int n = (int)p->values;
    int objects = 0;
    if (p->objects > 0) {
        lua_createtable(L, (int)p->objects, 0);
        objects = lua_gettop(L);
    }
    luaL_checkstack(L, n + 8, "too many values");
    reader r = {.L = L, .m = p, .objects = objects, .env = env};
    for (int i = 0; i < n; i++)
        unpack_value(&r);
    if (objects)
        lua_remove(L, objects);
    return n;
}

/* take(message) -> values */
static int
take(lua_State *L)
{
    const bidelua_packed *p = lua_touserdata(L, 1);
    lua_settop(L, 0);
    return bidelua_unpack(L, p, 0);
}

/* The same for (message, state): handles need the state, as an upvalue. */
static int
take_carried(lua_State *L)
{
    bidelua_pushfunction(L, lua_touserdata(L, 2), take);
    lua_replace(L, 2);
    lua_insert(L, 1);
    lua_call(L, 1, LUA_MULTRET);
    return lua_gettop(L);
}

int
bidelua_unpack_take(lua_State *L, bidelua_packed *p)
{
    int top = lua_gettop(L);
    bool carried = p->carried_count > 0;
    /* Light functions and light userdata: nothing raises before the call. */
    lua_pushcfunction(L, carried ? take_carried : take);
    lua_pushlightuserdata(L, p);
    if (carried)
        lua_pushlightuserdata(L, bidelua_self(L));
    int status = lua_pcall(L, carried ? 2 : 1, LUA_MULTRET, 0);
    bidelua_packed_free(p);
    if (status != LUA_OK)
        lua_error(L);
    return lua_gettop(L) - top;
}
