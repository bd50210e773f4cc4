/* bide.rwlock. read and write return a guard that unlocks when it is closed:
 * local guard <close> = rw:read(). */
#include "sync.h"

static bide_rwlock *
check_rwlock(lua_State *L)
{
    return bidelua_sync_check(L, bidelua_self(L), BIDELUA_RWLOCK);
}

static int
make(lua_State *L)
{
    bidelua_sync_args a = bidelua_sync_read(L, 1);
    bidelua_sync *s = bidelua_sync_new(L, BIDELUA_RWLOCK, &a);

    bidelua_require(L,
                    bide_rwlock_new(a.name, a.site, (bide_rwlock **)&s->core),
                    "bide.rwlock");
    return 1;
}

/* -- locking -------------------------------------------------------------- */

static int
lock_done(lua_State *L, bidelua_task *t, int status, bool write)
{
    if (status == BIDE_EBROKEN) {
        const bidelua_sync *s = lua_touserdata(L, 1);
        return bidelua_sync_broken(L, t->what, bide_rwlock_breaker(s->core));
    }
    if (status < 0)
        return bidelua_raise(L, t, status);
    return bidelua_guard_new(L, BIDELUA_RWGUARD, 1, write);
}

static int
read_done(lua_State *L, bidelua_task *t, int status)
{
    return lock_done(L, t, status, false);
}

static int
write_done(lua_State *L, bidelua_task *t, int status)
{
    return lock_done(L, t, status, true);
}

static int
rwlock_read(lua_State *L)
{
    bide_rwlock *rw = check_rwlock(L);
    bidelua_task *t = bidelua_enter(L, bidelua_self(L), "rwlock:read");

    return bidelua_await(L, t, bide_rwlock_read(rw, &t->wait), read_done);
}

static int
rwlock_write(lua_State *L)
{
    bide_rwlock *rw = check_rwlock(L);
    bidelua_task *t = bidelua_enter(L, bidelua_self(L), "rwlock:write");

    return bidelua_await(L, t, bide_rwlock_write(rw, &t->wait), write_done);
}

static int
try_lock(lua_State *L, bool write, const char *what)
{
    bide_rwlock *rw = check_rwlock(L);
    bidelua_task *t = bidelua_current(L, bidelua_self(L), what);
    int rc = write ? bide_rwlock_try_write(rw, &t->base)
                   : bide_rwlock_try_read(rw, &t->base);

    if (rc == BIDE_EWOULDBLOCK) {
        lua_pushboolean(L, 0);
        return 1;
    }
    if (rc == BIDE_EBROKEN)
        return bidelua_sync_broken(L, what, bide_rwlock_breaker(rw));
    bidelua_require(L, rc, what);
    return bidelua_guard_new(L, BIDELUA_RWGUARD, 1, write);
}

static int
rwlock_try_read(lua_State *L)
{
    return try_lock(L, false, "rwlock:try_read");
}

static int
rwlock_try_write(lua_State *L)
{
    return try_lock(L, true, "rwlock:try_write");
}

/* -- unlocking ------------------------------------------------------------ */

static int
rwlock_read_unlock(lua_State *L)
{
    bidelua_require(L, bide_rwlock_read_unlock(check_rwlock(L)),
                    "rwlock:read_unlock");
    return 0;
}

static int
rwlock_write_unlock(lua_State *L)
{
    bide_rwlock *rw = check_rwlock(L);
    bidelua_task *t =
        bidelua_current(L, bidelua_self(L), "rwlock:write_unlock");

    if (bide_rwlock_write_unlock(rw, &t->base) == 0)
        return 0;
    return bidelua_sync_not_owner(L, "rwlock:write_unlock", "",
                                  bide_rwlock_writer(rw));
}

static int
rwguard_unlock(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_guard *g = bidelua_check(L, S, 1, BIDELUA_RWGUARD);

    if (g->released)
        return 0;
    g->released = true;
    lua_getiuservalue(L, 1, BIDELUA_SYNC_OTHER);
    bide_rwlock *rw = ((bidelua_sync *)lua_touserdata(L, -1))->core;
    if (!g->write)
        bidelua_require(L, bide_rwlock_read_unlock(rw), "rwlock guard");
    else if (S->running && bide_rwlock_writer(rw) == &S->running->base)
        bide_rwlock_write_unlock(rw, &S->running->base);
    return 0;
}

/* -- the rest ------------------------------------------------------------- */

static int
rwlock_readers(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)bide_rwlock_readers(check_rwlock(L)));
    return 1;
}

static int
rwlock_writer(lua_State *L)
{
    return bidelua_sync_pushtask(L, bide_rwlock_writer(check_rwlock(L)));
}

static int
rwlock_waiters(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)bide_rwlock_waiters(check_rwlock(L)));
    return 1;
}

static int
rwlock_reset(lua_State *L)
{
    bide_rwlock_reset(check_rwlock(L));
    return 0;
}

static int
rwlock_gc(lua_State *L)
{
    bidelua_sync *s = lua_touserdata(L, 1);

    bide_rwlock_unref(s->core);
    s->core = NULL;
    return 0;
}

static const luaL_Reg methods[] = {
    {"read", rwlock_read},
    {"write", rwlock_write},
    {"try_read", rwlock_try_read},
    {"try_write", rwlock_try_write},
    {"read_unlock", rwlock_read_unlock},
    {"write_unlock", rwlock_write_unlock},
    {"readers", rwlock_readers},
    {"writer", rwlock_writer},
    {"waiters", rwlock_waiters},
    {"reset", rwlock_reset},
    {"name", bidelua_sync_name},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__gc", rwlock_gc},
    {"__tostring", bidelua_sync_tostring},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"rwlock", make},
    {NULL, NULL},
};

const bidelua_type bidelua_rwlock_type = {"bide.rwlock", methods, meta,
                                          functions, NULL};

static const luaL_Reg guard_methods[] = {
    {"unlock", rwguard_unlock},
    {NULL, NULL},
};

static const luaL_Reg guard_meta[] = {
    {"__close", rwguard_unlock},
    {NULL, NULL},
};

const bidelua_type bidelua_rwguard_type = {"bide.rwguard", guard_methods,
                                           guard_meta, NULL, NULL};
