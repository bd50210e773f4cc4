/* process.c - the methods of a child process.
 *
 *   p:wait()                       as os.execute: true | nil, "exit" |
 *                                  "signal", number
 *   p:stdin() p:stdout() p:stderr()  the streams, or nil
 *   p:pid() p:returncode() p:signal("HUP") p:terminate() p:kill()
 *   p:stop(grace)                  SIGTERM now, SIGKILL later
 *   local p <close> = ...          stopped and reaped at the end of the block
 *
 * spawn_process.c starts them. */
#include "process.h"

#include <errno.h>
#include <signal.h>

#include "scope.h"
#include "signal_names.h"

static bidelua_process *
check(lua_State *L)
{
    return bidelua_check(L, bidelua_self(L), 1, BIDELUA_PROCESS);
}

/* -- the streams ---------------------------------------------------------- */

void
bidelua_process_setstreams(lua_State *L, bidelua_state *S, int index)
{
    bidelua_process *p = lua_touserdata(L, index);

    for (int i = 0; i < BIDELUA_STDIO; i++) {
        bide_stream *core = bide_process_stream(p->core, i);
        int same = 0;
        while (same < i && bide_process_stream(p->core, same) != core)
            same++;
        if (core == NULL) {
            lua_pushnil(L);
        } else if (same < i) {
            lua_getiuservalue(L, index, same + 1);
        } else {
            bidelua_stream *s = bidelua_stream_new(L, S);
            s->core = bide_stream_ref(core);
        }
        lua_setiuservalue(L, index, i + 1);
    }
}

static int
stream_at(lua_State *L, int number)
{
    check(L);
    lua_getiuservalue(L, 1, number + 1);
    return 1;
}

static int
process_stdin(lua_State *L)
{
    return stream_at(L, 0);
}

static int
process_stdout(lua_State *L)
{
    return stream_at(L, 1);
}

static int
process_stderr(lua_State *L)
{
    return stream_at(L, 2);
}

/* -- its end -------------------------------------------------------------- */

int
bidelua_process_pushend(lua_State *L, int64_t code)
{
    if (code == 0)
        lua_pushboolean(L, 1);
    else
        lua_pushnil(L);
    lua_pushstring(L, code < 0 ? "signal" : "exit");
    lua_pushinteger(L, code < 0 ? -code : code);
    return 3;
}

static int
wait_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return bidelua_io_failed(L, t, status);
    return bidelua_process_pushend(L, t->wait.value.as.integer);
}

static int
process_wait(lua_State *L)
{
    bidelua_process *p = check(L);
    bidelua_task *t = bidelua_enter(L, bidelua_self(L), "process:wait");

    return bidelua_await(L, t, bide_process_wait(p->core, &t->wait), wait_done);
}

static int
process_returncode(lua_State *L)
{
    int code;

    if (bide_process_poll(check(L)->core, &code))
        lua_pushnil(L);
    else
        lua_pushinteger(L, code);
    return 1;
}

static int
process_pid(lua_State *L)
{
    lua_pushinteger(L, bide_process_pid(check(L)->core));
    return 1;
}

/* -- signals -------------------------------------------------------------- */

/* true; false: it has ended. */
static int
sent(lua_State *L, int status, const char *what)
{
    if (status == BIDE_EINVALID)
        return luaL_error(L,
                          "%s: the process leads no group: spawn it with "
                          "new_group or new_session",
                          what);
    if (status != 0 && status != -ESRCH)
        return bidelua_fail(L, NULL, status);
    lua_pushboolean(L, status == 0);
    return 1;
}

static int
process_signal(lua_State *L)
{
    bidelua_process *p = check(L);
    int signum = bidelua_signal_number(L, 2, "process:signal");

    return sent(L, bide_process_signal(p->core, signum), "process:signal");
}

static int
process_signal_group(lua_State *L)
{
    bidelua_process *p = check(L);
    int signum = bidelua_signal_number(L, 2, "process:signal_group");

    return sent(L, bide_process_signal_group(p->core, signum),
                "process:signal_group");
}

static int
process_terminate(lua_State *L)
{
    return sent(L, bide_process_signal(check(L)->core, SIGTERM), "terminate");
}

static int
process_kill(lua_State *L)
{
    return sent(L, bide_process_signal(check(L)->core, SIGKILL), "kill");
}

static int
process_stop(lua_State *L)
{
    bidelua_process *p = check(L);
    int64_t grace =
        lua_isnoneornil(L, 2) ? p->grace : bidelua_checkseconds(L, 2);

    bide_process_stop(p->core, grace);
    return 0;
}

/* -- closing -------------------------------------------------------------- */

static void
close_now(const bidelua_process *p)
{
    bide_stream *before = NULL;

    for (int i = 0; i < BIDELUA_STDIO; i++) {
        bide_stream *s = bide_process_stream(p->core, i);
        if (s && s != before)
            bide_stream_close(s);
        before = s;
    }
    bide_process_close(p->core);
}

/* Stack: the process, ..., the shield on top. */
static int
close_waited(lua_State *L, bidelua_task *t, int status)
{
    (void)t;
    (void)status;
    bidelua_scope_leave(L, lua_touserdata(L, -1));
    close_now(lua_touserdata(L, 1));
    return 0;
}

/* Waits for its end, whatever is cancelled, if it can wait here. */
static int
process_close(lua_State *L)
{
    static const bidelua_scope_options shield = {BIDE_FOREVER, BIDE_FOREVER,
                                                 true, 0};
    bidelua_process *p = check(L);
    bidelua_task *t = bidelua_self(L)->running;
    int code;

    if (p->core == NULL || bide_process_closed(p->core))
        return 0;
    if (!t || t->active != L || !lua_isyieldable(L) ||
        bide_process_poll(p->core, &code) == 0) {
        close_now(p);
        return 0;
    }
    t->what = "process:close";
    bide_process_stop(p->core, p->grace);
    bidelua_scope_open(L, t, &shield);
    return bidelua_await(L, t, bide_process_wait(p->core, &t->wait),
                         close_waited);
}

static int
process_closed(lua_State *L)
{
    lua_pushboolean(L, bide_process_closed(check(L)->core));
    return 1;
}

static int
process_tostring(lua_State *L)
{
    bidelua_process *p = check(L);

    if (p->core)
        lua_pushfstring(L, "bide.process %d", bide_process_pid(p->core));
    else
        lua_pushliteral(L, "bide.process (not started)");
    return 1;
}

static int
process_gc(lua_State *L)
{
    bidelua_process *p = lua_touserdata(L, 1);
    bide_process *core = p->core;

    p->core = NULL;
    bide_process_unref(core);
    return 0;
}

static const luaL_Reg methods[] = {
    {"wait", process_wait},
    {"returncode", process_returncode},
    {"pid", process_pid},
    {"stdin", process_stdin},
    {"stdout", process_stdout},
    {"stderr", process_stderr},
    {"signal", process_signal},
    {"signal_group", process_signal_group},
    {"terminate", process_terminate},
    {"kill", process_kill},
    {"stop", process_stop},
    {"close", process_close},
    {"closed", process_closed},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__gc", process_gc},
    {"__close", process_close},
    {"__tostring", process_tostring},
    {NULL, NULL},
};

const bidelua_type bidelua_process_type = {
    .name = "bide.process",
    .methods = methods,
    .meta = meta,
};
