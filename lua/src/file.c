/* file.c - open files.
 *
 *   local f <close> = assert(bide.fs.open(path, "r"))
 *   f:read(n | "l" | "L" | "a")  f:readsome(max)  f:lines()
 *   f:write(s, ...)  f:seek(whence, offset)  f:truncate(size)  f:sync()
 *   f:pread(n, offset)  f:pwrite(s, offset)  f:stat()  f:close()  f:fd()
 *
 * Failures are nil, "write 'a.txt': no space left on device", "ENOSPC".     */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "file.h"

static bidelua_file *
check(lua_State *L)
{
    return bidelua_check(L, bidelua_self(L), 1, BIDELUA_FILE);
}

/* -- answers -------------------------------------------------------------- */

int
bidelua_fs_failed(lua_State *L, bidelua_task *t, int status, int path)
{
    return bidelua_fs_failed_as(L, t, status, path, bide_strerror(status));
}

int
bidelua_fs_failed_as(lua_State *L, bidelua_task *t, int status, int path,
                     const char *why)
{
    switch (status) {
    case BIDE_ECANCELED:
    case BIDE_EWRONGLOOP:
    case BIDE_EINVALID:
    case BIDE_ENOMEMORY:
    case BIDE_EFORKED:
        return bidelua_raise(L, t, status);
    default:
        break;
    }
    const char *what = strpbrk(t->what, ":.");
    for (const char *p = what; p; p = strpbrk(what, ":."))
        what = p + 1;
    lua_pushnil(L);
    if (path)
        lua_pushfstring(L, "%s '%s': %s", what ? what : t->what,
                        luaL_tolstring(L, path, NULL), why);
    else
        lua_pushfstring(L, "%s: %s", what ? what : t->what, why);
    lua_pushstring(L, bide_error_name(status));
    if (path)
        lua_remove(L, -3); /* the path as a string */
    return 3;
}

int
bidelua_file_failed(lua_State *L, bidelua_task *t, int status)
{
    lua_getiuservalue(L, 1, 1);
    return bidelua_fs_failed(L, t, status, lua_gettop(L));
}

void
bidelua_fs_prepare(lua_State *L, lua_CFunction push)
{
    lua_pushcfunction(L, push);
}

int
bidelua_fs_give(lua_State *L, void *block, size_t size)
{
    lua_pushlightuserdata(L, block);
    lua_pushinteger(L, (lua_Integer)size);
    int rc = lua_pcall(L, 2, 1, 0);
    bide_fs_free(block);
    return rc == LUA_OK ? 1 : lua_error(L);
}

int
bidelua_fs_pushstring(lua_State *L)
{
    lua_pushlstring(L, lua_touserdata(L, 1), (size_t)lua_tointeger(L, 2));
    return 1;
}

/* -- opening -------------------------------------------------------------- */

static int
check_mode(lua_State *L, int arg)
{
    static const struct {
        const char *mode;
        int flags;
    } modes[] = {
        {"r", O_RDONLY},
        {"r+", O_RDWR},
        {"w", O_WRONLY | O_CREAT | O_TRUNC},
        {"w+", O_RDWR | O_CREAT | O_TRUNC},
        {"a", O_WRONLY | O_CREAT | O_APPEND},
        {"a+", O_RDWR | O_CREAT | O_APPEND},
        {"x", O_WRONLY | O_CREAT | O_EXCL},
        {"x+", O_RDWR | O_CREAT | O_EXCL},
    };
    char plain[4];
    size_t n = 0;
    const char *mode = luaL_optstring(L, arg, "r");
    for (const char *c = mode; *c && n < sizeof plain - 1; c++)
        if (*c != 'b')
            plain[n++] = *c;
    plain[n] = '\0';
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(modes[i].mode, plain) == 0)
            return modes[i].flags;
    return luaL_argerror(L, arg,
                         "the mode must be \"r\", \"w\", \"a\" or \"x\", with "
                         "\"+\" to read and write");
}

