/* wait_readable, wait_writable, notify_closing: waiting for descriptors that
 * others read and write. */
#include <errno.h>
#include <stdio.h>

#include "bidelua.h"

/* A number, a file of the io library, or an object with a method getfd, as
 * LuaSocket's. */
static int
check_fd(lua_State *L)
{
    lua_settop(L, 1);
    luaL_Stream *file = luaL_testudata(L, 1, LUA_FILEHANDLE);
    if (file) {
        luaL_argcheck(L, file->closef != NULL, 1, "the file is closed");
        return fileno(file->f);
    }
    lua_pushvalue(L, 1);
    if (lua_type(L, 1) == LUA_TUSERDATA || lua_type(L, 1) == LUA_TTABLE) {
        lua_getfield(L, 1, "getfd");
        if (lua_isnil(L, -1))
            luaL_typeerror(L, 1, "descriptor, file or object with getfd");
        lua_pushvalue(L, 1);
        lua_call(L, 1, 1);
    }
    int whole;
    lua_Integer fd = lua_tointegerx(L, -1, &whole);
    if (!whole)
        luaL_typeerror(L, 1, "descriptor, file or object with getfd");
    luaL_argcheck(L, fd >= 0 && fd <= 0x7fffffff, 1,
                  "the descriptor is not a valid number");
    lua_settop(L, 1);
    return (int)fd;
}

static int
fail(lua_State *L, bidelua_task *t, int status)
{
    const char *why = NULL;

    if (status == -EPERM)
        why = "is always ready, as files and directories are: use it in "
              "spawn_blocking";
    else if (status == -EBADF)
        why = "is not open";
    else if (status == BIDE_ECLOSED)
        why = "was closed";
    else if (status == BIDE_ENOMEMORY || status == BIDE_EFORKED)
        return bidelua_raise(L, t, status);
    if (!why)
        return bidelua_fail(L, t, status);
    lua_pushnil(L);
    lua_pushfstring(L, "%s: the descriptor %s", t->what, why);
    lua_pushstring(L, bide_error_name(status));
    return 3;
}

static int
done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return fail(L, t, status);
    lua_pushboolean(L, 1);
    return 1;
}

static int
wait_readable(lua_State *L)
{
    int fd = check_fd(L);
    bidelua_task *t = bidelua_enter(L, bidelua_self(L), "bide.wait_readable");

    return bidelua_await(L, t, bide_wait_readable(fd, &t->wait), done);
}

static int
wait_writable(lua_State *L)
{
    int fd = check_fd(L);
    bidelua_task *t = bidelua_enter(L, bidelua_self(L), "bide.wait_writable");

    return bidelua_await(L, t, bide_wait_writable(fd, &t->wait), done);
}

static int
notify_closing(lua_State *L)
{
    bidelua_task *t =
        bidelua_current(L, bidelua_self(L), "bide.notify_closing");

    bide_notify_closing(t->base.loop, check_fd(L));
    return 0;
}

static const luaL_Reg functions[] = {
    {"wait_readable", wait_readable},
    {"wait_writable", wait_writable},
    {"notify_closing", notify_closing},
    {NULL, NULL},
};

const bidelua_type bidelua_readiness_type = {NULL, NULL, NULL, functions, NULL};
