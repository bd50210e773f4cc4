/* bide.process.run{"ls", "-l"}: a child from its start to its end, in one call.
 *
 * Beside the options of spawn: input, a string; limit, the most bytes of
 * output; check, whether a failure of it is one of the call; timeout, in
 * seconds. One task does it all: while it writes the input and reads one
 * output, the loop reads the other ahead, so that nobody waits for somebody who
 * waits.
 *
 * The stack: the options, the process (closed with the call, so that an error
 * or a cancellation ends the child), what holds strings, the result. */
#include "scope.h"
#include "spawn_process.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

enum { TABLE = 1, PROCESS = 2, RESULT = 4 };

static bide_process *
core_of(lua_State *L)
{
    return ((bidelua_process *)lua_touserdata(L, PROCESS))->core;
}

/* -- the end -------------------------------------------------------------- */

enum { TAIL = 1000 /* bytes of stderr in a message */ };

static void
push_name(lua_State *L)
{
    if (lua_rawgeti(L, TABLE, 1) != LUA_TNIL)
        return;
    lua_pop(L, 1);
    lua_getfield(L, TABLE, "shell");
}

/* nil, "bide.process.run 'cc': exit 2: ...", "exit", the result. */
static int
failed(lua_State *L)
{
    size_t n = 0;
    push_name(L);
    lua_getfield(L, RESULT, "how");
    lua_getfield(L, RESULT, "code");
    lua_getfield(L, RESULT, "stderr");
    const char *said = lua_tolstring(L, -1, &n);
    while (n > 0 && said[n - 1] == '\n')
        n--;
    lua_pushlstring(L, n > TAIL ? said + n - TAIL : said, n > TAIL ? TAIL : n);
    lua_pushnil(L);
    lua_pushfstring(L, "bide.process.run '%s': %s %I%s%s",
                    lua_tostring(L, RESULT + 1), lua_tostring(L, RESULT + 2),
                    (LUAI_UACINT)lua_tointeger(L, RESULT + 3), n ? ": " : "",
                    lua_tostring(L, RESULT + 5));
    lua_pushvalue(L, RESULT + 2);
    lua_pushvalue(L, RESULT);
    return 4;
}

static int
ended(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return bidelua_io_failed(L, t, status);
    bidelua_process_pushend(L, t->wait.value.as.integer);
    lua_setfield(L, RESULT, "code");
    lua_setfield(L, RESULT, "how");
    lua_pushboolean(L, lua_toboolean(L, -1));
    lua_setfield(L, RESULT, "ok");
    lua_getfield(L, RESULT, "ok");
    lua_getfield(L, TABLE, "check");
    bool raise = lua_toboolean(L, -1) && !lua_toboolean(L, -2);
    lua_settop(L, RESULT);
    return raise ? failed(L) : 1;
}

/* -- what it says --------------------------------------------------------- */

static int hear(lua_State *L, bidelua_task *t, int number);

/* 0: there is more than the limit. */
static int
take(lua_State *L, bidelua_task *t, int status, int number)
{
    size_t len;
    bide_stream *s = bide_process_stream(core_of(L), number);

    if (status == 0)
        return luaL_error(L, "bide.process.run: more output than the limit");
    if (status != BIDE_EEOF)
        return bidelua_io_failed(L, t, status);
    const char *data = bide_stream_data(s, &len);
    lua_pushlstring(L, data, len);
    lua_setfield(L, RESULT, number == 1 ? "stdout" : "stderr");
    bide_stream_consume(s, len);
    return hear(L, t, number + 1);
}

static int
heard_output(lua_State *L, bidelua_task *t, int status)
{
    return take(L, t, status, 1);
}

static int
heard_error(lua_State *L, bidelua_task *t, int status)
{
    return take(L, t, status, 2);
}

static int
hear(lua_State *L, bidelua_task *t, int number)
{
    bide_process *p = core_of(L);
    bide_stream *s = NULL;

    while (number < BIDELUA_STDIO && !(s = bide_process_stream(p, number)))
        number++;
    if (s == NULL)
        return bidelua_await(L, t, bide_process_wait(p, &t->wait), ended);
    lua_getfield(L, TABLE, "limit");
    size_t limit =
        lua_isnil(L, -1) ? SIZE_MAX : (size_t)lua_tointeger(L, -1) + 1;
    lua_pop(L, 1);
    return bidelua_await(L, t, bide_stream_read_exact(s, limit, &t->wait),
                         number == 1 ? heard_output : heard_error);
}

/* -- what it is told ------------------------------------------------------ */

/* One that does not want its input has closed it. */
static int
told(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0 && status != -EPIPE)
        return bidelua_io_failed(L, t, status);
    bide_stream_close(bide_process_stream(core_of(L), 0));
    return hear(L, t, 1);
}

