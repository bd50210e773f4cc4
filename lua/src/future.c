/* bide.future: a result that some task or callback sets by hand, once.
 *
 * User value: the result, a table of several, or the error. */
#include "scope.h"

typedef struct future {
    bide_future *core;
    int count; /* results */
    bool failed;
    bool observed;
    bide_site site; /* where it failed */
} future;

static future *
check_future(lua_State *L)
{
    return bidelua_check(L, bidelua_self(L), 1, BIDELUA_FUTURE);
}

static int
make(lua_State *L)
{
    future *f = bidelua_new(L, bidelua_self(L), BIDELUA_FUTURE, sizeof *f, 1);

    bidelua_require(L, bide_future_new(&f->core), "bide.future");
    return 1;
}

static bool
is_settled(const future *f)
{
    bide_value value;
    int status;

    return bide_future_peek(f->core, &status, &value) == 0;
}

/* Stores first, settles then: another thread's waiter may wake at once. */
static int
future_set(lua_State *L)
{
    future *f = check_future(L);
    int n = lua_gettop(L) - 1;

    if (is_settled(f))
        return bidelua_fail(L, NULL, BIDE_ESETTLED);
    if (n > 1) {
        lua_createtable(L, n, 0);
        lua_insert(L, 2);
        for (int i = n; i >= 1; i--)
            lua_rawseti(L, 2, i);
    }
    lua_settop(L, 2);
    lua_setiuservalue(L, 1, 1);
    f->count = n;
    bide_future_settle(f->core, 0, BIDE_NO_VALUE);
    lua_pushboolean(L, 1);
    return 1;
}

static int
future_fail(lua_State *L)
{
    future *f = check_future(L);

    luaL_checkany(L, 2);
    if (is_settled(f))
        return bidelua_fail(L, NULL, BIDE_ESETTLED);
    lua_settop(L, 2);
    lua_setiuservalue(L, 1, 1);
    f->failed = true;
    f->site = bidelua_site(L, bidelua_self(L), 1);
    bide_future_settle(f->core, BIDE_EHOST, BIDE_NO_VALUE);
    lua_pushboolean(L, 1);
    return 1;
}

static int
await_outcome(lua_State *L, future *f)
{
    f->observed = true;
    lua_getiuservalue(L, 1, 1);
    if (f->failed)
        return lua_error(L);
    if (f->count <= 1)
        return f->count;
    luaL_checkstack(L, f->count, "too many results");
    for (int i = 1; i <= f->count; i++)
        lua_rawgeti(L, 2, i);
    return f->count;
}

static int
await_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return bidelua_raise(L, t, status);
    return await_outcome(L, lua_touserdata(L, 1));
}

static int
future_await(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    future *f = check_future(L);

    lua_settop(L, 1);
    if (S->running == NULL && is_settled(f))
        return await_outcome(L, f);
    bidelua_task *t = bidelua_enter(L, S, "future:await");
    return bidelua_await(L, t, bide_future_wait(f->core, &t->wait), await_done);
}

static int
future_done(lua_State *L)
{
    lua_pushboolean(L, is_settled(check_future(L)));
    return 1;
}

/* (nil, error): what bidelua_failure_report would say of a task. */
static int
future_gc(lua_State *L)
{
    future *f = lua_touserdata(L, 1);

    if (f->failed && !f->observed) {
        lua_getiuservalue(L, 1, 1);
        luaL_tolstring(L, 2, NULL);
        lua_pushfstring(L, "a future failed at %s:%d and nobody looked: %s",
                        f->site.file ? f->site.file : "?", f->site.line,
                        lua_tostring(L, 3));
        lua_replace(L, 1);
        lua_settop(L, 2);
        bidelua_notify(L, bidelua_self(L), "unhandled", 2);
    }
    bide_future_unref(f->core);
    f->core = NULL;
    return 0;
}

static const luaL_Reg methods[] = {
    {"set", future_set},   {"fail", future_fail}, {"await", future_await},
    {"done", future_done}, {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__gc", future_gc},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"future", make},
    {NULL, NULL},
};

const bidelua_type bidelua_future_type = {"bide.future", methods, meta,
                                          functions, NULL};
