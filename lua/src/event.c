/* bide.event: a flag that tasks wait for. */
#include "sync.h"

static bide_event *
check_event(lua_State *L)
{
    return bidelua_sync_check(L, bidelua_self(L), BIDELUA_EVENT);
}

static int
make(lua_State *L)
{
    bidelua_sync_args a = bidelua_sync_read(L, 1);
    bidelua_sync *s = bidelua_sync_new(L, BIDELUA_EVENT, &a);

    bidelua_require(L, bide_event_new(a.name, a.site, (bide_event **)&s->core),
                    "bide.event");
    return 1;
}

static int
wait_done(lua_State *L, bidelua_task *t, int status)
{
    (void)L;
    return status < 0 ? bidelua_raise(L, t, status) : 0;
}

static int
event_wait(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bide_event *e = bidelua_sync_check(L, S, BIDELUA_EVENT);
    bidelua_task *t = bidelua_enter(L, S, "event:wait");

    return bidelua_await(L, t, bide_event_wait(e, &t->wait), wait_done);
}

static int
event_set(lua_State *L)
{
    bide_event_set(check_event(L));
    return 0;
}

static int
event_clear(lua_State *L)
{
    bide_event_clear(check_event(L));
    return 0;
}

static int
event_is_set(lua_State *L)
{
    lua_pushboolean(L, bide_event_is_set(check_event(L)));
    return 1;
}

static int
event_waiters(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)bide_event_waiters(check_event(L)));
    return 1;
}

static int
event_gc(lua_State *L)
{
    bidelua_sync *s = lua_touserdata(L, 1);

    bide_event_unref(s->core);
    s->core = NULL;
    return 0;
}

static const luaL_Reg methods[] = {
    {"wait", event_wait},
    {"set", event_set},
    {"clear", event_clear},
    {"is_set", event_is_set},
    {"waiters", event_waiters},
    {"name", bidelua_sync_name},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__gc", event_gc},
    {"__tostring", bidelua_sync_tostring},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"event", make},
    {NULL, NULL},
};

const bidelua_type bidelua_event_type = {"bide.event", methods, meta, functions,
                                         NULL};
