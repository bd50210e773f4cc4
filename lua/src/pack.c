/* pack.c - from Lua values to a message. See pack.h for what travels.
 *
 * Two stack slots above the caller's values belong to the packer; they stay nil
 * for messages of plain scalars and strings:
 *   seen   table: object -> its number, upvalue cell -> function and index
 *   box    userdata that frees the message when an error unwinds
 * Numbers are given in the order in which the reader meets the objects.      */
#include "pack.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BOX_TYPE "bide.packed"

typedef struct packer {
    lua_State *L;
    bidelua_packed *out;
    bidelua_packed **owner; /* in the box, if there is one */
    int seen;               /* its stack index; the box is above it */
    int depth;
    bidelua_pack_role role;
    const char *what;
} packer;

static void pack_value(packer *p, int index, const bidelua_step *at);

/* -- the message's memory ------------------------------------------------- */

void
bidelua_packed_free(bidelua_packed *m)
{
    if (!m)
        return;
    for (uint32_t i = 0; i < m->carried_count; i++)
        m->carried[i].carrier->drop(m->carried[i].object);
    free(m->carried);
    free(m);
}

static int
box_gc(lua_State *L)
{
    bidelua_packed **box = lua_touserdata(L, 1);
    bidelua_packed_free(*box);
    *box = NULL;
    return 0;
}

/* Pushes a userdata that frees the message put into it, unless it has been set
 * to NULL again. */
static bidelua_packed **
new_box(lua_State *L)
{
    bidelua_packed **box = lua_newuserdatauv(L, sizeof *box, 0);
    *box = NULL;
    if (luaL_newmetatable(L, BOX_TYPE)) {
        lua_pushcfunction(L, box_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return box;
}

/* Raises; a message that no box holds is freed first. */
static _Noreturn void
fail(packer *p, const bidelua_step *at, const char *problem)
{
    if (!p->owner)
        bidelua_packed_free(p->out);
    if (at)
        bidelua_path_error(p->L, at, p->role, p->what, problem);
    luaL_error(p->L, "%s: %s", p->what, problem);
    abort(); /* not reached: an error leaves by a long jump */
}

static void
reserve(packer *p, size_t more)
{
    bidelua_packed *m = p->out;
    if (more > BIDELUA_PACK_BYTES - m->len)
        fail(p, NULL, "the message is larger than 1 GiB; send it in pieces");
    if (m->cap - m->len >= more)
        return;
    size_t cap = m->cap * 2 < m->len + more ? m->len + more : m->cap * 2;
    m = realloc(m, sizeof *m + cap);
    if (!m)
        fail(p, NULL, "out of memory");
    m->cap = cap;
    p->out = m;
    if (p->owner)
        *p->owner = m;
}

static void
put(packer *p, const void *data, size_t len)
{
    reserve(p, len);
    bidelua_packed *m = p->out;
    memcpy(m->data + m->len, data, len);
    m->len += len;
}

static void
put_tag(packer *p, char tag)
{
    put(p, &tag, 1);
}

static void
put_u32(packer *p, uint32_t n)
{
    put(p, &n, sizeof n);
}

static void
put_bytes(packer *p, const char *s, size_t len)
{
    uint64_t n = len;
    put(p, &n, sizeof n);
    put(p, s, len);
}

/* A message that is a text; NULL: no memory. */
bidelua_packed *
bidelua_packed_text(const char *s)
{
    uint64_t n = strlen(s);
    bidelua_packed *m = malloc(sizeof *m + 1 + sizeof n + n);
    if (!m)
        return NULL;
    size_t len = 1 + sizeof n + n;
    *m = (bidelua_packed){NULL, 0, 1, 0, len, len};
    m->data[0] = BIDELUA_TAG_STRING;
    memcpy(m->data + 1, &n, sizeof n);
    memcpy(m->data + 1 + sizeof n, s, (size_t)n); /* its length is in front */
    return m;
}

/* -- objects already seen ------------------------------------------------- */

/* Numbers the object at `index`; if it has one already, refers to it and
 * returns true. */
static bool
seen_before(packer *p, int index)
{
    lua_State *L = p->L;
    lua_pushvalue(L, index);
    bool again = lua_rawget(L, p->seen) != LUA_TNIL;
    uint32_t number =
        again ? (uint32_t)lua_tointeger(L, -1) : p->out->objects++;
    lua_pop(L, 1);
    if (again) {
        put_tag(p, BIDELUA_TAG_AGAIN);
        put_u32(p, number);
        return true;
    }
    lua_pushvalue(L, index);
    lua_pushinteger(L, number);
    lua_rawset(L, p->seen);
    return false;
}

/* -- the kinds of value --------------------------------------------------- */

static void
pack_table(packer *p, int index, const bidelua_step *at)
{
    lua_State *L = p->L;
    if (seen_before(p, index))
        return;
    if (lua_getmetatable(L, index))
        fail(p, at,
             "is a table with a metatable, which cannot move to another "
             "thread; send its plain fields");
    luaL_checkstack(L, 8, "too many nested tables");
    put_tag(p, BIDELUA_TAG_TABLE);
    lua_Unsigned array = lua_rawlen(L, index);
    put_u32(p, array > UINT32_MAX ? UINT32_MAX : (uint32_t)array);
    size_t count_at = p->out->len;
    uint32_t pairs = 0;
    put_u32(p, pairs);
    lua_pushnil(L);
    while (lua_next(L, index)) {
        int key = lua_gettop(L) - 1;
        bidelua_step step = {at, BIDELUA_STEP_KEY, key, NULL};
        pack_value(p, key, &step);
        step.kind = BIDELUA_STEP_FIELD;
        pack_value(p, key + 1, &step);
        lua_pop(L, 1);
        pairs++;
    }
    memcpy(p->out->data + count_at, &pairs, sizeof pairs);
}

static int
write_dump(lua_State *L, const void *data, size_t len, void *arg)
{
    (void)L;
    put(arg, data, len);
    return 0;
}

/* Pushes the name of the module that the table at `index` is, or returns
 * false. */
static bool
module_name(lua_State *L, int index)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        if (lua_rawequal(L, -1, index) && lua_type(L, -2) == LUA_TSTRING) {
            lua_pop(L, 1);
            lua_remove(L, -2);
            return true;
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return false;
}

/* Pushes the field name under which the table on top of the stack holds the
 * value at `index`, or returns false. */
static bool
field_name(lua_State *L, int index)
{
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        if (lua_rawequal(L, -1, index) && lua_type(L, -2) == LUA_TSTRING) {
            lua_pop(L, 1);
            return true;
        }
        lua_pop(L, 1);
    }
    return false;
}

/* Pushes the names of a module and of its field which the C function at
 * `index` is, or returns false. */
static bool
member_names(lua_State *L, int index)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        if (lua_istable(L, -1) && lua_type(L, -2) == LUA_TSTRING &&
            field_name(L, index)) {
            lua_remove(L, -2); /* the module */
            lua_remove(L, -3); /* the loaded table */
            return true;
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return false;
}

static void
put_name(packer *p, int index)
{
    size_t len;
    const char *s = lua_tolstring(p->L, index, &len);
    put_bytes(p, s, len);
}

/* The upvalues that are looked up anew by the reader: globals, modules and
 * their C functions. True: the value on top of the stack was one. */
static bool
pack_by_name(packer *p, const char *name)
{
    lua_State *L = p->L;
    int index = lua_gettop(L);
    bool found = strcmp(name, "_ENV") == 0;
    if (!found) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
        found = lua_rawequal(L, -1, index);
        lua_pop(L, 1);
    }
    if (found) {
        put_tag(p, BIDELUA_TAG_GLOBALS);
    } else if (lua_istable(L, index) && module_name(L, index)) {
        put_tag(p, BIDELUA_TAG_MODULE);
        put_name(p, -1);
        found = true;
    } else if (lua_iscfunction(L, index) && member_names(L, index)) {
        put_tag(p, BIDELUA_TAG_MEMBER);
        put_name(p, -2);
        put_name(p, -1);
        found = true;
    }
    lua_settop(L, index);
    return found;
}

