/* bide.process.spawn{"ls", "-l", cwd = "/", stdout = "pipe"}: starts a child.
 *
 *   1, 2, ...     the program and its arguments, or shell = "a | b"
 *   stdin, stdout, stderr   "inherit", "pipe", "null", "pty", a descriptor, a
 *                 file, a stream (which moves to the child); stderr: "stdout"
 *   env, extra_env   tables of names; false takes a name out
 *   cwd, file, fds = {[child's] = ours}, new_session, new_group, umask, uid,
 *   gid, rows, columns, grace */
#include "spawn_process.h"

#include <stdio.h>
#include <string.h>

enum { TABLE = 1, KEEP = 3 }; /* stack: the process lies at 2 */

/* -- strings that stay ---------------------------------------------------- */

/* Pops the value, a string or number: its text, kept. */
static const char *
keep_text(lua_State *L, const char *what)
{
    size_t n = 0;
    const char *text = lua_isstring(L, -1) ? lua_tolstring(L, -1, &n) : NULL;

    if (text == NULL)
        luaL_error(L, "%s must be a string, not a %s", what,
                   luaL_typename(L, -1));
    if (strlen(text) != n)
        luaL_error(L, "%s must not contain zeros", what);
    lua_rawseti(L, KEEP, (lua_Integer)lua_rawlen(L, KEEP) + 1);
    return text;
}

/* An array that stays. */
static void *
keep_room(lua_State *L, size_t size)
{
    void *p = lua_newuserdatauv(L, size, 0);

    lua_rawseti(L, KEEP, (lua_Integer)lua_rawlen(L, KEEP) + 1);
    return p;
}

static const char *
text_option(lua_State *L, const char *name)
{
    if (lua_getfield(L, TABLE, name) != LUA_TNIL)
        return keep_text(L, name);
    lua_pop(L, 1);
    return NULL;
}

/* -- numbers -------------------------------------------------------------- */

/* 0 unless it is given, which is `flag` then. */
static unsigned
number_option(lua_State *L, const char *name, lua_Integer most, unsigned flag,
              bide_process_options *o)
{
    lua_Integer n = bidelua_optioninteger(L, TABLE, name, most, -1);

    if (n < 0)
        return 0;
    o->flags |= flag;
    return (unsigned)n;
}

static unsigned
flag_option(lua_State *L, const char *name, unsigned flag)
{
    return bidelua_optionflag(L, TABLE, name, false) ? flag : 0;
}

static void
read_numbers(lua_State *L, bide_process_options *o)
{
    o->flags |= flag_option(L, "new_session", BIDE_PROCESS_SESSION);
    o->flags |= flag_option(L, "new_group", BIDE_PROCESS_GROUP);
    o->umask = number_option(L, "umask", 0777, BIDE_PROCESS_UMASK, o);
    o->uid = number_option(L, "uid", 0xfffffffe, BIDE_PROCESS_UID, o);
    o->gid = number_option(L, "gid", 0xfffffffe, BIDE_PROCESS_GID, o);
    o->rows = (unsigned short)number_option(L, "rows", 0xffff, 0, o);
    o->columns = (unsigned short)number_option(L, "columns", 0xffff, 0, o);
}

/* -- the command ---------------------------------------------------------- */

static void
read_command(lua_State *L, bide_process_options *o)
{
    int n = (int)lua_rawlen(L, TABLE);
    const char *shell = text_option(L, "shell");

    if (shell && n > 0)
        luaL_error(L, "give either 'shell' or a program and its arguments");
    if (!shell && n == 0)
        luaL_error(L, "a program is needed, as in {\"ls\", \"-l\"}; for a "
                      "command of the shell use shell = \"...\"");
    const char **argv = keep_room(L, (size_t)(n + 4) * sizeof *argv);
    int count = 0;
    if (shell) {
        argv[count++] = "/bin/sh";
        argv[count++] = "-c";
        argv[count++] = shell;
    }
    for (int i = 1; i <= n; i++) {
        lua_rawgeti(L, TABLE, i);
        argv[count++] = keep_text(L, "each part of a command");
    }
    argv[count] = NULL;
    o->argv = argv;
    o->file = text_option(L, "file");
    o->cwd = text_option(L, "cwd");
}

/* -- the environment ------------------------------------------------------ */

static size_t
count_pairs(lua_State *L, int table)
{
    size_t n = 0;

    lua_pushnil(L);
    while (lua_next(L, table)) {
        lua_pop(L, 1);
        n++;
    }
    return n;
}