static int
tell(lua_State *L, bidelua_task *t)
{
    size_t len = 0;
    bide_stream *s = bide_process_stream(core_of(L), 0);

    for (int i = 1; i < BIDELUA_STDIO; i++) {
        bide_stream *out = bide_process_stream(core_of(L), i);
        if (out)
            bide_stream_read_ahead(out);
    }
    if (s == NULL)
        return hear(L, t, 1);
    lua_getfield(L, TABLE, "input");
    const char *input = lua_tolstring(L, -1, &len);
    lua_pop(L, 1); /* the options hold it */
    return bidelua_await(
        L, t, bide_stream_write(s, input ? input : "", len, &t->wait), told);
}

/* -- the start ------------------------------------------------------------ */

static int
started(lua_State *L, bidelua_task *t, int status)
{
    bidelua_process *p = lua_touserdata(L, PROCESS);

    if (status < 0)
        return bidelua_io_failed(L, t, status);
    p->core = t->wait.value.as.ptr;
    lua_toclose(L, PROCESS);
    bidelua_process_setstreams(L, t->S, PROCESS);
    lua_settop(L, RESULT - 1);
    lua_newtable(L);
    return tell(L, t);
}

/* Pipes where nothing else was asked for. A terminal would be one stream for
 * all. */
static void
default_stdio(lua_State *L, bide_process_options *o)
{
    static const char *const names[] = {"stdin", "stdout", "stderr"};
    bool input = lua_getfield(L, TABLE, "input") != LUA_TNIL;

    if (input && lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "option 'input' must be a string");
    for (int i = 0; i < BIDELUA_STDIO; i++) {
        bool given = lua_getfield(L, TABLE, names[i]) != LUA_TNIL;
        if (!given)
            o->stdio[i].kind = i || input ? BIDE_STDIO_PIPE : BIDE_STDIO_NULL;
        if (o->stdio[i].kind == BIDE_STDIO_PTY)
            luaL_error(L, "a \"pty\" is for bide.process.spawn");
    }
    if (lua_getfield(L, TABLE, "limit") != LUA_TNIL &&
        (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 0))
        luaL_error(L, "option 'limit' must be a whole number of bytes");
}

static int
run_now(lua_State *L)
{
    static const char *const more[] = {"input", "limit", "check", "timeout",
                                       NULL};
    bidelua_state *S = bidelua_self(L);
    bide_process_options o;
    bidelua_task *t = bidelua_enter(L, S, "bide.process.run");

    bidelua_process_options(L, S, &o, more);
    default_stdio(L, &o);
    lua_settop(L, RESULT - 1);
    int r = bide_process_open(&o, &t->wait);
    if (r < 0)
        return bidelua_process_failed(L, t, r, &o);
    return bidelua_await(L, t, r, started);
}

/* What bide.timeout gave, from index 2 on. */
static int
timed(lua_State *L, int status, lua_KContext context)
{
    (void)status;
    (void)context;
    bool over = lua_gettop(L) == TABLE + 3 && lua_isnil(L, TABLE + 1) &&
                lua_type(L, -1) == LUA_TSTRING &&
                strcmp(lua_tostring(L, -1), "ETIMEDOUT") == 0;
    if (!over)
        return lua_gettop(L) - TABLE;
    lua_settop(L, TABLE);
    lua_getfield(L, TABLE, "timeout");
    push_name(L);
    lua_pushnil(L);
    lua_pushfstring(L, "bide.process.run '%s': not over after %s s",
                    lua_tostring(L, 3), lua_tostring(L, 2));
    lua_pushliteral(L, "ETIMEDOUT");
    return 3;
}

static int
run(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);

    luaL_checktype(L, TABLE, LUA_TTABLE);
    lua_settop(L, TABLE);
    if (lua_getfield(L, TABLE, "timeout") == LUA_TNIL) {
        lua_settop(L, TABLE);
        return run_now(L);
    }
    if (!lua_isnumber(L, -1) || lua_tonumber(L, -1) < 0)
        return luaL_error(L, "option 'timeout' must be seconds >= 0");
    bidelua_pushfunction(L, S, bidelua_timeout);
    lua_insert(L, -2);
    bidelua_pushfunction(L, S, run_now);
    lua_pushvalue(L, TABLE);
    lua_callk(L, 3, LUA_MULTRET, 0, timed);
    return timed(L, LUA_OK, 0);
}

static const luaL_Reg functions[] = {
    {"run", run},
    {NULL, NULL},
};

const bidelua_type bidelua_run_process_type = {
    .functions = functions,
    .table = "process",
};