/* Stack: path, the file that is to be. */
static int
open_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return bidelua_fs_failed(L, t, status, 1);
    ((bidelua_file *)lua_touserdata(L, 2))->core = t->wait.value.as.ptr;
    return 1;
}

static int
file_open(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    const char *path = bidelua_checktext(L, 1);
    int flags = check_mode(L, 2);
    lua_Integer mode = luaL_optinteger(L, 3, 0666);
    bidelua_task *t = bidelua_enter(L, S, "bide.fs.open");

    lua_settop(L, 1);
    bidelua_file *f = bidelua_new(L, S, BIDELUA_FILE, sizeof *f, 1);
    f->core = NULL;
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, 2, 1);
    return bidelua_await(L, t, bide_file_open(path, flags, (int)mode, &t->wait),
                         open_done);
}

/* -- writing -------------------------------------------------------------- */

static int
self_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return bidelua_file_failed(L, t, status);
    lua_settop(L, 1);
    return 1;
}

/* Several pieces go out as one, at index 2. */
static int
file_write(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_file *f = check(L);
    bidelua_task *t = bidelua_enter(L, S, "file:write");
    int n = lua_gettop(L);
    size_t len;
    for (int i = 3; i <= n; i++)
        luaL_checklstring(L, i, &len);
    const char *data = luaL_checklstring(L, 2, &len);
    if (n > 2) {
        lua_concat(L, n - 1);
        data = lua_tolstring(L, 2, &len);
    }
    return bidelua_await(L, t, bide_file_write(f->core, data, len, &t->wait),
                         self_done);
}

static int
file_pwrite(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_file *f = check(L);
    size_t len;
    const char *data = luaL_checklstring(L, 2, &len);
    int64_t offset = (int64_t)bidelua_checksize(L, 3, "offset", 0);
    bidelua_task *t = bidelua_enter(L, S, "file:pwrite");
    return bidelua_await(L, t,
                         bide_file_pwrite(f->core, data, len, offset, &t->wait),
                         self_done);
}

/* -- position, length, disk ----------------------------------------------- */

/* Stack: ..., the function pushing a string. */
static int
pread_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return bidelua_file_failed(L, t, status);
    return bidelua_fs_give(L, t->wait.value.as.ptr, t->wait.u.io.len);
}

static int
file_pread(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_file *f = check(L);
    size_t n = bidelua_checksize(L, 2, "n", 0);
    int64_t offset = (int64_t)bidelua_checksize(L, 3, "offset", 0);
    bidelua_task *t = bidelua_enter(L, S, "file:pread");
    bidelua_fs_prepare(L, bidelua_fs_pushstring);
    return bidelua_await(L, t, bide_file_pread(f->core, n, offset, &t->wait),
                         pread_done);
}

static int
seek_done(lua_State *L, bidelua_task *t, int status)
{
    if (status == BIDE_EINVALID)
        return luaL_error(L, "file:seek: the position would be before the "
                             "start of the file");
    if (status < 0)
        return bidelua_file_failed(L, t, status);
    lua_pushinteger(L, (lua_Integer)t->wait.value.as.integer);
    return 1;
}

/* As io's: f:seek([whence [, offset]]). */
static int
file_seek(lua_State *L)
{
    static const char *const names[] = {"set", "cur", "end", NULL};
    static const int values[] = {SEEK_SET, SEEK_CUR, SEEK_END};
    bidelua_state *S = bidelua_self(L);
    bidelua_file *f = check(L);
    int whence = values[luaL_checkoption(L, 2, "cur", names)];
    lua_Integer offset = luaL_optinteger(L, 3, 0);
    bidelua_task *t = bidelua_enter(L, S, "file:seek");
    return bidelua_await(
        L, t, bide_file_seek(f->core, offset, whence, &t->wait), seek_done);
}

