/* stream.c - the methods of a connection.
 *
 *   c:readsome(max)          what is there, at least a byte
 *   c:read(n | "l" | "L" | "a")  c:readuntil(sep, limit)  c:lines()
 *   c:close() c:peer() c:address() c:nodelay() c:keepalive()
 *
 * The end of the stream is nil, "eof". What a read did not take stays for the
 * next one. Reading functions lay their stack out alike:
 *   1 the stream   2 format or separator   3 limit   4 true inside lines() */
#include "stream.h"

#include <string.h>

enum {
    SOME = 65536,       /* readsome's most, unless told */
    LINE_MOST = 1 << 20 /* of a line or record, unless told */
};

const char bidelua_stream_mark = 0;

bidelua_stream *
bidelua_stream_new(lua_State *L, bidelua_state *S)
{
    bidelua_stream *s = bidelua_new(L, S, BIDELUA_STREAM, sizeof *s, 0);
    s->mark = &bidelua_stream_mark;
    return s;
}

/* -- answers -------------------------------------------------------------- */

/* What fails of a stream, at index 1, is remembered if it was the peer. */
static void
note(lua_State *L, int status)
{
    bidelua_stream *s = lua_touserdata(L, 1);
    if (s && lua_rawlen(L, 1) == sizeof *s && s->mark == &bidelua_stream_mark &&
        bide_stream_lost(s->core, status))
        s->lost = status;
}

int
bidelua_io_failed(lua_State *L, bidelua_task *t, int status)
{
    note(L, status);
    switch (status) {
    case BIDE_EBUSY:
        return luaL_error(L,
                          "%s: another task is already reading this stream; "
                          "let one task read and hand the data on",
                          t ? t->what : "stream");
    case BIDE_EWRONGLOOP:
    case BIDE_EINVALID:
    case BIDE_ENOMEMORY:
    case BIDE_EFORKED:
        return bidelua_raise(L, t, status);
    case BIDE_ETLS:
    case BIDE_ECERTIFICATE:
        return bidelua_tls_failed(L, t, status);
    default:
        return bidelua_fail(L, t, status);
    }
}

static int
end_of_stream(lua_State *L)
{
    lua_pushnil(L);
    lua_pushliteral(L, "eof");
    return 2;
}

/* A read that got nothing. Inside lines(), the end and the close of the stream
 * end the loop and the rest is raised, as there is nobody to look at it. */
static int
read_failed(lua_State *L, bidelua_task *t, int status)
{
    if (!lua_toboolean(L, 4))
        return bidelua_io_failed(L, t, status);
    note(L, status);
    if (status != BIDE_ECLOSED)
        return bidelua_raise(L, t, status);
    lua_pushnil(L);
    return 1;
}

/* Returns the first `n` buffered bytes, of which the last `cut` are left out
 * of the string. */
static int
take(lua_State *L, bide_stream *core, size_t n, size_t cut)
{
    size_t len;
    lua_pushlstring(L, bide_stream_data(core, &len), n - cut);
    bide_stream_consume(core, n);
    return 1;
}

static bide_stream *
core_of(lua_State *L)
{
    return ((bidelua_stream *)lua_touserdata(L, 1))->core;
}

/* What is left when the stream ended before the read was satisfied. */
static int
take_rest(lua_State *L)
{
    size_t len;
    bide_stream *core = core_of(L);
    bide_stream_data(core, &len);
    return len > 0 ? take(L, core, len, 0) : end_of_stream(L);
}

/* -- reading -------------------------------------------------------------- */

static int
some_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return bidelua_io_failed(L, t, status);
    size_t n = t->wait.u.io.len;
    return n > 0 ? take(L, core_of(L), n, 0) : end_of_stream(L);
}

static int
stream_readsome(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_stream *s = bidelua_stream_check(L);
    size_t max = bidelua_optsize(L, 2, "max", 1, SOME);
    bidelua_task *t = bidelua_enter(L, S, "stream:readsome");
    int r = bide_stream_read(s->core, max, &t->wait);
    return bidelua_await(L, t, r, some_done);
}

static int
exact_done(lua_State *L, bidelua_task *t, int status)
{
    size_t len;
    if (status == 0)
        return take(L, core_of(L), t->wait.u.io.len, 0);
    if (status == BIDE_EEOF) {
        bide_stream_data(core_of(L), &len);
        if (len == 0)
            return end_of_stream(L);
    }
    return read_failed(L, t, status);
}

/* The length of the line ending that "l" leaves out: \n or \r\n. */
static size_t
ending(const char *line, size_t n)
{
    if (n == 0 || line[n - 1] != '\n')
        return 0;
    return n > 1 && line[n - 2] == '\r' ? 2 : 1;
}

