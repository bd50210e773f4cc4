/* The task object: its outcome, and its methods. */
#include "scope.h"

/* -- outcomes ------------------------------------------------------------- */

void
bidelua_task_describe(lua_State *L, const bidelua_task *t, bool site)
{
    if (t->base.name)
        lua_pushfstring(L, "task \"%s\"", t->base.name);
    else
        lua_pushfstring(L, "task-%I", (LUAI_UACINT)t->base.id);
    if (!site || t->base.site.file == NULL)
        return;
    lua_pushfstring(L, "%s (spawned at %s:%d)", lua_tostring(L, -1),
                    t->base.site.file, t->base.site.line);
    lua_remove(L, -2);
}

int
bidelua_task_pushresults(lua_State *L, bidelua_task *t, int index)
{
    if (t->nresults == 0)
        return 0;
    lua_getiuservalue(L, index, BIDELUA_TASK_CO);
    if (t->nresults == 1)
        return 1;
    int list = lua_gettop(L);
    luaL_checkstack(L, t->nresults + 1, "too many results");
    for (int i = 1; i <= t->nresults; i++)
        lua_rawgeti(L, list, i);
    lua_remove(L, list);
    return t->nresults;
}

/* Pushes the error; the failure counts as seen. */
static void
push_error(lua_State *L, bidelua_task *t, int index)
{
    lua_getiuservalue(L, index, BIDELUA_TASK_TRACE);
    bidelua_failure_observe(L, t->S, -1);
    lua_pop(L, 1);
    lua_getiuservalue(L, index, BIDELUA_TASK_CO);
    if (t->outcome == BIDELUA_CANCELLED_WITH)
        bidelua_endcancelled(L, t->S, -1);
}

int
bidelua_task_rethrow(lua_State *L, bidelua_state *S, int index)
{
    bidelua_task *t = lua_touserdata(L, index);

    push_error(L, t, index);
    if (S->running) {
        bidelua_pushanchor(L, S, S->running->slot);
        lua_getiuservalue(L, index, BIDELUA_TASK_TRACE);
        lua_setiuservalue(L, -2, BIDELUA_TASK_TRACE);
        lua_pop(L, 1);
    }
    return lua_error(L);
}

/* -- methods -------------------------------------------------------------- */

static bidelua_task *
check_task(lua_State *L)
{
    return bidelua_check(L, bidelua_self(L), 1, BIDELUA_TASK);
}

static int
await_outcome(lua_State *L, bidelua_task *t)
{
    if (t->outcome != BIDELUA_RETURNED)
        return bidelua_task_rethrow(L, t->S, 1);
    return bidelua_task_pushresults(L, t, 1);
}

static int
join_outcome(lua_State *L, bidelua_task *t)
{
    lua_pushboolean(L, t->outcome == BIDELUA_RETURNED);
    if (t->outcome == BIDELUA_RETURNED)
        return 1 + bidelua_task_pushresults(L, t, 1);
    push_error(L, t, 1);
    return 2;
}

static int
await_done(lua_State *L, bidelua_task *current, int status)
{
    if (status < 0)
        return bidelua_raise(L, current, status);
    return await_outcome(L, lua_touserdata(L, 1));
}

static int
join_done(lua_State *L, bidelua_task *current, int status)
{
    if (status < 0)
        return bidelua_raise(L, current, status);
    return join_outcome(L, lua_touserdata(L, 1));
}

/* A task that is done can be asked anywhere; inside a task even that is an
 * await, with the budget and the cancellation of one. */
static int
task_await(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_task *t = check_task(L);

    lua_settop(L, 1);
    if (t->outcome != BIDELUA_LIVE &&
        (S->running == NULL || S->running->base.loop != t->base.loop))
        return await_outcome(L, t);
    bidelua_task *current = bidelua_enter(L, S, "task:await");
    int r = bide_task_join(&t->base, &current->wait);
    return bidelua_await(L, current, r, await_done);
}

static int
task_join(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_task *t = check_task(L);

    lua_settop(L, 1);
    if (t->outcome != BIDELUA_LIVE &&
        (S->running == NULL || S->running->base.loop != t->base.loop))
        return join_outcome(L, t);
    bidelua_task *current = bidelua_enter(L, S, "task:join");
    int r = bide_task_join(&t->base, &current->wait);
    return bidelua_await(L, current, r, join_done);
}

static int
task_cancel(lua_State *L)
{
    bidelua_task *t = check_task(L);
    bool live = t->outcome == BIDELUA_LIVE;

    if (live && !lua_isnoneornil(L, 2)) {
        bidelua_setreason(L, t->S, &t->base.base, 2);
        t->reasoned = 1;
    }
    if (live)
        bide_task_cancel(&t->base, BIDE_NO_VALUE);
    lua_pushboolean(L, live);
    return 1;
}

static int
task_done(lua_State *L)
{
    lua_pushboolean(L, check_task(L)->outcome != BIDELUA_LIVE);
    return 1;
}

static int
task_name(lua_State *L)
{
    check_task(L);
    lua_getiuservalue(L, 1, BIDELUA_TASK_NAME);
    return 1;
}

static const char *
status_of(const bidelua_task *t)
{
    static const char *const ended[] = {NULL, "done", "failed", "cancelled"};
    static const char *const alive[] = {"ready", "ready", "running", "parked",
                                        "done"};

    return t->outcome ? ended[t->outcome] : alive[t->base.state];
}

static int
task_status(lua_State *L)
{
    lua_pushstring(L, status_of(check_task(L)));
    return 1;
}

/* Of a live task: where it stands. Of a failed one: where it failed. */
static int
task_traceback(lua_State *L)
{
    bidelua_task *t = check_task(L);

    if (t->outcome == BIDELUA_LIVE) {
        luaL_traceback(L, t->co, NULL, 0);
        return 1;
    }
    lua_getiuservalue(L, 1, BIDELUA_TASK_TRACE);
    if (t->outcome == BIDELUA_FAILED_WITH && !lua_isnil(L, -1))
        lua_getiuservalue(L, -1, BIDELUA_FAILURE_TRACEBACK);
    else
        lua_pushnil(L);
    return 1;
}

static int
task_tostring(lua_State *L)
{
    bidelua_task *t = check_task(L);

    bidelua_task_describe(L, t, false);
    lua_pushfstring(L, "%s: %s", lua_tostring(L, -1), status_of(t));
    return 1;
}

static int
current(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);

    if (S->running)
        bidelua_pushanchor(L, S, S->running->slot);
    else
        lua_pushnil(L);
    return 1;
}

static const luaL_Reg methods[] = {
    {"await", task_await},         {"join", task_join}, {"cancel", task_cancel},
    {"done", task_done},           {"name", task_name}, {"status", task_status},
    {"traceback", task_traceback}, {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__tostring", task_tostring},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"current", current},
    {NULL, NULL},
};

const bidelua_type bidelua_task_type = {"bide.task", methods, meta, functions,
                                        NULL};
