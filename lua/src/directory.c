/* bide.fs.scandir: a directory in pieces.
 *
 *   for entry in assert(bide.fs.scandir(path)) do
 *     print(entry.name, entry.type)
 *   end                                                                      */
#include "file.h"

enum { PIECE = 256 };

/* `list` has been read, and given up to `at`. */
typedef struct walk {
    bide_directory *core; /* NULL until it is open */
    bide_entry *list;
    size_t count, at;
} walk;

static walk *
check(lua_State *L)
{
    return bidelua_check(L, bidelua_self(L), 1, BIDELUA_DIRECTORY);
}

void
bidelua_fs_pushentry(lua_State *L, const bide_entry *e)
{
    const char *type = e->type == 'f'   ? "file"
                       : e->type == 'd' ? "directory"
                       : e->type == 'l' ? "link"
                                        : "other";
    lua_createtable(L, 0, 2);
    lua_pushstring(L, e->name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, type);
    lua_setfield(L, -2, "type");
}

/* -- opening -------------------------------------------------------------- */

/* Stack: path, the walk that is to be. */
static int
open_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return bidelua_fs_failed(L, t, status, 1);
    ((walk *)lua_touserdata(L, 2))->core = t->wait.value.as.ptr;
    lua_pushnil(L);
    lua_pushnil(L);
    lua_pushvalue(L, 2);
    return 4; /* a for loop closes what it got as fourth */
}

static int
scandir(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    const char *path = bidelua_checktext(L, 1);
    bidelua_task *t = bidelua_enter(L, S, "bide.fs.scandir");

    lua_settop(L, 1);
    walk *w = bidelua_new(L, S, BIDELUA_DIRECTORY, sizeof *w, 1);
    *w = (walk){NULL, NULL, 0, 0};
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, 2, 1);
    return bidelua_await(L, t, bide_directory_open(path, &t->wait), open_done);
}

/* -- walking -------------------------------------------------------------- */

static void
forget_list(walk *w)
{
    bide_fs_free(w->list);
    w->list = NULL;
    w->count = w->at = 0;
}

static int
give(lua_State *L, walk *w)
{
    bidelua_fs_pushentry(L, &w->list[w->at]);
    w->at++;
    return 1;
}

/* Errors are raised, as in a for loop there is nobody to look at them. */
static int
next_done(lua_State *L, bidelua_task *t, int status)
{
    walk *w = lua_touserdata(L, 1);
    if (status == BIDE_ECLOSED) {
        lua_pushnil(L);
        return 1;
    }
    if (status == BIDE_EBUSY)
        return bidelua_raise(L, t, status);
    if (status < 0) {
        lua_getiuservalue(L, 1, 1);
        bidelua_fs_failed(L, t, status, lua_gettop(L));
        lua_pop(L, 1);
        return lua_error(L);
    }
    w->list = t->wait.value.as.ptr;
    w->count = t->wait.u.count;
    if (w->count)
        return give(L, w);
    forget_list(w);
    lua_pushnil(L);
    return 1;
}

static int
walk_next(lua_State *L)
{
    walk *w = check(L);
    if (w->at < w->count)
        return give(L, w);
    forget_list(w);
    bidelua_task *t = bidelua_enter(L, bidelua_self(L), "bide.fs.scandir");
    lua_settop(L, 1);
    return bidelua_await(L, t, bide_directory_next(w->core, PIECE, &t->wait),
                         next_done);
}

/* -- closing -------------------------------------------------------------- */

static int
walk_close(lua_State *L)
{
    walk *w = check(L);
    forget_list(w);
    if (w->core)
        bide_directory_close(w->core);
    return 0;
}

static int
walk_closed(lua_State *L)
{
    lua_pushboolean(L, bide_directory_closed(check(L)->core));
    return 1;
}

static int
walk_gc(lua_State *L)
{
    walk *w = lua_touserdata(L, 1);
    forget_list(w);
    bide_directory_unref(w->core);
    w->core = NULL;
    return 0;
}

static const luaL_Reg methods[] = {
    {"close", walk_close},
    {"closed", walk_closed},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__call", walk_next},
    {"__close", walk_close},
    {"__gc", walk_gc},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"scandir", scandir},
    {NULL, NULL},
};

const bidelua_type bidelua_directory_type = {"bide.directory", methods, meta,
                                             functions, "fs"};