/* A last line without its ending counts as a line, as it does in io. */
static int
line_done(lua_State *L, bidelua_task *t, int status)
{
    size_t len;
    bide_stream *core = core_of(L);
    if (status == BIDE_EEOF)
        return take_rest(L);
    if (status < 0)
        return read_failed(L, t, status);
    size_t n = t->wait.u.io.len;
    const char *format = lua_tostring(L, 2);
    bool whole = format && strchr(format, 'L');
    size_t cut = whole ? 0 : ending(bide_stream_data(core, &len), n);
    return take(L, core, n, cut);
}

static int all_done(lua_State *L, bidelua_task *t, int status);

/* Asks for ever more and takes nothing before the end, so that a cancelled
 * read("a") leaves everything in place. */
static int
read_all(lua_State *L, bidelua_task *t)
{
    size_t len;
    bide_stream *core = core_of(L);
    bide_stream_data(core, &len);
    size_t want = len < SOME ? SOME : len * 2;
    int r = bide_stream_read_exact(core, want, &t->wait);
    return bidelua_await(L, t, r, all_done);
}

static int
all_done(lua_State *L, bidelua_task *t, int status)
{
    size_t len;
    if (status == 0)
        return read_all(L, t);
    if (status != BIDE_EEOF)
        return read_failed(L, t, status);
    bide_stream_data(core_of(L), &len);
    return take(L, core_of(L), len, 0);
}

