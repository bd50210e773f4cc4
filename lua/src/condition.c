/* bide.condition: a condition variable over a bide.mutex. */
#include "sync.h"

static bide_condition *
check_condition(lua_State *L)
{
    return bidelua_sync_check(L, bidelua_self(L), BIDELUA_CONDITION);
}

/* (mutex, [name]); without a mutex it has one of its own: condition:mutex(). */
static int
make(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);

    if (lua_isnoneornil(L, 1)) {
        bidelua_sync_args own = {NULL, bidelua_site(L, S, 1)};
        lua_settop(L, 2);
        lua_pushnil(L);
        bidelua_sync *m = bidelua_sync_new(L, BIDELUA_MUTEX, &own);
        bidelua_require(L,
                        bide_mutex_new(NULL, own.site, (bide_mutex **)&m->core),
                        "bide.condition");
        lua_replace(L, 1);
    }
    bide_mutex *m = bidelua_sync_check(L, S, BIDELUA_MUTEX);
    bidelua_sync_args a = bidelua_sync_read(L, 2);
    bidelua_sync *s = bidelua_sync_new(L, BIDELUA_CONDITION, &a);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, BIDELUA_SYNC_OTHER);
    bidelua_require(
        L, bide_condition_new(m, a.name, a.site, (bide_condition **)&s->core),
        "bide.condition");
    return 1;
}

/* Index 1 is a condition, whose mutex is not the running task's. */
static int
raise_not_owner(lua_State *L, const char *what)
{
    lua_getiuservalue(L, 1, BIDELUA_SYNC_OTHER);
    const bidelua_sync *m = lua_touserdata(L, -1);
    return bidelua_sync_not_owner(L, what, "the mutex of ",
                                  bide_mutex_owner(m->core));
}

static int
wait_done(lua_State *L, bidelua_task *t, int status)
{
    if (status == BIDE_ENOTOWNER)
        return raise_not_owner(L, "condition:wait");
    return status < 0 ? bidelua_raise(L, t, status) : 0;
}

static int
condition_wait(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bide_condition *c = bidelua_sync_check(L, S, BIDELUA_CONDITION);
    bidelua_task *t = bidelua_enter(L, S, "condition:wait");

    return bidelua_await(L, t, bide_condition_wait(c, &t->wait), wait_done);
}

static int
notify(lua_State *L, size_t n, const char *what)
{
    bide_condition *c = check_condition(L);
    bidelua_task *t = bidelua_current(L, bidelua_self(L), what);

    if (bide_condition_notify(c, &t->base, n) == 0)
        return 0;
    return raise_not_owner(L, what);
}

static int
condition_notify(lua_State *L)
{
    return notify(L, bidelua_optsize(L, 2, "n", 0, 1), "condition:notify");
}

static int
condition_notify_all(lua_State *L)
{
    return notify(L, SIZE_MAX, "condition:notify_all");
}

static int
condition_mutex(lua_State *L)
{
    check_condition(L);
    lua_getiuservalue(L, 1, BIDELUA_SYNC_OTHER);
    return 1;
}

static int
condition_waiters(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)bide_condition_waiters(check_condition(L)));
    return 1;
}

static int
condition_gc(lua_State *L)
{
    bidelua_sync *s = lua_touserdata(L, 1);

    bide_condition_unref(s->core);
    s->core = NULL;
    return 0;
}

static const luaL_Reg methods[] = {
    {"wait", condition_wait},
    {"notify", condition_notify},
    {"notify_all", condition_notify_all},
    {"mutex", condition_mutex},
    {"waiters", condition_waiters},
    {"name", bidelua_sync_name},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__gc", condition_gc},
    {"__tostring", bidelua_sync_tostring},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"condition", make},
    {NULL, NULL},
};

const bidelua_type bidelua_condition_type = {"bide.condition", methods, meta,
                                             functions, NULL};
