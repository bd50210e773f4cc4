/* bide.signals: signals of the process as what tasks wait for.
 *
 *   for name, count in bide.signals("USR1", "HUP") do ... end
 *   local s <close> = bide.signals("TERM")   s:wait()
 *
 * What Ctrl-C does to a run that does not listen for it is in interrupt.c. */
#include <signal.h>
#include <string.h>

#include "signal_names.h"

enum { MOST = 64 };

static const struct {
    const char *name;
    int number;
} table[] = {
    {"HUP", SIGHUP},   {"INT", SIGINT},     {"QUIT", SIGQUIT},
    {"TERM", SIGTERM}, {"USR1", SIGUSR1},   {"USR2", SIGUSR2},
    {"CHLD", SIGCHLD}, {"PIPE", SIGPIPE},   {"ALRM", SIGALRM},
    {"CONT", SIGCONT}, {"TSTP", SIGTSTP},   {"TTIN", SIGTTIN},
    {"TTOU", SIGTTOU}, {"WINCH", SIGWINCH}, {"URG", SIGURG},
    {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ},   {"VTALRM", SIGVTALRM},
    {"PROF", SIGPROF}, {"IO", SIGIO},       {"SYS", SIGSYS},
    {"TRAP", SIGTRAP}, {"ABRT", SIGABRT},   {"KILL", SIGKILL},
    {"STOP", SIGSTOP}, {"SEGV", SIGSEGV},   {"BUS", SIGBUS},
    {"FPE", SIGFPE},   {"ILL", SIGILL},
};

enum { NAMES = sizeof table / sizeof *table };

typedef struct listener {
    bide_signal *core;
} listener;

static listener *
check(lua_State *L)
{
    return bidelua_check(L, bidelua_self(L), 1, BIDELUA_SIGNALS);
}

/* -- names ---------------------------------------------------------------- */

int
bidelua_signal_number(lua_State *L, int index, const char *what)
{
    if (lua_isinteger(L, index)) {
        lua_Integer n = lua_tointeger(L, index);
        return n > 0 && n <= 4096 ? (int)n : 0;
    }
    if (lua_type(L, index) != LUA_TSTRING)
        return luaL_error(L,
                          "%s: signals are names such as \"USR1\", or "
                          "numbers, not a %s",
                          what, luaL_typename(L, index));
    const char *name = lua_tostring(L, index);
    const char *plain = strncmp(name, "SIG", 3) == 0 ? name + 3 : name;
    for (int i = 0; i < NAMES; i++)
        if (strcmp(plain, table[i].name) == 0)
            return table[i].number;
    return luaL_error(L, "%s: there is no signal \"%s\"", what, name);
}

static void
push_signal(lua_State *L, int number)
{
    for (int i = 0; i < NAMES; i++)
        if (table[i].number == number) {
            lua_pushstring(L, table[i].name);
            return;
        }
    lua_pushinteger(L, number);
}

bide_signal *
bidelua_signal_listen(lua_State *L, bidelua_task *t, int first,
                      const char *what)
{
    int signums[MOST], n = lua_gettop(L) - first + 1;
    bide_signal *s = NULL;

    if (n < 1 || n > MOST)
        luaL_error(L, "%s: 1 to %d signals are needed", what, (int)MOST);
    for (int i = 0; i < n; i++)
        signums[i] = bidelua_signal_number(L, first + i, what);
    int rc = bide_signal_new(t->base.loop, signums, (size_t)n, &s);
    if (rc == BIDE_EINVALID)
        luaL_error(L,
                   "%s: different signals that can be caught are needed "
                   "(not KILL, STOP or those of a fault)",
                   what);
    bidelua_require(L, rc, what);
    return s;
}

/* -- listening ------------------------------------------------------------ */

/* The object, thrice more for a for loop: it closes what it got as fourth. */
static int
make(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_task *t = bidelua_current(L, S, "bide.signals");
    listener *s = bidelua_new(L, S, BIDELUA_SIGNALS, sizeof *s, 0);

    lua_insert(L, 1);
    s->core = bidelua_signal_listen(L, t, 2, "bide.signals");
    lua_settop(L, 1);
    lua_pushnil(L);
    lua_pushnil(L);
    lua_pushvalue(L, 1);
    return 4;
}

static int
wait_done(lua_State *L, bidelua_task *t, int status)
{
    if (status == BIDE_ECLOSED)
        return bidelua_fail(L, t, status);
    if (status < 0)
        return bidelua_raise(L, t, status);
    push_signal(L, (int)t->wait.value.as.integer);
    lua_pushinteger(L, (lua_Integer)t->wait.u.count);
    return 2;
}

/* Also what the for loop calls; it ends with the nil of a closed one. */
static int
signals_wait(lua_State *L)
{
    listener *s = check(L);
    bidelua_task *t = bidelua_enter(L, bidelua_self(L), "signals:wait");

    lua_settop(L, 1);
    return bidelua_await(L, t, bide_signal_wait(s->core, &t->wait), wait_done);
}

static int
signals_close(lua_State *L)
{
    listener *s = check(L);

    if (s->core)
        bide_signal_close(s->core);
    return 0;
}

static int
signals_closed(lua_State *L)
{
    lua_pushboolean(L, bide_signal_closed(check(L)->core));
    return 1;
}

static int
signals_gc(lua_State *L)
{
    listener *s = lua_touserdata(L, 1);

    bide_signal_unref(s->core);
    s->core = NULL;
    return 0;
}

static const luaL_Reg methods[] = {
    {"wait", signals_wait},
    {"close", signals_close},
    {"closed", signals_closed},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__call", signals_wait},
    {"__close", signals_close},
    {"__gc", signals_gc},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"signals", make},
    {NULL, NULL},
};

const bidelua_type bidelua_signal_type = {"bide.signals", methods, meta,
                                          functions, NULL};