/* The name and its value are on top, and stay. */
static const char *
entry(lua_State *L)
{
    const char *name =
        lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
    bool out = lua_isboolean(L, -1) && !lua_toboolean(L, -1);

    if (!*name || strchr(name, '='))
        luaL_error(L, "the names in env must be strings without '='");
    if (!out && !lua_isstring(L, -1))
        luaL_error(L, "env '%s' must be a string, or false: not there", name);
    if (out) {
        lua_pushvalue(L, -2);
    } else {
        lua_pushfstring(L, "%s=", name);
        lua_pushvalue(L, -2);
        lua_concat(L, 2);
    }
    return keep_text(L, "a value in env");
}

static bool
read_env(lua_State *L, const char *option, bide_process_options *o)
{
    int type = lua_getfield(L, TABLE, option), table = lua_gettop(L);
    size_t n = 0;

    if (type == LUA_TNIL) {
        lua_pop(L, 1);
        return false;
    }
    if (type != LUA_TTABLE)
        luaL_error(L, "option '%s' must be a table {NAME = \"value\"}", option);
    const char **env = keep_room(L, (count_pairs(L, table) + 1) * sizeof *env);
    lua_pushnil(L);
    while (lua_next(L, table)) {
        const char *text = entry(L);
        if (strchr(text, '=') || strcmp(option, "env") != 0)
            env[n++] = text;
        lua_pop(L, 1);
    }
    env[n] = NULL;
    o->env = env;
    lua_settop(L, table - 1);
    return true;
}

/* -- descriptors ---------------------------------------------------------- */

static bool
named_stdio(const char *name, int number, int *kind)
{
    static const struct {
        const char *name;
        int kind;
    } table[] = {
        {"inherit", BIDE_STDIO_INHERIT}, {"pipe", BIDE_STDIO_PIPE},
        {"null", BIDE_STDIO_NULL},       {"pty", BIDE_STDIO_PTY},
        {"stdout", BIDE_STDIO_STDOUT},
    };
    int n = number == 2 ? 5 : 4;

    for (int i = 0; i < n; i++)
        if (strcmp(name, table[i].name) == 0) {
            *kind = table[i].kind;
            return true;
        }
    return false;
}

/* The number of a file of Lua's io library. */
static int
descriptor_of(lua_State *L, const char *option)
{
    int whole;
    lua_Integer fd = lua_tointegerx(L, -1, &whole);
    luaL_Stream *file = luaL_testudata(L, -1, LUA_FILEHANDLE);

    if (file && file->closef)
        fd = fileno(file->f);
    else if (!whole || fd < 0 || fd > 0x7fffffff)
        luaL_error(L,
                   "option '%s' must be \"inherit\", \"pipe\", \"null\", "
                   "\"pty\"%s, a descriptor, a file or a stream that is open",
                   option, strcmp(option, "stderr") ? "" : ", \"stdout\"");
    return (int)fd;
}

static void
read_stdio(lua_State *L, bidelua_state *S, int number, bide_stdio *out)
{
    static const char *const options[] = {"stdin", "stdout", "stderr"};
    const char *option = options[number];
    int type = lua_getfield(L, TABLE, option);
    bidelua_stream *s = bidelua_test(L, S, lua_gettop(L), BIDELUA_STREAM);

    if (s) {
        out->kind = BIDE_STDIO_STREAM;
        out->stream = s->core;
    } else if (type == LUA_TSTRING &&
               named_stdio(lua_tostring(L, -1), number, &out->kind)) {
        out->fd = -1;
    } else if (type != LUA_TNIL) {
        out->kind = BIDE_STDIO_FD;
        out->fd = descriptor_of(L, option);
    }
    lua_pop(L, 1);
}

static void
read_fds(lua_State *L, bide_process_options *o)
{
    int type = lua_getfield(L, TABLE, "fds"), table = lua_gettop(L);
    size_t n = 0;

    if (type != LUA_TNIL && type != LUA_TTABLE)
        luaL_error(L, "option 'fds' must be a table {[child's] = ours}");
    if (type == LUA_TTABLE) {
        bide_fd_map *map =
            keep_room(L, (count_pairs(L, table) + 1) * sizeof *map);
        lua_pushnil(L);
        while (lua_next(L, table)) {
            lua_Integer number =
                lua_isinteger(L, -2) ? lua_tointeger(L, -2) : 0;
            if (number < 3 || number > 65535)
                luaL_error(L, "the numbers in fds must be 3 to 65535: 0 to 2 "
                              "are stdin, stdout and stderr");
            map[n].child_fd = (int)number;
            map[n++].fd = descriptor_of(L, "fds");
            lua_pop(L, 1);
        }
        o->fds = map;
        o->fd_count = n;
    }
    lua_settop(L, table - 1);
}