/* An upvalue that two functions share is one cell: the second one refers to
 * the first. */
static bool
cell_before(packer *p, int function, uint32_t number, int n)
{
    lua_State *L = p->L;
    void *cell = lua_upvalueid(L, function, n);
    bool again = lua_rawgetp(L, p->seen, cell) != LUA_TNIL;
    lua_Integer where = lua_tointeger(L, -1);
    lua_pop(L, 1);
    if (again) {
        put_tag(p, BIDELUA_TAG_CELL);
        put_u32(p, (uint32_t)(where >> 8));
        put_u32(p, (uint32_t)(where & 255));
        return true;
    }
    lua_pushinteger(L, (lua_Integer)number << 8 | n);
    lua_rawsetp(L, p->seen, cell);
    return false;
}

static void
pack_function(packer *p, int index, const bidelua_step *at)
{
    lua_State *L = p->L;
    if (lua_iscfunction(L, index))
        fail(p, at,
             "is a C function, which cannot move to another thread; "
             "require its module inside the function");
    if (seen_before(p, index))
        return;
    luaL_checkstack(L, 8, "too many nested functions");
    uint32_t number = p->out->objects - 1;
    put_tag(p, BIDELUA_TAG_FUNCTION);
    size_t start = p->out->len;
    uint64_t size = 0;
    put(p, &size, sizeof size);
    lua_pushvalue(L, index);
    if (lua_dump(L, write_dump, p, 0) != 0)
        fail(p, at, "could not be dumped");
    lua_pop(L, 1);
    size = p->out->len - start - sizeof size;
    memcpy(p->out->data + start, &size, sizeof size);
    const char *name;
    for (int n = 1; (name = lua_getupvalue(L, index, n)) != NULL; n++) {
        bidelua_step step = {at, BIDELUA_STEP_UPVALUE, index, name};
        if (!cell_before(p, index, number, n) && !pack_by_name(p, name))
            pack_value(p, lua_gettop(L), &step);
        lua_pop(L, 1);
    }
}

