/* Temporary files and directories that go with the block they were made in.
 *
 *   local dir <close> = assert(bide.fs.temporary_directory([prefix]))
 *   local file <close> = assert(bide.fs.temporary_file([prefix]))
 *   dir:path()   tostring(dir) is the same   dir:close()                     */
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "scope.h"

typedef struct temporary {
    bool there; /* and to be removed */
} temporary;

static temporary *
check(lua_State *L)
{
    return bidelua_check(L, bidelua_self(L), 1, BIDELUA_TEMPORARY);
}

/* -- making --------------------------------------------------------------- */

/* Pushes the prefix at index 1, or one in the usual directory. */
static const char *
prefix(lua_State *L)
{
    if (!lua_isnoneornil(L, 1))
        return bidelua_checktext(L, 1);
    const char *folder = getenv("TMPDIR"); /* NOLINT(concurrency-mt-unsafe) */
    lua_settop(L, 0);
    return lua_pushfstring(L, "%s/tmp", folder && *folder ? folder : "/tmp");
}

/* Stack: prefix, the object that is to be, the function pushing a string. */
static int
make_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return bidelua_fs_failed(L, t, status, 1);
    bidelua_fs_give(L, t->wait.value.as.ptr, t->wait.u.count);
    lua_setiuservalue(L, 2, 1);
    ((temporary *)lua_touserdata(L, 2))->there = true;
    return 1;
}

static int
make(lua_State *L, const char *what, bool directory)
{
    bidelua_state *S = bidelua_self(L);
    const char *start = prefix(L);
    bidelua_task *t = bidelua_enter(L, S, what);

    lua_settop(L, 1);
    temporary *made = bidelua_new(L, S, BIDELUA_TEMPORARY, sizeof *made, 1);
    made->there = false;
    bidelua_fs_prepare(L, bidelua_fs_pushstring);
    return bidelua_await(L, t, bide_fs_temp(start, directory, &t->wait),
                         make_done);
}

static int
temporary_file(lua_State *L)
{
    return make(L, "bide.fs.temporary_file", false);
}

static int
temporary_directory(lua_State *L)
{
    return make(L, "bide.fs.temporary_directory", true);
}

/* -- removing ------------------------------------------------------------- */

/* Stack: the object, its path, the shield. That it has gone by itself is
 * fine. */
static int
remove_done(lua_State *L, bidelua_task *t, int status)
{
    bidelua_scope_leave(L, lua_touserdata(L, 3));
    if (status == 0 || strcmp(bide_error_name(status), "ENOENT") == 0)
        return 0;
    lua_settop(L, 2);
    bidelua_fs_failed(L, t, status, 2);
    lua_pop(L, 1);
    return lua_error(L);
}

/* Waits until it is removed, whatever is cancelled. */
static int
temporary_close(lua_State *L)
{
    static const bidelua_scope_options shield = {BIDE_FOREVER, BIDE_FOREVER,
                                                 true, 0};
    temporary *made = check(L);
    if (!made->there)
        return 0;
    bidelua_task *t = bidelua_enter(L, bidelua_self(L), "temporary:close");
    made->there = false;
    lua_settop(L, 1);
    lua_getiuservalue(L, 1, 1);
    const char *path = lua_tostring(L, 2);
    bidelua_scope_open(L, t, &shield);
    return bidelua_await(L, t, bide_fs_remove_tree(path, &t->wait),
                         remove_done);
}

/* -- the rest ------------------------------------------------------------- */

static int
temporary_path(lua_State *L)
{
    check(L);
    lua_getiuservalue(L, 1, 1);
    return 1;
}

static const luaL_Reg methods[] = {
    {"path", temporary_path},
    {"close", temporary_close},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__close", temporary_close},
    {"__tostring", temporary_path},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"temporary_file", temporary_file},
    {"temporary_directory", temporary_directory},
    {NULL, NULL},
};

const bidelua_type bidelua_temporary_type = {"bide.temporary", methods, meta,
                                             functions, "fs"};
