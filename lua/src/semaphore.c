/* bide.semaphore. acquire returns a permit that is released when it is closed:
 * local permit <close> = s:acquire(). */
#include "sync.h"

static bide_semaphore *
check_semaphore(lua_State *L)
{
    return bidelua_sync_check(L, bidelua_self(L), BIDELUA_SEMAPHORE);
}

static size_t
check_count(lua_State *L, int arg)
{
    return bidelua_optsize(L, arg, "n", 1, 1);
}

/* (permits, [name or {name=, bounded=}]) */
static int
make(lua_State *L)
{
    static const char *const known[] = {"name", "bounded", NULL};
    size_t permits = bidelua_checksize(L, 1, "permits", 0);

    if (lua_istable(L, 2))
        bidelua_checkoptions(L, 2, known);
    bool bounded = bidelua_optionflag(L, 2, "bounded", false);
    bidelua_sync_args a = bidelua_sync_read(L, 2);
    bidelua_sync *s = bidelua_sync_new(L, BIDELUA_SEMAPHORE, &a);
    bidelua_require(L,
                    bide_semaphore_new(permits, bounded, a.name, a.site,
                                       (bide_semaphore **)&s->core),
                    "bide.semaphore");
    return 1;
}

static int
acquire_done(lua_State *L, bidelua_task *t, int status)
{
    if (status == BIDE_EBROKEN) {
        const bidelua_sync *s = lua_touserdata(L, 1);
        return bidelua_sync_broken(L, t->what, bide_semaphore_breaker(s->core));
    }
    if (status < 0)
        return bidelua_raise(L, t, status);
    lua_Integer n = luaL_optinteger(L, 2, 1);
    return bidelua_guard_new(L, BIDELUA_PERMIT, (size_t)n, false);
}

static int
semaphore_acquire(lua_State *L)
{
    bide_semaphore *s = check_semaphore(L);
    size_t n = check_count(L, 2);
    bidelua_task *t = bidelua_enter(L, bidelua_self(L), "semaphore:acquire");

    return bidelua_await(L, t, bide_semaphore_acquire(s, n, &t->wait),
                         acquire_done);
}

static int
hold_done(lua_State *L, bidelua_task *t, int status)
{
    int n = acquire_done(L, t, status);
    ((bidelua_guard *)lua_touserdata(L, -1))->held = true;
    return n;
}

/* As acquire, for a task that gives the permits back itself. */
static int
semaphore_hold(lua_State *L)
{
    bide_semaphore *s = check_semaphore(L);
    size_t n = check_count(L, 2);
    bidelua_task *t = bidelua_enter(L, bidelua_self(L), "semaphore:hold");

    return bidelua_await(L, t, bide_semaphore_hold(s, n, &t->wait), hold_done);
}

static int
semaphore_reset(lua_State *L)
{
    bide_semaphore_reset(check_semaphore(L));
    return 0;
}

static int
semaphore_try_acquire(lua_State *L)
{
    bide_semaphore *s = check_semaphore(L);
    size_t n = check_count(L, 2);
    int rc = bide_semaphore_try_acquire(s, n);

    if (rc == BIDE_EWOULDBLOCK) {
        lua_pushboolean(L, 0);
        return 1;
    }
    if (rc == BIDE_EBROKEN)
        return bidelua_sync_broken(L, "semaphore:try_acquire",
                                   bide_semaphore_breaker(s));
    bidelua_require(L, rc, "semaphore:try_acquire");
    return bidelua_guard_new(L, BIDELUA_PERMIT, n, false);
}

static int
semaphore_release(lua_State *L)
{
    bide_semaphore *s = check_semaphore(L);

    bidelua_require(L, bide_semaphore_release(s, check_count(L, 2)),
                    "semaphore:release");
    return 0;
}

static int
semaphore_permits(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)bide_semaphore_permits(check_semaphore(L)));
    return 1;
}

static int
semaphore_waiters(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)bide_semaphore_waiters(check_semaphore(L)));
    return 1;
}

static int
semaphore_gc(lua_State *L)
{
    bidelua_sync *s = lua_touserdata(L, 1);

    bide_semaphore_unref(s->core);
    s->core = NULL;
    return 0;
}

static const luaL_Reg methods[] = {
    {"acquire", semaphore_acquire},
    {"hold", semaphore_hold},
    {"reset", semaphore_reset},
    {"try_acquire", semaphore_try_acquire},
    {"release", semaphore_release},
    {"permits", semaphore_permits},
    {"waiters", semaphore_waiters},
    {"name", bidelua_sync_name},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__gc", semaphore_gc},
    {"__tostring", bidelua_sync_tostring},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"semaphore", make},
    {NULL, NULL},
};

const bidelua_type bidelua_semaphore_type = {"bide.semaphore", methods, meta,
                                             functions, NULL};

/* -- the permit ----------------------------------------------------------- */

static int
permit_release(lua_State *L)
{
    bidelua_guard *g = bidelua_check(L, bidelua_self(L), 1, BIDELUA_PERMIT);

    if (g->released)
        return 0;
    g->released = true;
    lua_getiuservalue(L, 1, BIDELUA_SYNC_OTHER);
    bide_semaphore *s = ((bidelua_sync *)lua_touserdata(L, -1))->core;
    if (!g->held) {
        bidelua_require(L, bide_semaphore_release(s, g->count),
                        "permit:release");
        return 0;
    }
    bidelua_task *t = bidelua_current(L, bidelua_self(L), "permit:release");
    bidelua_require(L, bide_semaphore_drop(s, g->count, &t->base),
                    "permit:release");
    return 0;
}

static const luaL_Reg permit_methods[] = {
    {"release", permit_release},
    {NULL, NULL},
};

static const luaL_Reg permit_meta[] = {
    {"__close", permit_release},
    {NULL, NULL},
};

const bidelua_type bidelua_permit_type = {"bide.permit", permit_methods,
                                          permit_meta, NULL, NULL};