static void
pack_userdata(packer *p, int index, const bidelua_step *at)
{
    lua_State *L = p->L;
    const bidelua_carrier *carrier = bidelua_carrier_of(L, index);
    if (!carrier)
        fail(p, at,
             "is a userdata, which cannot move to another thread; "
             "open it inside the function");
    if (seen_before(p, index))
        return;
    bidelua_packed *m = p->out;
    bidelua_carried *grown =
        realloc(m->carried, (m->carried_count + 1) * sizeof *grown);
    if (!grown)
        fail(p, NULL, "out of memory");
    m->carried = grown;
    grown[m->carried_count].carrier = carrier;
    grown[m->carried_count].object = carrier->take(L, index);
    put_tag(p, BIDELUA_TAG_CARRIED);
    put_u32(p, p->out->carried_count++);
}

static void
pack_number(packer *p, int index)
{
    if (lua_isinteger(p->L, index)) {
        lua_Integer i = lua_tointeger(p->L, index);
        put_tag(p, BIDELUA_TAG_INTEGER);
        put(p, &i, sizeof i);
    } else {
        lua_Number d = lua_tonumber(p->L, index);
        put_tag(p, BIDELUA_TAG_FLOAT);
        put(p, &d, sizeof d);
    }
}

static void
pack_string(packer *p, int index)
{
    size_t len;
    const char *s = lua_tolstring(p->L, index, &len);
    put_tag(p, BIDELUA_TAG_STRING);
    put_bytes(p, s, len);
}

static void
pack_pointer(packer *p, int index)
{
    void *ptr = lua_touserdata(p->L, index);
    put_tag(p, BIDELUA_TAG_POINTER);
    put(p, &ptr, sizeof ptr);
}

static void
pack_value(packer *p, int index, const bidelua_step *at)
{
    if (++p->depth > BIDELUA_PACK_DEPTH)
        fail(p, NULL, "the value is nested too deeply (190 levels at most)");
    switch (lua_type(p->L, index)) {
    case LUA_TNIL:
        put_tag(p, BIDELUA_TAG_NIL);
        break;
    case LUA_TBOOLEAN:
        put_tag(p, lua_toboolean(p->L, index) ? BIDELUA_TAG_TRUE
                                              : BIDELUA_TAG_FALSE);
        break;
    case LUA_TNUMBER:
        pack_number(p, index);
        break;
    case LUA_TSTRING:
        pack_string(p, index);
        break;
    case LUA_TLIGHTUSERDATA:
        pack_pointer(p, index);
        break;
    case LUA_TTABLE:
        pack_table(p, index, at);
        break;
    case LUA_TFUNCTION:
        pack_function(p, index, at);
        break;
    case LUA_TUSERDATA:
        pack_userdata(p, index, at);
        break;
    default:
        fail(p, at, "is a coroutine, which cannot move to another thread");
        break;
    }
    p->depth--;
}

/* Whether one of the values needs the packer's slots. */
static bool
has_objects(lua_State *L, int first, int n)
{
    for (int i = first; i < first + n; i++)
        if (lua_type(L, i) >= LUA_TTABLE)
            return true;
    return false;
}

/* Fills the packer's slots. All that may raise while nobody owns the message
 * comes before there is one. */
static bidelua_packed **
push_slots(lua_State *L, bool objects)
{
    if (!objects) {
        lua_pushnil(L);
        lua_pushnil(L);
        return NULL;
    }
    lua_newtable(L);
    return new_box(L);
}

bidelua_packed *
bidelua_pack(lua_State *L, int first, int n, bidelua_pack_role role,
             const char *what)
{
    enum { START = 96 };
    int top = lua_gettop(L);
    luaL_checkstack(L, 12, "bide: packing values");
    packer p = {.L = L, .seen = top + 1, .role = role, .what = what};
    p.owner = push_slots(L, has_objects(L, first, n));
    bidelua_packed *m = malloc(sizeof *m + START);
    if (!m) {
        luaL_error(L, "%s: out of memory", what);
        return NULL;
    }
    *m = (bidelua_packed){NULL, 0, (uint32_t)n, 0, 0, START};
    p.out = m;
    if (p.owner)
        *p.owner = m;
    for (int i = 0; i < n; i++) {
        int nth = role == BIDELUA_PACK_CALL ? i - 2 : i;
        bidelua_step root = {NULL, BIDELUA_STEP_ROOT, nth, NULL};
        pack_value(&p, first + i, &root);
    }
    if (p.owner)
        *p.owner = NULL;
    lua_settop(L, top);
    return p.out;
}
