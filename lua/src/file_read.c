/* Reading files, with the formats of the io library.
 *
 * Reading functions lay their stack out alike:
 *   1 the file   2 format   3 true inside lines()                            */
#include <string.h>

#include "file.h"

enum { SOME = 65536 };

static bide_file *
core_of(lua_State *L)
{
    return ((bidelua_file *)lua_touserdata(L, 1))->core;
}

/* Returns the `n` bytes that were granted, of which the last `cut` are left
 * out. The consume comes first if the string cannot be made. */
static int
push_granted(lua_State *L)
{
    const size_t *sizes = lua_touserdata(L, 2);
    size_t len;
    const char *data = bide_file_data(lua_touserdata(L, 1), &len);
    lua_pushlstring(L, data, sizes[0]);
    return 1;
}

static int
take(lua_State *L, bide_file *f, size_t n, size_t cut)
{
    size_t keep = n - cut;
    lua_pushcfunction(L, push_granted);
    lua_pushlightuserdata(L, f);
    lua_pushlightuserdata(L, &keep);
    int rc = lua_pcall(L, 2, 1, 0);
    bide_file_consume(f, rc == LUA_OK ? n : 0);
    return rc == LUA_OK ? 1 : lua_error(L);
}

/* Inside lines() errors are raised, as there is nobody to look at them. */
static int
failed(lua_State *L, bidelua_task *t, int status)
{
    int n = bidelua_file_failed(L, t, status);
    if (!lua_toboolean(L, 3))
        return n;
    lua_pushvalue(L, -2);
    return lua_error(L);
}

static int
end_of_file(lua_State *L)
{
    lua_pushnil(L);
    if (lua_toboolean(L, 3))
        return 1;
    lua_pushliteral(L, "eof");
    return 2;
}

static int
bytes_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return failed(L, t, status);
    size_t n = t->wait.u.io.len;
    return n > 0 ? take(L, core_of(L), n, 0) : end_of_file(L);
}

/* All that is left may be nothing. */
static int
all_done(lua_State *L, bidelua_task *t, int status)
{
    if (status == 0 && t->wait.u.io.len == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    return bytes_done(L, t, status);
}

static int
line_done(lua_State *L, bidelua_task *t, int status)
{
    size_t len, n = t->wait.u.io.len;
    if (status < 0 || n == 0)
        return bytes_done(L, t, status);
    const char *format = lua_tostring(L, 2);
    bool whole = format && strchr(format, 'L');
    const char *data = bide_file_data(core_of(L), &len);
    size_t cut = !whole && data[n - 1] == '\n';
    return take(L, core_of(L), n, cut);
}

static int
read_count(lua_State *L, bidelua_task *t)
{
    size_t n = bidelua_checksize(L, 2, "n", 0);
    int r = bide_file_read_exact(core_of(L), n, &t->wait);
    return bidelua_await(L, t, r, n ? bytes_done : all_done);
}

/* Reads as the format at index 2 says; the stack is laid out. */
static int
read_format(lua_State *L, bidelua_task *t)
{
    bide_file *f = core_of(L);
    if (lua_type(L, 2) == LUA_TNUMBER)
        return read_count(L, t);
    const char *format = luaL_optstring(L, 2, "l");
    if (*format == '*') /* as io allows */
        format++;
    switch (*format) {
    case 'l':
    case 'L':
        return bidelua_await(
            L, t, bide_file_read_until(f, "\n", 1, SIZE_MAX, &t->wait),
            line_done);
    case 'a':
        return bidelua_await(L, t, bide_file_read_exact(f, SIZE_MAX, &t->wait),
                             all_done);
    default:
        return luaL_argerror(L, 2,
                             "'l', 'L', 'a' or a number of bytes expected");
    }
}

int
bidelua_file_read(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_check(L, S, 1, BIDELUA_FILE);
    lua_settop(L, 2);
    lua_pushnil(L);
    return read_format(L, bidelua_enter(L, S, "file:read"));
}

int
bidelua_file_readsome(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_check(L, S, 1, BIDELUA_FILE);
    size_t max = bidelua_optsize(L, 2, "max", 1, SOME);
    lua_settop(L, 2);
    lua_pushnil(L);
    bidelua_task *t = bidelua_enter(L, S, "file:readsome");
    int r = bide_file_read(core_of(L), max, &t->wait);
    return bidelua_await(L, t, r, bytes_done);
}

/* Upvalues: the state, the file, the format. */
static int
next_line(lua_State *L)
{
    bidelua_task *t = bidelua_enter(L, bidelua_self(L), "file:lines");
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_pushvalue(L, lua_upvalueindex(3));
    lua_pushboolean(L, 1);
    return read_format(L, t);
}

int
bidelua_file_lines(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_check(L, S, 1, BIDELUA_FILE);
    lua_settop(L, 2);
    lua_pushlightuserdata(L, S);
    lua_insert(L, 1);
    lua_pushcclosure(L, next_line, 3);
    return 1;
}
