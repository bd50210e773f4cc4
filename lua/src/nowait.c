/* nowait.c - of a connection: reading and writing without waiting, and the
 * marks between which it buffers.
 *
 *   c:try_read(max)      what is there, or nil, message, "EWOULDBLOCK"
 *   c:try_write(s)       how many bytes the system took, or the same
 *   c:write_nowait(s)    all of it, in the background if need be
 *   c:drain()            waits until there is less to send
 *   c:peek(n)            the next bytes, which stay */
#include "stream.h"

enum { SOME = 65536 };

static int
end_of_stream(lua_State *L)
{
    lua_pushnil(L);
    lua_pushliteral(L, "eof");
    return 2;
}

/* -- reading -------------------------------------------------------------- */

static int
peek_done(lua_State *L, bidelua_task *t, int status)
{
    bide_stream *core = ((bidelua_stream *)lua_touserdata(L, 1))->core;
    size_t len, n = (size_t)lua_tointeger(L, 2);
    if (status < 0 && status != BIDE_EEOF)
        return bidelua_io_failed(L, t, status);
    const char *data = bide_stream_data(core, &len);
    if (len == 0)
        return end_of_stream(L);
    lua_pushlstring(L, data, len < n ? len : n);
    bide_stream_consume(core, 0);
    return 1;
}

int
bidelua_stream_peek(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_stream *s = bidelua_stream_check(L);
    size_t n = bidelua_checksize(L, 2, "n", 1);
    lua_settop(L, 2);
    bidelua_task *t = bidelua_enter(L, S, "stream:peek");
    int r = bide_stream_read_exact(s->core, n, &t->wait);
    return bidelua_await(L, t, r, peek_done);
}

int
bidelua_stream_try_read(lua_State *L)
{
    bidelua_stream *s = bidelua_stream_check(L);
    size_t n, len, max = bidelua_optsize(L, 2, "max", 1, SOME);
    bidelua_task *t = bidelua_current(L, bidelua_self(L), "stream:try_read");
    int status = bide_stream_try_read(s->core, max, &n);
    if (status < 0)
        return bidelua_io_failed(L, t, status);
    if (n == 0)
        return end_of_stream(L);
    lua_pushlstring(L, bide_stream_data(s->core, &len), n);
    bide_stream_consume(s->core, n);
    return 1;
}

int
bidelua_stream_buffered(lua_State *L)
{
    size_t len;
    bide_stream_data(bidelua_stream_check(L)->core, &len);
    lua_pushinteger(L, (lua_Integer)len);
    return 1;
}

/* -- writing -------------------------------------------------------------- */

int
bidelua_stream_try_write(lua_State *L)
{
    bidelua_stream *s = bidelua_stream_check(L);
    bide_buffer one;
    size_t done;
    one.data = luaL_checklstring(L, 2, &one.len);
    bidelua_task *t = bidelua_current(L, bidelua_self(L), "stream:try_write");
    int status = bide_stream_try_write(s->core, &one, 1, &done);
    if (status < 0)
        return bidelua_io_failed(L, t, status);
    lua_pushinteger(L, (lua_Integer)done);
    return 1;
}

int
bidelua_stream_write_nowait(lua_State *L)
{
    bidelua_stream *s = bidelua_stream_check(L);
    size_t len;
    const char *data = luaL_checklstring(L, 2, &len);
    bidelua_task *t =
        bidelua_current(L, bidelua_self(L), "stream:write_nowait");
    int status = bide_stream_write_nowait(s->core, data, len);
    if (status < 0)
        return bidelua_io_failed(L, t, status);
    lua_settop(L, 1);
    return 1;
}

static int
drain_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return bidelua_io_failed(L, t, status);
    lua_settop(L, 1);
    return 1;
}

int
bidelua_stream_drain(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_stream *s = bidelua_stream_check(L);
    bidelua_task *t = bidelua_enter(L, S, "stream:drain");
    return bidelua_await(L, t, bide_stream_drain(s->core, &t->wait),
                         drain_done);
}

int
bidelua_stream_unsent(lua_State *L)
{
    bidelua_stream *s = bidelua_stream_check(L);
    lua_pushinteger(L, (lua_Integer)bide_stream_unsent(s->core));
    return 1;
}

/* -- marks ---------------------------------------------------------------- */

static const char *const marks[] = {"read_high", "read_low", "write_high",
                                    "write_low", NULL};

static void
set_limits(lua_State *L, bidelua_stream *s, bide_stream_limits *l)
{
    size_t *const slots[] = {&l->read_high, &l->read_low, &l->write_high,
                             &l->write_low};
    bidelua_checkoptions(L, 2, marks);
    for (int i = 0; marks[i]; i++) {
        int ok = 1;
        lua_Integer n = (lua_Integer)*slots[i];
        if (lua_getfield(L, 2, marks[i]) != LUA_TNIL)
            n = lua_tointegerx(L, -1, &ok);
        if (!ok || n < (i == 0))
            luaL_error(L, "option '%s' must be a whole number of bytes",
                       marks[i]);
        *slots[i] = (size_t)n;
        lua_pop(L, 1);
    }
    int status = bide_stream_set_limits(s->core, l);
    if (status == BIDE_EINVALID)
        luaL_error(L, "stream:limits: a low mark is above its high one");
    bidelua_require(L, status, "stream:limits");
}

/* c:limits{write_high = n, ...}; gives all of them. */
int
bidelua_stream_limits(lua_State *L)
{
    bidelua_stream *s = bidelua_stream_check(L);
    bide_stream_limits l;
    bide_stream_get_limits(s->core, &l);
    if (!lua_isnoneornil(L, 2))
        set_limits(L, s, &l);
    lua_createtable(L, 0, 4);
    const size_t values[] = {l.read_high, l.read_low, l.write_high,
                             l.write_low};
    for (int i = 0; marks[i]; i++) {
        lua_pushinteger(L, (lua_Integer)values[i]);
        lua_setfield(L, -2, marks[i]);
    }
    return 1;
}
