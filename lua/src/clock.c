/* sleep, sleep_until, yield_now, now. */
#include "bidelua.h"

static int
done(lua_State *L, bidelua_task *t, int status)
{
    return status < 0 ? bidelua_raise(L, t, status) : 0;
}

static int
yield_now(lua_State *L)
{
    bidelua_task *t = bidelua_enter(L, bidelua_self(L), "bide.yield_now");

    return bidelua_await(L, t, bide_yield(&t->wait), done);
}

static int
sleep_for(lua_State *L)
{
    int64_t ns = bidelua_checkseconds(L, 1);
    bidelua_task *t = bidelua_enter(L, bidelua_self(L), "bide.sleep");
    int64_t deadline = bidelua_deadline(t->base.loop, ns);

    return bidelua_await(L, t, bide_sleep_until(&t->wait, deadline), done);
}

static int
sleep_until(lua_State *L)
{
    int64_t deadline = bidelua_checkseconds(L, 1);
    bidelua_task *t = bidelua_enter(L, bidelua_self(L), "bide.sleep_until");

    return bidelua_await(L, t, bide_sleep_until(&t->wait, deadline), done);
}

static int
now(lua_State *L)
{
    bidelua_task *t = bidelua_current(L, bidelua_self(L), "bide.now");

    lua_pushnumber(L, (lua_Number)bide_loop_now(t->base.loop, true) / 1e9);
    return 1;
}

static const luaL_Reg functions[] = {
    {"sleep", sleep_for},
    {"sleep_until", sleep_until},
    {"yield_now", yield_now},
    {"now", now},
    {NULL, NULL},
};

const bidelua_type bidelua_clock_type = {NULL, NULL, NULL, functions, NULL};