/* -- all of them ---------------------------------------------------------- */

static const char *const known[] = {
    "shell", "stdin",   "stdout",    "stderr", "env",         "extra_env",
    "cwd",   "file",    "fds",       "umask",  "uid",         "gid",
    "rows",  "columns", "new_group", "grace",  "new_session", NULL,
};

static bool
is_in(const char *key, const char *const *list)
{
    for (; list && *list; list++)
        if (strcmp(key, *list) == 0)
            return true;
    return false;
}

/* Whole numbers are the command. */
static void
check_keys(lua_State *L, const char *const *more)
{
    luaL_checktype(L, TABLE, LUA_TTABLE);
    lua_pushnil(L);
    while (lua_next(L, TABLE)) {
        lua_pop(L, 1);
        const char *key =
            lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
        if (lua_isinteger(L, -1) || is_in(key, known) || is_in(key, more))
            continue;
        luaL_argerror(L, TABLE,
                      lua_pushfstring(L, "unknown option '%s'",
                                      luaL_tolstring(L, -1, NULL)));
    }
}

void
bidelua_process_options(lua_State *L, bidelua_state *S, bide_process_options *o,
                        const char *const *more)
{
    *o = (bide_process_options){.argv = NULL};
    check_keys(L, more);
    lua_settop(L, TABLE);
    bidelua_process *p =
        bidelua_new(L, S, BIDELUA_PROCESS, sizeof *p, BIDELUA_STDIO);
    lua_newtable(L);
    read_command(L, o);
    bool whole = read_env(L, "env", o);
    if (read_env(L, "extra_env", o)) {
        if (whole)
            luaL_error(L, "give either 'env' or 'extra_env'");
        o->flags |= BIDE_PROCESS_EXTEND_ENV;
    }
    for (int i = 0; i < BIDELUA_STDIO; i++)
        read_stdio(L, S, i, &o->stdio[i]);
    read_fds(L, o);
    read_numbers(L, o);
    if (lua_getfield(L, TABLE, "grace") != LUA_TNIL) {
        if (!lua_isnumber(L, -1) || lua_tonumber(L, -1) < 0)
            luaL_error(L, "option 'grace' must be seconds >= 0");
        p->grace = bidelua_checkseconds(L, -1);
    }
    lua_pop(L, 1);
}

/* -- starting ------------------------------------------------------------- */

/* nil, "bide.process.spawn 'nosuch': no such file or directory", "ENOENT". */
int
bidelua_process_failed(lua_State *L, bidelua_task *t, int status,
                       const bide_process_options *o)
{
    const char *about = NULL;
    int64_t what = t->wait.value.as.integer;

    if (status == BIDE_EBUSY)
        return luaL_error(L,
                          "%s: a stream moves to a child only with nothing "
                          "read ahead and nobody waiting",
                          t->what);
    if (status < -4095)
        return bidelua_io_failed(L, t, status);
    if (what == BIDE_SPAWN_EXEC)
        about = o->file ? o->file : o->argv[0];
    else if (what == BIDE_SPAWN_CWD)
        about = o->cwd;
    lua_pushnil(L);
    if (about)
        lua_pushfstring(L, "%s '%s': %s", t->what, about,
                        bide_strerror(status));
    else
        lua_pushfstring(L, "%s: %s%s", t->what,
                        what == BIDE_SPAWN_STDIO ? "its descriptors: " : "",
                        bide_strerror(status));
    lua_pushstring(L, bide_error_name(status));
    return 3;
}

/* The process is at index 2. */
static int
spawned(lua_State *L, bidelua_task *t, int status)
{
    bidelua_process *p = lua_touserdata(L, 2);

    if (status < 0)
        return bidelua_io_failed(L, t, status);
    p->core = t->wait.value.as.ptr;
    lua_settop(L, 2);
    bidelua_process_setstreams(L, t->S, 2);
    return 1;
}

static int
spawn(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bide_process_options o;
    bidelua_task *t = bidelua_enter(L, S, "bide.process.spawn");

    bidelua_process_options(L, S, &o, NULL);
    int r = bide_process_open(&o, &t->wait);
    if (r < 0)
        return bidelua_process_failed(L, t, r, &o);
    return bidelua_await(L, t, r, spawned);
}

static const luaL_Reg functions[] = {
    {"spawn", spawn},
    {NULL, NULL},
};

const bidelua_type bidelua_spawn_process_type = {
    .functions = functions,
    .table = "process",
};
