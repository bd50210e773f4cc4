/* bide.fs: the file system.
 *
 *   fs.stat(path) fs.lstat(path) fs.exists(path) fs.list(path)
 *   fs.mkdir(path [, mode]) fs.makedirs(path [, mode]) fs.rmdir(path)
 *   fs.unlink(path) fs.remove_tree(path) fs.rename(path, to) fs.link(path, to)
 *   fs.symlink(target, path) fs.readlink(path) fs.chmod(path, mode)
 *   fs.utime(path, atime, mtime) fs.copy_file(path, to) fs.read_file(path)
 *   fs.write_file(path, data) fs.append_file(path, data)
 *   fs.replace_file(path, data) fs.temp_file(prefix) fs.temp_dir(prefix)
 *
 * Each starts from a stack of path, other path or data, and the function that
 * makes its result, or nil: then it gives true.                             */
#include <string.h>

#include "file.h"

enum { RESULT = 3 };

static int
done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return bidelua_fs_failed(L, t, status, 1);
    if (!lua_isnil(L, RESULT))
        return bidelua_fs_give(L, t->wait.value.as.ptr, t->wait.u.count);
    lua_pushboolean(L, 1);
    return 1;
}

/* Only that there is nothing is an answer. */
static int
exists_done(lua_State *L, bidelua_task *t, int status)
{
    const char *code = bide_error_name(status);
    bool missing = strcmp(code, "ENOENT") == 0 || strcmp(code, "ENOTDIR") == 0;
    if (status < 0 && !missing)
        return bidelua_fs_failed(L, t, status, 1);
    if (status == 0)
        bide_fs_free(t->wait.value.as.ptr);
    lua_pushboolean(L, status == 0);
    return 1;
}

/* The task, with the stack laid out. */
static bidelua_task *
enter(lua_State *L, const char *what, lua_CFunction give)
{
    bidelua_task *t = bidelua_enter(L, bidelua_self(L), what);
    lua_settop(L, 2);
    if (give)
        lua_pushcfunction(L, give);
    else
        lua_pushnil(L);
    return t;
}