static int
read_exactly(lua_State *L, bide_stream *core, bidelua_task *t)
{
    size_t n = bidelua_checksize(L, 2, "n", 0);
    if (n == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    int r = bide_stream_read_exact(core, n, &t->wait);
    return bidelua_await(L, t, r, exact_done);
}

static size_t
check_limit(lua_State *L, int arg)
{
    return bidelua_optsize(L, arg, "limit", 1, LINE_MOST);
}

/* Reads as the format at index 2 says; the stack is laid out. */
static int
read_format(lua_State *L, bidelua_task *t)
{
    bide_stream *core = core_of(L);
    if (lua_type(L, 2) == LUA_TNUMBER)
        return read_exactly(L, core, t);
    const char *format = luaL_optstring(L, 2, "l");
    if (*format == '*') /* as io allows */
        format++;
    int r;
    switch (*format) {
    case 'l':
    case 'L':
        r = bide_stream_read_until(core, "\n", 1, check_limit(L, 3), &t->wait);
        return bidelua_await(L, t, r, line_done);
    case 'a':
        return read_all(L, t);
    default:
        return luaL_argerror(L, 2,
                             "'l', 'L', 'a' or a number of bytes expected");
    }
}

static int
stream_read(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_stream_check(L);
    lua_settop(L, 3);
    lua_pushnil(L);
    return read_format(L, bidelua_enter(L, S, "stream:read"));
}

static int
stream_readuntil(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_stream *s = bidelua_stream_check(L);
    size_t len;
    const char *sep = luaL_checklstring(L, 2, &len);
    luaL_argcheck(L, len >= 1 && len <= 64, 2,
                  "the separator must have 1 to 64 bytes");
    size_t limit = check_limit(L, 3);
    lua_settop(L, 3);
    lua_pushnil(L);
    bidelua_task *t = bidelua_enter(L, S, "stream:readuntil");
    int r = bide_stream_read_until(s->core, sep, len, limit, &t->wait);
    return bidelua_await(L, t, r, exact_done);
}

/* Upvalues: the state, the stream, the format, the limit. */
static int
next_line(lua_State *L)
{
    bidelua_task *t = bidelua_enter(L, bidelua_self(L), "stream:lines");
    lua_settop(L, 0);
    for (int i = 2; i <= 4; i++)
        lua_pushvalue(L, lua_upvalueindex(i));
    lua_pushboolean(L, 1);
    return read_format(L, t);
}

static int
stream_lines(lua_State *L)
{
    bidelua_stream_check(L);
    lua_settop(L, 3);
    lua_pushlightuserdata(L, bidelua_self(L));
    lua_insert(L, 1);
    lua_pushcclosure(L, next_line, 4);
    return 1;
}

/* -- the rest ------------------------------------------------------------- */

static int
stream_close(lua_State *L)
{
    bidelua_stream *s = bidelua_stream_check(L);
    if (s->core)
        bide_stream_close(s->core);
    return 0;
}

static int
stream_abort(lua_State *L)
{
    bidelua_stream *s = bidelua_stream_check(L);
    if (s->core && !bide_stream_closed(s->core))
        bide_stream_abort(s->core);
    return 0;
}

static int
stream_closed(lua_State *L)
{
    lua_pushboolean(L, bide_stream_closed(bidelua_stream_check(L)->core));
    return 1;
}

int
bidelua_pushaddress(lua_State *L, int status, const bide_address *a)
{
    if (status < 0)
        return bidelua_fail(L, NULL, status);
    lua_pushstring(L, a->host);
    if (a->family == BIDE_UNIX)
        return 1;
    lua_pushinteger(L, a->port);
    return 2;
}

static int
stream_peer(lua_State *L)
{
    bide_address a;
    int status = bide_stream_peer(bidelua_stream_check(L)->core, &a);
    return bidelua_pushaddress(L, status, &a);
}

static int
stream_address(lua_State *L)
{
    bide_address a;
    int status = bide_stream_local(bidelua_stream_check(L)->core, &a);
    return bidelua_pushaddress(L, status, &a);
}

static int
option_set(lua_State *L, int status)
{
    if (status < 0)
        return bidelua_fail(L, NULL, status);
    lua_settop(L, 1);
    return 1;
}

/* c:nodelay([on]) */
static int
stream_nodelay(lua_State *L)
{
    bool on = lua_isnoneornil(L, 2) || lua_toboolean(L, 2);
    return option_set(L, bide_tcp_nodelay(bidelua_stream_check(L)->core, on));
}

/* c:keepalive(seconds, [interval, [count]]), c:keepalive(false) */
static int
stream_keepalive(lua_State *L)
{
    bidelua_stream *s = bidelua_stream_check(L);
    if (lua_isboolean(L, 2) && !lua_toboolean(L, 2))
        return option_set(L, bide_tcp_keepalive(s->core, false, 0));
    lua_Integer seconds = luaL_checkinteger(L, 2);
    luaL_argcheck(L, seconds >= 1 && seconds <= 32767, 2,
                  "the delay must be 1 to 32767 whole seconds, or false");
    lua_Integer interval = luaL_optinteger(L, 3, 0);
    lua_Integer count = luaL_optinteger(L, 4, 0);
    luaL_argcheck(L, interval >= 0 && interval <= 32767, 3,
                  "the interval must be 1 to 32767 whole seconds");
    luaL_argcheck(L, count >= 0 && count <= 127, 4,
                  "the count must be 1 to 127 probes");
    int status = bide_tcp_keepalive(s->core, true, (unsigned)seconds);
    if (status == 0)
        status = bide_tcp_keepalive_probes(s->core, (unsigned)interval,
                                           (unsigned)count);
    return option_set(L, status);
}

static int
stream_fd(lua_State *L)
{
    int fd = bide_stream_fd(bidelua_stream_check(L)->core);
    if (fd < 0)
        return bidelua_fail(L, NULL, fd);
    lua_pushinteger(L, fd);
    return 1;
}

static int
stream_tostring(lua_State *L)
{
    bidelua_stream *s = bidelua_stream_check(L);
    bide_address a;
    if (!s->core || bide_stream_closed(s->core))
        lua_pushliteral(L, "bide.stream (closed)");
    else if (bide_stream_peer(s->core, &a) < 0)
        lua_pushliteral(L, "bide.stream");
    else if (a.family == BIDE_UNIX && *a.host)
        lua_pushfstring(L, "bide.stream to %s", a.host);
    else if (a.family == BIDE_UNIX)
        lua_pushfstring(L, "bide.stream over descriptor %d",
                        bide_stream_fd(s->core));
    else
        lua_pushfstring(L, "bide.stream to %s port %d", a.host, a.port);
    return 1;
}

static int
stream_gc(lua_State *L)
{
    bidelua_stream *s = lua_touserdata(L, 1);
    bide_stream *core = s->core;
    s->core = NULL;
    bide_stream_unref(core);
    return 0;
}

static const luaL_Reg methods[] = {
    {"read", stream_read},
    {"readsome", stream_readsome},
    {"readuntil", stream_readuntil},
    {"lines", stream_lines},
    {"peek", bidelua_stream_peek},
    {"try_read", bidelua_stream_try_read},
    {"buffered", bidelua_stream_buffered},
    {"write", bidelua_stream_write},
    {"sendfile", bidelua_stream_sendfile},
    {"try_write", bidelua_stream_try_write},
    {"write_nowait", bidelua_stream_write_nowait},
    {"drain", bidelua_stream_drain},
    {"unsent", bidelua_stream_unsent},
    {"limits", bidelua_stream_limits},
    {"shutdown", bidelua_stream_shutdown},
    {"close", stream_close},
    {"abort", stream_abort},
    {"closed", stream_closed},
    {"peer", stream_peer},
    {"address", stream_address},
    {"start_tls", bidelua_stream_start_tls},
    {"handshake", bidelua_stream_handshake},
    {"tls", bidelua_stream_tls},
    {"session", bidelua_stream_session},
    {"nodelay", stream_nodelay},
    {"keepalive", stream_keepalive},
    {"fd", stream_fd},
    {"is_tty", bidelua_stream_is_tty},
    {"tty_size", bidelua_stream_tty_size},
    {"set_tty_size", bidelua_stream_set_tty_size},
    {"set_raw", bidelua_stream_set_raw},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__gc", stream_gc},
    {"__close", stream_close},
    {"__tostring", stream_tostring},
    {NULL, NULL},
};

const bidelua_type bidelua_stream_type = {
    .name = "bide.stream",
    .methods = methods,
    .meta = meta,
};
