/* stdio.c - bide.open_pipe, bide.open_fifo, bide.stdin, stdout and stderr;
 * bide.open_pty and what streams can do that are terminals. */
#include "stream.h"

/* The two streams to be, at stack indexes 1 and 2. */
static int
two_streams(lua_State *L, bidelua_task *t, int status, bide_stream **ends)
{
    if (status < 0)
        return bidelua_io_failed(L, t, status);
    ((bidelua_stream *)lua_touserdata(L, 1))->core = ends[0];
    ((bidelua_stream *)lua_touserdata(L, 2))->core = ends[1];
    lua_settop(L, 2);
    return 2;
}

static bidelua_task *
begin_two(lua_State *L, const char *what)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_task *t = bidelua_current(L, S, what);
    lua_settop(L, 0);
    bidelua_stream_new(L, S);
    bidelua_stream_new(L, S);
    return t;
}

/* -- pipes ---------------------------------------------------------------- */

static int
open_pipe(lua_State *L)
{
    bide_stream *ends[2];
    bidelua_task *t = begin_two(L, "bide.open_pipe");
    int status = bide_stream_open_pipe(t->base.loop, ends);
    return two_streams(L, t, status, ends);
}

static int
failed(lua_State *L, bidelua_task *t, int status, const char *message)
{
    if (status != BIDE_EINVALID)
        return bidelua_io_failed(L, t, status);
    lua_pushnil(L);
    lua_pushstring(L, message);
    lua_pushliteral(L, "EINVALID");
    return 3;
}

static int
open_fifo(lua_State *L)
{
    static const char *const modes[] = {"r", "w", NULL};
    bidelua_state *S = bidelua_self(L);
    const char *path = luaL_checkstring(L, 1);
    bool write = luaL_checkoption(L, 2, NULL, modes) == 1;
    bidelua_task *t = bidelua_current(L, S, "bide.open_fifo");
    bidelua_stream *s = bidelua_stream_new(L, S);
    int status = bide_stream_open_fifo(t->base.loop, path, write, &s->core);
    if (status < 0)
        return failed(L, t, status, lua_pushfstring(L, "%s is no FIFO", path));
    return 1;
}

/* -- standard input and output -------------------------------------------- */

static int
standard(lua_State *L, int number, const char *what)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_task *t = bidelua_current(L, S, what);
    bidelua_stream *s = bidelua_stream_new(L, S);
    int status = bide_stream_open_stdio(t->base.loop, number, &s->core);
    if (status < 0)
        return failed(L, t, status,
                      lua_pushfstring(L,
                                      "descriptor %d is no file, pipe, stream "
                                      "socket or terminal",
                                      number));
    return 1;
}

static int
standard_input(lua_State *L)
{
    return standard(L, 0, "bide.stdin");
}

static int
standard_output(lua_State *L)
{
    return standard(L, 1, "bide.stdout");
}

static int
standard_error(lua_State *L)
{
    return standard(L, 2, "bide.stderr");
}

/* -- terminals ------------------------------------------------------------ */

/* An argument from 1 to 65535; `least` 0: nil may stand for 0. */
static unsigned short
check_cells(lua_State *L, int arg, int least)
{
    lua_Integer n =
        least ? luaL_checkinteger(L, arg) : luaL_optinteger(L, arg, 0);
    luaL_argcheck(L,
                  (n >= 1 || (!least && lua_isnoneornil(L, arg))) && n <= 65535,
                  arg, "a number of rows or columns is 1 to 65535");
    return (unsigned short)n;
}

static int
open_pty(lua_State *L)
{
    bide_stream *ends[2];
    unsigned short rows = check_cells(L, 1, 0), columns = check_cells(L, 2, 0);
    bidelua_task *t = begin_two(L, "bide.open_pty");
    int status = bide_pty_open(t->base.loop, rows, columns, ends);
    return two_streams(L, t, status, ends);
}

int
bidelua_stream_is_tty(lua_State *L)
{
    lua_pushboolean(L, bide_stream_is_tty(bidelua_stream_check(L)->core));
    return 1;
}

int
bidelua_stream_tty_size(lua_State *L)
{
    unsigned short rows, columns;
    int status = bide_tty_size(bidelua_stream_check(L)->core, &rows, &columns);
    if (status < 0)
        return bidelua_fail(L, NULL, status);
    lua_pushinteger(L, rows);
    lua_pushinteger(L, columns);
    return 2;
}

static int
done(lua_State *L, int status)
{
    if (status < 0)
        return bidelua_fail(L, NULL, status);
    lua_settop(L, 1);
    return 1;
}

int
bidelua_stream_set_tty_size(lua_State *L)
{
    bide_stream *s = bidelua_stream_check(L)->core;
    unsigned short rows = check_cells(L, 2, 1);
    return done(L, bide_tty_resize(s, rows, check_cells(L, 3, 1)));
}

/* s:set_raw([on]) */
int
bidelua_stream_set_raw(lua_State *L)
{
    bool on = lua_isnoneornil(L, 2) || lua_toboolean(L, 2);
    return done(L, bide_tty_raw(bidelua_stream_check(L)->core, on));
}

static const luaL_Reg functions[] = {
    {"open_pipe", open_pipe},
    {"open_fifo", open_fifo},
    {"open_pty", open_pty},
    {"stdin", standard_input},
    {"stdout", standard_output},
    {"stderr", standard_error},
    {NULL, NULL},
};

const bidelua_type bidelua_stdio_type = {
    .functions = functions,
};
