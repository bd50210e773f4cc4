/* writer.c - the writing half of a connection.
 *
 *   c:write(s, ...)   whole, or nil, message, code
 *   c:sendfile(f, offset, count)  how many bytes
 *   c:shutdown()                                                             */
#include "file.h"
#include "stream.h"

/* Up to here, joining the pieces is cheaper than a list of them. */
enum { JOINED_MOST = 4096 };

static int
write_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return bidelua_io_failed(L, t, status);
    lua_settop(L, 1);
    return 1;
}

/* The pieces at 2 to `n`, in a list on top of the stack that lies there, like
 * them, while the task waits. */
static int
write_list(lua_State *L, bidelua_stream *s, bidelua_task *t, int n)
{
    size_t count = (size_t)n - 1;
    bide_buffer *list = lua_newuserdatauv(L, count * sizeof *list, 0);
    for (size_t i = 0; i < count; i++)
        list[i].data = lua_tolstring(L, (int)i + 2, &list[i].len);
    int r = bide_stream_write_many(s->core, list, count, &t->wait);
    return bidelua_await(L, t, r, write_done);
}

int
bidelua_stream_write(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_stream *s = bidelua_stream_check(L);
    bidelua_task *t = bidelua_enter(L, S, "stream:write");
    int n = lua_gettop(L);
    size_t len, total = 0;
    for (int i = 3; i <= n; i++) {
        luaL_checklstring(L, i, &len);
        total += len;
    }
    const char *data = luaL_checklstring(L, 2, &len);
    if (n > 2 && total + len > JOINED_MOST)
        return write_list(L, s, t, n);
    if (n > 2) {
        lua_concat(L, n - 1);
        data = lua_tolstring(L, 2, &len);
    }
    int r = bide_stream_write(s->core, data, len, &t->wait);
    return bidelua_await(L, t, r, write_done);
}

static int
sendfile_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return bidelua_io_failed(L, t, status);
    lua_pushinteger(L, (lua_Integer)t->wait.u.io.done);
    return 1;
}

int
bidelua_stream_sendfile(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_stream *s = bidelua_stream_check(L);
    bidelua_file *f = bidelua_check(L, S, 2, BIDELUA_FILE);
    int64_t offset = (int64_t)bidelua_optsize(L, 3, "offset", 0, 0);
    lua_Integer count = luaL_optinteger(L, 4, -1);
    luaL_argcheck(L, count >= 0 || lua_isnoneornil(L, 4), 4,
                  "a number of bytes must not be negative; leave it out to "
                  "send up to the end");
    bidelua_task *t = bidelua_enter(L, S, "stream:sendfile");
    int r = bide_stream_sendfile(s->core, f->core, offset, count, &t->wait);
    return bidelua_await(L, t, r, sendfile_done);
}

int
bidelua_stream_shutdown(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_stream *s = bidelua_stream_check(L);
    bidelua_task *t = bidelua_enter(L, S, "stream:shutdown");
    int r = bide_stream_shutdown(s->core, &t->wait);
    return bidelua_await(L, t, r, write_done);
}
