/* worker.c - the other side of a job: a thread's own lua_State.
 *
 * A thread keeps its state from job to job, so modules are loaded once. Each
 * job gets a fresh table of globals, a copy of the state's: what it assigns
 * does not reach the next one. The thread itself never runs a loop, unless the
 * job calls bide.run.                                                        */
#include "job.h"

#include <lualib.h>
#include <stdio.h>
#include <string.h>

int luaopen_bide(lua_State *L);

/* What this thread has. The body is a C function with the state as upvalue,
 * at stack index BODY: so that calling it needs no memory outside a pcall. */
enum { BODY = 1 };

static _Thread_local struct {
    lua_State *L;
    bidelua_job *job;
} here;

/* -- what a job sees ------------------------------------------------------ */

bool
bidelua_worker_here(void)
{
    return here.job != NULL;
}

bool
bidelua_worker_cancelled(void)
{
    return here.job && bide_token_cancelled(here.job->token);
}

int
bidelua_worker_raise_cancelled(lua_State *L, bidelua_state *S)
{
    lua_pushfstring(L, "the job '%s' was cancelled", here.job->name);
    bidelua_newcancelled(L, S);
    return lua_error(L);
}

/* -- running the call ----------------------------------------------------- */

/* Pushes a copy of the globals, which is its own _G. */
static void
push_env(lua_State *L)
{
    lua_createtable(L, 0, 48);
    lua_pushglobaltable(L);
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -5);
    }
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "_G");
}

static void
set_paths(lua_State *L, int path)
{
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, "package");
    lua_pushvalue(L, path);
    lua_setfield(L, -2, "path");
    lua_pushvalue(L, path + 1);
    lua_setfield(L, -2, "cpath");
    lua_pop(L, 2);
}

/* Replaces the name "module.function" at `index` by the function. */
static void
resolve(lua_State *L, int index, const char *what)
{
    int top = lua_gettop(L);
    const char *name = lua_tostring(L, index);
    const char *dot = strrchr(name, '.');
    lua_getglobal(L, "require");
    lua_pushlstring(L, name, (size_t)(dot - name));
    lua_call(L, 1, 1);
    if (lua_istable(L, -1))
        lua_getfield(L, -1, dot + 1);
    if (!lua_isfunction(L, -1)) {
        lua_pushlstring(L, name, (size_t)(dot - name));
        luaL_error(L, "%s: module '%s' has no function '%s'", what,
                   lua_tostring(L, -1), dot + 1);
    }
    lua_replace(L, index);
    lua_settop(L, top);
}

/* Errors that are text get the traceback; plain tables travel as they are. */
static int
on_error(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    lua_settop(L, 1);
    if (bidelua_iscancelled(L, S, 1))
        return 1;
    if (lua_istable(L, 1)) {
        if (!lua_getmetatable(L, 1))
            return 1;
        lua_pop(L, 1);
    }
    const char *text = luaL_tolstring(L, 1, NULL);
    lua_pushfstring(L, "%s\nin job '%s', on a thread of its own:", text,
                    here.job->name);
    luaL_traceback(L, L, lua_tostring(L, -1), 1);
    return 1;
}

/* Keeps the outcome, which replaces the call. */
static void
leave(bidelua_job *j, bidelua_packed *outcome, bool failed)
{
    bidelua_packed_free(j->message);
    j->message = outcome;
    j->failed = failed;
}

static void
pack_outcome(lua_State *L, bidelua_job *j, int status, int first)
{
    int n = lua_gettop(L) - first + 1;
    if (status == LUA_OK) {
        leave(j, bidelua_pack(L, first, n, BIDELUA_PACK_RESULT, j->what),
              false);
    } else if (bidelua_iscancelled(L, bidelua_self(L), -1)) {
        j->cancelled = true;
        leave(j, NULL, true);
    } else {
        leave(j, bidelua_pack(L, first, 1, BIDELUA_PACK_ERROR, j->what), true);
    }
}

/* body(job): the whole of a job, under the pcall of bidelua_worker_run. */
static int
body(lua_State *L)
{
    bidelua_job *j = lua_touserdata(L, 1);
    bidelua_state *S = bidelua_self(L);
    push_env(L);
    bidelua_pushfunction(L, S, on_error);
    int handler = lua_gettop(L);
    int path = handler + 1;
    int n = bidelua_unpack(L, j->message, handler - 1);
    leave(j, NULL, false);
    set_paths(L, path);
    lua_remove(L, path);
    lua_remove(L, path);
    if (lua_type(L, path) == LUA_TSTRING)
        resolve(L, path, j->what);
    int status = lua_pcall(L, n - 3, LUA_MULTRET, handler);
    pack_outcome(L, j, status, path);
    return 0;
}

/* -- the thread's state --------------------------------------------------- */

static int
preload(lua_State *L)
{
    luaL_openlibs(L);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, luaopen_bide);
    lua_setfield(L, -2, "bide");
    lua_getglobal(L, "require");
    lua_pushliteral(L, "bide");
    lua_call(L, 1, 1);
    /* Any function of the module carries the state. */
    lua_getfield(L, -1, "spawn_blocking");
    lua_getupvalue(L, -1, 1);
    bidelua_pushfunction(L, lua_touserdata(L, -1), body);
    return 1;
}

static lua_State *
open_state(void)
{
    lua_State *L = luaL_newstate();
    if (!L)
        return NULL;
    lua_pushcfunction(L, preload); /* a light function: takes no memory */
    if (lua_pcall(L, 0, 1, 0) != LUA_OK) {
        lua_close(L);
        return NULL;
    }
    return L;
}

void
bidelua_worker_end(void *ctx, void *state)
{
    (void)ctx;
    (void)state;
    if (here.L)
        lua_close(here.L);
    here.L = NULL;
}

void
bidelua_worker_run(bidelua_job *j)
{
    if (!here.L)
        here.L = open_state();
    lua_State *L = here.L;
    if (!L) {
        leave(j, NULL, true);
        return;
    }
    here.job = j;
    lua_pushvalue(L, BODY);
    lua_pushlightuserdata(L, j);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        const char *text = lua_tostring(L, -1);
        leave(j, bidelua_packed_text(text ? text : "unknown error"), true);
    }
    lua_settop(L, BODY);
    here.job = NULL;
}