static int
push_entries(lua_State *L)
{
    const bide_entry *list = lua_touserdata(L, 1);
    lua_Integer n = lua_tointeger(L, 2);
    lua_createtable(L, (int)n, 0);
    for (lua_Integer i = 0; i < n; i++) {
        bidelua_fs_pushentry(L, &list[i]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* -- one path ------------------------------------------------------------- */

#define ONE(name, give, finish, call)                                          \
    static int fs_##name(lua_State *L)                                         \
    {                                                                          \
        const char *path = bidelua_checktext(L, 1);                            \
        bidelua_task *t = enter(L, "bide.fs." #name, give);                    \
        return bidelua_await(L, t, call, finish);                              \
    }
ONE(stat, bidelua_fs_pushstat, done, bide_fs_stat(path, true, &t->wait))
ONE(lstat, bidelua_fs_pushstat, done, bide_fs_stat(path, false, &t->wait))
ONE(exists, NULL, exists_done, bide_fs_stat(path, true, &t->wait))
ONE(list, push_entries, done, bide_fs_scan(path, &t->wait))
ONE(rmdir, NULL, done, bide_fs_rmdir(path, &t->wait))
ONE(unlink, NULL, done, bide_fs_unlink(path, &t->wait))
ONE(remove_tree, NULL, done, bide_fs_remove_tree(path, &t->wait))
ONE(readlink, bidelua_fs_pushstring, done, bide_fs_readlink(path, &t->wait))
ONE(read_file, bidelua_fs_pushstring, done, bide_fs_read_file(path, &t->wait))
ONE(temp_file, bidelua_fs_pushstring, done, bide_fs_temp(path, false, &t->wait))
ONE(temp_dir, bidelua_fs_pushstring, done, bide_fs_temp(path, true, &t->wait))
#undef ONE

/* -- two paths ------------------------------------------------------------ */

#define TWO(name, call)                                                        \
    static int fs_##name(lua_State *L)                                         \
    {                                                                          \
        const char *path = bidelua_checktext(L, 1);                            \
        const char *to = bidelua_checktext(L, 2);                              \
        bidelua_task *t = enter(L, "bide.fs." #name, NULL);                    \
        return bidelua_await(L, t, call(path, to, &t->wait), done);            \
    }
TWO(rename, bide_fs_rename)
TWO(link, bide_fs_link)
TWO(symlink, bide_fs_symlink)
TWO(copy_file, bide_fs_copy)
#undef TWO

/* -- with numbers, with data ---------------------------------------------- */

static int
make(lua_State *L, const char *what, bool parents)
{
    const char *path = bidelua_checktext(L, 1);
    int mode = (int)luaL_optinteger(L, 2, 0777);
    bidelua_task *t = enter(L, what, NULL);
    return bidelua_await(L, t, bide_fs_mkdir(path, mode, parents, &t->wait),
                         done);
}

static int
fs_mkdir(lua_State *L)
{
    return make(L, "bide.fs.mkdir", false);
}

static int
fs_makedirs(lua_State *L)
{
    return make(L, "bide.fs.makedirs", true);
}

static int
fs_chmod(lua_State *L)
{
    const char *path = bidelua_checktext(L, 1);
    int mode = (int)luaL_checkinteger(L, 2);
    bidelua_task *t = enter(L, "bide.fs.chmod", NULL);
    return bidelua_await(L, t, bide_fs_chmod(path, mode, &t->wait), done);
}

static int64_t
check_time(lua_State *L, int arg)
{
    lua_Number seconds = luaL_checknumber(L, arg);
    luaL_argcheck(L, seconds > -9e9 && seconds < 9e9, arg,
                  "seconds since 1970 expected");
    return (int64_t)(seconds * 1e9);
}

static int
fs_utime(lua_State *L)
{
    const char *path = bidelua_checktext(L, 1);
    int64_t atime = check_time(L, 2), mtime = check_time(L, 3);
    bidelua_task *t = enter(L, "bide.fs.utime", NULL);
    return bidelua_await(L, t, bide_fs_utime(path, atime, mtime, &t->wait),
                         done);
}

static int
write_whole(lua_State *L, const char *what, int how)
{
    size_t len;
    const char *path = bidelua_checktext(L, 1);
    const char *data = luaL_checklstring(L, 2, &len);
    int mode = how == BIDE_FS_REPLACE ? 0644 : 0666;
    bidelua_task *t = enter(L, what, NULL);
    return bidelua_await(
        L, t, bide_fs_write_file(path, data, len, how, mode, &t->wait), done);
}

static int
fs_write_file(lua_State *L)
{
    return write_whole(L, "bide.fs.write_file", BIDE_FS_WRITE);
}

static int
fs_append_file(lua_State *L)
{
    return write_whole(L, "bide.fs.append_file", BIDE_FS_APPEND);
}

static int
fs_replace_file(lua_State *L)
{
    return write_whole(L, "bide.fs.replace_file", BIDE_FS_REPLACE);
}

static const luaL_Reg functions[] = {
    {"stat", fs_stat},
    {"lstat", fs_lstat},
    {"exists", fs_exists},
    {"list", fs_list},
    {"mkdir", fs_mkdir},
    {"makedirs", fs_makedirs},
    {"rmdir", fs_rmdir},
    {"unlink", fs_unlink},
    {"remove_tree", fs_remove_tree},
    {"rename", fs_rename},
    {"link", fs_link},
    {"symlink", fs_symlink},
    {"readlink", fs_readlink},
    {"chmod", fs_chmod},
    {"utime", fs_utime},
    {"copy_file", fs_copy_file},
    {"read_file", fs_read_file},
    {"write_file", fs_write_file},
    {"append_file", fs_append_file},
    {"replace_file", fs_replace_file},
    {"temp_file", fs_temp_file},
    {"temp_dir", fs_temp_dir},
    {NULL, NULL},
};

const bidelua_type bidelua_fs_type = {NULL, NULL, NULL, functions, "fs"};
