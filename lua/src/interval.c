/* bide.interval: ticks at a fixed distance.
 *
 *   local iv = bide.interval(1, {missed = "skip"})
 *   iv:tick()                  the time it was due
 *   for when in iv do ... end  for ever                                     */
#include <string.h>

#include "bidelua.h"

typedef struct interval {
    bide_interval core;
    int64_t period;
    int missed;
} interval;

static const char *const behaviours[] = {
    [BIDE_BURST] = "burst", [BIDE_DELAY] = "delay", [BIDE_SKIP] = "skip"};

static interval *
check(lua_State *L)
{
    return bidelua_check(L, bidelua_self(L), 1, BIDELUA_INTERVAL);
}

static int
read_missed(lua_State *L, int arg)
{
    static const char *const known[] = {"missed", NULL};
    int found = BIDE_BURST;

    if (lua_isnoneornil(L, arg))
        return found;
    bidelua_checkoptions(L, arg, known);
    if (lua_getfield(L, arg, "missed") != LUA_TNIL) {
        const char *name = lua_tostring(L, -1);
        while (found <= BIDE_SKIP &&
               (name == NULL || strcmp(name, behaviours[found]) != 0))
            found++;
        if (found > BIDE_SKIP)
            luaL_argerror(L, arg,
                          "option 'missed' must be \"burst\", \"delay\" or "
                          "\"skip\"");
    }
    lua_pop(L, 1);
    return found;
}

static int
make(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    int64_t period = bidelua_checkseconds(L, 1);
    luaL_argcheck(L, period > 0, 1, "the period must be above 0 seconds");
    int missed = read_missed(L, 2);
    bidelua_task *t = bidelua_current(L, S, "bide.interval");
    interval *iv = bidelua_new(L, S, BIDELUA_INTERVAL, sizeof *iv, 0);

    iv->period = period;
    iv->missed = missed;
    bide_interval_init(&iv->core, bide_loop_now(t->base.loop, true), period,
                       missed);
    return 1;
}

static int
tick_done(lua_State *L, bidelua_task *t, int status)
{
    if (status == BIDE_EBUSY)
        return luaL_error(L, "interval:tick: another task waits for the next "
                             "tick; give each its own interval");
    if (status < 0)
        return bidelua_raise(L, t, status);
    lua_pushnumber(L, (lua_Number)t->wait.value.as.integer / 1e9);
    return 1;
}

/* Also what the for loop calls. */
static int
interval_tick(lua_State *L)
{
    interval *iv = check(L);
    bidelua_task *t = bidelua_enter(L, bidelua_self(L), "interval:tick");

    lua_settop(L, 1);
    return bidelua_await(L, t, bide_interval_tick(&iv->core, &t->wait),
                         tick_done);
}

static int
interval_reset(lua_State *L)
{
    interval *iv = check(L);
    bidelua_task *t = bidelua_current(L, bidelua_self(L), "interval:reset");
    int64_t next = bidelua_deadline(t->base.loop, iv->period);

    if (bide_interval_reset(&iv->core, next) == BIDE_EBUSY)
        luaL_error(L, "interval:reset: a task waits for the next tick");
    return 0;
}

static int
interval_period(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)check(L)->period / 1e9);
    return 1;
}

static int
interval_missed(lua_State *L)
{
    lua_pushstring(L, behaviours[check(L)->missed]);
    return 1;
}

static int
interval_tostring(lua_State *L)
{
    const interval *iv = check(L);

    lua_pushfstring(L, "bide.interval of %f s, missed=%s",
                    (lua_Number)iv->period / 1e9, behaviours[iv->missed]);
    return 1;
}

static const luaL_Reg methods[] = {
    {"tick", interval_tick},
    {"reset", interval_reset},
    {"period", interval_period},
    {"missed", interval_missed},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__call", interval_tick},
    {"__tostring", interval_tostring},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"interval", make},
    {NULL, NULL},
};

const bidelua_type bidelua_interval_type = {"bide.interval", methods, meta,
                                            functions, NULL};
