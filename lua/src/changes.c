/* bide.fs.watch: what happens in a directory, as what tasks wait for.
 *
 *   for change in assert(bide.fs.watch(path)) do
 *     print(change.kind, change.name, change.is_dir, change.old_name)
 *   end
 *   local w <close> = assert(bide.fs.watch(path))
 *   w:recv()  w:recv_many([limit])  w:close()  w:closed()                   */
#include "file.h"

enum { MANY = 256 };

typedef struct watcher {
    bide_changes *core; /* NULL until it is open */
} watcher;

static watcher *
check(lua_State *L)
{
    return bidelua_check(L, bidelua_self(L), 1, BIDELUA_CHANGES);
}

/* -- opening -------------------------------------------------------------- */

/* Stack: path, the watcher that is to be. */
static int
open_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return bidelua_fs_failed_as(L, t, status, 1,
                                    bide_fs_watch_strerror(status));
    ((watcher *)lua_touserdata(L, 2))->core = t->wait.value.as.ptr;
    lua_pushnil(L);
    lua_pushnil(L);
    lua_pushvalue(L, 2);
    return 4; /* a for loop closes what it got as fourth */
}

static int
open_watch(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    const char *path = bidelua_checktext(L, 1);
    bidelua_task *t = bidelua_enter(L, S, "bide.fs.watch");

    lua_settop(L, 1);
    watcher *w = bidelua_new(L, S, BIDELUA_CHANGES, sizeof *w, 1);
    w->core = NULL;
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, 2, 1);
    return bidelua_await(L, t, bide_fs_watch(path, &t->wait), open_done);
}

/* -- waiting -------------------------------------------------------------- */

static void
push_change(lua_State *L, const bide_change *c)
{
    lua_createtable(L, 0, 4);
    lua_pushstring(L, bide_change_name(c->kind));
    lua_setfield(L, -2, "kind");
    lua_pushstring(L, c->name);
    lua_setfield(L, -2, "name");
    lua_pushboolean(L, c->is_dir);
    lua_setfield(L, -2, "is_dir");
    lua_pushstring(L, c->old_name); /* or nil */
    lua_setfield(L, -2, "old_name");
}

/* (chain) -> its first change. */
static int
push_first(lua_State *L)
{
    push_change(L, lua_touserdata(L, 1));
    return 1;
}

/* (chain) -> a list. */
static int
push_all(lua_State *L)
{
    const bide_change *c = lua_touserdata(L, 1);
    lua_newtable(L);
    for (lua_Integer i = 1; c; c = c->next, i++) {
        push_change(L, c);
        lua_rawseti(L, -2, i);
    }
    return 1;
}

/* Stack: the watcher, the function that makes the result. */
static int
recv_done(lua_State *L, bidelua_task *t, int status)
{
    if (status == BIDE_EEOF) {
        lua_pushnil(L);
        lua_pushliteral(L, "eof");
        return 2;
    }
    if (status == BIDE_ECLOSED)
        return bidelua_fail(L, t, status);
    if (status < 0) {
        lua_getiuservalue(L, 1, 1);
        return bidelua_fs_failed(L, t, status, lua_gettop(L));
    }
    bide_change *chain = t->wait.value.as.ptr;
    lua_pushlightuserdata(L, chain);
    int rc = lua_pcall(L, 1, 1, 0);
    bide_changes_free(chain);
    return rc == LUA_OK ? 1 : lua_error(L);
}

/* In a for loop errors are raised, as there is nobody to look at them. */
static int
next_done(lua_State *L, bidelua_task *t, int status)
{
    int n = recv_done(L, t, status);
    if (status == 0 || status == BIDE_EEOF || status == BIDE_ECLOSED)
        return n;
    lua_pushvalue(L, -2);
    return lua_error(L);
}

static int
recv(lua_State *L, const char *what, size_t limit, lua_CFunction make,
     bidelua_finish done)
{
    watcher *w = check(L);
    bidelua_task *t = bidelua_enter(L, bidelua_self(L), what);

    lua_settop(L, 1);
    lua_pushcfunction(L, make);
    return bidelua_await(L, t, bide_changes_recv(w->core, limit, &t->wait),
                         done);
}

static int
changes_recv(lua_State *L)
{
    return recv(L, "changes:recv", 1, push_first, recv_done);
}

static int
changes_next(lua_State *L)
{
    return recv(L, "changes:recv", 1, push_first, next_done);
}

static int
changes_recv_many(lua_State *L)
{
    size_t limit = bidelua_optsize(L, 2, "limit", 1, MANY);
    return recv(L, "changes:recv_many", limit, push_all, recv_done);
}

/* -- closing -------------------------------------------------------------- */

static int
changes_close(lua_State *L)
{
    watcher *w = check(L);

    if (w->core)
        bide_changes_close(w->core);
    return 0;
}

static int
changes_closed(lua_State *L)
{
    lua_pushboolean(L, bide_changes_closed(check(L)->core));
    return 1;
}

static int
changes_gc(lua_State *L)
{
    watcher *w = lua_touserdata(L, 1);

    bide_changes_unref(w->core);
    w->core = NULL;
    return 0;
}

static const luaL_Reg methods[] = {
    {"recv", changes_recv},
    {"recv_many", changes_recv_many},
    {"close", changes_close},
    {"closed", changes_closed},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__call", changes_next},
    {"__close", changes_close},
    {"__gc", changes_gc},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"watch", open_watch},
    {NULL, NULL},
};

const bidelua_type bidelua_changes_type = {"bide.changes", methods, meta,
                                           functions, "fs"};
