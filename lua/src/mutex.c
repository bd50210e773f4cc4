/* bide.mutex. lock returns the mutex itself, which unlocks when it is closed:
 * local guard <close> = m:lock(). */
#include "sync.h"

static bide_mutex *
check_mutex(lua_State *L)
{
    return bidelua_sync_check(L, bidelua_self(L), BIDELUA_MUTEX);
}

static int
make(lua_State *L)
{
    bidelua_sync_args a = bidelua_sync_read(L, 1);
    bidelua_sync *s = bidelua_sync_new(L, BIDELUA_MUTEX, &a);

    bidelua_require(L, bide_mutex_new(a.name, a.site, (bide_mutex **)&s->core),
                    "bide.mutex");
    return 1;
}

static int
lock_done(lua_State *L, bidelua_task *t, int status)
{
    if (status == 0) {
        lua_settop(L, 1);
        return 1;
    }
    if (status == BIDE_EBROKEN) {
        const bidelua_sync *s = lua_touserdata(L, 1);
        return bidelua_sync_broken(L, "mutex:lock",
                                   bide_mutex_breaker(s->core));
    }
    return bidelua_raise(L, t, status);
}

static int
mutex_lock(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bide_mutex *m = bidelua_sync_check(L, S, BIDELUA_MUTEX);
    bidelua_task *t = bidelua_enter(L, S, "mutex:lock");

    return bidelua_await(L, t, bide_mutex_lock(m, &t->wait), lock_done);
}

static int
mutex_try_lock(lua_State *L)
{
    bide_mutex *m = check_mutex(L);
    bidelua_task *t = bidelua_current(L, bidelua_self(L), "mutex:try_lock");
    int rc = bide_mutex_try_lock(m, &t->base);

    if (rc == BIDE_EWOULDBLOCK) {
        lua_pushboolean(L, 0);
        return 1;
    }
    if (rc == BIDE_EBROKEN)
        return bidelua_sync_broken(L, "mutex:try_lock", bide_mutex_breaker(m));
    bidelua_require(L, rc, "mutex:try_lock");
    lua_settop(L, 1);
    return 1;
}

static int
mutex_unlock(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bide_mutex *m = bidelua_sync_check(L, S, BIDELUA_MUTEX);
    bidelua_task *t = bidelua_current(L, S, "mutex:unlock");

    if (bide_mutex_unlock(m, &t->base) == 0)
        return 0;
    return bidelua_sync_not_owner(L, "mutex:unlock", "", bide_mutex_owner(m));
}

/* A guard whose mutex was unlocked by hand has nothing left to do. */
static int
mutex_close(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bide_mutex *m = bidelua_sync_check(L, S, BIDELUA_MUTEX);
    bidelua_task *t = S->running;

    if (t && bide_mutex_owner(m) == &t->base)
        bide_mutex_unlock(m, &t->base);
    return 0;
}

static int
mutex_locked(lua_State *L)
{
    lua_pushboolean(L, bide_mutex_owner(check_mutex(L)) != NULL);
    return 1;
}

static int
mutex_owner(lua_State *L)
{
    return bidelua_sync_pushtask(L, bide_mutex_owner(check_mutex(L)));
}

static int
mutex_waiters(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)bide_mutex_waiters(check_mutex(L)));
    return 1;
}

static int
mutex_reset(lua_State *L)
{
    bide_mutex_reset(check_mutex(L));
    return 0;
}

static int
mutex_gc(lua_State *L)
{
    bidelua_sync *s = lua_touserdata(L, 1);

    bide_mutex_unref(s->core);
    s->core = NULL;
    return 0;
}

static const luaL_Reg methods[] = {
    {"lock", mutex_lock},
    {"try_lock", mutex_try_lock},
    {"unlock", mutex_unlock},
    {"locked", mutex_locked},
    {"owner", mutex_owner},
    {"waiters", mutex_waiters},
    {"reset", mutex_reset},
    {"name", bidelua_sync_name},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__close", mutex_close},
    {"__gc", mutex_gc},
    {"__tostring", bidelua_sync_tostring},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"mutex", make},
    {NULL, NULL},
};

const bidelua_type bidelua_mutex_type = {"bide.mutex", methods, meta, functions,
                                         NULL};
