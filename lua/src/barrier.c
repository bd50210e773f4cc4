/* bide.barrier. */
#include "sync.h"

static bide_barrier *
check_barrier(lua_State *L)
{
    return bidelua_sync_check(L, bidelua_self(L), BIDELUA_BARRIER);
}

static int
make(lua_State *L)
{
    size_t parties = bidelua_checksize(L, 1, "parties", 1);
    bidelua_sync_args a = bidelua_sync_read(L, 2);
    bidelua_sync *s = bidelua_sync_new(L, BIDELUA_BARRIER, &a);
    bidelua_require(
        L, bide_barrier_new(parties, a.name, a.site, (bide_barrier **)&s->core),
        "bide.barrier");
    return 1;
}

/* The order of arrival, 0 first, as in every language. */
static int
wait_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return bidelua_raise(L, t, status);
    lua_pushinteger(L, (lua_Integer)t->wait.u.count);
    return 1;
}

static int
barrier_wait(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bide_barrier *b = bidelua_sync_check(L, S, BIDELUA_BARRIER);
    bidelua_task *t = bidelua_enter(L, S, "barrier:wait");

    return bidelua_await(L, t, bide_barrier_wait(b, &t->wait), wait_done);
}

static int
barrier_abort(lua_State *L)
{
    bide_barrier_abort(check_barrier(L));
    return 0;
}

static int
barrier_reset(lua_State *L)
{
    bide_barrier_reset(check_barrier(L));
    return 0;
}

static int
barrier_parties(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)bide_barrier_parties(check_barrier(L)));
    return 1;
}

static int
barrier_waiting(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)bide_barrier_waiting(check_barrier(L)));
    return 1;
}

static int
barrier_broken(lua_State *L)
{
    lua_pushboolean(L, bide_barrier_broken(check_barrier(L)));
    return 1;
}

static int
barrier_gc(lua_State *L)
{
    bidelua_sync *s = lua_touserdata(L, 1);

    bide_barrier_unref(s->core);
    s->core = NULL;
    return 0;
}

static const luaL_Reg methods[] = {
    {"wait", barrier_wait},       {"abort", barrier_abort},
    {"reset", barrier_reset},     {"parties", barrier_parties},
    {"waiting", barrier_waiting}, {"broken", barrier_broken},
    {"name", bidelua_sync_name},  {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__gc", barrier_gc},
    {"__tostring", bidelua_sync_tostring},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"barrier", make},
    {NULL, NULL},
};

const bidelua_type bidelua_barrier_type = {"bide.barrier", methods, meta,
                                           functions, NULL};