static int
file_truncate(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_file *f = check(L);
    int64_t size = lua_isnoneornil(L, 2)
                       ? bide_file_position(f->core)
                       : (int64_t)bidelua_checksize(L, 2, "size", 0);
    bidelua_task *t = bidelua_enter(L, S, "file:truncate");
    return bidelua_await(L, t, bide_file_truncate(f->core, size, &t->wait),
                         self_done);
}

static int
file_sync(lua_State *L)
{
    static const char *const names[] = {"all", "data", NULL};
    bidelua_state *S = bidelua_self(L);
    bidelua_file *f = check(L);
    bool data_only = luaL_checkoption(L, 2, "all", names) == 1;
    bidelua_task *t = bidelua_enter(L, S, "file:sync");
    return bidelua_await(L, t, bide_file_sync(f->core, data_only, &t->wait),
                         self_done);
}

static int
stat_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return bidelua_file_failed(L, t, status);
    return bidelua_fs_give(L, t->wait.value.as.ptr, 0);
}

static int
file_stat(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_file *f = check(L);
    bidelua_task *t = bidelua_enter(L, S, "file:stat");
    bidelua_fs_prepare(L, bidelua_fs_pushstat);
    return bidelua_await(L, t, bide_file_stat(f->core, &t->wait), stat_done);
}

/* -- closing -------------------------------------------------------------- */

static int
close_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return bidelua_file_failed(L, t, status);
    lua_pushboolean(L, 1);
    return 1;
}

static int
file_close(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_file *f = check(L);
    bidelua_task *t = bidelua_enter(L, S, "file:close");
    lua_settop(L, 1);
    return bidelua_await(L, t, bide_file_close(f->core, &t->wait), close_done);
}

/* A cancellation has its say at the next wait; another error is raised. */
static int
leave_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0 && status != BIDE_ECANCELED) {
        bidelua_file_failed(L, t, status);
        lua_pop(L, 1);
        return lua_error(L);
    }
    return 0;
}

/* At the end of a block; a task that is ended by force cannot wait. */
static int
file_leave(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_file *f = check(L);
    bidelua_task *t = S->running;
    if (!f->core)
        return 0;
    if (!t || t->active != L || !lua_isyieldable(L)) {
        bide_file_close(f->core, NULL);
        return 0;
    }
    t->what = "file:close";
    lua_settop(L, 1);
    return bidelua_await(L, t, bide_file_close(f->core, &t->wait), leave_done);
}

static int
file_gc(lua_State *L)
{
    bidelua_file *f = lua_touserdata(L, 1);
    bide_file *core = f->core;
    f->core = NULL;
    bide_file_unref(core);
    return 0;
}

/* -- the rest ------------------------------------------------------------- */

static int
file_closed(lua_State *L)
{
    lua_pushboolean(L, bide_file_closed(check(L)->core));
    return 1;
}

static int
file_fd(lua_State *L)
{
    int fd = bide_file_fd(check(L)->core);
    if (fd < 0)
        return bidelua_fail(L, NULL, fd);
    lua_pushinteger(L, fd);
    return 1;
}

static int
file_tostring(lua_State *L)
{
    const bidelua_file *f = check(L);
    lua_getiuservalue(L, 1, 1);
    bool closed = !f->core || bide_file_closed(f->core);
    lua_pushfstring(L, "bide.file '%s'%s", lua_tostring(L, -1),
                    closed ? " (closed)" : "");
    return 1;
}

static const luaL_Reg methods[] = {
    {"read", bidelua_file_read},
    {"readsome", bidelua_file_readsome},
    {"lines", bidelua_file_lines},
    {"write", file_write},
    {"pread", file_pread},
    {"pwrite", file_pwrite},
    {"seek", file_seek},
    {"truncate", file_truncate},
    {"sync", file_sync},
    {"stat", file_stat},
    {"close", file_close},
    {"closed", file_closed},
    {"fd", file_fd},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__gc", file_gc},
    {"__close", file_leave},
    {"__tostring", file_tostring},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"open", file_open},
    {NULL, NULL},
};

const bidelua_type bidelua_file_type = {"bide.file", methods, meta, functions,
                                        "fs"};
